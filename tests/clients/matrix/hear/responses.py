import json
from collections.abc import Iterator
from typing import Any

from ..words import Heard, Named, Piece
from .media import of_data_url

LOGPROBS = "message.output_text.logprobs"
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def hear(model: str, stream: bool, body: Any) -> Heard:
    output = (body.get("text") or {}).get("format") or {}
    effort = (body.get("reasoning") or {}).get("effort")
    return Heard(
        model=model,
        stream=stream,
        pieces=tuple(_pieces(body)),
        tools={t["name"]: (t.get("description") or "", t.get("parameters")) for t in body.get("tools", [])},
        choice=_choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls"),
        max_tokens=body.get("max_output_tokens"),
        stop=(),
        output=output["schema"] if output.get("type") == "json_schema" else None,
        strict=output.get("strict"),
        thinking=None if effort is None else effort != "none",
        budget=None,
        shown=bool((body.get("reasoning") or {}).get("summary")),
        sealed="reasoning.encrypted_content" in (body.get("include") or []),
        choices=1,
        logprobs=body.get("top_logprobs", 0) if LOGPROBS in (body.get("include") or []) else None,
    )


def _choice(choice: Any) -> str | Named | None:
    if isinstance(choice, dict):
        return Named(choice["name"])
    return choice


def _pieces(body: Any) -> Iterator[Piece]:
    if body.get("instructions"):
        yield Piece("system", "text", body["instructions"])
    items = body["input"]
    if isinstance(items, str):
        yield Piece("user", "text", items)
        return
    for item in items:
        match item.get("type", "message"):
            case "message":
                yield from _content(ROLES[item["role"]], item["content"])
            case "reasoning":
                text = "".join(part["text"] for part in item["summary"])
                yield Piece("assistant", "thought", text, seal=item.get("encrypted_content") or "")
            case "function_call":
                args = json.loads(item["arguments"])
                yield Piece("assistant", "call", name=item["name"], args=args, id=item["call_id"])
            case "function_call_output":
                parts = list(_content("user", item["output"]))
                text = "".join(part.text for part in parts)
                images = tuple((part.mime, part.data) for part in parts if part.kind == "image")
                yield Piece("user", "result", text, id=item["call_id"], images=images)
            case other:
                yield Piece("user", other)


def _content(role: Any, content: Any) -> Iterator[Piece]:
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        match part["type"]:
            case "text" | "input_text" | "output_text":
                yield Piece(role, "text", part["text"])
            case "input_image":
                mime, data = of_data_url(part["image_url"])
                yield Piece(role, "image", data=data, mime=mime)
            case other:
                yield Piece(role, other)
