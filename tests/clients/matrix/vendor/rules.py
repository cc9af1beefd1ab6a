"""What the vendors demand beyond their types: each line is a 400 of the real API."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ..hear.gemini import spelled
from ..words import Format

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LONG_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
GEMINI_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")


def complaint(format: Format, request: Any) -> str | None:
    broken = {"chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini}[format]
    return "; ".join(broken(request)) or None


def _chat(request: Any) -> Iterator[str]:
    yield from _openai(request)
    open_calls: set[str] = set()
    for at, message in enumerate(request["messages"]):
        where = f"messages[{at}]"
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                yield f"{where}: a tool message must answer a call of the message before"
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            yield f"{where}: the calls {sorted(open_calls)} were not answered"
        calls = message.get("tool_calls") or []
        open_calls = {call["id"] for call in calls}
        if len(open_calls) != len(calls):
            yield f"{where}: two calls have one id"
        for call in calls:
            if not _is_object(call["function"]["arguments"]):
                yield f"{where}: arguments are no JSON object: {call['function']['arguments']!r}"
        if role == "assistant" and not calls and message.get("content") is None and not message.get("refusal"):
            yield f"{where}: neither content nor calls"
    if open_calls:
        yield f"the calls {sorted(open_calls)} were not answered"
    if "max_tokens" in request and "max_completion_tokens" in request:
        yield "max_tokens and max_completion_tokens together"
    if "stream_options" in request and not request.get("stream"):
        yield "stream_options without stream"
    if len(request.get("stop") or []) > 4 and not isinstance(request["stop"], str):
        yield "more than four stop sequences"
    for tool in request.get("tools", []):
        if tool["type"] == "function" and not NAME.fullmatch(tool["function"]["name"]):
            yield f"tool name {tool['function']['name']!r}"
    output = request.get("response_format") or {}
    if output.get("type") == "json_schema" and not NAME.fullmatch(output["json_schema"]["name"]):
        yield f"name of the schema {output['json_schema']['name']!r}"


def _openai(request: Any) -> Iterator[str]:
    if not request.get("tools"):
        for key in ("tool_choice", "parallel_tool_calls"):
            # Responses says these two by default.
            if request.get(key) not in (None, "auto", "none", True):
                yield f"{key} without tools"


PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}


def _responses(request: Any) -> Iterator[str]:
    yield from _openai(request)
    items = request["input"] if isinstance(request["input"], list) else []
    called: set[str] = set()
    answered: set[str] = set()
    for at, item in enumerate(items):
        where = f"input[{at}]"
        kind = item.get("type", "message")
        prefix = PREFIXES.get(kind)
        if prefix and item.get("id") and not item["id"].startswith(prefix):
            yield f"{where}: the id {item['id']!r} does not begin with {prefix!r}"
        if kind == "message" and isinstance(item["content"], list):
            wanted = ("output_text", "refusal") if item["role"] == "assistant" else ("input_",)
            for part in item["content"]:
                if not part["type"].startswith(wanted):
                    yield f"{where}: {part['type']} from {item['role']}"
        if kind == "function_call":
            called.add(item["call_id"])
            if not _is_object(item["arguments"]):
                yield f"{where}: arguments are no JSON object: {item['arguments']!r}"
        if kind == "function_call_output":
            answered.add(item["call_id"])
            if item["call_id"] not in called:
                yield f"{where}: no call has the id {item['call_id']!r}"
        if kind == "reasoning" and not _goes_on(items[at + 1 :]):
            yield f"{where}: reasoning without the item that must follow it"
    if called - answered:
        yield f"the calls {sorted(called - answered)} were not answered"
    for tool in request.get("tools", []):
        if tool["type"] == "function" and not NAME.fullmatch(tool["name"]):
            yield f"tool name {tool['name']!r}"
    output = (request.get("text") or {}).get("format") or {}
    if output.get("type") == "json_schema" and not NAME.fullmatch(output["name"]):
        yield f"name of the schema {output['name']!r}"


def _goes_on(rest: list[Any]) -> bool:
    if not rest:
        return False
    kind = rest[0].get("type", "message")
    if kind == "reasoning":
        return _goes_on(rest[1:])
    return kind == "function_call" or rest[0].get("role") == "assistant"


def _anthropic(request: Any) -> Iterator[str]:
    messages = request["messages"]
    thinking = (request.get("thinking") or {}).get("type")
    budget = (request.get("thinking") or {}).get("budget_tokens")
    choice = (request.get("tool_choice") or {}).get("type")
    if not messages or messages[0]["role"] != "user":
        yield "the first message must be the user's"
    if budget is not None and not 1024 <= budget < request["max_tokens"]:
        yield f"a budget of {budget} must be at least 1024 and less than max_tokens, {request['max_tokens']}"
    if thinking in ("enabled", "adaptive") and choice in ("any", "tool"):
        yield "thinking may not be enabled when tool_choice forces a tool"
    if choice and not request.get("tools"):
        yield "tool_choice without tools"
    waiting: list[str] = []
    seen: set[str] = set()
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        blocks = message["content"]
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        if not blocks and at + 1 < len(messages):
            yield f"{where}: no content"
        results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        first = [b["type"] == "tool_result" for b in blocks[: len(results)]]
        if sorted(results) != sorted(waiting):
            yield f"{where}: results of {results} for the calls {waiting}"
        elif not all(first):
            yield f"{where}: results of tools must stand first"
        waiting = [b["id"] for b in blocks if b["type"] == "tool_use"]
        if set(waiting) & seen or len(set(waiting)) != len(waiting):
            yield f"{where}: ids of calls must be unique"
        seen |= set(waiting)
        for block in blocks:
            if block["type"] == "text" and not block["text"].strip():
                yield f"{where}: text blocks must not be empty"
            if block["type"] == "tool_use" and not LONG_NAME.fullmatch(block["id"]):
                yield f"{where}: the id of the call {block['id']!r}"
        open_turn = message["role"] == "assistant" and not any(_is_plain_user(m) for m in messages[at + 1 :])
        is_signed = not waiting or blocks[0]["type"] in ("thinking", "redacted_thinking")
        if thinking == "enabled" and open_turn and not is_signed:
            yield f"{where}: expected thinking, found {blocks[0]['type']}"
    if waiting:
        yield f"the calls {waiting} were not answered"
    for tool in request.get("tools", []):
        schema = tool.get("input_schema", {"type": "object"})
        if not LONG_NAME.fullmatch(tool["name"]):
            yield f"tool name {tool['name']!r}"
        if schema.get("type") != "object" or set(schema) & {"anyOf", "oneOf", "allOf"}:
            yield f"input_schema of {tool['name']}: must be an object"


def _is_plain_user(message: Any) -> bool:
    content = message["content"]
    is_result = isinstance(content, list) and any(b["type"] == "tool_result" for b in content)
    return message["role"] == "user" and not is_result


def _gemini(request: Any) -> Iterator[str]:
    request = spelled(request)
    contents = request["contents"]
    if not contents:
        yield "no contents"
    waiting: list[str] | None = None
    for at, content in enumerate(contents):
        where = f"contents[{at}]"
        if content.get("role") not in ("user", "model"):
            yield f"{where}: the role {content.get('role')!r}"
        parts = content.get("parts") or []
        if not parts:
            yield f"{where}: no parts"
        answers = [p["functionResponse"]["name"] for p in parts if "functionResponse" in p]
        if (answers or waiting) and sorted(answers) != sorted(waiting or []):
            yield f"{where}: responses of {answers} for the calls {waiting}"
        calls = [p["functionCall"]["name"] for p in parts if "functionCall" in p]
        if calls and (at == 0 or contents[at - 1].get("role") != "user"):
            yield f"{where}: calls must come after a turn of the user"
        waiting = calls
        for part in parts:
            bodies = set(part) & {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
            if len(bodies) != 1 and "thoughtSignature" not in part:
                yield f"{where}: a part must be one of its kinds, not {sorted(part)}"
    if waiting:
        yield f"the calls {waiting} were not answered"
    for tool in request.get("tools", []):
        for function in tool.get("functionDeclarations", []):
            if not GEMINI_NAME.fullmatch(function["name"]):
                yield f"tool name {function['name']!r}"
            if "parameters" in function and "parametersJsonSchema" in function:
                yield f"{function['name']}: two schemas"
            own = function.get("parameters") or {}
            if own.get("type") == "OBJECT" and not own.get("properties"):
                yield f"{function['name']}: properties must not be empty for an object"
    calling = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if calling.get("allowedFunctionNames") and calling.get("mode") not in ("ANY", "VALIDATED"):
        yield "allowedFunctionNames without the mode ANY"
    config = request.get("generationConfig") or {}
    schemas = [key for key in ("responseSchema", "responseJsonSchema") if key in config]
    if len(schemas) == 2:
        yield "two schemas of the answer"
    if schemas and config.get("responseMimeType") != "application/json":
        yield f"{schemas[0]} without responseMimeType application/json"
    if len(config.get("stopSequences") or []) > 5:
        yield "more than five stop sequences"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
