"""The matrix, printed."""

from collections.abc import Iterator
from typing import Any

from .field import pairs
from .scenarios import everything

SIGNS = {"passed": "+", "failed": "F", "error": "E", "skipped": "-"}
SHORT = {"chat": "chat", "responses": "resp", "anthropic": "anth", "gemini": "gemi"}


def lines(done: list[tuple[dict[str, Any], str]]) -> Iterator[str]:
    """`done`: the properties of a test, and how it went."""
    cells: dict[tuple[str, str, str, bool], str] = {}
    reasons: dict[str, set[str]] = {}
    for properties, outcome in done:
        sign = SIGNS[outcome]
        if (reason := properties["impossible"]) and outcome == "passed":
            sign = "i"
            name, client, vendor, _ = properties["cell"]
            reasons.setdefault(f"{name}: {reason}", set()).add(f"{client}>{vendor}")
        cells[properties["cell"]] = sign
    names = [name for name in (s.name for s in everything()) if any(cell[0] == name for cell in cells)]
    width = max(len(name) for name in names)
    columns = [pair for pair in pairs() if any(cell[1:3] == pair for cell in cells)]
    yield " " * width + "  client " + " ".join(SHORT[client] for client, _ in columns)
    yield " " * width + "  vendor " + " ".join(SHORT[vendor] for _, vendor in columns)
    for name in names:
        signs = (
            "".join(cells.get((name, client, vendor, stream), " ") for stream in (False, True))
            for client, vendor in columns
        )
        yield name.ljust(width) + "         " + " ".join(f" {sign} " for sign in signs)
    yield ""
    yield "left: whole, right: stream; + passes, F fails, i impossible and told so, - not tried, blank: no words for it"
    for reason, at in sorted(reasons.items()):
        yield f"impossible, {reason} ({', '.join(sorted(at))})"
    count = {sign: sum(found == sign for found in cells.values()) for sign in "+FEi-"}
    yield f"{len(cells)} cells: {count['+']} pass, {count['F'] + count['E']} fail, {count['i']} impossible"
