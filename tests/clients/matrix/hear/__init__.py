"""Upstream requests, read back into neutral words."""

from typing import Any

from ..words import Format, Heard
from . import anthropic, chat, gemini, responses


def hear(format: Format, model: str, stream: bool, body: Any) -> Heard:
    reader = {"chat": chat, "responses": responses, "anthropic": anthropic, "gemini": gemini}[format]
    return reader.hear(model, stream, body)
