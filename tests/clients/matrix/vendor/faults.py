"""How each vendor fails."""

import json
from dataclasses import dataclass, field
from typing import Any

from ..words import Format
from .writing import data, event

RETRY_AFTER = "30"

# kind: status and the error's words in each format. None: that vendor has no such error.
CHAT_ERRORS: dict[str, tuple[int, str, str | None, str] | None] = {
    "invalid": (400, "invalid_request_error", None, "Invalid value for 'top_p'."),
    "unauthenticated": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "forbidden": (403, "invalid_request_error", None, "You are not allowed to do this."),
    "missing": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "too_large": (413, "invalid_request_error", None, "The request is too large."),
    "rate_limit": (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "internal": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (503, "server_error", None, "The engine is currently overloaded."),
    "timeout": (504, "server_error", None, "The request timed out."),
    "context": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
    ),
    "policy": (400, "invalid_request_error", "content_policy_violation", "Your request was rejected."),
}
ANTHROPIC_ERRORS: dict[str, tuple[int, str, str] | None] = {
    "invalid": (400, "invalid_request_error", "top_p: must be less than 1"),
    "unauthenticated": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (403, "permission_error", "Your API key does not have permission."),
    "missing": (404, "not_found_error", "model: at-anthropic"),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
    "rate_limit": (429, "rate_limit_error", "Number of requests has exceeded your rate limit"),
    "quota": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "internal": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "timeout": (504, "timeout_error", "The request timed out"),
    "context": (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "policy": (400, "invalid_request_error", "Output blocked by content filtering policy"),
}
GEMINI_ERRORS: dict[str, tuple[int, str, str] | None] = {
    "invalid": (400, "INVALID_ARGUMENT", "Invalid value at 'generation_config.top_p'"),
    "unauthenticated": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "forbidden": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "missing": (404, "NOT_FOUND", "models/at-gemini is not found for API version v1beta"),
    "too_large": (413, "INVALID_ARGUMENT", "Request payload size exceeds the limit"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "quota": None,
    "internal": (500, "INTERNAL", "An internal error has occurred."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "timeout": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "context": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "policy": None,
}

ERRORS = tuple(CHAT_ERRORS)
# What is wrong with the connection or with the bytes.
BROKEN = ("html", "empty", "truncated", "no_json", "closed")
# What only streams do, before their first content and after it.
STREAM_BEFORE = ("event_overloaded", "event_rate_limit", "preamble_only", "cut")
STREAM_AFTER = ("event_overloaded", "event_internal", "cut", "end")


@dataclass
class Broken:
    """A failing answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    close: bool = False
    """The connection ends where it is, without the end of the body."""
    content_type: str = "application/json"


def exists(format: Format, kind: str) -> bool:
    return kind not in CHAT_ERRORS or error(format, kind) is not None


def error(format: Format, kind: str) -> tuple[int, bytes] | None:
    """Status and body of an error."""
    if format in ("chat", "responses"):
        if not (said := CHAT_ERRORS[kind]):
            return None
        status, name, code, message = said
        body: Any = {"error": {"message": message, "type": name, "param": None, "code": code}}
    elif format == "anthropic":
        if not (known := ANTHROPIC_ERRORS[kind]):
            return None
        status, name, message = known
        body = {"type": "error", "error": {"type": name, "message": message}, "request_id": "req_011"}
    else:
        if not (known := GEMINI_ERRORS[kind]):
            return None
        status, name, message = known
        body = {"error": {"code": status, "message": message, "status": name}}
        if kind == "unauthenticated":
            info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            body["error"]["details"] = [info]
    return status, json.dumps(body, indent=2).encode()


def before(format: Format, kind: str, whole: bytes, stream: bool) -> Broken:
    """A failure in place of the answer; `whole`: the answer that would have come."""
    if kind in CHAT_ERRORS:
        told = error(format, kind)
        assert told is not None, f"{format} has no {kind}"
        headers = {"retry-after": RETRY_AFTER} if kind == "rate_limit" else {}
        return Broken(told[0], headers, told[1])
    kinds = "text/event-stream" if stream else "application/json"
    match kind:
        case "html":
            page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
            return Broken(502, {}, page, content_type="text/html")
        case "empty":
            return Broken(200, {}, b"", content_type=kinds)
        case "truncated":
            return Broken(200, {}, b"" if stream else whole[: len(whole) // 2], content_type=kinds)
        case "no_json":
            return Broken(200, {}, b"upstream connect error", content_type="text/plain")
        case "closed":
            return Broken(0, close=True)
    raise AssertionError(kind)


def in_stream(format: Format, kind: str, request: Any, model: str, seed: str) -> tuple[bytes, bool]:
    """The bytes with which a stream fails, and whether the connection ends right there."""
    match kind:
        case "preamble_only" | "end":
            return b"", False
        case "cut":
            return b"", True
    told = error(format, kind.removeprefix("event_"))
    assert told is not None
    body = json.loads(told[1])
    if format == "anthropic":
        return event("error", body), False
    if format == "responses":
        flat = {key: body["error"][key] for key in ("code", "message", "param")}
        return event("error", {"type": "error", "sequence_number": 9, **flat, "error": body["error"]}), False
    return data(body), False
