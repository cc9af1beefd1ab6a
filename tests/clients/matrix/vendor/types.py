"""Whether a request fits the types of the vendor's own SDK, strictly: no unknown keys, no wrong types, nothing missing.

The SDKs' `TypedDict`s let unknown keys pass and read lists lazily, so their schemas are taken and made strict. What
only answers have (the SDKs allow to hand answer objects back) is no part of a request.
"""

import json
from functools import cache
from typing import Any

from anthropic.types import message_create_params
from google.genai import models as genai_models
from google.genai import types as genai
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from ..words import Format

SDK_TYPES: dict[tuple[str, bool], Any] = {
    ("chat", False): completion_create_params.CompletionCreateParamsNonStreaming,
    ("chat", True): completion_create_params.CompletionCreateParamsStreaming,
    ("responses", False): response_create_params.ResponseCreateParamsNonStreaming,
    ("responses", True): response_create_params.ResponseCreateParamsStreaming,
    ("anthropic", False): message_create_params.MessageCreateParamsNonStreaming,
    ("anthropic", True): message_create_params.MessageCreateParamsStreaming,
}


def complaint(format: Format, stream: bool, body: bytes) -> str | None:
    """What is wrong with the request; `None`: nothing."""
    if format == "gemini":
        return _gemini(body)
    try:
        request = json.loads(body)
        if format == "chat":
            request = _without_extensions(request)
        _validator(format, stream).validate_json(json.dumps(request), strict=True)
    except ValidationError as error:
        return _words(error)
    except ValueError as error:
        return f"no JSON: {error}"
    return None


def _without_extensions(request: Any) -> Any:
    """Without `reasoning_content`, which vendors of this format document and OpenAI's types do not have."""
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list):
        return request
    plain = [{k: v for k, v in m.items() if k != "reasoning_content"} if isinstance(m, dict) else m for m in messages]
    return {**request, "messages": plain}


@cache
def _validator(format: Format, stream: bool) -> SchemaValidator:
    schema = TypeAdapter(SDK_TYPES[format, stream]).core_schema
    answers = {d["ref"] for d in schema.get("definitions", ()) if d["type"] == "model"}
    return SchemaValidator(_strict(schema, answers))


def _strict(node: Any, answers: set[str]) -> Any:
    """`answers`: references to the types that only answers have."""
    if isinstance(node, (list, tuple)):
        return type(node)(_strict(item, answers) for item in node)
    if not isinstance(node, dict):
        return node
    node = {key: _strict(value, answers) for key, value in node.items()}
    kind = node.get("type")
    if kind == "typed-dict":
        # JSON schemas are open, which the SDK says in the configuration of their types.
        is_open = (node.get("config") or {}).get("extra_fields_behavior") == "allow"
        node["extra_behavior"] = "allow" if is_open else "forbid"
    if kind == "generator":
        node["type"] = "list"
    if kind == "union":
        asked = [choice for choice in node["choices"] if not _is_answer(choice, answers)]
        node["choices"] = asked or node["choices"]
    return node


def _is_answer(choice: Any, answers: set[str]) -> bool:
    choice = choice[0] if isinstance(choice, tuple) else choice
    if choice["type"] == "union":
        return all(_is_answer(inner, answers) for inner in choice["choices"])
    return choice["type"] == "model" or choice.get("schema_ref") in answers


def _gemini(body: bytes) -> str | None:
    """The REST body is what the SDK makes of a config and contents, so it is read back into these, and made again."""
    try:
        request = json.loads(body)
        if not isinstance(request, dict):
            return "no object"
        known = {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig"}
        known |= {"cachedContent", "labels", "serviceTier", "store", "continuationToken"}
        if unknown := set(request) - known:
            return f"unknown keys: {sorted(unknown)}"
        for content in request["contents"]:
            genai_models._Content_to_mldev(_read(genai.Content, content))
        if "systemInstruction" in request:
            _read(genai.Content, request["systemInstruction"])
        generation = request.get("generationConfig", {})
        _read(genai.GenerationConfig, generation)
        config = {key: value for key, value in generation.items() if key != "responseJsonSchema"}
        for key in ("tools", "toolConfig", "safetySettings", "cachedContent", "labels", "serviceTier"):
            if key in request:
                config[key] = request[key]
        # Raises for what only Google's other platform takes.
        genai_models._GenerateContentConfig_to_mldev(None, _read(genai.GenerateContentConfig, config), {})
    except ValidationError as error:
        return _words(error)
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _read(model: Any, value: Any) -> Any:
    """In both spellings, `mimeType` and `mime_type`: Google takes both, and its SDK writes both in one request."""
    return model.model_validate_json(json.dumps(value))


def _words(error: ValidationError) -> str:
    """The errors of the branches that were meant: in the others already the type or the role is another."""
    errors = error.errors(include_url=False)
    others = {e["loc"][:-1] for e in errors if e["type"] == "literal_error" and e["loc"][-1] in ("type", "role")}
    others.discard(())
    meant = [e for e in errors if not any(e["loc"][: len(other)] == other for other in others)] or errors
    meant.sort(key=lambda e: -len(e["loc"]))
    told = [f"{_place(e['loc'])}: {e['msg']} ({str(e.get('input'))[:60]})" for e in meant[:4]]
    return f"{error.title}: " + "; ".join(told)


def _place(loc: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in loc if "[" not in str(step))
