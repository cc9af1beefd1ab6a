import json
from collections.abc import Iterator
from typing import Any

from google.genai import types
from pydantic import TypeAdapter

from ..words import Heard, Named, Piece
from .media import of_base64

MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}


def hear(model: str, stream: bool, body: Any) -> Heard:
    body = spelled(body)
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig")
    functions = [f for tool in body.get("tools", []) for f in tool.get("functionDeclarations", [])]
    return Heard(
        model=model,
        stream=stream,
        pieces=tuple(_pieces(body)),
        tools={f["name"]: (f.get("description", ""), _schema(f)) for f in functions},
        choice=_choice((body.get("toolConfig") or {}).get("functionCallingConfig") or {}),
        parallel=None,
        max_tokens=config.get("maxOutputTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        output=config.get("responseJsonSchema", config.get("responseSchema")),
        thinking=None if thinking is None else _is_on(thinking),
        strict=None,
        budget=(thinking or {}).get("thinkingBudget"),
        shown=bool((thinking or {}).get("includeThoughts")),
        sealed=True,
        choices=config.get("candidateCount") or 1,
        logprobs=config.get("logprobs", 0) if config.get("responseLogprobs") else None,
    )


def spelled(body: Any) -> Any:
    """The request in one spelling: Google takes `mimeType` and `mime_type`, and its SDK writes both."""
    parameters: dict[str, Any] = {
        "contents": list[types.Content],
        "systemInstruction": types.Content,
        "tools": list[types.Tool],
        "toolConfig": types.ToolConfig,
        "generationConfig": types.GenerationConfig,
    }
    told = dict(body)
    for key, kind in parameters.items():
        if key in body:
            adapter = TypeAdapter(kind)
            value = adapter.validate_json(json.dumps(body[key]))
            told[key] = adapter.dump_python(value, mode="json", by_alias=True, exclude_none=True)
    return told


def _is_on(thinking: Any) -> bool:
    return thinking.get("thinkingBudget") != 0 and bool(set(thinking) & {"thinkingBudget", "thinkingLevel"})


def _schema(function: Any) -> Any:
    return function.get("parametersJsonSchema", function.get("parameters"))


def _choice(config: Any) -> str | Named | None:
    names = config.get("allowedFunctionNames") or []
    if config.get("mode") == "ANY" and len(names) == 1:
        return Named(names[0])
    return MODES.get(config.get("mode"))


def _pieces(body: Any) -> Iterator[Piece]:
    for part in (body.get("systemInstruction") or {}).get("parts", []):
        yield Piece("system", "text", part["text"])
    calls = 0
    open_calls: list[tuple[str, str]] = []
    for content in body["contents"]:
        role: Any = "assistant" if content["role"] == "model" else "user"
        for part in content["parts"]:
            seal = part.get("thoughtSignature", "")
            if part.get("thought"):
                yield Piece(role, "thought", part.get("text", ""), seal=seal)
            elif "text" in part:
                yield Piece(role, "text", part["text"], seal=seal)
            elif "inlineData" in part:
                blob = part["inlineData"]
                yield Piece(role, "image", data=of_base64(blob["data"]), mime=blob["mimeType"])
            elif "functionCall" in part:
                call = part["functionCall"]
                # Calls without ids are answered in their order.
                id = call.get("id") or f"#{calls}"
                calls += 1
                open_calls.append((id, call["name"]))
                yield Piece(role, "call", name=call["name"], args=call.get("args", {}), id=id, seal=seal)
            elif "functionResponse" in part:
                yield _result(role, part["functionResponse"], open_calls)
            else:
                yield Piece(role, "?".join(part), seal=seal)


def _result(role: Any, response: Any, open_calls: list[tuple[str, str]]) -> Piece:
    at = next(
        (at for at, (id, name) in enumerate(open_calls) if response.get("id", id) == id and name == response["name"]),
        None,
    )
    id = response.get("id") or "nobody's"
    if at is not None:
        id = open_calls.pop(at)[0]
    told = response.get("response", {})
    failed = "error" in told
    said = told.get("error", told.get("output", told.get("result", told)))
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    blobs = [part["inlineData"] for part in response.get("parts", [])]
    images = tuple((blob["mimeType"], of_base64(blob["data"])) for blob in blobs)
    return Piece(role, "result", text, name=response["name"], id=id, failed=failed, images=images)
