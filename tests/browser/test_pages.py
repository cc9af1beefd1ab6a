"""Every page, drawer and dialog, in both languages and both themes: without an error, said in the language that was
chosen, and fit for those who cannot see, or see on a phone (axe-core)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console import Console, environment
from harness import eventually
from playwright.sync_api import Browser, Page, expect
from sight import PHONE, WIDE, Open, Sight
from views import VIEWS, View

# What is said in every language alike: products, protocols, units, and what a person types as it stands.
SAME = set(
    """
    Tidegate OpenAI Anthropic Gemini Google Claude Code Codex CLI Cursor opencode Python Node curl OpenRouter DeepSeek
    Groq Mistral Ollama LiteLLM Chat Responses SQLite PostgreSQL YAML JSON NDJSON CSV HTTP TLS API URL ID SDK
    Token RPM TPM p50 p95 p99 p req s ms min h d tok B kB KB MB MiB USD M UTC EN English PID
    GET POST Enter Esc Shift
    """.split()
)

# Text nodes that are seen, and what is said of elements to those who do not see; without what is code or data by its looks.
SAID = """
() => {
  const data = 'code, pre, kbd, samp, ins, del, .mono, time, option, .code';
  const found = [];
  const take = (text, where) => { if (text?.trim()) found.push([text.trim(), where]); };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const around = node.parentElement;
    if (around.closest('script, style, noscript') || around.closest(data) || !around.checkVisibility()) continue;
    take(node.data, around.className || around.tagName);
  }
  for (const one of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
    if (one.closest(data)) continue;
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) take(one.getAttribute(name), name);
  }
  return found;
}
"""

CHINESE = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@pytest.fixture(scope="module")
def visitor(browser: Browser, lively: Console, language: str) -> Iterator[Sight]:
    sight = Sight(browser, lively, language, "light", WIDE).sign_in()
    sight.go("/")
    yield sight
    sight.close()


@pytest.fixture(scope="module")
def axe() -> str:
    return Path(environment("TIDEGATE_AXE")).read_text()


@pytest.fixture(scope="module")
def names(lively: Console) -> set[str]:
    """Whatever the configuration and the vendor call something, word by word."""
    found = {"admin", "viewer", "demo"}
    # What clients ask for, and what is answered.
    for said in ("nobody-knows-it", "Hello from demo-small at demo. You said: “Answer with the one word: ok”"):
        found |= set(WORD.findall(said))
    # Of other tests, whose keys are gone.
    for one in lively.requests():
        found |= set(WORD.findall(one.get("client_key") or ""))
    for kind in ("providers", "models", "routes", "client-keys", "tenants", "prices", "accounts"):
        for one in lively.api("GET", f"/{kind}")["items"]:
            found |= set(WORD.findall(one["name"]))
            for endpoint in one.get("body", {}).get("endpoints", []):
                found |= set(WORD.findall(f"{endpoint['provider']} {endpoint.get('model', '')}"))
    return found


def show(sight: Sight, view: View) -> Page:
    sight.taken()
    shown_in(sight.page, "light")
    sight.turn_to(view.at(sight.console))
    if view.open:
        view.open(sight.page)
    return sight.page


def shown_in(page: Page, theme: str, size: dict[str, int] = WIDE) -> None:
    page.emulate_media(color_scheme=theme)
    if page.viewport_size != size:
        page.set_viewport_size(size)
    # The whole page at once, and no frame of it is of before.
    eventually(lambda: ground(page) > 200 if theme == "light" else ground(page) < 60, f"the ground is {theme}")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERYTHING = {"type": "tag", "values": TAGS}
# What a theme changes.
COLOURS = {"type": "rule", "values": ["color-contrast"]}
JUDGE = """
(only) => axe.run(document, {
  runOnly: only, resultTypes: ['violations'],
  // What lies above the page is in no region of it.
  rules: document.querySelector('#layers :is([role=menu], [role=tooltip])') ? { region: { enabled: false } } : {},
}).then(({ violations }) => violations.flatMap(
  ({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}: ${[...node.any, ...node.all, ...node.none].map((one) => one.message).join('; ')}`)))
"""
# What is wider than the window, and moves the page with it.
WIDER = """
() => document.scrollingElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map((one) => `${one.tagName}.${one.className}`)
"""


def violations(page: Page, only: dict[str, Any]) -> list[str]:
    """What axe-core has against the page as it is shown now."""
    how = f"{'dark' if ground(page) < 128 else 'light'}, {page.viewport_size['width']} px"
    found = page.evaluate(JUDGE, only)
    if found:
        # A busy machine shows parts of the theme before for a moment longer.
        page.wait_for_timeout(300)
        found = page.evaluate(JUDGE, only)
    return [f"{how}: {one}" for one in found]


def ground(page: Page) -> int:
    """How light it is behind the text, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(re.findall(r"\d+", colour)[0])


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("language", ["en"], scope="module")
def test_a_page_is_sound_for_everybody_in_both_themes_wide_and_on_a_phone_and_wholly_english(
    visitor: Sight, axe: str, view: View
) -> None:
    page = show(visitor, view)
    said = page.evaluate(SAID)
    assert len(said) > 10
    assert [text for text, _ in said if CHINESE.search(text) and text not in ("中文", "简体中文")] == []
    page.evaluate(axe)
    found = violations(page, EVERYTHING)
    shown_in(page, "dark")
    found += violations(page, COLOURS)
    shown_in(page, "dark", PHONE)
    found += violations(page, EVERYTHING)
    sideways = page.evaluate(WIDER)
    shown_in(page, "light", PHONE)
    found += violations(page, COLOURS)
    assert (found, sideways, visitor.taken()) == ([], [], [])


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("language", ["zh"], scope="module")
def test_a_page_is_sound_in_both_themes_wide_and_on_a_phone_and_wholly_chinese(visitor: Sight, names: set[str], view: View) -> None:
    page = show(visitor, view)
    said = page.evaluate(SAID)
    shown_in(page, "dark", PHONE)
    sideways = page.evaluate(WIDER)
    assert (sideways, visitor.taken()) == ([], [])
    assert sum(bool(CHINESE.search(text)) for text, _ in said) > 10
    left = {
        (text, where)
        for text, where in said
        if not CHINESE.search(text) and any(word not in SAME and word not in names for word in WORD.findall(text))
    }
    # Addresses, ids and masked keys are the same in every language.
    data = re.compile(r"^(https?://\S+|/\S+|\S+@\S+|[0-9a-z]{26}|\S*(…|•)\S*|127\.0\.0\.1(:\d+)?|\d[\w.:/ -]*)$")
    assert {(text, where) for text, where in left if not data.match(text)} == set()


def test_axe_finds_nothing_where_one_signs_in(lively: Console, opened: Open, axe: str) -> None:
    page = opened(lively).go("/")
    expect(page.get_by_label("Password")).to_be_focused()
    page.evaluate(axe)
    found = violations(page, EVERYTHING)
    shown_in(page, "dark", PHONE)
    assert found + violations(page, EVERYTHING) + page.evaluate(WIDER) == []


def test_every_page_of_the_navigation_is_among_those_looked_at(lively: Console, opened: Open) -> None:
    page = opened(lively).sign_in().go("/")
    links = [link.get_attribute("href") for link in page.locator("#nav li a:not([target])").all()]
    assert len(links) == 9
    assert set(links) <= {view.path for view in VIEWS}


def test_language_and_theme_are_chosen_in_the_header_and_stay(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    page = sight.go("/ui/keys")
    page.get_by_role("button", name="Language: EN").click()
    page.get_by_role("menuitemradio", name="简体中文").click()
    page.get_by_role("heading", name="密钥").wait_for()
    page.get_by_role("button", name="主题").click()
    page.get_by_role("menuitemradio", name="深色").click()
    page.reload()
    sight.settle()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert ground(page) < 60
    assert (
        page.get_by_role("button", name="语言: 中文")
        .or_(page.get_by_role("button", name=re.compile("语言")))
        .is_visible()
    )


def test_whatever_goes_wrong_on_a_page_is_seen(lively: Console, browser: Browser, axe: str) -> None:
    sight = Sight(browser, lively, "en", "light", WIDE).sign_in()
    page = sight.go("/")
    assert sight.unexpected() == []
    page.evaluate(
        """
        async () => {
          console.error('said aloud');
          setTimeout(() => { throw new Error('thrown') });
          document.body.insertAdjacentHTML('beforeend', '<p style="color: red">said in red</p><img src="/icon.svg">');
          await fetch('/ui/no-such-page.js/').catch(() => {});
          await fetch('http://127.0.0.1:9/').catch(() => {});
        }
        """
    )
    eventually(lambda: page.evaluate("0") or len(sight.unexpected()) >= 4, "it is noted")
    seen = "\n".join(sight.unexpected())
    for one in ("said aloud", "thrown", "CSP: style-src", "CSP: connect-src"):
        assert one in seen, seen
    page.evaluate(axe)
    assert any("image-alt" in one for one in violations(page, EVERYTHING))
    sight.context.close()


def test_a_page_that_breaks_leaves_the_others_usable(lively: Console, opened: Open) -> None:
    sight = opened(lively).sign_in()
    sight.expect("TypeError")
    sight.context.route(
        "**/admin/api/v1/limits",
        lambda route: route.fulfill(json={"client_keys": [{"name": "notebook"}], "tenants": []}),
    )
    page = sight.go("/ui/keys")
    expect(page.get_by_role("alert")).to_contain_text("This did not load")
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="coder")).to_be_visible()
