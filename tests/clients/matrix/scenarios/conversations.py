"""Who says what, where, and with pictures."""

from ..words import Ask, Text, Turn
from . import single
from .pieces import TEXT, answers, png, says

SYSTEM = "You are brief & exact.\nAnswer in English."

SCENARIOS = [
    single("text", Ask((says("user", TEXT),)), answers(TEXT)),
    single("system prompt", Ask((says("system", SYSTEM), says("user", "Hi"))), answers()),
    single(
        "developer prompt",
        Ask((says("developer", SYSTEM), says("user", "Hi"))),
        answers(),
        clients=("chat", "responses"),
    ),
    single(
        "system prompt in mid-conversation",
        Ask(
            (
                says("system", SYSTEM),
                says("user", "Hi"),
                says("assistant", "Hello."),
                says("user", "How are you?"),
                says("system", "From now on answer in French."),
            )
        ),
        answers("Bien, merci."),
        clients=("chat", "responses", "anthropic"),
    ),
    single(
        "history",
        Ask(
            (
                says("user", "My name is Ada."),
                says("assistant", "Hello Ada."),
                says("user", "I am 36.", "And I like engines."),
                says("assistant", "Noted."),
                says("user", "Who am I?"),
            )
        ),
        answers("Ada."),
    ),
    single(
        "two turns of one role",
        Ask((says("user", "First."), says("user", "Second."))),
        answers(),
    ),
    single(
        "image",
        Ask((Turn("user", (Text("What is this?"), png(0), Text("And this?"), png(9))),)),
        answers("Two pictures."),
    ),
    single(
        "image before its question",
        Ask((Turn("user", (png(3), Text("What is this?"))), says("assistant", "A gradient."), says("user", "Sure?"))),
        answers("Yes."),
    ),
]
