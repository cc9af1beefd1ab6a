"""A client key's life in the console: made, shown once, used, revoked."""

from console import Console
from playwright.sync_api import expect
from sight import Open


def test_a_key_that_is_made_is_shown_once_and_works_until_it_is_revoked(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    page = sight.go("/ui/keys")
    page.get_by_role("button", name="New key").or_(page.get_by_role("button", name="Create key")).first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Name").fill("laptop")
    drawer.locator("footer button, .overlay-foot button").last.click()
    shown = page.locator("[data-key-value]")
    value = shown.inner_text()
    assert len(value) > 20
    # It is not left by accident: first it has been kept.
    done = page.get_by_role("button", name="Done")
    expect(done).to_be_disabled()
    page.get_by_role("dialog").get_by_role("checkbox").check()
    done.click()
    expect(shown).to_have_count(0)

    status, answer = lively.chat("coder", "say: well met", key=value)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "well met")
    assert value not in sight.go("/ui/keys?open=laptop").content()

    page.get_by_role("dialog").get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Revoke").click()
    question = page.get_by_role("dialog").last
    sure = question.get_by_role("button", name="Revoke")
    expect(sure).to_be_disabled()
    question.get_by_role("textbox").fill("laptop")
    sure.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="laptop")).to_have_count(0)
    status, _ = lively.chat("coder", "still there?", key=value)
    assert status == 401
