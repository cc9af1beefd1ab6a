"""A broken configuration is refused, and the page says in which line it is broken."""

import re
from pathlib import Path

import console
import harness
from console import Console
from playwright.sync_api import expect
from sight import Open

# In line 4, a word that there is not.
BROKEN = "version: 1\ngateway:\n  retry:\n    retires: 3\n"


def test_a_broken_configuration_that_is_pasted_is_refused_with_its_line(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    sight.expect(r"422.* @ \S+/import$")
    page = sight.go("/ui/settings/transfer")
    page.get_by_role("textbox").first.fill(BROKEN)
    page.get_by_role("button", name="Show what changes").click()
    complaint = page.get_by_role("alert")
    expect(complaint).to_contain_text("This configuration cannot be imported.")
    expect(complaint).to_contain_text("import:4:5: unknown key retires")
    expect(complaint.locator("pre")).to_have_text(re.compile(r"4\s+retires: 3"))
    expect(page.get_by_role("button", name="Apply")).to_have_count(0)


def test_a_broken_file_is_refused_at_a_reload_with_its_line_and_what_was_in_force_stays(
    tmp_path: Path, vendor: harness.Vendor, opened: Open
) -> None:
    with console.declared(tmp_path, vendor) as gateway:
        file = tmp_path / "tidegate.yaml"
        good = file.read_text()
        sight = opened(gateway).sign_in()
        sight.expect(r"422.* @ \S+/reload$")
        page = sight.go("/ui/settings/about")
        lines = good.splitlines()
        at = lines.index("  auth: keys")
        file.write_text("\n".join([*lines[:at], "  auth: keyz", *lines[at + 1 :], ""]))
        wrong = f"tidegate.yaml:{at + 1}:9: unknown mode keyz"
        # Seen without anybody asking.
        page = sight.go("/ui/")
        expect(page.locator(".dashboard-needs")).to_contain_text("The configuration file is broken", timeout=15_000)
        page = sight.go("/ui/settings/about")
        expect(page.locator(".notice.bad")).to_contain_text(wrong)
        page.get_by_role("button", name="Reload").click()
        complaint = page.get_by_role("alert").filter(has_text="what was in force stays so")
        expect(complaint).to_be_visible()
        expect(complaint).to_contain_text(f"{wrong}: did you mean keys?")
        assert gateway.chat("steady")[0] == 200

        file.write_text(good)
        page.get_by_role("button", name="Reload").click()
        expect(page.locator(".toast")).to_contain_text("The configuration was read again")
        expect(complaint).to_have_count(0)
        # What has the page open leaves before the gateway does.
        page.close()


def test_what_somebody_else_has_set_meanwhile_is_shown_beside_ones_own(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    sight.expect(r"409.* @ \S+/settings$")
    page = sight.go("/ui/settings")
    row = page.locator(".settings-row", has=page.locator("code", has_text=re.compile("^ping$")))
    row.get_by_role("textbox").fill("7s")
    lively.api("POST", "/settings", {"name": "ping", "value": "9s"})
    page.get_by_role("button", name="Save").click()
    question = page.get_by_role("dialog", name="Changed meanwhile")
    expect(question.locator("del")).to_have_text("9s")
    expect(question.locator("ins")).to_have_text("7s")
    question.get_by_role("button", name="Keep mine").click()
    expect(page.locator(".toast")).to_contain_text("Saved")
    assert lively.api("GET", "/settings/ping")["body"] == "7s"
    lively.api("DELETE", "/settings/ping")
