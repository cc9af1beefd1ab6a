"""Endpoints are dragged between tiers, and the API says the same; what is being edited stays, whatever else happens."""

import re
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


def test_what_is_being_edited_of_a_model_outlives_what_changes_meanwhile(
    lively: Console, opened: Open, model: str
) -> None:
    sight = opened(lively).sign_in()
    sight.expect(r"412.* @ \S+/models/dragged$")
    page = sight.go(f"/ui/models/{model}")
    page.locator("summary", has_text="Advanced").click()
    total = page.get_by_label("All attempts")
    total.fill("77s")
    # One's own change of what stands above, and somebody else's: neither is in the way.
    page.get_by_label("Weight of primary / demo-large").fill("25")
    with page.expect_response(lambda reply: reply.request.method == "PATCH" and reply.ok):
        page.keyboard.press("Enter")
    with page.expect_response(lambda reply: reply.url.endswith("/models") and reply.ok):
        lively.api("PATCH", f"/models/{model}", {"aliases": ["by-another"]})
    expect(page.get_by_text("by-another", exact=True)).to_be_visible()
    expect(total).to_have_value("77s")

    # The same that is edited here: who saves is asked, and Esc keeps what was typed.
    lively.api("PATCH", f"/models/{model}", {"timeouts": {"total": "88s"}})
    page.locator("summary", has_text="As YAML").click()
    expect(page.locator(".models-detail pre")).to_contain_text("88s")
    save = page.locator(".models-behaviour").get_by_role("button", name="Save")
    save.click()
    question = page.get_by_role("dialog", name="Changed meanwhile")
    expect(question.locator("del")).to_have_text("88s")
    expect(question.locator("ins")).to_have_text("77s")
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(total).to_have_value("77s")
    save.click()
    question.get_by_role("button", name="Keep mine").click()
    expect(page.locator(".toast")).to_contain_text(["dragged saved"])
    body = lively.api("GET", f"/models/{model}")["body"]
    assert body["timeouts"] == {"total": "77s"} and body["aliases"] == ["by-another"]
    assert body["endpoints"][0]["weight"] == 25


def test_the_settings_of_a_provider_that_are_being_edited_stay_when_it_is_changed(
    lively: Console, opened: Open
) -> None:
    lively.api("POST", "/providers", {"name": "edited", "format": "openai_chat", "base_url": "http://127.0.0.1:9/v1"})
    sight = opened(lively).sign_in()
    sight.expect(r"412.* @ \S+/providers/edited$")
    page = sight.go("/ui/providers/edited?tab=settings")
    address = page.get_by_label("Base URL")
    address.fill("http://127.0.0.1:9/mine")
    page.locator("header .switch").click()
    expect(page.locator(".toast")).to_contain_text("edited disabled")
    expect(address).to_have_value("http://127.0.0.1:9/mine")
    lively.api("PATCH", "/providers/edited", {"base_url": "http://127.0.0.1:9/theirs"})
    page.get_by_role("button", name="Save").click()
    question = page.get_by_role("dialog", name="Changed meanwhile")
    expect(question.locator("del")).to_have_text("http://127.0.0.1:9/theirs")
    question.get_by_role("button", name="Show their version").click()
    expect(address).to_have_value("http://127.0.0.1:9/theirs")
    lively.api("DELETE", "/providers/edited")
    page.close()


def test_a_move_and_a_weight_are_said_and_can_be_undone(lively: Console, opened: Open, model: str) -> None:
    page = opened(lively).sign_in().go(f"/ui/models/{model}")
    grip(page, "third / demo-reasoner").focus()
    page.keyboard.press("ArrowRight")
    news = page.locator(".toast")
    expect(news).to_contain_text("third / demo-reasoner moved to tier 2")
    page.get_by_label("Weight of third / demo-reasoner").fill("3")
    page.keyboard.press("Enter")
    # What is undone is what was done last.
    expect(news).to_have_count(1)
    expect(news).to_contain_text("Weight of third / demo-reasoner: 3")
    news.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Weight of third / demo-reasoner")).to_have_value("10")
    grip(page, "third / demo-reasoner").focus()
    page.keyboard.press("ArrowLeft")
    news.get_by_role("button", name="Undo").click()
    expect(lane(page, 2)).to_contain_text("demo-reasoner")
    expected = {"primary / demo-large": 1, "reserve / demo-small": 2, "third / demo-reasoner": 2}
    assert tiers(lively, model) == expected


