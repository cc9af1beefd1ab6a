"""Bytes in requests."""

import base64


def of_data_url(url: str) -> tuple[str, bytes]:
    """Media type and bytes of `data:image/png;base64,…`; of any other address: the address."""
    if not url.startswith("data:"):
        return "url", url.encode()
    mime, _, encoded = url.removeprefix("data:").partition(";base64,")
    return mime, of_base64(encoded)


def of_base64(text: str) -> bytes:
    """Of either alphabet: Google's SDK writes the one for URLs."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
