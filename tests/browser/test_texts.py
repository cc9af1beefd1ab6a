"""The texts of the console: both languages have the same, and whatever is asked for is there."""

import re
from pathlib import Path

UI = Path(__file__).parents[2] / "src/admin/ui"
ENTRY = re.compile(r"'((?:[^'\\]|\\.)+)':\s*'((?:[^'\\]|\\.)*)'")


def texts(language: str) -> dict[str, str]:
    files = [*UI.glob(f"i18n/{language}.js"), *UI.glob(f"i18n/{language}/*.js")]
    return {key: text for file in files for key, text in ENTRY.findall(file.read_text())}


def sources() -> str:
    files = [file for file in UI.rglob("*.js") if not {"vendor", "i18n"} & set(file.relative_to(UI).parts)]
    code = "\n".join(file.read_text() for file in files)
    return re.sub(r"/\*\*.*?\*/|^\s*//[^\n]*$", "", code, flags=re.S | re.M)


def filled(text: str) -> set[str]:
    """The names of what is filled in."""
    return set(re.findall(r"\{([a-z_]+)\s*[,}]", text))


def test_both_languages_have_the_same_texts_with_the_same_gaps() -> None:
    english, chinese = texts("en"), texts("zh")
    assert len(english) > 500
    assert english.keys() == chinese.keys()
    differ = {key for key in english if filled(english[key]) - {"short"} != filled(chinese[key]) - {"short"}}
    # A plural that Chinese does not have may leave its number to the text.
    assert {key for key in differ if filled(chinese[key]) - filled(english[key])} == set()


def test_every_text_that_is_asked_for_is_there() -> None:
    known = texts("en").keys()
    asked = set(re.findall(r"(?<![.\w])(?:t|tx|has)\('([^']+)'", sources()))
    assert len(asked) > 300
    assert {key for key in asked if key not in known} == set()


def test_every_group_of_texts_that_is_asked_for_by_a_name_is_there() -> None:
    known = texts("en").keys()
    code = sources()
    groups = {f"{one}." for one in re.findall(r"(?<![.\w])(?:name|named)\('([^']+)'", code)}
    patterns = [re.escape(one) for one in groups]
    for template in re.findall(r"(?<![.\w])(?:t|tx|has)\(`([^`]+)`", code):
        patterns.append(
            "".join(".+" if part.startswith("${") else re.escape(part) for part in re.split(r"(\$\{[^}]*\})", template))
        )
    missing = [one for one in patterns if not any(re.match(one, key) for key in known)]
    assert missing == []


def test_the_modules_that_are_fetched_before_the_first_paint_are_those_of_pages() -> None:
    boot = re.search(r"/\^\\/ui\\/\(([a-z|]+)\)", (UI / "boot.js").read_text())
    pages = re.search(r"export const NAV = \[(.*?)\n\];", (UI / "shell.js").read_text(), re.S)
    assert boot and pages
    assert {*boot.group(1).split("|"), "dashboard"} == set(re.findall(r"'(\w+)'", pages.group(1)))
