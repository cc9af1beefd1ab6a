"""Every page in both languages and both themes: sound, and said in the language that was chosen."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from console import Console
from sight import WIDE, Open, Sight
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
  const data = 'code, pre, kbd, samp, .mono, time, option, .code';
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
def visitors(browser: Browser, lively: Console) -> Iterator[dict[str, Sight]]:
    visitors = {language: Sight(browser, lively, language, "light", WIDE).sign_in() for language in ("en", "zh")}
    yield visitors
    for one in visitors.values():
        one.troubles.clear()
        one.close()


@pytest.fixture(scope="module")
def names(lively: Console) -> set[str]:
    """Whatever the configuration and the vendor call something, word by word."""
    found = {"admin", "viewer", "demo"}
    # What clients ask for, and what is answered.
    for said in ("nobody-knows-it", "Hello from demo-small at demo. You said: “Answer with the one word: ok”"):
        found |= set(WORD.findall(said))
    for kind in ("providers", "models", "routes", "client-keys", "tenants", "prices", "accounts"):
        for one in lively.api("GET", f"/{kind}")["items"]:
            found |= set(WORD.findall(one["name"]))
            for endpoint in one.get("body", {}).get("endpoints", []):
                found |= set(WORD.findall(f"{endpoint['provider']} {endpoint.get('model', '')}"))
    return found


def visit(sight: Sight, view: View) -> list[tuple[str, str]]:
    """Looks at it in both themes; gives what is said there."""
    sight.troubles.clear()
    page = sight.page
    page.emulate_media(color_scheme="light")
    sight.go(view.at(sight.console))
    if view.open:
        view.open(page)
    light = ground(page)
    said = page.evaluate(SAID)
    page.emulate_media(color_scheme="dark")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    dark = ground(page)
    assert light > 200 and dark < 60, f"ground: {light} in light, {dark} in dark"
    assert not sight.unexpected(), "\n".join(sight.unexpected())
    return [(text, where) for text, where in said]


def ground(page: Page) -> int:
    """How light it is behind the text, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(re.findall(r"\d+", colour)[0])


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_page_is_sound_in_both_themes_and_says_nothing_in_chinese_where_english_is_chosen(
    visitors: dict[str, Sight], view: View
) -> None:
    said = visit(visitors["en"], view)
    assert len(said) > 10
    assert [text for text, _ in said if CHINESE.search(text) and text not in ("中文", "简体中文")] == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_page_is_sound_in_both_themes_and_says_everything_in_chinese_where_that_is_chosen(
    visitors: dict[str, Sight], names: set[str], view: View
) -> None:
    said = visit(visitors["zh"], view)
    assert sum(bool(CHINESE.search(text)) for text, _ in said) > 10
    left = {
        (text, where)
        for text, where in said
        if not CHINESE.search(text) and any(word not in SAME and word not in names for word in WORD.findall(text))
    }
    # Addresses, ids and masked keys are the same in every language.
    data = re.compile(r"^(https?://\S+|/\S+|\S+@\S+|[0-9a-z]{26}|\S*(…|•)\S*|127\.0\.0\.1(:\d+)?|\d[\w.:/ -]*)$")
    assert {(text, where) for text, where in left if not data.match(text)} == set()


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
    assert page.get_by_role("button", name="语言: 中文").or_(page.get_by_role("button", name=re.compile("语言"))).is_visible()
