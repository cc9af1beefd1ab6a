"""A session that ends while a page is open: sign-in lies over the page, and the page goes on where it was."""

from console import PASSWORD, Console
from playwright.sync_api import expect
from sight import Open


def test_what_was_begun_goes_on_after_signing_in_again(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    # Everything that is asked meanwhile, and again until somebody has signed in.
    sight.expect(r"401 \(Unauthorized\) @ \S+/admin/api/v1/")
    page = sight.go("/ui/keys?tab=tenants&new=1")
    there = page.url
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("after-the-break")
    sight.context.clear_cookies()
    form.get_by_role("button", name="Create tenant").click()

    over = page.get_by_role("dialog", name="Your session has ended")
    expect(over).to_be_visible()
    expect(over.get_by_label("Password")).to_be_focused()
    assert page.url == there
    # Nothing leads past it.
    page.keyboard.press("Escape")
    expect(over).to_be_visible()
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(over).to_contain_text("The account or the password is wrong.")
    over.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")

    expect(over).to_have_count(0)
    expect(form).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="after-the-break")).to_be_visible()
    assert [one for one in lively.api("GET", "/tenants")["items"] if one["name"] == "after-the-break"]
    expect(page.locator(".live.on")).to_be_visible(timeout=60_000)
    lively.api("DELETE", "/tenants/after-the-break")


def test_whoever_signs_out_is_out(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    page = sight.go("/ui/models")
    page.get_by_role("button", name="Account: admin").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert not sight.context.request.get("/admin/api/v1/models").ok
