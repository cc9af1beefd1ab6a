import re
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from ..words import Again, Ask, Call, Got, Image, Made, Named, Result, Text, Turn
from .base import PATIENCE, Client, id_of, name_of, opening_system

MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
TYPES = {"object", "string", "integer", "number", "boolean", "array"}


class GeminiClient(Client):
    def open(self, root: str, key: str) -> None:
        self.http = httpx2.Client(event_hooks={"response": [self.keep]}, timeout=PATIENCE)
        options = types.HttpOptions(base_url=root, httpx_client=self.http)
        self.sdk = genai.Client(api_key=key, http_options=options)

    def close(self) -> None:
        self.sdk.close()
        # The SDK closes only what it made itself.
        self.http.close()

    def failure(self, error: Exception) -> tuple[int | None, str | None, str] | None:
        if isinstance(error, errors.APIError):
            return error.code, error.status, str(error.message)
        if isinstance(error, errors.UnknownApiResponseError):
            return None, "no JSON", str(error)
        return None

    def call(self, model: str, ask: Ask, earlier: list[Got], stream: bool, got: Got) -> None:
        system, turns = opening_system(ask)
        arguments: Any = {
            "model": model,
            "contents": contents(turns, ask, earlier),
            "config": config(ask, system),
        }
        if not stream:
            read([self.sdk.models.generate_content(**arguments)], got)
            return
        chunks = []
        for chunk in self.sdk.models.generate_content_stream(**arguments):
            chunks.append(chunk)
            got.hear(_text(chunk))
        read(chunks, got)


def _text(chunk: types.GenerateContentResponse) -> str:
    first = (chunk.candidates or [types.Candidate()])[0]
    parts = (first.content and first.content.parts) or []
    return "".join(part.text or "" for part in parts if not part.thought) if not first.index else ""


def contents(turns: tuple[Turn | Again, ...], ask: Ask, earlier: list[Got]) -> list[types.Content]:
    told = []
    for turn in turns:
        if isinstance(turn, Again):
            told.append(earlier[turn.step].native)
            continue
        parts = [part for said in turn.parts for part in _parts(said, ask, earlier)]
        told.append(types.Content(role="model" if turn.role == "assistant" else "user", parts=parts))
    return told


def _parts(part: Any, ask: Ask, earlier: list[Got]) -> list[types.Part]:
    match part:
        case Text(text):
            return [types.Part(text=text)]
        case Image(data, mime):
            return [types.Part.from_bytes(data=data, mime_type=mime)]
        case Call(name, args, id):
            return [types.Part(function_call=types.FunctionCall(id=id, name=name, args=args))]
        case Result():
            text = "".join(inner.text for inner in part.parts if isinstance(inner, Text))
            images = [inner for inner in part.parts if isinstance(inner, Image)]
            blobs = [types.FunctionResponsePart.from_bytes(data=i.data, mime_type=i.mime) for i in images]
            response = types.FunctionResponse(
                id=id_of(part, earlier) or None,
                name=name_of(part, ask, earlier),
                response={"error" if part.failed else "output": text},
                parts=blobs or None,
            )
            return [types.Part(function_response=response)]
    raise AssertionError(part)


