import json
from typing import Any

from openai import DefaultHttpxClient, OpenAI, omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from ..words import Again, Ask, Call, Got, Image, Made, Named, Result, Text, Turn
from .base import PATIENCE, Client, arguments, data_url, id_of, misfit, opening_system
from .chat import openai_failure

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesClient(Client):
    def open(self, root: str, key: str) -> None:
        http = DefaultHttpxClient(event_hooks={"response": [self.keep]})
        self.sdk = OpenAI(base_url=f"{root}/v1", api_key=key, max_retries=0, timeout=PATIENCE, http_client=http)

    def close(self) -> None:
        self.sdk.close()

    def failure(self, error: Exception) -> tuple[int | None, str | None, str] | None:
        return openai_failure(error)

    def call(self, model: str, ask: Ask, earlier: list[Got], stream: bool, got: Got) -> None:
        arguments = {"model": model, **said(ask, earlier), **options(ask)}
        if not stream:
            read(self.sdk.responses.create(**arguments), got)
            return
        watch = Watch(got)
        last: Response | None = None
        # The SDK's own accumulator: it looks at the places of items and contents.
        state: ResponseStreamState[None] = ResponseStreamState(text_format=omit, input_tools=omit)
        for event in self.sdk.responses.create(**arguments, stream=True):
            watch.event(event)
            try:
                state.handle_event(event)
            except IndexError as error:
                got.problems.append(f"the SDK cannot follow {event.type}: {error}")
            if event.type in ENDS:
                last = event.response
        if last is None:
            got.problems.append("no end")
            return
        told = got.text
        if not last.output:
            # Codex' own vendor leaves it empty.
            last.output = [watch.done[at] for at in sorted(watch.done)]
        read(last, got)
        if told != got.text:
            got.problems.append(f"the pieces say {told!r}, the end says {got.text!r}")
        watch.end(last)


