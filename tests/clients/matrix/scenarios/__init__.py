"""What is asked and what is answered, in neutral words."""

from dataclasses import dataclass

from ..words import FORMATS, Answer, Ask, Format, Framing, Step


@dataclass(frozen=True)
class Scenario:
    name: str
    steps: tuple[Step, ...]
    clients: tuple[Format, ...] = FORMATS
    """Whose format has words for it."""
    vendors: tuple[Format, ...] = FORMATS
    """Who answers like this."""
    modes: tuple[bool, ...] = (False, True)
    """Not streaming, streaming."""


def single(name: str, ask: Ask, answer: Answer, framing: Framing = "plain", **who: tuple[object, ...]) -> Scenario:
    return Scenario(name, (Step(ask, answer, framing),), **who)  # type: ignore[arg-type]


def everything() -> list[Scenario]:
    from . import conversations, endings, failures, framings, shapes, thoughts, tools

    rooms = (conversations, tools, shapes, thoughts, endings, framings, failures)
    return [scenario for room in rooms for scenario in room.SCENARIOS]
