"""The official `openai` SDK through the gateway, to a vendor of the same format."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import harness
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

POOL = "chat-pool"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
TEXT = "Grüße, 世界 🌍 \\ \"quoted\"\ttab"


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(gateway: harness.Gateway, vendor: harness.Vendor) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=20) as client:
        yield client


def test_an_answer_comes_whole(client: OpenAI, vendor: harness.Vendor) -> None:
    answer = client.chat.completions.create(model=POOL, messages=ask(f"say: {TEXT}"))
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_the_vendor_gets_what_was_sent_with_its_own_key_and_model(client: OpenAI, vendor: harness.Vendor) -> None:
    client.chat.completions.create(
        model=POOL, messages=ask("hi"), temperature=0.25, seed=7, user="someone", extra_body={"unknown": [1, {"a": None}]}
    )
    [seen] = vendor.seen()
    assert seen.json() == {
        "model": "demo",
        "messages": ask("hi"),
        "temperature": 0.25,
        "seed": 7,
        "user": "someone",
        "unknown": [1, {"a": None}],
    }
    assert seen.header("authorization") == f"Bearer {harness.CHAT_VENDOR_KEY}"
    assert seen["path"] == "/v1/chat/completions"
    assert client.api_key not in json.dumps(seen)


def test_a_stream_says_what_the_whole_answer_says(client: OpenAI) -> None:
    stream = client.chat.completions.create(model=POOL, messages=ask(f"say: {TEXT}"), stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({c.id for c in chunks}) == 1


def test_a_stream_shows_usage_only_to_whom_asked_for_it(client: OpenAI, vendor: harness.Vendor) -> None:
    plain = list(client.chat.completions.create(model=POOL, messages=ask("words: 5"), stream=True))
    assert all(c.choices and c.usage is None for c in plain)
    asked = list(
        client.chat.completions.create(
            model=POOL, messages=ask("words: 5"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert asked[-1].choices == []
    assert asked[-1].usage is not None and asked[-1].usage.completion_tokens > 0
    assert [s.json()["stream_options"] for s in vendor.seen()] == [{"include_usage": True}] * 2


def test_the_sdks_own_accumulator_takes_the_stream(client: OpenAI) -> None:
    with client.chat.completions.stream(model=POOL, messages=ask("words: 20")) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == " ".join(str(n) for n in range(1, 21))


def test_tools_are_called_in_parallel_and_their_results_go_back(client: OpenAI, vendor: harness.Vendor) -> None:
    prompt = ask('use the tool weather with {"city": "Rome"} and use the tool clock')
    first = client.chat.completions.create(model=POOL, messages=prompt, tools=[WEATHER, CLOCK])
    calls = first.choices[0].message.tool_calls
    assert first.choices[0].finish_reason == "tool_calls"
    assert calls is not None and [c.function.name for c in calls] == ["weather", "clock"]
    assert json.loads(calls[0].function.arguments) == {"city": "Rome"}

    results = [{"role": "tool", "tool_call_id": c.id, "content": f"result {n}"} for n, c in enumerate(calls)]
    turn = first.choices[0].message.model_dump(exclude_none=True)
    second = client.chat.completions.create(model=POOL, messages=[*prompt, turn, *results], tools=[WEATHER, CLOCK])
    assert second.choices[0].finish_reason == "stop"
    assert "result 0" in second.choices[0].message.content and "result 1" in second.choices[0].message.content
    assert vendor.seen()[-1].json()["messages"][-2:] == results


def test_streamed_tool_calls_are_put_together_by_the_sdk(client: OpenAI) -> None:
    prompt = ask('use the tool weather with {"city": "São Paulo"} and use the tool clock')
    with client.chat.completions.stream(model=POOL, messages=prompt, tools=[WEATHER, CLOCK]) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None and [c.function.name for c in calls] == ["weather", "clock"]
    assert json.loads(calls[0].function.arguments) == {"city": "São Paulo"}
    assert calls[0].id != calls[1].id


def test_a_forced_tool_choice_is_kept(client: OpenAI) -> None:
    choice = {"type": "function", "function": {"name": "clock"}}
    answer = client.chat.completions.create(model=POOL, messages=ask("hi"), tools=[WEATHER, CLOCK], tool_choice=choice)
    assert [c.function.name for c in answer.choices[0].message.tool_calls or []] == ["clock"]


def test_an_image_arrives_byte_for_byte(client: OpenAI, vendor: harness.Vendor) -> None:
    url = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 300).decode()
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
    answer = client.chat.completions.create(model=POOL, messages=[{"role": "user", "content": content}])
    assert "image/png" in (answer.choices[0].message.content or "")
    assert vendor.seen()[-1].json()["messages"][0]["content"] == content


def test_reasoning_comes_apart_from_content(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="chat/demo-reasoner", messages=ask("say: done"), stream=True)
    deltas = [c.choices[0].delta for c in stream]
    reasoning = "".join((d.model_extra or {}).get("reasoning_content") or "" for d in deltas)
    assert reasoning
    assert "".join(d.content or "" for d in deltas) == "done"


STATUSES = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (413, openai.APIStatusError),
    (422, openai.UnprocessableEntityError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (503, openai.InternalServerError),
    (529, openai.InternalServerError),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("status", "error"), STATUSES, ids=[str(s) for s, _ in STATUSES])
def test_an_error_raises_its_class(
    client: OpenAI, upstream: Callable[..., str], status: int, error: type[openai.APIStatusError], stream: bool
) -> None:
    model = upstream({"status": {"status": status, "headers": {"retry-after": "30"}}})
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=f"chat/{model}", messages=ask("hi"), stream=stream)
    assert raised.value.body["message"] and raised.value.body["type"]
    assert harness.CHAT_VENDOR_KEY not in str(raised.value)
    if status == 413:
        assert raised.value.status_code == 413
    if status == 429:
        assert raised.value.response.headers["retry-after"] == "30"


def test_a_vendors_own_code_for_an_error_survives(client: OpenAI, upstream: Callable[..., str]) -> None:
    model = upstream({"error": "context_length"})
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=f"chat/{model}", messages=ask("hi"))
    assert raised.value.code == "context_length_exceeded"


@pytest.mark.parametrize("how", [{"error": "overloaded"}, "close", "reset", "end"], ids=["error", "close", "reset", "end"])
def test_a_stream_that_fails_after_content_raises(client: OpenAI, upstream: Callable[..., str], how: Any) -> None:
    model = upstream({"break": {"at": {"events": 3}, "how": how}})
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(model=f"chat/{model}", messages=ask("words: 9"), stream=True):
            text += chunk.choices[0].delta.content or ""
    assert text.startswith("1 2 3")


def test_a_wrong_client_key_and_an_unknown_model_raise(client: OpenAI, vendor: harness.Vendor) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").chat.completions.create(model=POOL, messages=ask("hi"))
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="no-such-model", messages=ask("hi"))
    assert "no-such-model" in raised.value.message
    assert vendor.seen() == []


def test_a_body_over_the_limit_raises(client: OpenAI, vendor: harness.Vendor) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model=POOL, messages=ask("x" * (5 << 20)))
    assert raised.value.status_code == 413
    assert vendor.seen() == []


def test_embeddings_completions_and_moderations_pass(client: OpenAI, vendor: harness.Vendor) -> None:
    vectors = client.embeddings.create(model=POOL, input=["one", "two"])
    assert len(vectors.data) == 2 and all(v.embedding for v in vectors.data)
    assert client.completions.create(model=POOL, prompt="words: 3").choices[0].text
    streamed = client.completions.create(model=POOL, prompt="words: 3", stream=True)
    assert "".join(c.choices[0].text for c in streamed)
    assert client.moderations.create(model=POOL, input="hi").results
    assert [s["path"] for s in vendor.seen()] == [
        "/v1/embeddings",
        "/v1/completions",
        "/v1/completions",
        "/v1/moderations",
    ]
    assert {s.json()["model"] for s in vendor.seen()} == {"demo"}


def test_embeddings_come_from_another_format_in_either_encoding(client: OpenAI, vendor: harness.Vendor) -> None:
    # The SDK asks for base64 unless it is told otherwise.
    coded = client.embeddings.create(model="google-pool", input=["one", "two"], dimensions=5)
    floats = client.embeddings.create(model="google-pool", input=["one", "two"], dimensions=5, encoding_format="float")
    assert [d.index for d in coded.data] == [0, 1]
    for ours, plain in zip(coded.data, floats.data, strict=True):
        assert ours.embedding == pytest.approx(plain.embedding) and len(plain.embedding) == 5
    assert coded.usage.prompt_tokens > 0 and coded.object == "list"
    assert {s["path"] for s in vendor.seen()} == {"/v1beta/models/demo-embedding:batchEmbedContents"}
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model="google-pool", input=[1, 2, 3])
    assert raised.value.param == "input[0]"


def test_completions_of_an_endpoint_that_only_converses(client: OpenAI, vendor: harness.Vendor) -> None:
    answer = client.completions.create(model="sonnet", prompt="say: it is done", max_tokens=50)
    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == ("text_completion", "it is done", "stop")
    assert answer.usage and answer.usage.total_tokens > 0
    options: Any = {"include_usage": True}
    chunks = list(client.completions.create(model="sonnet", prompt="words: 9", stream=True, stream_options=options))
    assert "".join(c.choices[0].text for c in chunks if c.choices).startswith("1 2 3")
    assert chunks[-1].usage and not chunks[-1].choices
    assert {s["path"] for s in vendor.seen()} == {"/v1/messages"}
    with pytest.raises(openai.BadRequestError) as raised:
        client.completions.create(model="sonnet", prompt=["one", "two"])
    assert raised.value.param == "prompt"


@pytest.mark.parametrize("size", [1000, 2 << 20], ids=["small", "large"])
def test_a_recording_arrives_byte_for_byte(client: OpenAI, vendor: harness.Vendor, size: int) -> None:
    recording = bytes(range(256)) * (size // 256)
    said = client.audio.transcriptions.create(model=POOL, file=("a.wav", recording, "audio/wav"))
    assert hashlib.sha256(recording).hexdigest() in said.text and said.text.startswith("demo heard a.wav")
    stream = client.audio.transcriptions.create(model=POOL, file=("a.wav", recording), stream=True)
    events = list(stream)
    assert events[-1].type == "transcript.text.done"
    sound = client.audio.speech.create(model=POOL, voice="alloy", input="x" * 5000)
    assert sound.read() == bytes(5000)


def test_models_are_listed_and_found(client: OpenAI) -> None:
    names = [m.id for m in client.models.list()]
    assert {"sonnet", "haiku", POOL} <= set(names)
    model = client.models.retrieve(POOL)
    assert (model.id, model.object) == (POOL, "model")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_the_prefix_of_the_format_may_stand_before_the_path(gateway: harness.Gateway, client: OpenAI) -> None:
    prefixed = client.with_options(base_url=f"{gateway.url}/openai/v1")
    answer = prefixed.chat.completions.create(model=POOL, messages=ask("say: there"))
    assert answer.choices[0].message.content == "there"


def test_an_answer_tells_its_request_id(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model=POOL, messages=ask("hi"))
    assert raw.headers["x-request-id"]
    assert raw.headers["x-tidegate-route"]


@pytest.mark.anyio
async def test_many_streams_at_once_do_not_mix(gateway: harness.Gateway, vendor: harness.Vendor) -> None:
    async def one(number: int) -> None:
        stream = await client.chat.completions.create(
            model=POOL, messages=ask(f"say: stream {number}"), stream=True
        )
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == f"stream {number}"

    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=20) as client:
        await asyncio.gather(*(one(n) for n in range(50)))


def test_pings_before_a_late_first_token_do_not_show(client: OpenAI, upstream: Callable[..., str]) -> None:
    model = upstream({"slow_first_token": 1500})
    stream = client.chat.completions.create(model=f"chat/{model}", messages=ask("say: late"), stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream) == "late"


def test_a_client_that_gives_up_frees_the_vendor(
    client: OpenAI, vendor: harness.Vendor, upstream: Callable[..., str]
) -> None:
    model = upstream("no_answer")
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.5).chat.completions.create(model=f"chat/{model}", messages=ask("hi"))
    harness.eventually(lambda: [s["ending"] for s in vendor.seen()] == ["ClientGone"], "the vendor is left alone")


def test_a_stream_that_is_closed_early_frees_the_vendor(
    client: OpenAI, vendor: harness.Vendor, upstream: Callable[..., str]
) -> None:
    model = upstream({"slow_body": 100})
    stream = client.chat.completions.create(model=f"chat/{model}", messages=ask("words: 500"), stream=True)
    next(iter(stream))
    stream.close()
    harness.eventually(lambda: [s["ending"] for s in vendor.seen()] == ["ClientGone"], "the vendor is left alone")
