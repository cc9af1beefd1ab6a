"""Every scenario, from every client format to every vendor format, whole and streamed."""

from collections.abc import Callable

import pytest

from . import impossible
from .expect import answer as answers
from .expect import failure as failures
from .expect import request as requests
from .field import Field, is_direct, pairs
from .hear import hear
from .scenarios import Scenario, everything
from .vendor.server import KEYS
from .words import Failed, Fault, Format, Got

Cell = tuple[Scenario, Format, Format, bool]


def cells() -> list[Cell]:
    return [
        (scenario, client, vendor, stream)
        for scenario in everything()
        for client, vendor in pairs()
        for stream in (False, True)
        if client in scenario.clients and vendor in scenario.vendors and stream in scenario.modes
    ]


def name(cell: Cell) -> str:
    scenario, client, vendor, stream = cell
    return f"{scenario.name}, {client}>{vendor}, {'stream' if stream else 'whole'}"


@pytest.mark.parametrize("cell", cells(), ids=name)
def test_what_is_asked_arrives_and_what_is_answered_comes_back(
    cell: Cell, field: Field, note: Callable[[Cell, str], None]
) -> None:
    scenario, client, vendor, stream = cell
    row = impossible.lookup(scenario.name, client, vendor)
    note(cell, row.reason if row else "")
    if is_direct() and isinstance(scenario.steps[-1].answer, Fault):
        pytest.skip("what a client makes of a vendor's faults is not the gateway's")
    model = field.model(vendor)
    field.vendor.script(model, scenario.steps)
    problems: list[str] = []
    earlier: list[Got] = []
    for at, step in enumerate(scenario.steps):
        got = field.clients[client].ask(model, step.ask, earlier, stream, lambda: field.vendor.go_on(model))
        seen = field.vendor.seen(model)
        if row and isinstance(got, Failed) and not seen:
            problems += impossible.problems(row, got)
            break
        problems += [f"request {number}: {one.complaint}" for number, one in enumerate(seen) if one.complaint]
        if len(seen) <= at:
            problems.append(f"request {at} did not reach the vendor: {got}")
            break
        if not seen[at].complaint:
            heard = hear(vendor, model, seen[at].stream, seen[at].body)
            told = got if isinstance(got, Got) else None
            if row is None:
                problems += requests.problems(client, vendor, scenario.steps, at, heard, told)
            if heard.stream != stream:
                problems.append(f"stream: sent {stream}, heard {heard.stream}")
        if isinstance(step.answer, Fault):
            if isinstance(got, Got):
                problems.append(f"{step.answer} was not told: {got}")
            else:
                problems += failures.problems(client, vendor, step.answer, got, KEYS[vendor])
            break
        if isinstance(got, Failed):
            problems.append(f"{got.error} ({got.status}): {got.message}")
            break
        if row:
            problems += impossible.problems(row, got)
            break
        problems += answers.problems(client, vendor, model, step.answer, got)
        earlier.append(got)
        if problems:
            break
    assert not problems, "\n".join(problems)
