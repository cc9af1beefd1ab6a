import json
from typing import Any

import openai
from openai import DefaultHttpxClient, OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ..words import Again, Ask, Call, Got, Image, Made, Named, Result, Text, Turn
from .base import PATIENCE, Client, arguments, data_url, id_of, misfit


class ChatClient(Client):
    def open(self, root: str, key: str) -> None:
        http = DefaultHttpxClient(event_hooks={"response": [self.keep]})
        self.sdk = OpenAI(base_url=f"{root}/v1", api_key=key, max_retries=0, timeout=PATIENCE, http_client=http)

    def close(self) -> None:
        self.sdk.close()

    def failure(self, error: Exception) -> tuple[int | None, str | None, str] | None:
        return openai_failure(error)

    def call(self, model: str, ask: Ask, earlier: list[Got], stream: bool, got: Got) -> None:
        arguments = {"model": model, "messages": messages(ask, earlier), **options(ask)}
        if not stream:
            whole = self.sdk.chat.completions.create(**arguments)
            read(whole, got)
            return
        state = ChatCompletionStreamState()
        watch = Watch(got)
        usage = {"include_usage": True}
        for chunk in self.sdk.chat.completions.create(**arguments, stream=True, stream_options=usage):
            watch.chunk(chunk)
            state.handle_chunk(chunk)
        watch.end()
        read(state.current_completion_snapshot, got)
        got.thought = watch.thought


def openai_failure(error: Exception) -> tuple[int | None, str | None, str] | None:
    if not isinstance(error, openai.APIError):
        return None
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    body: Any = error.body if isinstance(error.body, dict) else {}
    return status, body.get("code") or body.get("type"), error.message


def messages(ask: Ask, earlier: list[Got]) -> list[Any]:
    told: list[Any] = []
    for turn in ask.turns:
        if isinstance(turn, Again):
            told.append(earlier[turn.step].native)
        elif turn.role == "assistant":
            told.append(_assistant(turn))
        else:
            told += _others(turn, earlier)
    return told


def _assistant(turn: Turn) -> dict[str, Any]:
    text = "".join(part.text for part in turn.parts if isinstance(part, Text))
    calls = [
        {"id": p.id, "type": "function", "function": {"name": p.name, "arguments": json.dumps(p.args)}}
        for p in turn.parts
        if isinstance(p, Call)
    ]
    return {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}


def _others(turn: Turn, earlier: list[Got]) -> list[Any]:
    """A tool's message may hold texts only, so its images follow it as the user's."""
    results = [part for part in turn.parts if isinstance(part, Result)]
    told: list[Any] = []
    rest: list[Text | Image] = [part for part in turn.parts if isinstance(part, (Text, Image))]
    for result in results:
        text = "".join(part.text for part in result.parts if isinstance(part, Text))
        told.append({"role": "tool", "tool_call_id": id_of(result, earlier), "content": text})
        rest = [*(part for part in result.parts if isinstance(part, Image)), *rest]
    if len(rest) == 1 and isinstance(rest[0], Text):
        told.append({"role": turn.role, "content": rest[0].text})
    elif rest:
        told.append({"role": turn.role, "content": [_part(part) for part in rest]})
    return told


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part.mime, part.data)}}


