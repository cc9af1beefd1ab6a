"""Answers of OpenAI Responses."""

import json
from collections.abc import Iterator
from typing import Any

from ..words import Answer, Call, Refusal, Text, Thought
from .seals import seal
from .writing import event, pieces


def whole(answer: Answer, request: Any, model: str, seed: str) -> bytes:
    items = [item for item, _ in _items(answer, seed)]
    return json.dumps(_response(answer, request, model, seed, items), indent=2, ensure_ascii=False).encode()


def stream(answer: Answer, request: Any, model: str, seed: str) -> Iterator[bytes]:
    number = 0

    def tell(name: str, **members: Any) -> bytes:
        nonlocal number
        told = event(name, {"type": name, **members, "sequence_number": number})
        number += 1
        return told

    unknown = {"usage": None, "completed_at": None, "incomplete_details": None}
    begun = {**_response(answer, request, model, seed, []), "status": "in_progress", **unknown}
    yield tell("response.created", response=begun)
    yield tell("response.in_progress", response=begun)
    done = []
    for index, (item, part) in enumerate(_items(answer, seed)):
        at = {"item_id": item["id"], "output_index": index}
        match part:
            case Thought(text):
                empty = {**item, "summary": []}
                yield tell("response.output_item.added", output_index=index, item=empty)
                inner = {**at, "summary_index": 0}
                yield tell(
                    "response.reasoning_summary_part.added", **inner, part={"type": "summary_text", "text": ""}
                )
                for piece in pieces(text):
                    yield tell("response.reasoning_summary_text.delta", **inner, delta=piece, obfuscation="Ll9YM")
                yield tell("response.reasoning_summary_text.done", **inner, text=text)
                yield tell(
                    "response.reasoning_summary_part.done", **inner, part={"type": "summary_text", "text": text}
                )
            case Text(text) | Refusal(text):
                yield tell(
                    "response.output_item.added",
                    output_index=index,
                    item={**item, "status": "in_progress", "content": []},
                )
                inner = {**at, "content_index": 0}
                content = item["content"][0]
                kind = "output_text" if isinstance(part, Text) else "refusal"
                key = "text" if isinstance(part, Text) else "refusal"
                extra: dict[str, Any] = {"logprobs": []} if isinstance(part, Text) else {}
                start = {**content, key: "", **extra}
                yield tell("response.content_part.added", **inner, part=start)
                for piece in pieces(text):
                    told = {"logprobs": _logprobs(piece)} if extra and answer.logprobs else extra
                    yield tell(f"response.{kind}.delta", **inner, delta=piece, **told, obfuscation="OnqWc7u")
                told = {"logprobs": content["logprobs"]} if extra else {}
                yield tell(f"response.{kind}.done", **inner, **{key: text}, **told)
                yield tell("response.content_part.done", **inner, part=content)
            case Call():
                yield tell(
                    "response.output_item.added",
                    output_index=index,
                    item={**item, "status": "in_progress", "arguments": ""},
                )
                for piece in pieces(item["arguments"]):
                    yield tell("response.function_call_arguments.delta", **at, delta=piece, obfuscation="5cOjd2")
                yield tell("response.function_call_arguments.done", **at, arguments=item["arguments"])
        yield tell("response.output_item.done", output_index=index, item=item)
        done.append(item)
    last = _response(answer, request, model, seed, done)
    yield tell(f"response.{last['status']}", response=last)


def preamble(request: Any, model: str, seed: str) -> list[bytes]:
    events = stream(Answer(()), request, model, seed)
    return [next(events), next(events)]


def _items(answer: Answer, seed: str) -> list[tuple[dict[str, Any], Any]]:
    status = "incomplete" if answer.stop in ("length", "filter") else "completed"
    items: list[tuple[dict[str, Any], Any]] = []
    calls = 0
    for at, part in enumerate(answer.parts):
        match part:
            case Thought(text, state):
                item = {
                    "id": f"rs_{seed}{at}",
                    "type": "reasoning",
                    "encrypted_content": seal("responses", state),
                    "summary": [{"type": "summary_text", "text": text}],
                }
            case Text(text):
                content: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
                if answer.logprobs:
                    content["logprobs"] = _logprobs(text)
                item = _message(seed, at, status, content)
            case Refusal(text):
                item = _message(seed, at, status, {"type": "refusal", "refusal": text})
            case Call(name, args):
                item = {
                    "id": f"fc_{seed}{at}",
                    "type": "function_call",
                    "status": status,
                    "arguments": json.dumps(args, ensure_ascii=False),
                    "call_id": f"call_{seed}{calls}",
                    "name": name,
                }
                calls += 1
        items.append((item, part))
    return items


def _message(seed: str, at: int, status: str, content: Any) -> dict[str, Any]:
    return {"id": f"msg_{seed}{at}", "type": "message", "status": status, "content": [content], "role": "assistant"}


def _logprobs(text: str) -> list[Any]:
    def one(token: str) -> dict[str, Any]:
        return {"token": token, "logprob": -0.25, "bytes": list(token.encode())}

    return [{**one(token), "top_logprobs": [one(token)]} for token in pieces(text)]


def _response(answer: Answer, request: Any, model: str, seed: str, items: list[Any]) -> dict[str, Any]:
    reasons = {"length": "max_output_tokens", "filter": "content_filter"}
    reason = reasons.get(answer.stop)
    usage = answer.usage
    return {
        "id": f"resp_{seed}",
        "object": "response",
        "created_at": 1_784_759_807,
        "status": "incomplete" if reason else "completed",
        "background": False,
        "completed_at": None if reason else 1_784_759_808,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": model,
        "output": items,
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "presence_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "prompt_cache_retention": None,
        "reasoning": request.get("reasoning") or {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": request.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(request.get("text") or {})},
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": [{"description": None, "strict": True, **tool} for tool in request.get("tools", [])],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": usage.asked,
            "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
            "output_tokens": usage.answered,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.asked + usage.answered,
        },
        "user": None,
        "metadata": {},
    }
