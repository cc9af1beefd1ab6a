"""Bytes in odd pieces."""

from ..words import Answer, Ask, Text, Thought
from . import single
from .pieces import CLOCK, ROME, WEATHER, says

ASK = Ask((says("user", "Say something in every script."),), (WEATHER, CLOCK))
ANSWER = Answer((Thought("思考 🤔", ""), Text("Ünï©ødé 🌍👩‍👩‍👧 \u2028 𝔘 \\u0041"), ROME), "tool")

SCENARIOS = [
    single("unicode in one-byte pieces", ASK, ANSWER, "bytes"),
    single("CRLF and comments", ASK, ANSWER, "crlf", modes=(True,)),
    single(
        "fields without spaces, ids and retries",
        ASK,
        ANSWER,
        "odd",
        # Google's SDK takes neither, and Google writes none.
        vendors=("chat", "responses", "anthropic"),
        modes=(True,),
    ),
]
