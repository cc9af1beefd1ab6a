"""A request is found by the query bar, and its drawer tells what was tried."""

import re

from console import Console
from playwright.sync_api import expect
from sight import Open


def test_a_failover_is_found_by_the_query_bar_with_both_attempts_and_a_reload_keeps_it(
    lively: Console, opened: Open
) -> None:
    sight = opened(lively).sign_in()
    page = sight.go("/ui/requests")
    everything = page.get_by_role("row").count()
    page.keyboard.press("/")
    page.keyboard.type("failover")
    page.get_by_role("option", name="Failover").first.click()
    chip = page.get_by_role("button", name="Remove filter: Failover")
    expect(chip).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]failover=true\b"))
    # What else could be asked for is offered until it is put away.
    page.keyboard.press("Escape")
    found = page.locator("[data-index]")
    expect(found).not_to_have_count(0)
    for row in found.all():
        expect(row).to_contain_text("shaky")
    assert page.get_by_role("row").count() < everything

    found.first.click()
    drawer = page.get_by_role("dialog")
    attempts = drawer.locator(".requests-attempt")
    expect(attempts).to_have_count(2)
    expect(attempts.nth(0)).to_contain_text("primary / demo-503")
    expect(attempts.nth(0)).to_contain_text("Refused by the vendor")
    expect(attempts.nth(0)).to_contain_text("nobody else in tier 1 could be asked")
    expect(attempts.nth(0)).to_contain_text("503")
    expect(attempts.nth(1)).to_contain_text("reserve / demo-small")
    expect(attempts.nth(1)).to_contain_text("Answered")
    expect(attempts.nth(1)).to_contain_text("another endpoint: nobody else in tier 2 could be asked")
    # Both as bars on one axis, one after the other.
    first, second = (attempts.nth(n).locator(".requests-bar i").first.bounding_box() for n in (0, 1))
    assert first and second and second["x"] >= first["x"]

    there = page.url
    page.reload()
    sight.settle()
    assert page.url == there
    expect(chip).to_be_visible()
    expect(drawer.locator(".requests-attempt")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    chip.click()
    expect(page).not_to_have_url(re.compile("failover"))


def test_a_request_arrives_in_the_open_list_by_itself(lively: Console, opened: Open) -> None:
    page = opened(lively).sign_in().go("/ui/requests")
    expect(page.locator(".live.on")).to_be_visible()
    listed = page.locator("[data-index]").count()
    status, _ = lively.chat("steady", "does anybody watch?")
    assert status == 200
    expect(page.get_by_text(f"{listed + 1} requests", exact=True)).to_be_visible()
    page.locator("[data-index]").first.click()
    expect(page.get_by_role("dialog").get_by_role("tabpanel")).to_contain_text("does anybody watch?")


def test_a_filter_that_nobody_knows_is_said_to_be_left_out(lively: Console, opened: Open) -> None:
    page = opened(lively).sign_in().go("/ui/requests?failover=true&colour=red&status=abc")
    told = page.locator(".notice.warn")
    expect(told).to_contain_text("colour=red and status=abc")
    told.get_by_role("button", name="Remove").click()
    expect(told).to_have_count(0)
    expect(page).to_have_url(re.compile(r"requests\?failover=true$"))


def test_a_time_that_cannot_be_is_said_to_be_left_out_and_a_chosen_filter_puts_the_suggestions_away(
    lively: Console, opened: Open
) -> None:
    page = opened(lively).sign_in().go("/ui/requests?from=xyz")
    expect(page.locator(".notice.warn")).to_contain_text("from=xyz")
    expect(page.locator("[data-index]").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("failover")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove filter: Failover")).to_be_visible()
    expect(page.get_by_role("listbox")).to_have_count(0)


def test_a_row_that_is_walked_on_stays_in_place_and_has_the_focus_back_from_its_drawer(
    lively: Console, opened: Open
) -> None:
    for n in range(50):
        lively.chat("steady", f"before {n}")
    page = opened(lively).sign_in().go("/ui/requests")
    expect(page.locator(".live.on")).to_be_visible()
    page.locator('[data-index="0"]').focus()
    for _ in range(3):
        page.keyboard.press("j")
    row = page.locator(".virtual-row:focus")
    expect(row).to_have_attribute("data-index", "3")
    text = row.inner_text()
    there = row.bounding_box()
    for n in range(15):
        lively.chat("steady", f"meanwhile {n}")
    expect(row).to_have_attribute("data-index", "18")
    assert (row.inner_text(), row.bounding_box()) == (text, there)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    for n in range(15):
        lively.chat("steady", f"beneath {n}")
    expect(page.locator(".virtual-row.selected")).to_have_attribute("data-index", "33")
    page.keyboard.press("Escape")
    expect(row).to_have_attribute("data-index", "33")
    assert (row.inner_text(), row.bounding_box()) == (text, there)
    page.keyboard.press("j")
    expect(row).to_have_attribute("data-index", "34")
