"""Tools, their calls and what comes of these."""

from ..words import Again, Answer, Ask, Call, Named, Result, Step, Text, Turn
from . import Scenario, single
from .pieces import BEIJING, CLOCK, NOON, ROME, WEATHER, answers, png, says

TOOLS = (WEATHER, CLOCK)
QUESTION = says("user", "How is the weather?")


def round_trip(name: str, first: Answer, *results: Result) -> Scenario:
    """Tools are called, their results go back, and the answer comes."""
    ask = Ask((QUESTION,), TOOLS)
    again = Ask((QUESTION, Again(0), Turn("user", results)), TOOLS)
    return Scenario(name, (Step(ask, first), Step(again, answers("Sunny."))))


def calls(*made: Call, said: str = "") -> Answer:
    return Answer((*((Text(said),) if said else ()), *made), stop="tool")


def result(place: int, *parts: object, failed: bool = False) -> Result:
    return Result((0, place), parts, failed)  # type: ignore[arg-type]


OLD_ROME = Call("get_weather", {"city": "Rome"}, "call_old1")
OLD_NOON = Call("clock", {}, "call_old2")

SCENARIOS = [
    round_trip("tool", calls(ROME), result(0, Text("22 degrees, sunny"))),
    round_trip("tool after words", calls(ROME, said="Let me look."), result(0, Text('{"degrees": 22}'))),
    round_trip("tool without arguments", calls(NOON), result(0, Text("noon"))),
    round_trip(
        "parallel tools",
        calls(ROME, BEIJING, NOON),
        result(0, Text("22 degrees")),
        result(1, Text("18 degrees, 雨")),
        result(2, Text("noon")),
    ),
    round_trip("tool result with image", calls(ROME), result(0, Text("a picture of the sky"), png(5))),
    round_trip(
        "tool result with error",
        calls(ROME, NOON),
        result(0, Text("no such city: Atlantis"), failed=True),
        result(1, Text("noon")),
    ),
    Scenario(
        "three rounds of tools",
        (
            Step(Ask((QUESTION,), TOOLS), calls(ROME)),
            Step(Ask((QUESTION, Again(0), Turn("user", (Result((0, 0), (Text("22"),)),))), TOOLS), calls(NOON)),
            Step(
                Ask(
                    (
                        QUESTION,
                        Again(0),
                        Turn("user", (Result((0, 0), (Text("22"),)),)),
                        Again(1),
                        Turn("user", (Result((1, 0), (Text("noon"),)),)),
                    ),
                    TOOLS,
                ),
                answers("22 degrees at noon."),
            ),
        ),
    ),
    single(
        "tools of another conversation",
        Ask(
            (
                QUESTION,
                Turn("assistant", (Text("I look."), OLD_ROME, OLD_NOON)),
                Turn("user", (Result("call_old1", (Text("22"),)), Result("call_old2", (Text("noon"),)))),
                says("assistant", "22 degrees at noon."),
                says("user", "And tomorrow?"),
            ),
            TOOLS,
        ),
        calls(Call("get_weather", {"city": "Rome"})),
    ),
    single("tool choice auto", Ask((QUESTION,), TOOLS, choice="auto"), answers()),
    single("tool choice required", Ask((QUESTION,), TOOLS, choice="required"), calls(NOON)),
    single("tool choice named", Ask((QUESTION,), TOOLS, choice=Named("get_weather")), calls(ROME)),
    single("tool choice none", Ask((QUESTION,), TOOLS, choice="none"), answers("I do not know.")),
    single(
        "one tool at a time",
        Ask((QUESTION,), TOOLS, parallel=False),
        calls(ROME),
        clients=("chat", "responses", "anthropic"),
        vendors=("chat", "responses", "anthropic"),
    ),
]
