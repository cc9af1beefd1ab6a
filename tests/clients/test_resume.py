"""Streams that break off and are gone on with: the official SDKs put together what an uninterrupted one says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import harness
import openai
import pytest
from anthropic import Anthropic
from google import genai
from openai import OpenAI

FORMATS = ["openai_chat", "openai_responses", "anthropic", "gemini"]
WAYS = ["prefill", "restart"]
PROMPT = "words: 40"
BREAK = {"break": {"at": {"events": 9}, "how": "close"}}

HEAD = """
version: 1
threads: 2
gateway:
  listen: ["127.0.0.1:{port}"]
  auth: keys
  client_keys:
    - {{ name: tests, value: {client_key} }}
  retry: {{ retries: 0 }}
  providers:
"""


def settings() -> str:
    """A model for every client, the vendor that breaks off, the one that goes on, and the way; `plain-` is whole."""
    text = HEAD
    for format in FORMATS:
        base = "{vendor}/v1" if format.startswith("openai") else "{vendor}"
        for name in ["a", "b"]:
            text += f"    - {{{{ name: {name}-{format}, format: {format}, base_url: {base}, keys: [ {name}-key-of-it ], "
            text += "capabilities: {{ prefill: true }} }}\n"
    text += "  models:\n"
    for client in FORMATS:
        text += f"    - {{{{ name: plain-{client}, endpoints: [ {{{{ provider: a-{client}, model: demo-plain }}}} ] }}}}\n"
        for second in FORMATS:
            for way in WAYS:
                name = f"{client}-{second}-{way}"
                text += f"    - {{{{ name: {name}, resume: {way}, endpoints: [ "
                text += f"{{{{ provider: a-{client}, model: demo-{name}, priority: 1 }}}}, "
                text += f"{{{{ provider: b-{second}, model: demo-rest, priority: 2 }}}} ] }}}}\n"
    text += "    - {{ name: other-words, resume: restart, endpoints: [ {{ provider: a-openai_chat, model: demo-other-words, "
    text += "priority: 1 }}, {{ provider: b-openai_chat, model: demo-rest, priority: 2 }} ] }}\n"
    return text


@pytest.fixture(scope="module")
def resuming(tmp_path_factory: pytest.TempPathFactory, the_vendor: harness.Vendor) -> Iterator[harness.Gateway]:
    with harness.gateway(tmp_path_factory.mktemp("resuming"), the_vendor, settings()) as gateway:
        yield gateway


def chat(gateway: harness.Gateway, model: str) -> Any:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=20) as client:
        messages: Any = [{"role": "user", "content": PROMPT}]
        with client.chat.completions.stream(
            model=model, messages=messages, stream_options={"include_usage": True}
        ) as stream:
            return stream.get_final_completion().to_dict()


def responses(gateway: harness.Gateway, model: str) -> Any:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=20) as client:
        with client.responses.stream(model=model, input=PROMPT) as stream:
            return stream.get_final_response().to_dict()


def messages(gateway: harness.Gateway, model: str) -> Any:
    with Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=20) as client:
        with client.messages.stream(
            model=model, max_tokens=500, messages=[{"role": "user", "content": PROMPT}]
        ) as stream:
            return stream.get_final_message().to_dict()


def gemini(gateway: harness.Gateway, model: str) -> Any:
    options = genai.types.HttpOptions(base_url=gateway.url)
    client = genai.Client(api_key=gateway.key, http_options=options)
    texts, ends = [], []
    for chunk in client.models.generate_content_stream(model=model, contents=PROMPT):
        texts.append(chunk.text or "")
        ends += [c.finish_reason for c in chunk.candidates or [] if c.finish_reason]
    return {"text": "".join(texts), "ends": ends}


ASK: dict[str, Callable[[harness.Gateway, str], Any]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic": messages,
    "gemini": gemini,
}
# What differs from answer to answer, or is the vendor's own word.
OWN = {"id", "model", "created", "created_at", "completed_at", "usage", "service_tier", "system_fingerprint", "store"}


def bare(value: Any) -> Any:
    """Without what is an answer's own, and what is not said."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in OWN and v is not None and v != [] and v != {}}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("client", FORMATS)
def test_a_resumed_stream_makes_the_same_object(
    resuming: harness.Gateway, vendor: harness.Vendor, client: str, second: str, way: str
) -> None:
    whole = ASK[client](resuming, f"plain-{client}")
    name = f"{client}-{second}-{way}"
    vendor.script(f"demo-{name}", BREAK)
    vendor.script("demo-rest", [])
    resumed = ASK[client](resuming, name)
    expected, found = bare(whole), bare(resumed)
    if client == "openai_responses":
        # The model is who has completed it; the other SDKs keep what the first event said.
        assert resumed["model"] == "demo-rest"
        # The rest of the response repeats the request in the words of whoever writes it.
        expected, found = expected["output"], found["output"]
    assert found == expected
    if client == "openai_chat":
        assert resumed["usage"]["total_tokens"] > 0
    asked = [seen.get("model") for seen in vendor.seen()]
    assert asked.count("demo-rest") == 1


def test_a_stream_that_nobody_goes_on_with_is_an_error(resuming: harness.Gateway, vendor: harness.Vendor) -> None:
    vendor.script("demo-other-words", BREAK)
    vendor.script("demo-rest", {"big_answer": 300})
    with pytest.raises(openai.APIError):
        chat(resuming, "other-words")
