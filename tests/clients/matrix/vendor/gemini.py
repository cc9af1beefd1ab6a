"""Answers of Gemini: calls whole and without ids, the signature on the first call or behind the text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..words import Answer, Call, Refusal, Text, Thought
from .seals import seal
from .writing import data as plain_data
from .writing import pieces

FINISH = {
    "end": "STOP",
    "tool": "STOP",
    "length": "MAX_TOKENS",
    "sequence": "STOP",
    "refusal": "PROHIBITED_CONTENT",
    "filter": "SAFETY",
}


def data(value: Any) -> bytes:
    return plain_data(value, plain=False)


def whole(answer: Answer, request: Any, model: str, seed: str) -> bytes:
    if answer.blocked:
        return _json(_blocked(answer, model, seed))
    parts = [part for group in _parts(answer) for part in group]
    candidates = []
    for index in range(answer.choices):
        candidate = {"content": {"parts": _joined(parts), "role": "model"}, "finishReason": FINISH[answer.stop]}
        if answer.logprobs:
            candidate |= _logprobs("".join(p.get("text", "") for p in parts))
        candidates.append({**candidate, "index": index})
    return _json({"candidates": candidates, **_rest(answer, model, seed)})


def stream(answer: Answer, request: Any, model: str, seed: str) -> Iterator[bytes]:
    if answer.blocked:
        yield data(_blocked(answer, model, seed))
        return
    groups = _parts(answer) or [[{"text": ""}]]
    for at, group in enumerate(groups):
        is_last = at + 1 == len(groups)
        for index in range(answer.choices):
            candidate: dict[str, Any] = {"content": {"parts": group, "role": "model"}}
            if is_last:
                candidate["finishReason"] = FINISH[answer.stop]
            if answer.logprobs and (text := "".join(p.get("text", "") for p in group)):
                candidate |= _logprobs(text)
            yield data({"candidates": [{**candidate, "index": index}], **_rest(answer, model, seed, is_last)})


def preamble(request: Any, model: str, seed: str) -> list[bytes]:
    """Gemini has none; an event without content comes nearest."""
    candidate = {"content": {"role": "model"}, "index": 0}
    return [data({"candidates": [candidate], **_rest(Answer(()), model, seed, False)})]


def _parts(answer: Answer) -> list[list[dict[str, Any]]]:
    """A list for each event."""
    state = next((part.seal for part in answer.parts if isinstance(part, Thought) and part.seal), "")
    first = True
    groups: list[list[dict[str, Any]]] = []
    calls: list[dict[str, Any]] = []
    for part in answer.parts:
        match part:
            case Thought(text):
                groups += [[{"text": piece, "thought": True}] for piece in pieces(text, 24)]
            case Text(text) | Refusal(text):
                groups += [[{"text": piece}] for piece in pieces(text, 24)]
            case Call(name, args):
                call: dict[str, Any] = {"functionCall": {"name": name, "args": args}}
                if state and first:
                    call["thoughtSignature"] = seal("gemini", state)
                first = False
                calls.append(call)
    if calls:
        groups.append(calls)
    elif state:
        groups.append([{"text": "", "thoughtSignature": seal("gemini", state)}])
    return groups


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Texts of one kind in one part, as a whole answer has them."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        last = joined[-1] if joined else {}
        if "text" in part and "text" in last and part.get("thought") == last.get("thought"):
            joined[-1] = {**last, **part, "text": last["text"] + part["text"]}
        else:
            joined.append(part)
    return joined


def _rest(answer: Answer, model: str, seed: str, is_last: bool = True) -> dict[str, Any]:
    usage = answer.usage
    told = {
        "promptTokenCount": usage.asked,
        "totalTokenCount": usage.asked + usage.answered,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.asked}],
    }
    if is_last:
        told["candidatesTokenCount"] = usage.output
    if usage.cache_read:
        told["cachedContentTokenCount"] = usage.cache_read
        told["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cache_read}]
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    return {"usageMetadata": told, "modelVersion": model, "responseId": seed}


def _blocked(answer: Answer, model: str, seed: str) -> dict[str, Any]:
    unanswered = replace(answer, usage=replace(answer.usage, output=0, reasoning=0))
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **_rest(unanswered, model, seed, False)}


def _logprobs(text: str) -> dict[str, Any]:
    chosen = [{"token": token, "tokenId": 7, "logProbability": -0.25} for token in pieces(text)]
    top = [{"candidates": [token]} for token in chosen]
    return {"avgLogprobs": -0.25, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": top}}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()
