"""Thinking, and the signatures that must come back."""

from ..words import Again, Answer, Ask, Call, Result, Step, Text, Thought, Turn, Usage
from . import Scenario, single
from .pieces import CLOCK, NOON, ROME, WEATHER, answers, says

TOOLS = (WEATHER, CLOCK)
QUESTION = says("user", "How is the weather?")
COUNT = Usage(output=9, reasoning=40)


def result(step: int, *texts: str) -> Turn:
    return Turn("user", tuple(Result((step, place), (Text(text),)) for place, text in enumerate(texts)))


def thinks(seed: str, *parts: Text | Call) -> Answer:
    stop = "tool" if any(isinstance(part, Call) for part in parts) else "end"
    return Answer((Thought(f"Let me see, 我想… ({seed})", seed), *parts), stop, COUNT)  # type: ignore[arg-type]


def asks(*turns: Turn | Again) -> Ask:
    return Ask((QUESTION, *turns), TOOLS, thinking=True)


SCENARIOS = [
    single("thinking", Ask((says("user", "Why?"),), thinking=True), thinks("why", Text("Therefore."))),
    Scenario(
        "thinking and a tool, signed",
        (
            Step(asks(), thinks("one", ROME)),
            Step(asks(Again(0), result(0, "22")), thinks("two", Text("Sunny."))),
        ),
    ),
    Scenario(
        "thinking and parallel tools, signed",
        (
            Step(asks(), thinks("many", Text("I look."), ROME, NOON)),
            Step(asks(Again(0), result(0, "22", "noon")), answers("Sunny.")),
        ),
    ),
    Scenario(
        "thinking between tools, each signed",
        (
            Step(asks(), thinks("first", ROME)),
            Step(asks(Again(0), result(0, "22")), thinks("second", NOON)),
            Step(asks(Again(0), result(0, "22"), Again(1), result(1, "noon")), thinks("third", Text("Sunny."))),
        ),
    ),
]
