"""What goes wrong is said where one looks, and the focus is not lost over it."""

from pathlib import Path

import console
import harness
from console import Console
from playwright.sync_api import Route, expect
from sight import Open


def test_a_gateway_that_is_gone_is_said_on_every_page(tmp_path: Path, opened: Open) -> None:
    with console.empty(tmp_path) as gateway:
        sight = opened(gateway).sign_in()
        page = sight.go("/")
        expect(page.locator(".live.on")).to_be_visible()
    sight.expect("ERR_", "dynamically imported")
    expect(page.get_by_role("alert")).to_contain_text("No connection since")
    page.route("**/pages/routes.js", lambda route: route.abort())
    page.get_by_role("link", name="Routes").click()
    expect(page.locator(".failed")).to_contain_text("The gateway does not answer")
    expect(page.locator(".lost")).to_be_visible()
    page.unroute("**/pages/routes.js")


def test_a_page_that_did_not_come_is_asked_for_again(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    sight.expect("ERR_", "dynamically imported")
    page = sight.go("/")
    page.route("**/pages/routes.js", lambda route: route.abort())
    page.get_by_role("link", name="Routes").click()
    expect(page.locator(".failed")).to_contain_text("The gateway does not answer")
    page.unroute("**/pages/routes.js")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Rules")).to_be_visible()


def test_a_rule_that_is_refused_leads_to_what_is_wrong_and_the_busy_button_keeps_the_focus(
    lively: Console, opened: Open
) -> None:
    sight = opened(lively, size={"width": 1280, "height": 600}).sign_in()
    sight.expect("422")
    page = sight.go("/ui/routes?new=1")
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Name", exact=True).fill("refused")
    drawer.get_by_role("combobox", name="A model").fill("coder")
    page.keyboard.press("Enter")
    for kind in ("Model asked for", "Header"):
        drawer.get_by_role("button", name="Add condition").click()
        page.get_by_role("menuitem", name=kind, exact=True).click()
    save = drawer.get_by_role("button", name="Create rule")
    save.focus()
    page.keyboard.press("Enter")
    # What is lacking is found before the API is asked.
    wrong = drawer.get_by_role("combobox", name="Model asked for")
    expect(wrong).to_be_focused()
    expect(wrong).to_be_in_viewport()
    for _ in range(2):
        drawer.get_by_role("button", name="Remove the condition").first.click()

    held: list[Route] = []
    page.route("**/admin/api/v1/routes", lambda route: held.append(route))
    save.focus()
    page.keyboard.press("Enter")
    expect(save).to_have_attribute("aria-busy", "true")
    expect(save).to_be_focused()
    page.wait_for_timeout(100)
    held[0].fulfill(
        status=422, content_type="application/problem+json", json={"status": 422, "detail": "The rule `refused` is odd."}
    )
    told = drawer.get_by_role("alert")
    expect(told).to_be_focused()
    expect(told).to_be_in_viewport()
    expect(told).to_have_text("The rule refused is odd.")
    expect(told.locator("code")).to_have_text("refused")
    page.unroute("**/admin/api/v1/routes")


def test_a_link_to_a_rule_that_is_not_there_says_so(lively: Console, opened: Open) -> None:
    page = opened(lively).sign_in().go("/ui/routes?open=nobody")
    expect(page.locator(".notice.warn")).to_contain_text("no rule nobody")
    page.locator(".notice.warn button").click()
    expect(page.locator(".notice.warn")).to_have_count(0)


def test_a_key_for_nobody_known_or_for_yesterday_is_not_made_silently(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    sight.expect("40[0-9]|422")
    page = sight.go("/ui/keys?new=1")
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Name", exact=True).fill("astray")
    tenant = drawer.get_by_role("combobox", name="Tenant")
    tenant.fill("nobody-knows-it")
    page.keyboard.press("Tab")
    expect(tenant).to_have_value("nobody-knows-it")
    drawer.get_by_text("On a day", exact=True).click()
    drawer.get_by_label("Last day").fill("2020-01-01")
    expect(drawer).to_contain_text("This time is over")
    drawer.get_by_role("button", name="Create key").click()
    expect(drawer.locator(".field-error").first).to_contain_text("nobody-knows-it")
    expect(tenant).to_be_focused()


def test_an_answer_that_breaks_off_says_so(lively: Console, opened: Open, vendor: harness.Vendor) -> None:
    endpoint = {"provider": "third", "model": "demo-breaks"}
    lively.api("POST", "/models", {"name": "breaks", "endpoints": [endpoint]})
    vendor.script("demo-breaks", {"break": {"at": {"events": 4}, "how": "close"}})
    sight = opened(lively, size={"width": 1440, "height": 900}).sign_in()
    # However the gateway tells a client.
    sight.expect("ERR_")
    page = sight.go("/ui/playground?model=breaks")
    page.get_by_label("What you ask").or_(page.locator(".playground-turn textarea")).first.fill("words: 40")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("link", name="Open in Requests")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The answer broke off")
    expect(page.locator(".playground-figures .figure").first).to_have_class("figure bad")
    lively.api("DELETE", "/models/breaks")
