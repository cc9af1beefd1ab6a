"""What many scenarios are made of."""

import struct
import zlib

from ..words import Answer, Call, Image, Role, Text, Tool, Turn

TEXT = 'Grüße, 世界 🌍 \\ "quoted"\ttab\nand </tag> & more'


def says(role: Role, *texts: str) -> Turn:
    return Turn(role, tuple(Text(text) for text in texts))


def answers(text: str = "Fine, thanks.") -> Answer:
    return Answer((Text(text),))


def png(seed: int) -> Image:
    """A picture whose bytes hold every value, so that base64 has its whole alphabet."""
    rows = b"".join(b"\0" + bytes((seed + row + column) % 256 for column in range(3 * 16)) for row in range(16))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    return Image(b"\x89PNG\r\n\x1a\n" + image)


WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Its name"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)
CLOCK = Tool("clock", "The time of day.", {"type": "object", "properties": {"zone": {"type": "string"}}})

ROME = Call("get_weather", {"city": "Rome", "unit": "celsius"})
BEIJING = Call("get_weather", {"city": "北京 🌧"})
NOON = Call("clock", {})
