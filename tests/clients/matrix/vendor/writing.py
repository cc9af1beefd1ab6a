"""What the writers of all formats share."""

import json
from typing import Any


def seed(model: str, step: int) -> str:
    """What the ids of an answer are made of. No two answers share it, as no two of a real vendor share an id."""
    return f"{model.replace('-', '')}s{step}x"


def pieces(text: str, size: int = 7) -> list[str]:
    """The text as it is streamed."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def data(value: Any, plain: bool = True) -> bytes:
    """An event without a name. `plain`: the letters of all scripts as they are."""
    return b"data: " + _json(value, plain) + b"\n\n"


def event(name: str, value: Any) -> bytes:
    return b"event: " + name.encode() + b"\n" + data(value)


def _json(value: Any, plain: bool) -> bytes:
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Python's line readers take these two for ends of lines, so those whose clients use them escape them.
    return (told if plain else told.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")).encode()
