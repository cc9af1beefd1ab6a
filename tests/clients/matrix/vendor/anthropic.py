"""Answers of Anthropic Messages."""

import json
from collections.abc import Iterator
from typing import Any

from ..words import Answer, Call, Refusal, Text, Thought
from .seals import seal
from .writing import event, pieces

STOP = {
    "end": "end_turn",
    "tool": "tool_use",
    "length": "max_tokens",
    "sequence": "stop_sequence",
    "refusal": "refusal",
    "filter": "refusal",
}


def whole(answer: Answer, request: Any, model: str, seed: str) -> bytes:
    body = {
        "id": f"msg_{seed}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(_blocks(answer, seed)),
        "stop_reason": STOP[answer.stop],
        "stop_sequence": answer.sequence,
        "stop_details": _details(answer),
        "usage": {**_asked(answer), **_answered(answer)},
    }
    return json.dumps(body, ensure_ascii=False).encode()


def stream(answer: Answer, request: Any, model: str, seed: str) -> Iterator[bytes]:
    message = {
        "id": f"msg_{seed}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {**_asked(answer), "output_tokens": 1},
    }
    yield _event("message_start", message=message)
    for index, block in enumerate(_blocks(answer, seed)):
        start, deltas = _streamed(block)
        yield _event("content_block_start", index=index, content_block=start)
        if index == 0:
            yield _event("ping")
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    delta = {"stop_reason": STOP[answer.stop], "stop_sequence": answer.sequence, "stop_details": _details(answer)}
    later = {key: value for key, value in _asked(answer).items() if key.endswith("input_tokens")}
    yield _event("message_delta", delta=delta, usage={**later, **_answered(answer)})
    yield _event("message_stop")


def preamble(request: Any, model: str, seed: str) -> list[bytes]:
    return [next(stream(Answer(()), request, model, seed)), _event("ping")]


def _event(name: str, **members: Any) -> bytes:
    return event(name, {"type": name, **members})


def _blocks(answer: Answer, seed: str) -> Iterator[dict[str, Any]]:
    calls = 0
    for part in answer.parts:
        match part:
            case Thought(text, state):
                yield {"type": "thinking", "thinking": text, "signature": seal("anthropic", state)}
            case Text(text) | Refusal(text):
                yield {"type": "text", "text": text}
            case Call(name, args):
                yield {"type": "tool_use", "id": f"toolu_{seed}{calls}", "name": name, "input": args}
                calls += 1


def _streamed(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {"type": "thinking", "thinking": "", "signature": ""}, deltas
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        case _:
            told = pieces(json.dumps(block["input"], ensure_ascii=False)) if block["input"] else []
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *told]]
            return {**block, "input": {}}, deltas


def _details(answer: Answer) -> dict[str, Any] | None:
    if STOP[answer.stop] != "refusal":
        return None
    return {"type": "refusal", "category": "cyber", "explanation": "This request could enable harm."}


def _asked(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }


def _answered(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"output_tokens": answer.usage.answered}
    if answer.usage.reasoning:
        told["output_tokens_details"] = {"thinking_tokens": answer.usage.reasoning}
    return told
