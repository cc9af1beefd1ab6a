"""Opaque state as each vendor writes it: what looks alike must come back to the letter."""

import base64
import hashlib

from ..words import Format


def seal(format: Format, seed: str) -> str:
    """Anthropic and Gemini write plain base64, with `+`, `/` and `=`; OpenAI writes `-` and `_`."""
    raw = b"\xfb\xef\xbe\xff\xff\xff" + hashlib.sha512(seed.encode()).digest()
    if format == "responses":
        # A version and a time come first, so that all begin with `gAAAAAB`.
        return base64.urlsafe_b64encode(b"\x80\0\0\0\0" + b"\x69" + raw).decode()
    return base64.b64encode(raw).decode()
