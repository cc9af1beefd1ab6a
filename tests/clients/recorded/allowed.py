"""What a client's format has no word for: each row says what is told instead, exactly, and must be needed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from matrix.words import FORMATS, Format

from .meaning import Meaning
from .replies import Reply

Change = Callable[[Reply, Meaning], Meaning]


@dataclass(frozen=True)
class Allowed:
    reason: str
    clients: tuple[Format, ...]
    """Whose format has no word; the vendor's own format has."""
    change: Change
    at_home: bool = False
    """Also where the gateway writes the vendor's own format anew."""
    recorded: bool = False
    """Only the recorded traffic has it."""

    def applies(self, reply: Reply, client: Format, is_turned: bool) -> bool:
        if client == reply.format:
            return is_turned and self.at_home
        return client in self.clients


def _refusal(_: Reply, said: Meaning) -> Meaning:
    return replace(said, text=said.text + said.refusal, refusal="")


def _sequence(_: Reply, said: Meaning) -> Meaning:
    return replace(said, stop="end") if said.stop == "sequence" else said


def _written(_: Reply, said: Meaning) -> Meaning:
    return replace(said, usage={**said.usage, "written": 0}) if said.usage.get("written") else said


def _twice(_: Reply, said: Meaning) -> Meaning:
    if not said.usage:
        return said
    written = min(said.usage["written"], said.usage["input"] - said.usage["cached"])
    return replace(said, usage={**said.usage, "written": written})


def _choices(_: Reply, said: Meaning) -> Meaning:
    return replace(said, choices=1)


def _free(_: Reply, said: Meaning) -> Meaning:
    calls = ((name, {"input": told} if isinstance(told, str) else told) for name, told in said.calls)
    return replace(said, calls=tuple(calls))


def _spoken(_: Reply, said: Meaning) -> Meaning:
    return replace(said, text=said.text + said.spoken, spoken="")


def _unsaid(reply: Reply, said: Meaning) -> Meaning:
    if reply.stream or said.stop != "unknown: None":
        return said
    return replace(said, stop="tool" if said.calls else "end")


def _unended(reply: Reply, said: Meaning) -> Meaning:
    if not reply.stream or said.stop != "unknown: None":
        return said
    return Meaning(text=said.text, error="internal")


def _spliced(reply: Reply, said: Meaning) -> Meaning:
    if reply.body.count(b'"type":"message_start"') < 2:
        return said
    return Meaning(text=said.text, error="internal")


def _quota(_: Reply, said: Meaning) -> Meaning:
    return replace(said, error="rate limit") if said.error == "quota" else said


def others(*formats: Format) -> tuple[Format, ...]:
    return tuple(format for format in FORMATS if format not in formats)


TABLE = (
    Allowed("a refusal has no place of its own: it is the text", ("anthropic", "gemini"), _refusal),
    Allowed("only Anthropic tells a stop sequence from the end", others("anthropic"), _sequence),
    Allowed("Gemini counts what is written to a cache as input like any other", ("gemini",), _written),
    Allowed("a vendor counts tokens as read and as written, and they are in one bucket", FORMATS, _twice, True, True),
    Allowed("Responses and Anthropic give one answer", ("responses", "anthropic"), _choices),
    Allowed("free text for a tool is wrapped where arguments are an object", ("anthropic", "gemini"), _free),
    Allowed("of speech the words are told", ("responses", "anthropic"), _spoken, recorded=True),
    Allowed("an answer that does not say why it ended has ended", others("gemini"), _unsaid, True),
    Allowed("a stream whose answer does not end has failed", others("chat"), _unended, True),
    Allowed("Gemini says of an empty account what it says of a rate limit", ("gemini",), _quota, recorded=True),
    # A relay lost its upstream, and put a second answer behind the half of the first.
    Allowed("the SDK mixes two answers in one stream, which is an error", others("anthropic"), _spliced, True, True),
)