def options(ask: Ask) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if ask.tools:
        told["tools"] = [
            {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.schema}}
            for t in ask.tools
        ]
    if isinstance(ask.choice, Named):
        told["tool_choice"] = {"type": "function", "function": {"name": ask.choice.name}}
    elif ask.choice:
        told["tool_choice"] = ask.choice
    if ask.parallel is not None:
        told["parallel_tool_calls"] = ask.parallel
    if ask.max_tokens:
        told["max_completion_tokens"] = ask.max_tokens
    if ask.stop:
        told["stop"] = list(ask.stop)
    if ask.output:
        schema = {"name": "answer", "schema": ask.output, "strict": True}
        told["response_format"] = {"type": "json_schema", "json_schema": schema}
    if ask.thinking:
        told["reasoning_effort"] = "high"
    if ask.choices > 1:
        told["n"] = ask.choices
    if ask.logprobs:
        told |= {"logprobs": True, "top_logprobs": 1}
    if ask.audio:
        told |= {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    return told


def read(whole: Any, got: Got) -> None:
    got.problems += misfit(ChatCompletion, whole)
    choice = whole.choices[0]
    message = choice.message
    got.text = message.content or ""
    got.refusal = message.refusal or ""
    got.thought = _thought(message)
    got.spoken = (message.audio and message.audio.transcript) or ""
    got.calls = [_made(call) for call in message.tool_calls or []]
    got.stop = choice.finish_reason
    got.model = whole.model
    got.id = whole.id
    got.choices = len(whole.choices)
    got.logprobs = len((choice.logprobs and choice.logprobs.content) or [])
    got.native = message.to_dict(mode="json")
    # What only answers have, and the stream's own place of a call.
    for extra in ("annotations", "parsed", "reasoning_content"):
        got.native.pop(extra, None)
    for call in got.native.get("tool_calls") or []:
        call.pop("index", None)
        (call.get("function") or {}).pop("parsed_arguments", None)
    got.native = {key: value for key, value in got.native.items() if value is not None or key == "content"}
    if usage := whole.usage:
        asked, answered = usage.prompt_tokens_details, usage.completion_tokens_details
        got.usage = {
            "prompt": usage.prompt_tokens,
            "completion": usage.completion_tokens,
            "total": usage.total_tokens,
            "cached": (asked and asked.cached_tokens) or _cached_beside(usage),
            "written": asked and asked.cache_write_tokens,
            "reasoning": answered and answered.reasoning_tokens,
        }


def _thought(message: Any) -> str:
    """Under the names that vendors have for it: DeepSeek and most others, OpenRouter and Groq."""
    extra = message.model_extra or {}
    return extra.get("reasoning_content") or extra.get("reasoning") or ""


def _made(call: Any) -> Made:
    if _is_custom(call):
        custom = call.custom if isinstance(call.custom, dict) else call.custom.to_dict()
        return Made(call.id, custom["name"], custom["input"])
    return Made(call.id, call.function.name, arguments(call.function.arguments))


def _is_custom(call: Any) -> bool:
    """The types of a stream do not know it."""
    return call.type == "custom"


def _name(call: Any) -> str | None:
    """Of a call that begins."""
    custom = (call.model_extra or {}).get("custom") or {}
    return (call.function and call.function.name) or custom.get("name")


def _cached_beside(usage: Any) -> int | None:
    """As Mistral and DeepSeek say it."""
    extra = usage.model_extra or {}
    return extra.get("num_cached_tokens") or extra.get("prompt_cache_hit_tokens")


class Watch:
    """The rules of a stream that the SDK does not look at."""

    def __init__(self, got: Got) -> None:
        self.got = got
        self.thought = ""
        self.ids: set[str] = set()
        self.finished: set[int] = set()
        self.calls: dict[tuple[int, int], str] = {}
        self.usage = False

    def chunk(self, chunk: ChatCompletionChunk) -> None:
        problems = self.got.problems
        calls = [call for choice in chunk.choices for call in choice.delta.tool_calls or []]
        if not any(_is_custom(call) for call in calls):
            problems += misfit(ChatCompletionChunk, chunk)
        self.ids.add(chunk.id)
        if self.usage:
            problems.append("a chunk after the usage")
        if chunk.usage is not None:
            self.usage = True
            if chunk.choices:
                problems.append("usage in a chunk with choices")
        for choice in chunk.choices:
            delta = choice.delta
            if choice.index in self.finished:
                problems.append("a chunk after the finish of its choice")
            if choice.finish_reason:
                self.finished.add(choice.index)
            if choice.index == 0:
                self.got.hear(delta.content or "")
                self.thought += _thought(delta)
            for call in delta.tool_calls or []:
                place = choice.index, call.index
                if place not in self.calls and not (call.id and _name(call)):
                    problems.append("a call begins without id or name")
                if place in self.calls and call.id and call.id != self.calls[place]:
                    problems.append("a call changes its id")
                self.calls.setdefault(place, call.id or "")

    def end(self) -> None:
        if len(self.ids) != 1:
            self.got.problems.append(f"the chunks have {len(self.ids)} ids")
        if not self.finished:
            self.got.problems.append("no finish")
        if not self.usage:
            self.got.problems.append("no usage, though it was asked for")
