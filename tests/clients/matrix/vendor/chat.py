"""Answers of OpenAI Chat, with the `reasoning_content` of its compatible vendors."""

import json
from collections.abc import Iterator
from typing import Any

from ..words import Answer, Call, Refusal, Text, Thought
from .writing import data, pieces

FINISH = {
    "end": "stop",
    "tool": "tool_calls",
    "length": "length",
    "sequence": "stop",
    "refusal": "stop",
    "filter": "content_filter",
}


def whole(answer: Answer, request: Any, model: str, seed: str) -> bytes:
    choices = [
        {
            "index": index,
            "message": _message(answer, seed),
            "logprobs": {"content": _logprobs(_text(answer)), "refusal": None} if answer.logprobs else None,
            "finish_reason": FINISH[answer.stop],
        }
        for index in range(answer.choices)
    ]
    body = {
        "id": f"chatcmpl-{seed}",
        "object": "chat.completion",
        "created": 1_759_436_804,
        "model": model,
        "choices": choices,
        "usage": _usage(answer),
        "service_tier": "default",
        "system_fingerprint": "fp_cbf1785567",
    }
    return json.dumps(body, indent=2, ensure_ascii=False).encode()


def stream(answer: Answer, request: Any, model: str, seed: str) -> Iterator[bytes]:
    wants_usage = (request.get("stream_options") or {}).get("include_usage", False)
    base: dict[str, Any] = {
        "id": f"chatcmpl-{seed}",
        "object": "chat.completion.chunk",
        "created": 1_759_436_804,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_cbf1785567",
    }
    if wants_usage:
        base["usage"] = None

    def chunk(index: int, delta: Any, finish: str | None = None, logprobs: Any = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return data({**base, "choices": [choice], "obfuscation": "zLrnbPKVod1"})

    for index in range(answer.choices):
        yield chunk(index, {"role": "assistant", "content": None if answer.stop == "tool" else "", "refusal": None})
    for index in range(answer.choices):
        place = 0
        for part in answer.parts:
            match part:
                case Thought(text):
                    yield from (chunk(index, {"reasoning_content": piece}) for piece in pieces(text))
                case Text(text):
                    for piece in pieces(text):
                        told = {"content": _logprobs(piece), "refusal": None} if answer.logprobs else None
                        yield chunk(index, {"content": piece}, logprobs=told)
                case Refusal(text):
                    yield from (chunk(index, {"refusal": piece}) for piece in pieces(text))
                case Call(name, args):
                    function = {"name": name, "arguments": ""}
                    head = {"index": place, "id": _call_id(seed, place), "type": "function", "function": function}
                    yield chunk(index, {"tool_calls": [head]})
                    for piece in pieces(json.dumps(args, ensure_ascii=False)):
                        yield chunk(index, {"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
                    place += 1
    for index in range(answer.choices):
        yield chunk(index, {}, FINISH[answer.stop])
    if wants_usage:
        yield data({**base, "choices": [], "usage": _usage(answer), "obfuscation": ""})
    yield b"data: [DONE]\n\n"


def preamble(request: Any, model: str, seed: str) -> list[bytes]:
    """What comes before any content."""
    return [next(stream(Answer(()), request, model, seed))]


def _message(answer: Answer, seed: str) -> dict[str, Any]:
    text = _text(answer) or None
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    calls = [part for part in answer.parts if isinstance(part, Call)]
    for part in answer.parts:
        if isinstance(part, Thought):
            message["reasoning_content"] = message.get("reasoning_content", "") + part.text
        if isinstance(part, Refusal):
            message["refusal"] = part.text
    if calls:
        message["tool_calls"] = [
            {
                "id": _call_id(seed, place),
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.args, ensure_ascii=False)},
            }
            for place, call in enumerate(calls)
        ]
    return message


def _call_id(seed: str, place: int) -> str:
    return f"call_{seed}{place}"


def _text(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


def _logprobs(text: str) -> list[Any]:
    def one(token: str) -> dict[str, Any]:
        return {"token": token, "logprob": -0.25, "bytes": list(token.encode())}

    return [{**one(token), "top_logprobs": [one(token)]} for token in pieces(text)]


def _usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "prompt_tokens": usage.asked,
        "completion_tokens": usage.answered,
        "total_tokens": usage.asked + usage.answered,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "audio_tokens": 0,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
