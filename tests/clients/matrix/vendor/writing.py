"""What the writers of all formats share."""

import json
from typing import Any


def pieces(text: str, size: int = 7) -> list[str]:
    """The text as it is streamed."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def data(value: Any) -> bytes:
    """An event without a name."""
    return b"data: " + _json(value) + b"\n\n"


def event(name: str, value: Any) -> bytes:
    return b"event: " + name.encode() + b"\n" + data(value)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
