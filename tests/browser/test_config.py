"""A broken configuration is refused, and the page says in which line it is broken."""

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
    expect(complaint).to_contain_text("import:4:5: unknown key `retires`")
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
        page.get_by_role("button", name="Reload").click()
        complaint = page.get_by_role("alert")
        expect(complaint).to_contain_text("what was in force stays so")
        expect(complaint).to_contain_text(f"tidegate.yaml:{at + 1}:9: unknown mode `keyz`: did you mean `keys`?")
        assert gateway.chat("steady")[0] == 200

        file.write_text(good)
        page.get_by_role("button", name="Reload").click()
        expect(page.locator(".toast")).to_contain_text("The configuration was read again")
        expect(complaint).to_have_count(0)
        # What has the page open leaves before the gateway does.
        page.close()
