"""From a gateway that nobody has set up to an answered request: a new user's way, by mouse and by keyboard alone."""

import os
import re
import subprocess
import time
from pathlib import Path

import harness
import pytest
from console import VENDOR_KEY, Console, environment
from playwright.sync_api import Locator, Page, expect
from sight import Open, Sight


def seen_by(vendor: harness.Vendor, text: str) -> list[harness.Seen]:
    return [one for one in vendor.seen() if text in one["body"]]


def priorities(console: Console, model: str) -> dict[str, int]:
    body = console.api("GET", f"/models/{model}")["body"]
    return {one["model"]: one.get("priority", 1) for one in body["endpoints"]}


def nonce_of(page: Page) -> str:
    """What the page put into its first request, as it tells."""
    said = page.locator(".connect-steps li").first.inner_text()
    found = re.search(r"ref ([0-9a-z]{8})", said)
    assert found, said
    return found.group(1)


def run_shell(lines: str, folder: Path) -> str:
    """The lines of a terminal, as they stand on the page."""
    done = subprocess.run(["bash", "-euc", lines], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_python(lines: str, folder: Path) -> str:
    done = subprocess.run(
        [environment("TIDEGATE_SDKS"), "-c", lines],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_from_an_empty_gateway_to_an_answered_request(
    empty: Console, opened: Open, vendor: harness.Vendor, figures: list[str]
) -> None:
    begun = time.monotonic()
    sight = opened(empty)
    page = sight.go("/")
    page.get_by_label("Password").fill(empty.password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Providers").click()
    page.get_by_role("link", name="Add provider").first.click()

    # A wrong key is told where it was typed, and nothing is kept.
    sight.expect(r"422 .*/providers/probe$")
    page.get_by_label("Base URL").fill(vendor.url)
    page.get_by_label("API key").fill("not-the-key")
    page.get_by_role("button", name="Check and continue").click()
    complaint = page.locator(".field", has=page.get_by_label("API key")).locator(".field-error")
    expect(complaint).to_contain_text("The vendor refuses this key.")
    assert [one["name"] for one in empty.api("GET", "/providers")["items"]] == []

    page.get_by_label("API key").fill(VENDOR_KEY)
    expect(complaint).to_have_count(0)
    page.get_by_role("button", name="Check and continue").click()

    # Its models: found out, tested, searched, ticked.
    expect(page.get_by_text("It speaks OpenAI Chat and lists 4 models")).to_be_visible()
    expect(page.get_by_text(re.compile("It works: demo-small answered in"))).to_be_visible()
    search = page.get_by_role("searchbox")
    search.fill("large")
    expect(page.locator(".providers-pick-row")).to_have_count(1)
    page.get_by_role("checkbox", name="demo-large").check()
    search.fill("")
    page.get_by_role("checkbox", name="demo-small").check()

    # Both into one pool, with a weight, and one of them a tier below.
    page.get_by_label("Put into").select_option("sonnet")
    pool = page.locator(".providers-pool", has_text="sonnet")
    expect(pool.locator("[data-key]")).to_have_count(2)
    pool.get_by_label("Weight of local / demo-large").fill("30")
    drag_below(page, pool.get_by_role("button", name="Move local / demo-small"))
    expect(pool.locator(".lane")).to_have_count(2)
    page.get_by_role("button", name="Add 2 models").click()

    # Connect, with the pool; the lines of each client.
    expect(page.get_by_role("heading", name="Connect", level=1)).to_be_visible()
    assert priorities(empty, "sonnet") == {"demo-large": 1, "demo-small": 2}
    weights = {one["model"]: one.get("weight", 10) for one in empty.api("GET", "/models/sonnet")["body"]["endpoints"]}
    assert weights == {"demo-large": 30, "demo-small": 10}

    vendor.forget_requests()
    page.get_by_role("button", name="Send a first request").click()
    expect(page.get_by_text("In the log, answered by")).to_be_visible()
    figures.append(f"from an empty gateway to an answered request: {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 60

    # The vendor that was just added has seen it, with its key; and its answer is on the page.
    [seen] = seen_by(vendor, nonce_of(page))
    assert seen.header("authorization") == f"Bearer {VENDOR_KEY}"
    assert seen["model"] == "demo-large"
    expect(page.locator(".connect-answer")).not_to_be_empty()
    page.get_by_role("link", name="Open the request").click()
    expect(
        page.get_by_role("dialog")
        .get_by_text("Attempt 1: answered")
        .or_(page.get_by_text("was chosen first and answered"))
    ).to_be_visible()


@pytest.mark.timeout(300)
def test_the_same_by_keyboard_alone(empty: Console, opened: Open, vendor: harness.Vendor) -> None:
    sight = opened(empty)
    sight.context.add_init_script("addEventListener('pointerdown', () => console.error('a mouse was used'), true)")
    page = sight.go("/")
    keys = page.keyboard
    expect(page.get_by_label("Password")).to_be_focused()
    keys.type(empty.password)
    keys.press("Enter")
    expect(page.get_by_role("navigation")).to_be_visible()
    walk_to(page.get_by_role("link", name="Providers"))
    keys.press("Enter")
    walk_to(page.get_by_role("main").get_by_role("link", name="Add provider").first)
    keys.press("Enter")

    expect(page.get_by_label("Base URL")).to_be_focused()
    keys.type(vendor.url)
    walk_to(page.get_by_label("API key"))
    keys.type(VENDOR_KEY)
    keys.press("Enter")

    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    for model in ("demo-large", "demo-small"):
        keys.type(model)
        tick = page.get_by_role("checkbox", name=model)
        walk_to(tick)
        keys.press("Space")
        expect(tick).to_be_checked()
        walk_to(search, back=True)
        keys.press("ControlOrMeta+a")
        keys.press("Delete")
    walk_to(page.get_by_label("Put into"))
    keys.type("sonnet")
    pool = page.locator(".providers-pool", has_text="sonnet")
    expect(pool.locator("[data-key]")).to_have_count(2)
    walk_to(pool.get_by_label("Weight of local / demo-large"))
    keys.press("ControlOrMeta+a")
    keys.type("30")
    walk_to(pool.get_by_role("button", name="Move local / demo-small"))
    keys.press("ArrowDown")
    expect(pool.locator(".lane")).to_have_count(2)
    expect(pool.get_by_role("button", name="Move local / demo-small")).to_be_focused()
    walk_to(page.get_by_role("button", name="Add 2 models"))
    keys.press("Enter")

    expect(page.get_by_role("heading", name="Connect", level=1)).to_be_visible()
    assert priorities(empty, "sonnet") == {"demo-large": 1, "demo-small": 2}
    tab = page.get_by_role("tab", name="Claude Code")
    walk_to(tab)
    keys.press("ArrowRight")
    expect(page.get_by_role("tab", name="Codex")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_contain_text("config.toml")
    walk_to(page.get_by_role("button", name="Send a first request"))
    keys.press("Enter")
    expect(page.get_by_text("In the log, answered by")).to_be_visible()
    assert len(seen_by(vendor, nonce_of(page))) == 1
    walk_to(page.get_by_role("link", name="Open the request"))
    keys.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def walk_to(target: Locator, back: bool = False) -> None:
    """By Tab, as far as it takes; it has to be seen there where the focus is."""
    expect(target).to_be_visible()
    for _ in range(80):
        if target.evaluate("(one) => one === document.activeElement"):
            break
        target.page.keyboard.press("Shift+Tab" if back else "Tab")
    expect(target).to_be_focused()
    ring = target.evaluate("""(one) => [one, one.parentElement, one.nextElementSibling].filter(Boolean).some((at) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
      return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
    })""")
    assert ring, f"where the focus is cannot be seen: {target}"


def drag_below(page: Page, grip: Locator) -> None:
    """By mouse, to the place that makes a tier."""
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 20, steps=4)
    to = page.locator(".lane.fresh").bounding_box()
    assert to
    page.mouse.move(x, to["y"] + to["height"] / 2, steps=6)
    page.mouse.up()


# What a client is told, in any of its blocks: the address that it asks, and the model.
CLIENTS = {
    "Claude Code": ("ANTHROPIC_BASE_URL={url}", "claude --model {model}"),
    "Codex": ('base_url = "{url}/v1"', 'model = "{model}"', 'wire_api = "responses"', "export TIDEGATE_KEY={key}"),
    "Gemini CLI": ("GOOGLE_GEMINI_BASE_URL={url}", "gemini -m {model}", "GEMINI_API_KEY={key}"),
    "Cursor": ("{url}/v1", "{model}", "{key}"),
    "opencode": ('"baseURL": "{url}/v1"', '"model": "tidegate/{model}"', '"apiKey": "{key}"'),
    "Python": ('base_url="{url}/v1"', 'model="{model}"', 'api_key="{key}"'),
    "Node": ('baseURL: "{url}/v1"', 'model: "{model}"', 'apiKey: "{key}"'),
    "curl": ("curl {url}/v1/chat/completions", '"model":"{model}"', "authorization: Bearer {key}"),
}


def connect(sight: Sight, model: str) -> tuple[Page, str]:
    """Connect, with a key that is made there."""
    page = sight.go(f"/ui/connect?model={model}")
    page.get_by_role("button", name="New", exact=True).click()
    page.get_by_role("dialog").get_by_label("Name").fill(f"made-for-{model}")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    made = page.locator(".connect-made code")
    return page, made.inner_text()


def blocks(page: Page) -> list[str]:
    return page.get_by_role("tabpanel").locator("pre").all_inner_texts()


def test_connect_shows_the_lines_of_each_client_with_address_model_and_key_and_what_it_shows_works(
    lively: Console, opened: Open, vendor: harness.Vendor, tmp_path: Path
) -> None:
    sight = opened(lively).sign_in()
    page, key = connect(sight, "coder")
    assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == list(CLIENTS)
    for name, lines in CLIENTS.items():
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.get_by_role("tabpanel")).to_be_visible()
        shown = "\n".join(blocks(page))
        for line in lines:
            assert line.format(url=lively.url, model="coder", key=key) in shown, (name, shown)

    # As they stand there: curl in three formats, then the three SDKs of Python.
    vendor.forget_requests()
    page.get_by_role("tab", name="curl").click()
    answers = [run_shell(lines, tmp_path) for lines in blocks(page)]
    page.get_by_role("tab", name="Python").click()
    for sdk in ("OpenAI", "Anthropic", "Google"):
        page.get_by_role("radio", name=sdk).click()
        expect(page.get_by_role("radio", name=sdk)).to_be_checked()
        [lines] = blocks(page)
        answers.append(run_python(lines, tmp_path))
    assert len(answers) == 6
    for answer in answers:
        assert "Hello from demo" in answer, answer
    assert len(seen_by(vendor, "hello")) == 6
    lively.api("DELETE", "/client-keys/made-for-coder")
