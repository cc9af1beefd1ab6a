"""Who may only look: sees no button that writes, and is refused where one is made up."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from console import Console
from playwright.sync_api import Browser, Page, expect
from sight import WIDE, Open, Sight
from views import VIEWS, View

# Names of what can be pressed, without what only leads somewhere or looks closer.
DEEDS = """
() => [...document.querySelectorAll('main button, main a, main input, main select, main textarea, #layers button, #layers a, #layers [role^=menuitem], #layers input, #layers textarea')]
  .filter((one) => one.checkVisibility() && !one.disabled && !one.readOnly)
  .map((one) => (one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent || one.placeholder || one.type).trim())
"""
# Words that a deed begins with, in any place where one stands.
WRITES = re.compile(
    r"^(Add|New|Create|Make|Delete|Remove (?!filter)|Edit|Save|Revoke|Rotate|Disable|Enable|Import|Apply|Reload|Reset|Replay|Test"
    r"|Pull|Move|Replace|Undo|Send|Weight of|Use |Choose a file|Show what changes|Change|Duplicate|Discard)\b",
    re.I,
)
# Of what is everybody's own.
OWN_DEEDS = {"New password", "Change password", "Remove all filters"}


def deeds(page: Page) -> set[str]:
    written = {name for name in page.evaluate(DEEDS) if WRITES.match(name) and name not in OWN_DEEDS}
    return written | {
        f"{one.get_attribute('class')}: switch" for one in page.locator("main [role=switch]:enabled, .grip").all()
    }


@pytest.fixture(scope="module")
def viewer(browser: Browser, lively: Console) -> Iterator[Sight]:
    sight = Sight(browser, lively, "en", "light", WIDE).sign_in("vera")
    sight.go("/")
    yield sight
    sight.close()


SEEN = [view for view in VIEWS if view.name != "key, revoked"]


@pytest.mark.parametrize("view", SEEN, ids=lambda view: view.name)
def test_the_viewer_sees_nothing_that_writes(viewer: Sight, lively: Console, view: View) -> None:
    page = viewer.turn_to(view.at(lively))
    if view.open:
        view.open(page)
    # Composing keeps nothing, and sends nothing.
    composing = {"Add turn", "None: switch"} if view.name.startswith("playground") else set()
    assert deeds(page) - composing == set()
    expect(page.locator(".viewer")).to_have_text("View only")


def test_the_admin_is_offered_what_the_viewer_does_not_see(lively: Console, opened: Open) -> None:
    admin = opened(lively).sign_in()
    admin.go("/")
    for name in ("providers", "provider", "model", "routes", "keys", "key", "accounts", "prices", "export and import"):
        view = next(one for one in VIEWS if one.name == name)
        assert deeds(admin.turn_to(view.at(lively))), name


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("post", "put", "patch", "delete") and path.startswith("/admin/api/v1/")
    ]


# Everybody's own, or nothing that is kept.
OWN = {"/admin/api/v1/login", "/admin/api/v1/logout", "/admin/api/v1/session/password", "/admin/api/v1/explain"}

CALL = """
async ([method, path]) => {
  const { csrf } = await (await fetch('/admin/api/v1/session')).json();
  const reply = await fetch(path, { method, headers: { 'x-csrf-token': csrf, 'content-type': 'application/json' }, body: method === 'DELETE' ? undefined : '{}' });
  return reply.status;
}
"""


def test_the_viewer_is_refused_whatever_writes(lively: Console, opened: Open) -> None:
    viewer = opened(lively).sign_in("vera")
    viewer.expect(r"403 \(Forbidden\) @ ")
    page = viewer.go("/ui/models/coder")
    before = lively.api("GET", "/models/coder")
    writes = [one for one in operations(lively.api("GET", "/openapi.json")) if one[1] not in OWN]
    assert len(writes) > 25
    answers = {
        f"{method} {path}": page.evaluate(CALL, [method, path.replace("{name}", "coder").replace("{number}", "1")])
        for method, path in writes
    }
    assert {name: status for name, status in answers.items() if status != 403} == {}
    assert lively.api("GET", "/models/coder") == before