def test_a_wrong_weight_stays_with_what_is_wrong(lively: Console, opened: Open, model: str) -> None:
    page = opened(lively).sign_in().go(f"/ui/models/{model}")
    weight = page.get_by_label("Weight of primary / demo-large")
    for wrong in ("0", "-3", "99999999"):
        weight.fill(wrong)
        page.keyboard.press("Tab")
        expect(page.get_by_role("alert")).to_have_text("A weight is a whole number from 1 to 1,000,000")
        expect(weight).to_have_value(wrong)
        expect(weight).to_have_attribute("aria-invalid", "true")
    weight.focus()
    page.keyboard.press("Escape")
    expect(weight).to_have_value("10")
    expect(page.get_by_role("alert")).to_have_count(0)

    # Nor is another one stored in its place where a provider's models are put into pools.
    page = opened(lively).sign_in().go("/ui/providers/third?tab=models")
    page.get_by_role("checkbox", name="demo-reasoner").check()
    weight = page.get_by_label(re.compile("^Weight of third / demo-reasoner"))
    weight.fill("-5")
    page.get_by_role("button", name="Add 1 model").click()
    expect(page.get_by_role("alert")).to_have_text("A weight is a whole number from 1 to 1,000,000")
    expect(weight).to_be_focused()


def test_a_long_list_shows_the_model_that_is_open_and_keeps_each_to_its_line(lively: Console, opened: Open) -> None:
    names = [f"many-{n:02}" for n in range(40)] + ["z" * 100]
    for name in names:
        lively.api("POST", "/models", {"name": name, "endpoints": [{"provider": "third", "model": "demo-large"}]})
    page = opened(lively, language="zh").sign_in().go(f"/ui/models/{names[-1]}")
    here = page.locator(".models-item[aria-current=true]")
    expect(here).to_be_in_viewport(ratio=1)
    expect(page.locator(".models-item", has_text="many-00")).to_have_count(0)
    assert here.locator("> .num").evaluate("(one) => one.offsetHeight") < 25
    page.close()
    for name in names:
        lively.api("DELETE", f"/models/{name}")


def test_a_conflict_about_a_pool_is_told_endpoint_by_endpoint(lively: Console, opened: Open, model: str) -> None:
    sight = opened(lively).sign_in()
    sight.expect(r"412.* @ \S+/models/dragged$")
    page = sight.go(f"/ui/models/{model}")
    lively.api("PATCH", f"/models/{model}", {"endpoints": [ENDPOINTS[0] | {"weight": 5}, *ENDPOINTS[1:]]})
    grip(page, "third / demo-reasoner").focus()
    page.keyboard.press("ArrowRight")
    rows = page.get_by_role("dialog", name="Changed meanwhile").get_by_role("row")
    expect(rows.filter(has=page.locator("del, ins"))).to_have_text(
        ["endpoints[primary/demo-large].weight5", "endpoints[third/demo-reasoner].priority2"]
    )
    page.keyboard.press("Escape")
    expect(lane(page, 1)).to_contain_text("demo-reasoner")

    # Nor is what stands in a dialog lost when the question is put off.
    page.get_by_role("button", name="Actions for third / demo-reasoner").click()
    page.get_by_role("menuitem", name="Edit").click()
    page.get_by_role("spinbutton", name="Weight", exact=True).fill("7")
    lively.api("PATCH", f"/models/{model}", {"endpoints": [ENDPOINTS[0] | {"weight": 6}, *ENDPOINTS[1:]]})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog", name="Changed meanwhile")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("spinbutton", name="Weight", exact=True)).to_have_value("7")


def test_who_leaves_what_is_not_saved_is_asked(lively: Console, opened: Open, model: str) -> None:
    page = opened(lively).sign_in().go("/ui/models/coder")
    page.locator(".models-item", has_text=model).click()
    page.locator("summary", has_text="Advanced").click()
    total = page.get_by_label("All attempts")
    question = page.get_by_role("dialog", name="Discard changes?")
    total.fill("77s")

    # By a link, by a tab, by a step back: who stays has what was typed.
    for leave in (
        lambda: page.get_by_role("link", name="Routes").click(),
        lambda: page.get_by_role("tab", name="Real names").click(),
        lambda: page.evaluate("history.back()"),
    ):
        leave()
        question.get_by_role("button", name="Cancel").click()
        expect(page).to_have_url(re.compile(f"/ui/models/{model}$"))
        expect(total).to_have_value("77s")

    page.evaluate("history.back()")
    question.get_by_role("button", name="Discard").click()
    expect(page).to_have_url(re.compile("/ui/models/coder$"))
    expect(page.get_by_role("article", name="coder")).to_be_visible()

    # Nobody is asked where nothing is unsaved.
    page.get_by_role("link", name="Settings").click()
    page.locator(".settings-part input.mono").first.fill("7s")
    page.get_by_role("link", name="Models").click()
    question.get_by_role("button", name="Discard").click()
    expect(page).to_have_url(re.compile("/ui/models$"))
