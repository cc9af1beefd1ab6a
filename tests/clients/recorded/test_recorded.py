"""Whatever a vendor has answered means the same to every client."""

import itertools
import warnings
from dataclasses import replace
from typing import Any

import pytest
from matrix.words import FORMATS, Format, Got

from .allowed import TABLE
from .meaning import Meaning, differences, meaning
from .setting import REPLIES, Setting

# Of a vendor that has told none.
NO_USAGE = "no usage, though it was asked for"
Cell = tuple[int, Format, bool]
CELLS: list[Cell] = list(itertools.product(range(len(REPLIES)), FORMATS, (False, True)))


def name(cell: Cell) -> str:
    number, client, is_turned = cell
    return f"{REPLIES[number].name}, {client}" + (", turned" if is_turned else "")


@pytest.fixture(autouse=True)
def lenient() -> None:
    """The SDKs wonder at what vendors say beyond their types."""
    warnings.filterwarnings("ignore", "Pydantic serializer warnings")


@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_an_answer_means_the_same_to_every_client(cell: Cell, setting: Setting) -> None:
    number, client, is_turned = cell
    reply = REPLIES[number]
    wanted = setting.meant(number)
    needed = []
    for row in TABLE:
        if row.applies(reply, client, is_turned) and (told := row.change(reply, wanted)) != wanted:
            wanted = told
            needed.append(row.reason)
    got = setting.got(number, client, is_turned)
    problems = differences(wanted, meaning(client, got))
    if client != reply.format and isinstance(got, Got):
        # Where or how it breaks the rules of the client's format. What a vendor breaks of its own passes as it is.
        problems += [one for one in got.problems if any(wanted.usage.values()) or one != NO_USAGE]
    setting.judged.add(cell)
    setting.allowed.update(needed)
    assert not problems, "\n".join(problems)


def test_whatever_is_told_otherwise_is_noticed() -> None:
    """The judge has teeth."""
    usage = dict.fromkeys(("input", "cached", "written", "output", "reasoning"), 7)
    calls = (("f", {"a": 1}), ("g", {}))
    said = Meaning("text", "no", "words", ("first", "second"), calls, "tool", usage, 2)
    changes: list[dict[str, Any]] = [{name: "other"} for name in ("text", "refusal", "spoken", "stop", "error")]
    changes += [{"usage": {**usage, name: 8}} for name in usage]
    changes += [{"calls": other} for other in ((), calls[:1], calls[::-1], (("f", {"a": 2}), calls[1]))]
    changes += [{"thoughts": other} for other in ((), ("first",), ("second", "first"))]
    changes += [{"choices": 1}]
    assert [change for change in changes if not differences(said, replace(said, **change))] == []
    assert differences(said, said) == []
    failed = Meaning("before", error="overloaded", status=503)
    for change in ({"error": "internal"}, {"status": 502}, {"text": "befo"}, {"error": ""}):
        assert differences(failed, replace(failed, **change)), change


def test_every_allowance_is_needed(setting: Setting) -> None:
    if not setting.is_whole():
        pytest.skip("not all replies were judged")
    has_recorded = any(not reply.is_own for reply in REPLIES)
    rows = [row for row in TABLE if has_recorded or not row.recorded]
    assert [row.reason for row in rows if not setting.allowed[row.reason]] == []
