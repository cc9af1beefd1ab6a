"""The checks have teeth: whatever is changed in a request on its way is noticed."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .clients import KINDS
from .expect import request as requests
from .hear import hear
from .scenarios import Scenario, everything
from .vendor import rules, types
from .vendor.server import KEYS, vendor
from .words import FORMATS, Format, Got

# Each has something that the others do not.
CHOSEN = (
    "system prompt",
    "image",
    "tool result with error",
    "tool result with image",
    "thinking and parallel tools, signed",
    "tool choice named",
    "JSON of a schema",
    "max tokens",
    "log probabilities",
)
# What may change, since it changes nothing, or since the answer would show it.
MEANINGLESS = (
    "model",  # the vendor has a script for one only
    r".*\.required",  # in any order
    r".*\.type",  # of a schema: alternatives in any order
    r"stream_options(\..*)?",  # without usage the answer has none
    r"messages\.\d+\.content",  # none beside calls
    r".*\.(detail|status|strict|logprobs)",
    r"generationConfig",  # empty
    r"(text\.format|response_format\.json_schema)\.name",
    r"store|include(\.\d+)?|tool_choice",
    r"input\.\d+\.(id|summary.*|output|content)(\..*)?",
    r"systemInstruction\.role",
    r"contents\.\d+\.parts(\.\d+(\.text)?)?",  # thoughts as Gemini shows them, without a signature
    r".*\.functionResponse\.(id|response\.error)",
    r".*\.functionCall\.args",  # an empty object
    r".*\.additionalProperties",  # Gemini has no word for it
    r"messages\.\d+\.content\.\d+\.content(\.\d+\.text)?",  # more words about an error; its parts in any order
)


@pytest.mark.parametrize("format", FORMATS)
def test_a_change_of_a_request_is_noticed(format: Format) -> None:
    allowed = re.compile("|".join(MEANINGLESS))
    missed: set[str] = set()
    tried = 0
    for scenario in everything():
        if scenario.name not in CHOSEN or format not in scenario.clients:
            continue
        for at, body, got in exchanges(format, scenario):
            for change, path, changed in changes(body):
                tried += 1
                if not is_noticed(format, scenario, at, changed, got) and not allowed.fullmatch(path):
                    missed.add(f"{change} {path}")
    assert not missed, "\n".join(sorted(missed))
    assert tried > 300


def exchanges(format: Format, scenario: Scenario) -> Iterator[tuple[int, Any, Got]]:
    """The requests as the SDK makes them, with their answers."""
    with vendor() as behind:
        client = KINDS[format](f"{behind.url}/{format}", KEYS[format])
        behind.script("any", scenario.steps)
        earlier: list[Got] = []
        for at, step in enumerate(scenario.steps):
            got = client.ask("any", step.ask, earlier, stream=True)
            assert isinstance(got, Got), got
            yield at, behind.seen("any")[at].body, got
            earlier.append(got)
        client.close()


def is_noticed(format: Format, scenario: Scenario, at: int, body: Any, got: Got) -> bool:
    try:
        if types.complaint(format, True, json.dumps(body).encode()) or rules.complaint(format, body):
            return True
        heard = hear(format, "any", True, body)
        return bool(requests.problems(format, format, scenario.steps, at, heard, got))
    except (KeyError, ValueError, TypeError, UserWarning):
        return True


def changes(body: Any) -> Iterator[tuple[str, str, Any]]:
    """Every single change: its kind, its place, and the request that it makes."""
    for path in places(body):
        told = ".".join(map(str, path))
        value = at_place(body, path)
        if path:
            yield "removed", told, edited(body, path, remove=True)
        if isinstance(value, list) and len(value) > 1 and value[0] != value[1]:
            yield "swapped", told, edited(body, path, [value[1], value[0], *value[2:]])
        elif isinstance(value, bool):
            yield "changed", told, edited(body, path, not value)
        elif isinstance(value, int | float):
            yield "changed", told, edited(body, path, value + 1)
        elif isinstance(value, str):
            # In base64 a letter behind the end would be passed over.
            other = f"{value[:-8]}AAAA{value[-4:]}" if len(value) > 99 else value + "x"
            yield "changed", told, edited(body, path, other)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def at_place(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


def edited(body: Any, path: tuple[Any, ...], value: Any = None, remove: bool = False) -> Any:
    body = copy.deepcopy(body)
    if not path:
        return value
    place = at_place(body, path[:-1])
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return body
