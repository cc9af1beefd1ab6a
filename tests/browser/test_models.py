"""Endpoints are dragged between tiers, and the API says the same."""

from collections.abc import Iterator

import pytest
from console import Console
from playwright.sync_api import Locator, Page, expect
from sight import Open

ENDPOINTS = [
    {"provider": "primary", "model": "demo-large"},
    {"provider": "third", "model": "demo-reasoner"},
    {"provider": "reserve", "model": "demo-small", "priority": 2},
]


@pytest.fixture
def model(lively: Console) -> Iterator[str]:
    lively.api("POST", "/models", {"name": "dragged", "endpoints": ENDPOINTS})
    yield "dragged"
    lively.api("DELETE", "/models/dragged")


def tiers(console: Console, model: str) -> dict[str, int]:
    body = console.api("GET", f"/models/{model}")["body"]
    return {f"{one['provider']} / {one['model']}": one.get("priority", 1) for one in body["endpoints"]}


def grip(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"Move {name}")


def lane(page: Page, number: int) -> Locator:
    return page.locator(".lane", has=page.get_by_text(f"Tier {number}", exact=True))


def drag(page: Page, from_: Locator, to: Locator) -> None:
    at, there = from_.bounding_box(), to.bounding_box()
    assert at and there
    x = at["x"] + at["width"] / 2
    page.mouse.move(x, at["y"] + at["height"] / 2)
    page.mouse.down()
    page.mouse.move(x, there["y"] + there["height"] - 4, steps=8)
    page.mouse.up()


def test_an_endpoint_that_is_dragged_to_another_tier_has_its_priority(
    lively: Console, opened: Open, model: str
) -> None:
    page = opened(lively).sign_in().go(f"/ui/models/{model}")
    with page.expect_response(lambda reply: reply.request.method == "PATCH" and reply.ok):
        drag(page, grip(page, "third / demo-reasoner"), lane(page, 2))
    expect(lane(page, 2)).to_contain_text("demo-reasoner")
    assert tiers(lively, model) == {"primary / demo-large": 1, "reserve / demo-small": 2, "third / demo-reasoner": 2}


def test_an_endpoint_is_moved_to_another_tier_by_the_arrow_keys_on_its_grip(
    lively: Console, opened: Open, model: str
) -> None:
    page = opened(lively).sign_in().go(f"/ui/models/{model}")
    mover = grip(page, "third / demo-reasoner")
    mover.focus()
    with page.expect_response(lambda reply: reply.request.method == "PATCH" and reply.ok):
        page.keyboard.press("ArrowRight")
    expect(lane(page, 2)).to_contain_text("demo-reasoner")
    expect(page.locator(".draglist [aria-live]")).to_have_text("third / demo-reasoner: place 1 in Tier 2")
    # The grip is still under the finger.
    expect(mover).to_be_focused()
    assert tiers(lively, model)["third / demo-reasoner"] == 2
    with page.expect_response(lambda reply: reply.request.method == "PATCH" and reply.ok):
        page.keyboard.press("ArrowLeft")
    expect(lane(page, 1)).to_contain_text("demo-reasoner")
    assert tiers(lively, model)["third / demo-reasoner"] == 1


def test_a_drag_that_is_given_up_changes_nothing(lively: Console, opened: Open, model: str) -> None:
    page = opened(lively).sign_in().go(f"/ui/models/{model}")
    box = grip(page, "third / demo-reasoner").bounding_box()
    assert box
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 200, steps=4)
    expect(page.locator(".draglist.dragging")).to_have_count(1)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".draglist.dragging")).to_have_count(0)
    assert tiers(lively, model)["third / demo-reasoner"] == 1


def test_the_menu_of_an_endpoint_offers_the_tiers_beside_its_own(lively: Console, opened: Open, model: str) -> None:
    page = opened(lively).sign_in().go(f"/ui/models/{model}")

    def offered(name: str) -> list[str]:
        page.get_by_role("button", name=f"Actions for {name}").click()
        return [one for one in page.get_by_role("menuitem").all_inner_texts() if one.startswith("Move")]

    # Alone in the last tier, it has none below.
    assert offered("reserve / demo-small") == ["Move to the tier above"]
    page.keyboard.press("Escape")
    assert offered("third / demo-reasoner") == ["Move to the tier below"]
    with page.expect_response(lambda reply: reply.request.method == "PATCH" and reply.ok):
        page.get_by_role("menuitem", name="Move to the tier below").click()
    expect(lane(page, 2)).to_contain_text("demo-reasoner")
    assert tiers(lively, model)["third / demo-reasoner"] == 2
    assert offered("third / demo-reasoner") == ["Move to the tier above", "Move to the tier below"]
