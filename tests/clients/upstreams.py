"""The vendor behind in each format, and how a request tells it what it has called, got back and thought before."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# What stands in for a signature on calls that Gemini has not made itself, as its documents have it.
STAND_INS = [
    "skip_thought_signature_validator",
    "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I",
    "context_engineering_is_the_way_to_go",
    "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
]


@dataclass
class Call:
    id: str | None
    name: str
    arguments: Any


@dataclass
class Result:
    # Of the call; Gemini may tell by the name alone.
    id: str | None
    text: str


@dataclass
class Told:
    """What a request tells its vendor of a tool loop."""

    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    # Reasoning of the vendor's own, as only that vendor can have made it: signatures, sealed or plain text.
    reasoning: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Upstream:
    format: str
    # The vendor's model, which reasons in a way that its format can give back.
    model: str
    # Of the provider, in its configuration.
    settings: str
    # Where it is asked.
    path: str
    told: Callable[[Any], Told]
    # Whether a request asks for reasoning.
    reasons: Callable[[Any], bool]
    # Whether the vendor knows its own reasoning when it comes back.
    signs: bool = True


def chat(body: Any) -> Told:
    told = Told()
    for message in body["messages"]:
        if message["role"] == "assistant":
            for call in message.get("tool_calls") or []:
                function = call["function"]
                told.calls.append(Call(call["id"], function["name"], json.loads(function["arguments"])))
            if reasoning := message.get("reasoning_content"):
                told.reasoning.append(reasoning)
        if message["role"] == "tool":
            told.results.append(Result(message["tool_call_id"], text(message["content"])))
    return told


def responses(body: Any) -> Told:
    told = Told()
    for item in body["input"]:
        match item.get("type"):
            case "function_call":
                told.calls.append(Call(item["call_id"], item["name"], json.loads(item["arguments"])))
            case "function_call_output":
                told.results.append(Result(item["call_id"], text(item["output"])))
            case "reasoning" if sealed := item.get("encrypted_content"):
                told.reasoning.append(sealed)
    return told


def anthropic(body: Any) -> Told:
    told = Told()
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else []:
            match message["role"], block["type"]:
                case "assistant", "tool_use":
                    told.calls.append(Call(block["id"], block["name"], block["input"]))
                case "user", "tool_result":
                    told.results.append(Result(block["tool_use_id"], text(block["content"])))
                case "assistant", "thinking":
                    told.reasoning.append(block["signature"])
    return told


def gemini(body: Any) -> Told:
    told = Told()
    for content in body["contents"]:
        for part in content["parts"]:
            if call := part.get("functionCall"):
                told.calls.append(Call(call.get("id"), call["name"], call["args"]))
                signature = part.get("thoughtSignature")
                if signature and signature.rstrip("=") not in STAND_INS:
                    told.reasoning.append(signature)
            if result := part.get("functionResponse"):
                told.results.append(Result(result.get("id"), "\n".join(leaves(result["response"]))))
    return told


def text(content: Any) -> str:
    """Of a result that is text, or a list of parts."""
    return "\n".join(leaves(content))


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)


def thinking_config(body: Any) -> bool:
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    return bool(config.get("thinkingLevel") or config.get("thinkingBudget"))


CHAT = Upstream(
    "openai_chat",
    "demo-reasoner",
    "base_url: {vendor}/v1, capabilities: {{ echo_reasoning: true }}",
    "/v1/chat/completions",
    chat,
    lambda body: bool(body.get("reasoning_effort")),
    signs=False,
)
RESPONSES = Upstream(
    "openai_responses",
    "demo",
    "base_url: {vendor}/v1",
    "/v1/responses",
    responses,
    lambda body: bool(body.get("reasoning", {}).get("effort")),
)
# By budgets, where a turn must come back with its thinking; Claude Code says `adaptive` all the same. The model has the
# name that Claude Code asks for.
ANTHROPIC = Upstream(
    "anthropic",
    "demo-claude-sonnet-5",
    "base_url: {vendor}, capabilities: {{ adaptive_thinking: false }}",
    "/v1/messages",
    anthropic,
    lambda body: body.get("thinking", {}).get("type") in ("enabled", "adaptive"),
)
# By levels, where a call must come back with its signature.
GEMINI = Upstream(
    "gemini",
    "demo",
    "base_url: {vendor}, capabilities: {{ thinking_level: true }}",
    "/v1beta/models/demo:streamGenerateContent",
    gemini,
    thinking_config,
)
ALL = (CHAT, RESPONSES, ANTHROPIC, GEMINI)
