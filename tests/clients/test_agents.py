"""Coding agents against every upstream format: each runs a command in its shell because the model asked, and reads it.

The vendor behind is strict: it refuses what its format forbids, reasoning that it has not signed itself, and, where it
demands reasoning back, turns without it. The command holds the nonce in halves, so it reaches the vendor whole only as
what the agent's shell has printed.
"""

import functools
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import agents
import harness
import pytest
import upstreams
from agents import Agent, Done
from harness import Seen
from upstreams import Told, Upstream

# The fixture runs the agent, at most `agents.PATIENCE`.
pytestmark = pytest.mark.timeout(agents.PATIENCE + 40)

# For example claude-code:gemini,codex:anthropic; by default all.
PAIRS = [pair for pair in os.environ.get("TIDEGATE_AGENT_PAIRS", "").split(",") if pair]

CONFIG = """
version: 1
threads: 2
gateway:
  listen: ["127.0.0.1:{port}"]
  auth: keys
  client_keys:
    - {{ name: tests, value: {client_key} }}
  limits: {{ max_body: 4MiB }}
  retry: {{ retries: 0 }}
  # Claude Code drops what was thought by a model that is not the one it asks for by name.
  reply_model: requested
  log: {{ format: json }}
  providers:
    - {{ name: vendor, format: {format}, keys: [ vendor-key ], {settings} }}
  models:
    - name: agent
      aliases: [ "demo*", "claude-*", "gpt-*", "gemini-*" ]
      endpoints: [ {{ provider: vendor, model: {model} }} ]
"""


@dataclass
class Loop:
    """A tool loop that is over: what was wanted, what the agent said, and what the vendor and the gateway saw of it."""

    agent: Agent
    upstream: Upstream
    nonce: str
    # What the command prints.
    output: str
    arguments: dict[str, Any]
    done: Done
    seen: list[Seen]
    log: list[str]

    def turns(self) -> list[Seen]:
        """The turns of the loop, which may use tools; beside them an agent may ask for a title."""
        asked = [s for s in self.seen if s["path"] == self.upstream.path]
        return [s for s in asked if s.json().get("tools")]

    def told(self) -> Told:
        """What the vendor was told by the last turn."""
        return self.upstream.told(self.turns()[-1].json())

    def __str__(self) -> str:
        asked = [f"{s['method']} {s['path']} {s['status']}" for s in self.seen]
        for turn in self.turns():
            body = turn.json()
            brief = {key: value for key, value in body.items() if len(json.dumps(value)) < 500}
            asked += [f"of these {list(body)}, short: {brief}", str(self.upstream.told(body))]
        return "\n".join([str(self.done), "--- what the vendor was asked", *asked, "--- the gateway's log", *self.log])


def loop(agent: Agent, upstream: Upstream, place: Path) -> Loop:
    nonce = uuid.uuid4().hex
    first, second = nonce[:16], nonce[16:]
    # Two lines; quotes within quotes; a backslash that the shell and printf each read; more than ASCII.
    command = f"""printf '%s' "{first}"\nprintf '%s \\\\ %s\\n' {second} "it's \\"grüße\\" — 日本 🙂\""""
    output = f"""{nonce} \\ it's "grüße" — 日本 🙂"""
    arguments = agent.arguments(command)
    # Without a space, for those that take a prompt apart.
    said = json.dumps(arguments, ensure_ascii=False, separators=(",", ":")).replace(" ", "\\u0020")
    config = CONFIG.replace("{format}", upstream.format).replace("{model}", upstream.model)
    config = config.replace("{settings}", upstream.settings)
    with harness.vendor(place) as vendor:
        with harness.gateway(place, vendor, config) as gateway:
            done = agents.run(agent, gateway, f"Please use the tool {agent.tool} with {said}", place)
        seen = vendor.seen()
    log = (place / "gateway.log").read_text().splitlines()
    return Loop(agent, upstream, nonce, output, arguments, done, seen, log)


EVERY = {f"{agent.name}:{upstream.format}": (agent, upstream) for agent in agents.ALL for upstream in upstreams.ALL}
assert set(PAIRS) <= set(EVERY), f"there are {', '.join(EVERY)}"


def loops(*names: str) -> pytest.MarkDecorator:
    """For a test of these pairs, or of all."""
    wanted = [name for name in names or EVERY if not PAIRS or name in PAIRS]
    return pytest.mark.parametrize("made", wanted, indirect=True, scope="module")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loop]:
    @functools.cache
    def make(pair: str) -> Loop:
        agent, upstream = EVERY[pair]
        return loop(agent, upstream, tmp_path_factory.mktemp(agent.name))

    return make


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest, once: Callable[[str], Loop]) -> Loop:
    """One run for all the tests of a pair."""
    return once(request.param)


@loops()
def test_the_agent_ends_well_and_prints_what_the_model_said_last(made: Loop) -> None:
    assert made.done.code == 0, str(made)
    assert "The tool answered: “" in made.done.printed, str(made)
    assert made.output in made.done.printed, str(made)


@loops()
def test_what_the_command_printed_reaches_the_vendor_once_as_the_result_of_its_call(made: Loop) -> None:
    turns = made.turns()
    assert [s["status"] for s in turns] == [200, 200], str(made)
    first, second = turns
    assert made.nonce not in first["body"]
    assert made.upstream.told(first.json()) == Told()

    [call], [result] = made.told().calls, made.told().results
    assert made.output in result.text
    assert second["body"].count(made.nonce) == 1
    assert call.id and result.id == call.id


@loops()
def test_the_arguments_of_the_call_come_back_as_the_vendor_gave_them(made: Loop) -> None:
    [call] = made.told().calls
    assert (call.name, call.arguments) == (made.agent.tool, made.arguments)


@loops()
def test_the_vendor_is_asked_to_reason_and_gets_its_reasoning_back(made: Loop) -> None:
    asked = [made.upstream.reasons(s.json()) for s in made.turns()]
    assert asked == [True, True], str(made)
    if made.upstream.signs or made.agent.keeps_unsigned:
        assert len(made.told().reasoning) == 1, str(made)


@loops()
def test_the_gateway_answers_every_request_and_complains_of_nothing(made: Loop) -> None:
    # Before its log it says where it listens.
    lines = [json.loads(line) for line in made.log if line.startswith("{")]
    assert not [line for line in lines if line["level"] not in ("info", "request")]
    assert not [line for line in made.log if "panicked" in line]

    requests = [line for line in lines if line["level"] == "request" and line["path"] != "/health"]
    assert len(requests) == len(made.seen)
    assert {line["status"] for line in requests} == {200}
    assert {line["format"] for line in requests} == {made.agent.format}
    # Codex goes when it has the last event, whether or not the gateway has closed the answer.
    assert {line["ending"] for line in requests} <= {"complete", "client_gone"}
    assert made.agent.name == "codex" or {line["ending"] for line in requests} == {"complete"}


@loops("claude-code:anthropic")
def test_what_claude_code_says_of_itself_reaches_a_vendor_of_its_format(made: Loop) -> None:
    assert all(s.header("anthropic-beta") and s.header("x-claude-code-session-id") for s in made.turns())
    assert all(s["query"] == "beta=true" and s["body_bytes"] > 50_000 for s in made.turns())
