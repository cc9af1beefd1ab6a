"""What the object of an SDK means, whatever its format."""

from dataclasses import dataclass, field
from typing import Any

from matrix.words import Failed, Format, Got

STOPS: dict[Format, dict[str | None, str]] = {
    "chat": {
        "stop": "end",
        "tool_calls": "tool",
        "function_call": "tool",
        "length": "length",
        "content_filter": "refusal",
    },
    "responses": {
        "completed": "end",
        "incomplete: max_output_tokens": "length",
        "incomplete: content_filter": "refusal",
    },
    "anthropic": {
        "end_turn": "end",
        "tool_use": "tool",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "stop_sequence": "sequence",
        "pause_turn": "pause",
        "refusal": "refusal",
    },
    "gemini": {
        "STOP": "end",
        "MAX_TOKENS": "length",
        "SAFETY": "refusal",
        "PROHIBITED_CONTENT": "refusal",
        "blocked: SAFETY": "refusal",
        "blocked: PROHIBITED_CONTENT": "refusal",
        "blocked: MODEL_ARMOR": "refusal",
    },
}
# By what the SDK says of the error: its type or code in the words of its format, else its status.
WORDS: dict[str, str] = {
    "insufficient_quota": "quota",
    "billing_error": "quota",
    "rate_limit_exceeded": "rate limit",
    "rate_limit_error": "rate limit",
    "server_error": "internal",
    "api_error": "internal",
    "INTERNAL": "internal",
    "server_overloaded": "overloaded",
    "server_is_overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "UNAVAILABLE": "overloaded",
    "model_not_found": "missing",
    "not_found_error": "missing",
    "NOT_FOUND": "missing",
}
STATUSES: dict[int | None, str] = {402: "quota", 404: "missing", 429: "rate limit", 500: "internal", 502: "internal"}
# What the words of an invalid request are, where no status says so: in a stream.
INVALID = ("invalid_request_error", "INVALID_ARGUMENT", "tool_use_failed", "400")


@dataclass(frozen=True)
class Meaning:
    text: str = ""
    refusal: str = ""
    spoken: str = ""
    """The words of what is heard."""
    thoughts: tuple[str, ...] = ()
    calls: tuple[tuple[str, Any], ...] = ()
    stop: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    choices: int = 1
    error: str = ""
    """Its kind; `text` is what had come before."""
    status: int | None = None
    """Of an error that came instead of an answer."""


def meaning(format: Format, got: Got | Failed) -> Meaning:
    if isinstance(got, Failed):
        status = got.status if (got.status or 0) >= 400 else None
        return Meaning(text=got.text, error=_error(got.kind, status), status=status)
    if got.stop == "failed":
        # The SDK takes it for an answer.
        return Meaning(text=got.text, error=_error(got.failure, None))
    stop = STOPS[format].get(got.stop, f"unknown: {got.stop}")
    if stop == "end" and got.refusal:
        stop = "refusal"
    if stop == "end" and got.calls:
        stop = "tool"
    return Meaning(
        text=got.text,
        refusal=got.refusal,
        spoken=got.spoken,
        thoughts=tuple(filter(None, got.thoughts or [got.thought])),
        calls=tuple((call.name, call.args) for call in got.calls),
        stop=stop,
        usage=_usage(format, got.usage),
        # A blocked prompt has no answer in Gemini, and an empty one elsewhere.
        choices=max(got.choices, 1),
    )


def differences(wanted: Meaning, got: Meaning) -> list[str]:
    told = [
        f"{name}: wanted {getattr(wanted, name)!r}, got {getattr(got, name)!r}"
        for name in ("text", "refusal", "spoken", "calls", "stop", "usage", "choices", "error")
        if getattr(wanted, name) != getattr(got, name) and not (name == "text" and wanted.error)
    ]
    # Parts of a thought are told apart by a blank line where a format has no parts.
    ways = [{"".join(said.thoughts), "\n\n".join(said.thoughts)} for said in (wanted, got)]
    if not ways[0] & ways[1]:
        told.append(f"thoughts: wanted {wanted.thoughts}, got {got.thoughts}")
    if wanted.error and got.text != wanted.text and (got.text or not got.status):
        told.append(f"before the error: wanted {wanted.text!r} or no answer at all, got {got.text!r}")
    if wanted.status and got.status != wanted.status:
        told.append(f"status: wanted {wanted.status}, got {got.status}")
    return told


def _error(said: str | int | None, status: int | None) -> str:
    said = str(said)
    if found := WORDS.get(said) or STATUSES.get(status):
        return found
    return "invalid" if status == 400 or said in INVALID else f"unknown: {said}"


def _usage(format: Format, told: dict[str, int | None]) -> dict[str, int]:
    """What a vendor does not say is none: most formats cannot leave it open."""
    said = {name: count or 0 for name, count in told.items()}

    def of(*names: str) -> int:
        return sum(said.get(name, 0) for name in names)

    if format == "anthropic":
        asked, written, answered = of("input", "read", "write"), of("write"), of("output")
    elif format == "gemini":
        asked, written, answered = of("prompt", "tools"), 0, of("candidates", "reasoning")
    else:
        asked, written, answered = of("prompt"), of("written"), of("completion")
    cached = of("read", "cached")
    return {"input": asked, "cached": cached, "written": written, "output": answered, "reasoning": of("reasoning")}
