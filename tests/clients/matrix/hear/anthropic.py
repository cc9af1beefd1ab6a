from collections.abc import Iterator
from typing import Any

from ..words import Heard, Named, Piece
from .media import of_base64

CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def hear(model: str, stream: bool, body: Any) -> Heard:
    choice = body.get("tool_choice") or {}
    thinking = body.get("thinking") or {}
    config = body.get("output_config") or {}
    serial = choice.get("disable_parallel_tool_use")
    return Heard(
        model=model,
        stream=stream,
        pieces=tuple(_pieces(body)),
        tools={t["name"]: (t.get("description", ""), t.get("input_schema")) for t in body.get("tools", [])},
        choice=Named(choice["name"]) if choice.get("type") == "tool" else CHOICES.get(choice.get("type")),
        parallel=None if serial is None else not serial,
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences", ())),
        output=(config.get("format") or {}).get("schema"),
        thinking=thinking["type"] != "disabled" if thinking else (True if config.get("effort") else None),
        strict=None,
        budget=thinking.get("budget_tokens"),
        shown=thinking.get("display") != "omitted",
        sealed=True,
        choices=1,
        logprobs=None,
    )


def _pieces(body: Any) -> Iterator[Piece]:
    yield from _content("system", body.get("system"))
    for message in body["messages"]:
        yield from _content(message["role"], message["content"])


def _content(role: Any, content: Any) -> Iterator[Piece]:
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
        match block["type"]:
            case "text":
                yield Piece(role, "text", block["text"])
            case "image":
                source = block["source"]
                if source["type"] == "base64":
                    yield Piece(role, "image", data=of_base64(source["data"]), mime=source["media_type"])
                else:
                    yield Piece(role, "image", data=str(source).encode(), mime=source["type"])
            case "thinking":
                yield Piece(role, "thought", block["thinking"], seal=block["signature"])
            case "redacted_thinking":
                yield Piece(role, "thought", seal=block["data"])
            case "tool_use":
                yield Piece(role, "call", name=block["name"], args=block["input"], id=block["id"])
            case "tool_result":
                parts = list(_content(role, block.get("content")))
                text = "".join(part.text for part in parts)
                images = tuple((part.mime, part.data) for part in parts if part.kind == "image")
                failed = block.get("is_error", False)
                yield Piece(role, "result", text, id=block["tool_use_id"], failed=failed, images=images)
            case other:
                yield Piece(role, other)
