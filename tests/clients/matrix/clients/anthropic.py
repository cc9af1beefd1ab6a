from typing import Any

import anthropic
from anthropic import Anthropic, DefaultHttpxClient
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter, ValidationError

from ..words import Again, Ask, Call, Got, Image, Made, Named, Result, Text
from .base import PATIENCE, Client, base64_of, id_of, misfit, opening_system

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
RAW = ("message_start", "message_delta", "content_block_start", "content_block_delta")
CHOICES = {"auto": "auto", "required": "any", "none": "none"}


class AnthropicClient(Client):
    def open(self, root: str, key: str) -> None:
        http = DefaultHttpxClient(event_hooks={"response": [self.keep]})
        self.sdk = Anthropic(base_url=root, api_key=key, max_retries=0, timeout=PATIENCE, http_client=http)

    def close(self) -> None:
        self.sdk.close()

    def failure(self, error: Exception) -> tuple[int | None, str | None, str] | None:
        if not isinstance(error, anthropic.APIError):
            return None
        status = error.status_code if isinstance(error, anthropic.APIStatusError) else None
        body: Any = error.body if isinstance(error.body, dict) else {}
        told = body.get("error") or {}
        return status, told.get("type"), told.get("message") or error.message

    def call(self, model: str, ask: Ask, earlier: list[Got], stream: bool, got: Got) -> None:
        arguments = {"model": model, **said(ask, earlier), **options(ask)}
        if not stream:
            read(self.sdk.messages.create(**arguments), got)
            return
        watch = Watch(got)
        with self.sdk.messages.stream(**arguments) as events:
            for event in events:
                watch.event(event)
            final = events.get_final_message()
        watch.end()
        read(final, got)


def said(ask: Ask, earlier: list[Got]) -> dict[str, Any]:
    system, turns = opening_system(ask)
    messages: list[Any] = []
    for turn in turns:
        if isinstance(turn, Again):
            messages.append({"role": "assistant", "content": earlier[turn.step].native})
        else:
            messages.append({"role": turn.role, "content": [_block(part, earlier) for part in turn.parts]})
    return {"messages": messages, **({"system": system} if system else {})}


def _block(part: Any, earlier: list[Got]) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(data, mime):
            return {"type": "image", "source": {"type": "base64", "media_type": mime, "data": base64_of(data)}}
        case Call(name, args, id):
            return {"type": "tool_use", "id": id, "name": name, "input": args}
        case Result():
            content = [_block(inner, earlier) for inner in part.parts]
            block = {"type": "tool_result", "tool_use_id": id_of(part, earlier), "content": content}
            return {**block, "is_error": True} if part.failed else block
    raise AssertionError(part)


def options(ask: Ask) -> dict[str, Any]:
    told: dict[str, Any] = {"max_tokens": ask.max_tokens or 1000}
    if ask.tools:
        told["tools"] = [
            {"name": t.name, "description": t.description, "input_schema": t.schema} for t in ask.tools
        ]
    choice: dict[str, Any] = {}
    if isinstance(ask.choice, Named):
        choice = {"type": "tool", "name": ask.choice.name}
    elif ask.choice or ask.parallel is not None:
        choice = {"type": CHOICES[ask.choice or "auto"]}
    if ask.parallel is not None:
        choice["disable_parallel_tool_use"] = not ask.parallel
    if choice:
        told["tool_choice"] = choice
    if ask.stop:
        told["stop_sequences"] = list(ask.stop)
    if ask.output:
        told["output_config"] = {"format": {"type": "json_schema", "schema": ask.output}}
    if ask.thinking:
        told |= {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 8000}
    return told


def read(whole: Message, got: Got) -> None:
    got.problems += misfit(Message, whole)
    got.text = "".join(block.text for block in whole.content if block.type == "text")
    got.thoughts = [block.thinking for block in whole.content if block.type == "thinking"]
    got.thought = "".join(got.thoughts)
    got.calls = [Made(b.id, b.name, b.input) for b in whole.content if b.type == "tool_use"]
    got.stop = whole.stop_reason
    got.sequence = whole.stop_sequence
    got.model = whole.model
    got.id = whole.id
    got.native = whole.content
    usage = whole.usage
    details = usage.output_tokens_details
    got.usage = {
        "input": usage.input_tokens,
        "read": usage.cache_read_input_tokens,
        "write": usage.cache_creation_input_tokens,
        "output": usage.output_tokens,
        "reasoning": details and details.thinking_tokens,
    }


class Watch:
    """The rules of a stream: one block after the other, each begun and ended."""

    def __init__(self, got: Got) -> None:
        self.got = got
        self.kinds: list[str] = []
        self.open: int | None = None
        self.blocks = 0

    def event(self, event: Any) -> None:
        problems = self.got.problems
        kind = event.type
        if kind in RAW:
            try:
                EVENT.validate_python(event.to_dict(mode="json"))
            except ValidationError as error:
                problems.append(f"{kind}: {str(error)[:300]}")
            self.kinds.append(kind)
        match kind:
            case "content_block_start":
                if self.open is not None or event.index != self.blocks:
                    problems.append(f"the block {event.index} begins out of its turn")
                self.open = event.index
                self.blocks += 1
            case "content_block_delta":
                if event.index != self.open:
                    problems.append(f"a piece of the block {event.index} while {self.open} is open")
                if event.delta.type == "text_delta":
                    self.got.hear(event.delta.text)
            case "content_block_stop":
                if event.index != self.open:
                    problems.append(f"the block {event.index} ends, {self.open} is open")
                self.open = None
            case "message_stop":
                self.kinds.append(kind)

    def end(self) -> None:
        if self.kinds[:1] != ["message_start"] or self.kinds[-2:] != ["message_delta", "message_stop"]:
            self.got.problems.append(f"the stream goes from {self.kinds[:1]} to {self.kinds[-2:]}")
        if self.open is not None:
            self.got.problems.append(f"the block {self.open} was not ended")
