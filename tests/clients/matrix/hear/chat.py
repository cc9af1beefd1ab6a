import json
from collections.abc import Iterator
from typing import Any

from ..words import Heard, Named, Piece
from .media import of_data_url

ROLES = {"system": "system", "developer": "system", "user": "user", "tool": "user", "assistant": "assistant"}


def hear(model: str, stream: bool, body: Any) -> Heard:
    output = body.get("response_format") or {}
    effort = body.get("reasoning_effort")
    functions = [tool["function"] for tool in body.get("tools", [])]
    stop = body.get("stop") or ()
    return Heard(
        model=model,
        stream=stream,
        pieces=tuple(_pieces(body["messages"])),
        tools={f["name"]: (f.get("description", ""), f.get("parameters")) for f in functions},
        choice=_choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls"),
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        output=output["json_schema"]["schema"] if output.get("type") == "json_schema" else None,
        strict=(output.get("json_schema") or {}).get("strict"),
        thinking=None if effort is None else effort != "none",
        budget=None,
        shown=True,
        sealed=True,
        choices=body.get("n") or 1,
        logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
    )


def _choice(choice: Any) -> str | Named | None:
    if isinstance(choice, dict):
        return Named(choice["function"]["name"])
    return choice


def _pieces(messages: list[Any]) -> Iterator[Piece]:
    for message in messages:
        role: Any = ROLES[message["role"]]
        if message["role"] == "tool":
            text = "".join(p.text for p in _content("user", message["content"]))
            yield Piece(role, "result", text, id=message["tool_call_id"])
            continue
        if message.get("reasoning_content"):
            yield Piece(role, "thought", message["reasoning_content"])
        yield from _content(role, message.get("content"))
        for call in message.get("tool_calls") or []:
            args = json.loads(call["function"]["arguments"])
            yield Piece(role, "call", name=call["function"]["name"], args=args, id=call["id"])


def _content(role: Any, content: Any) -> Iterator[Piece]:
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
        if part["type"] == "text":
            yield Piece(role, "text", part["text"])
        elif part["type"] == "image_url":
            mime, data = of_data_url(part["image_url"]["url"])
            yield Piece(role, "image", data=data, mime=mime)
        else:
            yield Piece(role, part["type"])