def said(ask: Ask, earlier: list[Got]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    turns = ask.turns
    first = turns[0]
    if isinstance(first, Turn) and first.role == "system":
        told["instructions"], turns = opening_system(ask)
    items: list[Any] = []
    for turn in turns:
        if isinstance(turn, Again):
            items += earlier[turn.step].native
        else:
            items += _items(turn, earlier)
    return {**told, "input": items}


def _items(turn: Turn, earlier: list[Got]) -> list[Any]:
    items: list[Any] = []
    content = []
    for part in turn.parts:
        match part:
            case Text(text) if turn.role == "assistant":
                items.append({"role": "assistant", "content": text})
            case Text(text):
                content.append({"type": "input_text", "text": text})
            case Image():
                content.append(_image(part))
            case Call(name, args, id):
                items.append({"type": "function_call", "call_id": id, "name": name, "arguments": json.dumps(args)})
            case Result():
                items.append(_result(part, id_of(part, earlier)))
    if content:
        items.append({"role": turn.role, "content": content})
    return items


def _result(result: Result, id: str) -> dict[str, Any]:
    output: Any = [
        {"type": "input_text", "text": part.text} if isinstance(part, Text) else _image(part) for part in result.parts
    ]
    if len(output) == 1 and output[0]["type"] == "input_text":
        output = output[0]["text"]
    return {"type": "function_call_output", "call_id": id, "output": output}


def _image(image: Image) -> dict[str, Any]:
    return {"type": "input_image", "detail": "auto", "image_url": data_url(image.mime, image.data)}


def options(ask: Ask) -> dict[str, Any]:
    told: dict[str, Any] = {"store": False}
    if ask.tools:
        told["tools"] = [
            {"type": "function", "name": t.name, "description": t.description, "parameters": t.schema, "strict": False}
            for t in ask.tools
        ]
    if isinstance(ask.choice, Named):
        told["tool_choice"] = {"type": "function", "name": ask.choice.name}
    elif ask.choice:
        told["tool_choice"] = ask.choice
    if ask.parallel is not None:
        told["parallel_tool_calls"] = ask.parallel
    if ask.max_tokens:
        told["max_output_tokens"] = ask.max_tokens
    if ask.output:
        told["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": ask.output, "strict": True}}
    if ask.thinking:
        told |= {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    if ask.logprobs:
        told |= {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    return told


def read(whole: Response, got: Got) -> None:
    got.problems += misfit(Response, whole)
    got.text = whole.output_text
    for item in whole.output:
        if item.type == "function_call":
            got.calls.append(Made(item.call_id, item.name, arguments(item.arguments)))
        if item.type == "custom_tool_call":
            got.calls.append(Made(item.call_id, item.name, item.input))
        if item.type == "reasoning":
            got.thoughts += [part.text for part in [*item.summary, *(item.content or [])]]
        if item.type == "message":
            got.refusal += "".join(part.refusal for part in item.content if part.type == "refusal")
            got.logprobs += sum(len(part.logprobs or []) for part in item.content if part.type == "output_text")
    got.thought = "".join(got.thoughts)
    reason = whole.incomplete_details and whole.incomplete_details.reason
    got.failure = whole.error and whole.error.code
    got.stop = f"{whole.status}: {reason}" if reason else whole.status
    got.model = str(whole.model)
    got.id = whole.id
    got.native = [item.to_dict(mode="json") for item in whole.output]
    for item in got.native:
        # The SDK's own members, which no API takes.
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    if usage := whole.usage:
        asked, answered = usage.input_tokens_details, usage.output_tokens_details
        got.usage = {
            "prompt": usage.input_tokens,
            "completion": usage.output_tokens,
            "total": usage.total_tokens,
            "cached": asked and asked.cached_tokens,
            "written": asked and asked.cache_write_tokens,
            "reasoning": answered and answered.reasoning_tokens,
        }


class Watch:
    """The rules of a stream: rising numbers, and for every item added, deltas, done."""

    def __init__(self, got: Got) -> None:
        self.got = got
        self.number = -1
        self.kinds: list[str] = []
        self.items: dict[int, Any] = {}
        self.done: dict[int, Any] = {}
        self.arguments: dict[int, str] = {}

    def event(self, event: Any) -> None:
        problems = self.got.problems
        try:
            told = event.to_dict(mode="json")
            if event.type == "response.function_call_arguments.done":
                # The type wants it, and OpenAI does not write it.
                told.setdefault("name", "")
            EVENT.validate_python(told)
        except ValidationError as error:
            problems.append(f"{event.type}: {str(error)[:300]}")
        if event.sequence_number is None or event.sequence_number <= self.number:
            problems.append(f"the number {event.sequence_number} comes after {self.number}")
        else:
            self.number = event.sequence_number
        self.kinds.append(event.type)
        match event.type:
            case "response.output_item.added":
                if event.output_index != len(self.items):
                    problems.append(f"the item {event.output_index} is the {len(self.items)}th that is added")
                self.items[event.output_index] = event.item
            case "response.output_item.done":
                self.done[event.output_index] = event.item
                added = self.items.get(event.output_index)
                if added is None or added.id != event.item.id:
                    problems.append(f"the item {event.output_index} is done under another id")
            case "response.output_text.delta":
                self.got.hear(event.delta)
            case "response.function_call_arguments.delta":
                self.arguments[event.output_index] = self.arguments.get(event.output_index, "") + event.delta
            case "response.function_call_arguments.done":
                if self.arguments.get(event.output_index, "") != event.arguments:
                    problems.append("the pieces of the arguments are not the whole")
        if hasattr(event, "item_id") and event.item_id != getattr(self.items.get(event.output_index), "id", None):
            problems.append(f"{event.type} names an item that was not added")

    def end(self, last: Response) -> None:
        problems = self.got.problems
        if self.kinds[:2] != ["response.created", "response.in_progress"]:
            problems.append(f"the stream begins with {self.kinds[:2]}")
        if set(self.items) != set(self.done):
            problems.append(f"items {sorted(self.items)} were added, {sorted(self.done)} done")
        if [item.id for item in last.output] != [self.done[at].id for at in sorted(self.done)]:
            problems.append("the end holds other items than the stream")
