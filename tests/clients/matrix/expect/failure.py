"""What the client's SDK must raise."""

from collections.abc import Iterator

from ..vendor import faults
from ..vendor.server import SAID
from ..words import Failed, Fault, Format

CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
GATEWAYS = (500, 502, 503, 504)


def statuses(client: Format, kind: str) -> tuple[int, ...]:
    """The statuses that mean the kind in the client's format."""
    # Anthropic's SDK knows both, and Anthropic says 529.
    overloaded = (529, 503) if client == "anthropic" else (503,)
    return {
        "invalid": (400,),
        # Gemini itself says 400 for a wrong key.
        "unauthenticated": (400, 401) if client == "gemini" else (401,),
        "forbidden": (403,),
        "missing": (404,),
        "too_large": (413,),
        "rate_limit": (429,),
        "quota": (400, 402, 403, 429),
        "internal": (500, 502),
        "overloaded": overloaded,
        "timeout": (504, 408),
        "context": (400,),
        "policy": (400,),
    }.get(kind, GATEWAYS)


# The type (or code) of the error in the client's words.
KINDS: dict[Format, dict[str, tuple[str, ...]]] = {
    "chat": {
        "rate_limit": ("rate_limit_exceeded",),
        "quota": ("insufficient_quota",),
        "context": ("context_length_exceeded",),
        "policy": ("content_policy_violation", "content_filter"),
        "unauthenticated": ("invalid_api_key",),
    },
    "responses": {
        "rate_limit": ("rate_limit_exceeded",),
        "quota": ("insufficient_quota",),
        "context": ("context_length_exceeded",),
        "policy": ("content_policy_violation", "invalid_prompt", "content_filter"),
        "unauthenticated": ("invalid_api_key",),
    },
    "anthropic": {
        "invalid": ("invalid_request_error",),
        "unauthenticated": ("authentication_error",),
        "forbidden": ("permission_error",),
        "missing": ("not_found_error",),
        "too_large": ("request_too_large",),
        "rate_limit": ("rate_limit_error",),
        "internal": ("api_error",),
        "overloaded": ("overloaded_error",),
        "timeout": ("timeout_error",),
        "context": ("invalid_request_error",),
        "policy": ("invalid_request_error",),
    },
    "gemini": {
        "invalid": ("INVALID_ARGUMENT",),
        "unauthenticated": ("UNAUTHENTICATED", "INVALID_ARGUMENT"),
        "forbidden": ("PERMISSION_DENIED",),
        "missing": ("NOT_FOUND",),
        "too_large": ("INVALID_ARGUMENT",),
        "rate_limit": ("RESOURCE_EXHAUSTED",),
        "quota": ("RESOURCE_EXHAUSTED",),
        "internal": ("INTERNAL",),
        "overloaded": ("UNAVAILABLE",),
        "timeout": ("DEADLINE_EXCEEDED",),
        "context": ("INVALID_ARGUMENT",),
        "policy": ("INVALID_ARGUMENT",),
    },
}


def problems(client: Format, vendor: Format, fault: Fault, failed: Failed, key: str) -> list[str]:
    kind = fault.kind.removeprefix("event_")
    told = [*_told(client, fault, kind, failed, key)]
    if told and fault.kind == "event_overloaded" and vendor in ("chat", "responses"):
        # Without a status OpenAI's event says no more than that the server failed.
        return [*_told(client, fault, "internal", failed, key)]
    return told


def _told(client: Format, fault: Fault, kind: str, failed: Failed, key: str) -> Iterator[str]:
    if not failed.error.startswith(("openai.", "anthropic.", "google.")):
        yield f"raised {failed.error}: {failed.message}"
    if key in failed.message or "<html" in failed.message:
        yield f"the message tells too much: {failed.message!r}"
    if not failed.message:
        yield "no message"
    if fault.after_content:
        if failed.text != SAID and not failed.text.startswith(SAID):
            yield f"wanted what had come, got {failed.text!r}"
    elif failed.status not in statuses(client, kind):
        yield f"wanted one of {statuses(client, kind)}, got {failed.status} ({failed.error}: {failed.message})"
    else:
        yield from _class(client, failed)
    kinds = KINDS[client].get(kind)
    if kinds and failed.kind not in kinds:
        yield f"wanted one of {kinds} as the type, got {failed.kind!r}"
    if kind == "rate_limit" and fault.kind == kind and failed.headers.get("retry-after") != faults.RETRY_AFTER:
        yield f"retry-after is {failed.headers.get('retry-after')!r}"
    if kind == "context" and client == "anthropic" and "prompt is too long" not in failed.message:
        yield f"Claude Code does not know a full context by {failed.message!r}"


def _class(client: Format, failed: Failed) -> Iterator[str]:
    status = failed.status or 0
    if client == "gemini":
        wanted = "ClientError" if status < 500 else "ServerError"
    else:
        wanted = CLASSES.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
    if wanted not in failed.family:
        yield f"wanted {wanted} for {status}, got {failed.error}"
