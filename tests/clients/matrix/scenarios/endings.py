"""How an answer ends, and what it cost."""

from ..words import Answer, Ask, Refusal, Text, Usage
from . import single
from .pieces import says

HI = says("user", "Hi")
COLD = Usage(input=50, cache_write=2000, output=9)
WARM = Usage(input=50, cache_read=2000, output=9)

SCENARIOS = [
    single("cache written", Ask((HI,)), Answer((Text("Hello."),), usage=COLD)),
    single("cache read", Ask((HI,)), Answer((Text("Hello."),), usage=WARM)),
    single("max tokens", Ask((HI,), max_tokens=300), Answer((Text("Hello, I am cut"),), "length")),
    single(
        "stop sequence",
        Ask((HI,), stop=("END", "###")),
        Answer((Text("Hello "),), "sequence", sequence="END"),
        clients=("chat", "anthropic", "gemini"),
    ),
    single("refusal", Ask((HI,)), Answer((Refusal("I cannot help with that."),), "refusal")),
    single("content filter", Ask((HI,)), Answer((Text("Hello, "),), "filter")),
    single("blocked prompt", Ask((HI,)), Answer((), "filter", blocked=True), vendors=("gemini",)),
    single("empty answer", Ask((HI,)), Answer(())),
    single(
        "several choices",
        Ask((HI,), choices=2),
        Answer((Text("Hello, I am one of several answers to this."),), choices=2),
        clients=("chat", "gemini"),
    ),
    single(
        "log probabilities",
        Ask((HI,), logprobs=True),
        Answer((Text("Hello there."),), logprobs=True),
        clients=("chat", "responses", "gemini"),
    ),
    single(
        "spoken answer",
        Ask((HI,), audio=True),
        Answer((Text("Hello."),)),
        clients=("chat", "gemini"),
        vendors=("anthropic",),
    ),
]
