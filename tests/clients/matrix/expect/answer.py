"""What the client's SDK must hold."""

from collections.abc import Iterator
from typing import Any

from ..words import Answer, Call, Format, Got, Refusal, Stop, Text, Thought

ANY_STOP: dict[Format, dict[Stop, tuple[str, ...]]] = {
    "chat": {
        "end": ("stop",),
        "tool": ("tool_calls",),
        "length": ("length",),
        "sequence": ("stop",),
        "refusal": ("stop", "content_filter"),
        "filter": ("content_filter",),
    },
    "responses": {
        "end": ("completed",),
        "tool": ("completed",),
        "length": ("incomplete: max_output_tokens",),
        "sequence": ("completed",),
        "refusal": ("completed", "incomplete: content_filter"),
        "filter": ("incomplete: content_filter",),
    },
    "anthropic": {
        "end": ("end_turn",),
        "tool": ("tool_use",),
        "length": ("max_tokens",),
        "sequence": ("stop_sequence",),
        "refusal": ("refusal",),
        "filter": ("refusal",),
    },
    "gemini": {
        "end": ("STOP",),
        "tool": ("STOP",),
        "length": ("MAX_TOKENS",),
        "sequence": ("STOP",),
        "refusal": ("SAFETY", "PROHIBITED_CONTENT", "OTHER", "STOP"),
        "filter": ("SAFETY", "PROHIBITED_CONTENT", "blocked: PROHIBITED_CONTENT", "blocked: SAFETY"),
    },
}
PREFIXES: dict[Format, str] = {"chat": "chatcmpl-", "responses": "resp_", "anthropic": "msg_", "gemini": ""}


def problems(client: Format, vendor: Format, model: str, answer: Answer, got: Got) -> list[str]:
    return [*got.problems, *_content(client, vendor, answer, got), *_end(client, vendor, model, answer, got)]


def _content(client: Format, vendor: Format, answer: Answer, got: Got) -> Iterator[str]:
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    refusal = "".join(part.text for part in answer.parts if isinstance(part, Refusal))
    thought = "".join(part.text for part in answer.parts if isinstance(part, Thought))
    calls = [(part.name, part.args) for part in answer.parts if isinstance(part, Call)]
    if refusal:
        if refusal not in (got.text, got.refusal):
            yield f"the refusal {refusal!r} is told as text {got.text!r}, refusal {got.refusal!r}"
    elif got.text != text:
        yield f"wanted {text!r}, got {got.text!r}"
    if got.thought != thought:
        yield f"wanted the thought {thought!r}, got {got.thought!r}"
    if [(call.name, call.args) for call in got.calls] != calls:
        yield f"wanted the calls {calls}, got {got.calls}"
    ids = [call.id for call in got.calls]
    if client != "gemini" and (not all(ids) or len(set(ids)) != len(ids)):
        yield f"the calls have the ids {ids}"
    if answer.choices != got.choices and not answer.blocked:
        yield f"{answer.choices} choices were answered, {got.choices} came"
    if answer.logprobs and not got.logprobs:
        yield "the log probabilities are lost"


def _end(client: Format, vendor: Format, model: str, answer: Answer, got: Got) -> Iterator[str]:
    stops = ANY_STOP[client][answer.stop]
    says_which = vendor == "anthropic"
    if answer.stop == "sequence" and client == "anthropic" and not says_which:
        stops = ("end_turn", "stop_sequence")
    if answer.stop == "filter" and vendor == "anthropic" and got.refusal:
        # Anthropic says refusal in both cases, and says why.
        stops = ANY_STOP[client]["refusal"]
    if got.stop not in stops:
        yield f"wanted one of {stops} as the end, got {got.stop!r}"
    wanted = answer.sequence if client == "anthropic" and says_which else None
    if got.sequence != wanted:
        yield f"wanted the stop sequence {wanted!r}, got {got.sequence!r}"
    if got.model != model:
        yield f"wanted the model {model}, got {got.model!r}"
    if not got.id.startswith(PREFIXES[client]) or not got.id:
        yield f"the id {got.id!r}"
    for name, count in usage(client, vendor, answer).items():
        # A vendor that says nothing of a bucket says none.
        if got.usage.get(name) != count and (count or got.usage.get(name)):
            yield f"usage: wanted {count} as {name}, got {got.usage}"


def usage(client: Format, vendor: Format, answer: Answer) -> dict[str, Any]:
    """The vendor's count in the client's way of counting."""
    told = answer.usage
    asked, answered, cached, reasoning = told.asked, told.answered, told.cache_read, told.reasoning
    written = told.cache_write
    if vendor == "gemini":
        # It has no count of what is written to a cache.
        written = 0
        if answer.blocked:
            answered = reasoning = 0
    if client == "anthropic":
        fresh = asked - cached - written
        return {"input": fresh, "read": cached, "write": written, "output": answered, "reasoning": reasoning}
    if client == "gemini":
        told_apart = {"candidates": answered - reasoning, "reasoning": reasoning}
        return {"prompt": asked, "total": asked + answered, "cached": cached, **told_apart}
    return {
        "prompt": asked,
        "completion": answered,
        "total": asked + answered,
        "cached": cached,
        "written": written,
        "reasoning": reasoning,
    }

