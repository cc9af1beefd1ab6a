"""What vendors have answered."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix.words import Format

APIS: dict[str, Format] = {"chat": "chat", "responses": "responses", "messages": "anthropic", "gemini": "gemini"}
NAMES: dict[str, Format] = {
    "openai_chat": "chat",
    "openai_responses": "responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
}
END = 'data: {"type":"message_stop"}\n\n'
GOLDENS = Path(__file__).parents[2] / "wire_golden"


@dataclass(frozen=True)
class Reply:
    name: str
    format: Format
    stream: bool
    status: int
    headers: dict[str, str]
    body: bytes
    is_own: bool
    """Written by hand."""


def everything() -> list[Reply]:
    return [*_goldens("answers"), *_goldens("streams"), *_recorded()]


def _goldens(folder: str) -> Iterator[Reply]:
    stream = folder == "streams"
    headers = {"content-type": "text/event-stream" if stream else "application/json"}
    for path in sorted((GOLDENS / folder).iterdir()):
        format = NAMES[path.name.split(".")[0]]
        yield Reply(path.name, format, stream, 200, headers, path.read_bytes(), is_own=True)


def _recorded() -> Iterator[Reply]:
    folder = os.environ.get("TIDEGATE_FIXTURES")
    if not folder:
        return
    with (Path(folder) / "recorded.jsonl").open() as lines:
        for line in lines:
            record = json.loads(line)
            if record["api"] in APIS:
                yield _one(record)


def _one(record: dict[str, Any]) -> Reply:
    told = record["response_headers"]
    headers = {name: told[name] for name in ("content-type", "retry-after") if name in told}
    body: str = record["response_body"]
    stream: bool = record["stream"]
    if record["api"] == "gemini" and ":streamGenerateContent" in record["request_path"] and not stream:
        # An array, as it comes without `alt=sse`. The SDK asks for events: then each element is one.
        body = "".join(f"data: {json.dumps(element)}\r\n\r\n" for element in json.loads(body))
        headers["content-type"] = "text/event-stream"
        stream = True
    # Three of them are two answers, one after the other.
    body = body[: end + len(END)] if (end := body.find(END)) > 0 else body
    return Reply(record["id"], APIS[record["api"]], stream, record["status"], headers, body.encode(), is_own=False)
