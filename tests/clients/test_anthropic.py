"""The official `anthropic` SDK through the gateway, to a vendor of the same format."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import harness
import pytest
from anthropic import Anthropic, AsyncAnthropic

POOL = "sonnet"
WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}
TEXT = "Grüße, 世界 🌍 \\ \"quoted\"\ttab"
THINKING = {"type": "enabled", "budget_tokens": 1024}


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(gateway: harness.Gateway, vendor: harness.Vendor) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=20) as client:
        yield client


def text_of(message: Any) -> str:
    return "".join(b.text for b in message.content if b.type == "text")


def test_an_answer_comes_whole(client: Anthropic) -> None:
    answer = client.messages.create(model=POOL, max_tokens=100, messages=ask(f"say: {TEXT}"))
    assert text_of(answer) == TEXT
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_the_vendor_gets_what_was_sent_with_its_own_key_and_model(client: Anthropic, vendor: harness.Vendor) -> None:
    system = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
    client.messages.create(
        model=POOL,
        max_tokens=100,
        system=system,
        messages=ask("hi"),
        metadata={"user_id": "someone"},
        extra_body={"temperature": 0.25, "unknown": [1, {"a": None}]},
        extra_headers={"anthropic-beta": "one-2026-01-01,two-2026-01-01"},
    )
    [seen] = vendor.seen()
    assert seen.json() == {
        "model": "demo",
        "max_tokens": 100,
        "system": system,
        "messages": ask("hi"),
        "metadata": {"user_id": "someone"},
        "temperature": 0.25,
        "unknown": [1, {"a": None}],
    }
    assert seen.header("x-api-key") == harness.MESSAGES_VENDOR_KEY
    assert seen.header("anthropic-version") == client.default_headers["anthropic-version"]
    assert seen.header("anthropic-beta") == "one-2026-01-01,two-2026-01-01"
    assert client.api_key not in json.dumps(seen)


def test_the_query_and_the_betas_go_on(client: Anthropic, vendor: harness.Vendor) -> None:
    answer = client.beta.messages.create(
        model=POOL, max_tokens=100, messages=ask("say: hi"), betas=["x-2026-01-01"], extra_query={"beta": "true"}
    )
    assert text_of(answer) == "hi"
    [seen] = vendor.seen()
    assert (seen["path"], seen["query"]) == ("/v1/messages", "beta=true")
    assert seen.header("anthropic-beta") == "x-2026-01-01"


def test_a_bearer_token_opens_as_well(gateway: harness.Gateway, vendor: harness.Vendor) -> None:
    with Anthropic(base_url=gateway.url, auth_token=gateway.key, api_key=None, max_retries=0, timeout=20) as client:
        assert text_of(client.messages.create(model=POOL, max_tokens=100, messages=ask("say: in"))) == "in"
    assert vendor.seen()[0].header("authorization") is None


def test_a_stream_says_what_the_whole_answer_says(client: Anthropic) -> None:
    events = list(client.messages.create(model=POOL, max_tokens=100, messages=ask(f"say: {TEXT}"), stream=True))
    kinds = [e.type for e in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == TEXT


def test_the_sdks_own_accumulator_takes_the_stream(client: Anthropic) -> None:
    with client.messages.stream(model=POOL, max_tokens=100, messages=ask("words: 20")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(final) == " ".join(str(n) for n in range(1, 21))
    assert final.stop_reason == "end_turn"
    assert final.usage.input_tokens > 0 and final.usage.output_tokens > 1


def test_the_limit_and_a_refusal_have_their_stop_reasons(client: Anthropic) -> None:
    assert client.messages.create(model=POOL, max_tokens=3, messages=ask("words: 20")).stop_reason == "max_tokens"
    assert client.messages.create(model=POOL, max_tokens=99, messages=ask("please refuse")).stop_reason == "refusal"


def test_tools_are_called_in_parallel_and_their_results_go_back(client: Anthropic, vendor: harness.Vendor) -> None:
    prompt = ask('use the tool weather with {"city": "Rome"} and use the tool clock')
    first = client.messages.create(model=POOL, max_tokens=500, messages=prompt, tools=[WEATHER, CLOCK])
    calls = [b for b in first.content if b.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert [(c.name, c.input) for c in calls] == [("weather", {"city": "Rome"}), ("clock", {})]

    results = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": "no such city", "is_error": True},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": [{"type": "text", "text": "noon"}]},
    ]
    turns = [*prompt, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = client.messages.create(model=POOL, max_tokens=500, messages=turns, tools=[WEATHER, CLOCK])
    assert second.stop_reason == "end_turn"
    assert "no such city" in text_of(second) and "noon" in text_of(second)
    assert vendor.seen()[-1].json()["messages"][-1]["content"] == results


def test_streamed_tool_calls_are_put_together_by_the_sdk(client: Anthropic) -> None:
    prompt = ask('use the tool weather with {"city": "São Paulo"} and use the tool clock')
    with client.messages.stream(model=POOL, max_tokens=500, messages=prompt, tools=[WEATHER, CLOCK]) as stream:
        final = stream.get_final_message()
    calls = [b for b in final.content if b.type == "tool_use"]
    assert [(c.name, c.input) for c in calls] == [("weather", {"city": "São Paulo"}), ("clock", {})]
    assert calls[0].id != calls[1].id


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_thinking_returns_signed_to_its_issuer(client: Anthropic, vendor: harness.Vendor, stream: bool) -> None:
    prompt = ask('use the tool weather with {"city": "Rome"}')
    common: Any = {"model": POOL, "max_tokens": 4000, "tools": [WEATHER], "thinking": THINKING}
    if stream:
        with client.messages.stream(messages=prompt, **common) as events:
            first = events.get_final_message()
    else:
        first = client.messages.create(messages=prompt, **common)
    thought, call = first.content
    assert thought.type == "thinking" and thought.thinking and thought.signature
    assert call.type == "tool_use"

    result = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]
    turns = [*prompt, {"role": "assistant", "content": first.content}, {"role": "user", "content": result}]
    second = client.messages.create(messages=turns, **common)
    assert "sunny" in text_of(second)
    kept = vendor.seen()[-1].json()["messages"][1]["content"][0]
    assert (kept["thinking"], kept["signature"]) == (thought.thinking, thought.signature)


def test_redacted_thinking_is_passed_as_it_is(client: Anthropic) -> None:
    answer = client.messages.create(model=POOL, max_tokens=4000, messages=ask("think in secret"), thinking=THINKING)
    assert answer.content[0].type == "redacted_thinking" and answer.content[0].data


def test_an_image_and_a_document_arrive_byte_for_byte(client: Anthropic, vendor: harness.Vendor) -> None:
    data = base64.b64encode(bytes(range(256)) * 300).decode()
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}},
        {"type": "text", "text": "look"},
    ]
    answer = client.messages.create(model=POOL, max_tokens=500, messages=[{"role": "user", "content": content}])
    assert "image/png" in text_of(answer)
    assert vendor.seen()[-1].json()["messages"][0]["content"] == content


def test_tokens_are_counted(client: Anthropic, vendor: harness.Vendor) -> None:
    short = client.messages.count_tokens(model=POOL, messages=ask("hi"))
    long = client.messages.count_tokens(model=POOL, messages=ask("hello there, " * 50), tools=[WEATHER])
    assert 0 < short.input_tokens < long.input_tokens
    assert {s["path"] for s in vendor.seen()} == {"/v1/messages/count_tokens"}


STATUSES = [
    (400, anthropic.BadRequestError),
    (401, anthropic.AuthenticationError),
    (403, anthropic.PermissionDeniedError),
    (404, anthropic.NotFoundError),
    (413, anthropic.APIStatusError),
    (422, anthropic.UnprocessableEntityError),
    (429, anthropic.RateLimitError),
    (500, anthropic.InternalServerError),
    (503, anthropic.InternalServerError),
    (529, anthropic.InternalServerError),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("status", "error"), STATUSES, ids=[str(s) for s, _ in STATUSES])
def test_an_error_raises_its_class(
    client: Anthropic, upstream: Callable[..., str], status: int, error: type[anthropic.APIStatusError], stream: bool
) -> None:
    model = upstream({"status": {"status": status, "headers": {"retry-after": "30"}}})
    with pytest.raises(error) as raised:
        client.messages.create(model=f"messages/{model}", max_tokens=9, messages=ask("hi"), stream=stream)
    body: Any = raised.value.body
    assert body["type"] == "error" and body["error"]["type"] and body["error"]["message"]
    assert harness.MESSAGES_VENDOR_KEY not in str(raised.value)
    if status in (413, 529):
        assert raised.value.status_code == status
    if status == 429:
        assert raised.value.response.headers["retry-after"] == "30"


@pytest.mark.parametrize("how", [{"error": "overloaded"}, "close", "reset", "end"], ids=["error", "close", "reset", "end"])
def test_a_stream_that_fails_after_content_raises(client: Anthropic, upstream: Callable[..., str], how: Any) -> None:
    model = upstream({"break": {"at": {"events": 3}, "how": how}})
    text = ""
    with pytest.raises(anthropic.APIError):
        stream = client.messages.create(
            model=f"messages/{model}", max_tokens=99, messages=ask("words: 9"), stream=True
        )
        for event in stream:
            text += event.delta.text if event.type == "content_block_delta" else ""
    assert text.startswith("1 2 3")


def test_a_wrong_client_key_and_an_unknown_model_raise(client: Anthropic, vendor: harness.Vendor) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="wrong").messages.create(model=POOL, max_tokens=9, messages=ask("hi"))
    with pytest.raises(anthropic.NotFoundError) as raised:
        client.messages.create(model="no-such-model", max_tokens=9, messages=ask("hi"))
    assert "no-such-model" in raised.value.message
    assert vendor.seen() == []


def test_a_body_over_the_limit_raises(client: Anthropic, vendor: harness.Vendor) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(model=POOL, max_tokens=9, messages=ask("x" * (5 << 20)))
    assert raised.value.status_code == 413
    assert vendor.seen() == []


def test_models_are_listed_and_found(client: Anthropic) -> None:
    models = {m.id: m for m in client.models.list()}
    assert {"sonnet", "haiku"} <= set(models)
    assert models["sonnet"].type == "model" and models["sonnet"].display_name
    assert client.models.retrieve(POOL).id == POOL
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("no-such-model")


def test_the_prefix_of_the_format_may_stand_before_the_path(gateway: harness.Gateway, client: Anthropic) -> None:
    prefixed = client.with_options(base_url=f"{gateway.url}/anthropic")
    answer = prefixed.messages.create(model=POOL, max_tokens=99, messages=ask("say: there"))
    assert text_of(answer) == "there"


@pytest.mark.anyio
async def test_many_streams_at_once_do_not_mix(gateway: harness.Gateway, vendor: harness.Vendor) -> None:
    async def one(number: int) -> None:
        async with client.messages.stream(
            model=POOL, max_tokens=99, messages=ask(f"say: stream {number}")
        ) as stream:
            assert text_of(await stream.get_final_message()) == f"stream {number}"

    async with AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=20) as client:
        await asyncio.gather(*(one(n) for n in range(50)))


def test_pings_before_a_late_first_token_do_not_show(client: Anthropic, upstream: Callable[..., str]) -> None:
    model = upstream({"slow_first_token": 1500})
    with client.messages.stream(model=f"messages/{model}", max_tokens=99, messages=ask("say: late")) as stream:
        assert "".join(stream.text_stream) == "late"


def test_a_client_that_gives_up_frees_the_vendor(
    client: Anthropic, vendor: harness.Vendor, upstream: Callable[..., str]
) -> None:
    model = upstream("no_answer")
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.5).messages.create(
            model=f"messages/{model}", max_tokens=99, messages=ask("hi")
        )
    harness.eventually(lambda: [s["ending"] for s in vendor.seen()] == ["ClientGone"], "the vendor is left alone")


def test_a_stream_that_is_closed_early_frees_the_vendor(
    client: Anthropic, vendor: harness.Vendor, upstream: Callable[..., str]
) -> None:
    model = upstream({"slow_body": 100})
    stream = client.messages.create(
        model=f"messages/{model}", max_tokens=9999, messages=ask("words: 500"), stream=True
    )
    next(iter(stream))
    stream.close()
    harness.eventually(lambda: [s["ending"] for s in vendor.seen()] == ["ClientGone"], "the vendor is left alone")