def config(ask: Ask, system: str) -> types.GenerateContentConfig:
    told: dict[str, Any] = {"automatic_function_calling": {"disable": True}}
    if system:
        told["system_instruction"] = system
    if ask.tools:
        functions = [_function(tool, ask.own_dialect) for tool in ask.tools]
        told["tools"] = [types.Tool(function_declarations=functions)]
    if isinstance(ask.choice, Named):
        told["tool_config"] = _calling(mode="ANY", allowed_function_names=[ask.choice.name])
    elif ask.choice:
        told["tool_config"] = _calling(mode=MODES[ask.choice])
    if ask.max_tokens:
        told["max_output_tokens"] = ask.max_tokens
    if ask.stop:
        told["stop_sequences"] = list(ask.stop)
    if ask.output:
        told["response_mime_type"] = "application/json"
        if ask.own_dialect:
            told["response_schema"] = types.Schema.model_validate(dialect(ask.output))
        else:
            told["response_json_schema"] = ask.output
    if ask.thinking:
        told["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
    if ask.choices > 1:
        told["candidate_count"] = ask.choices
    if ask.logprobs:
        told |= {"response_logprobs": True, "logprobs": 1}
    if ask.audio:
        told["response_modalities"] = ["AUDIO"]
    return types.GenerateContentConfig(**told)


def _function(tool: Any, own: bool) -> types.FunctionDeclaration:
    named = {"name": tool.name, "description": tool.description}
    if own:
        return types.FunctionDeclaration(**named, parameters=types.Schema.model_validate(dialect(tool.schema)))
    return types.FunctionDeclaration(**named, parameters_json_schema=tool.schema)


def _calling(**calling: Any) -> types.ToolConfig:
    return types.ToolConfig(function_calling_config=types.FunctionCallingConfig(**calling))


def dialect(schema: Any) -> Any:
    """A plain JSON schema in Gemini's own words."""
    if isinstance(schema, list):
        return [dialect(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    told = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, list):
            told |= {"type": next(t for t in value if t != "null").upper(), "nullable": True}
        elif key == "type" and value in TYPES:
            told["type"] = value.upper()
        elif key == "properties":
            told["properties"] = {name: dialect(inner) for name, inner in value.items()}
        elif key in ("items", "anyOf"):
            told[key] = dialect(value)
        elif key != "additionalProperties":
            told[key] = value
    return told


def read(chunks: list[types.GenerateContentResponse], got: Got) -> None:
    parts: list[types.Part] = []
    got.text = ""
    got.logprobs = 0
    indexes: set[int] = set()
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            indexes.add(candidate.index or 0)
            if candidate.index:
                continue
            if got.stop:
                got.problems.append("content after the finish")
            parts += (candidate.content and candidate.content.parts) or []
            if candidate.finish_reason:
                got.stop = candidate.finish_reason.value
            if candidate.logprobs_result:
                got.logprobs += len(candidate.logprobs_result.chosen_candidates or [])
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            got.stop = f"blocked: {chunk.prompt_feedback.block_reason.value}"
        got.model = chunk.model_version or got.model
        got.id = chunk.response_id or got.id
        _count(chunk.usage_metadata, got)
    if not got.stop:
        got.problems.append("no finish")
    got.choices = len(indexes)
    for part in parts:
        if part.thought:
            got.thought += part.text or ""
        elif part.text:
            got.text += part.text
        if part.audio_transcription:
            got.spoken += part.audio_transcription.text or ""
    got.calls = _calls([part.function_call for part in parts if part.function_call])
    got.native = types.Content(role="model", parts=parts)


def _calls(said: list[types.FunctionCall]) -> list[Made]:
    """Arguments may come in pieces, each with its path: the SDK leaves it to its user to join them."""
    calls: list[Made] = []
    goes_on = False
    for call in said:
        if not goes_on:
            calls.append(Made(call.id or "", call.name or "", call.args or {}))
        for piece in call.partial_args or []:
            _put(calls[-1].args, piece)
        goes_on = bool(call.will_continue)
    return calls


def _put(place: Any, piece: types.PartialArg) -> None:
    steps = [name or int(index) for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", piece.json_path or "")]
    for step, following in zip(steps, steps[1:], strict=False):
        fresh: Any = [] if isinstance(following, int) else {}
        if isinstance(place, list) and step == len(place):
            place.append(fresh)
        elif isinstance(place, dict):
            place.setdefault(step, fresh)
        place = place[step]
    last = steps[-1]
    if isinstance(place, list):
        if last == len(place):
            place.append("" if piece.string_value is not None else None)
    else:
        place.setdefault(last, "" if piece.string_value is not None else None)
    if piece.string_value is not None:
        place[last] += piece.string_value
    elif piece.number_value is not None:
        place[last] = piece.number_value
    elif piece.bool_value is not None:
        place[last] = piece.bool_value


def _count(usage: types.GenerateContentResponseUsageMetadata | None, got: Got) -> None:
    if not usage:
        return
    got.usage = {
        "prompt": usage.prompt_token_count,
        "tools": usage.tool_use_prompt_token_count,
        "candidates": usage.candidates_token_count,
        "total": usage.total_token_count,
        "cached": usage.cached_content_token_count,
        "reasoning": usage.thoughts_token_count,
    }
