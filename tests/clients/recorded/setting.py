"""Everything that runs: the vendor that replays, the gateway in front of it, and the SDKs before both."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from matrix.clients import KINDS
from matrix.clients.base import Client
from matrix.field import CLIENT_KEY, gateway
from matrix.words import FORMATS, Ask, Failed, Format, Got, Text, Turn

from .meaning import Meaning, meaning
from .replies import Reply, everything
from .vendor import model, models, turned, vendor

ASK = Ask((Turn("user", (Text("What was it?"),)),))
REPLIES = everything()


@dataclass
class Setting:
    at_the_vendor: dict[Format, Client]
    at_the_gateway: dict[Format, Client]
    allowed: Counter[str] = field(default_factory=Counter)
    """How often each allowance was needed."""
    judged: set[tuple[int, Format, bool]] = field(default_factory=set)
    _meant: dict[int, Meaning] = field(default_factory=dict)

    def meant(self, number: int) -> Meaning:
        """What the vendor's own SDK makes of the reply."""
        if number not in self._meant:
            reply = REPLIES[number]
            client = self.at_the_vendor[reply.format]
            got = client.ask(model(number, reply.format, "direct"), ASK, [], reply.stream)
            self._meant[number] = meaning(reply.format, got)
        return self._meant[number]

    def got(self, number: int, client: Format, is_turned: bool) -> Got | Failed:
        """What the client's SDK holds when it has asked the gateway, in the vendor's manner or in the other one."""
        reply = REPLIES[number]
        name = turned if is_turned else model
        sdk = self.at_the_gateway[client]
        return sdk.ask(name(number, reply.format, client), ASK, [], reply.stream != is_turned)

    def is_whole(self) -> bool:
        return len(self.judged) == len(REPLIES) * len(FORMATS) * 2

    def summary(self) -> str:
        replies = [REPLIES[number] for number in {number for number, _, _ in self.judged}]
        streams = sum(reply.stream for reply in replies)
        errors = sum(reply.status >= 400 for reply in replies)
        recorded = sum(not reply.is_own for reply in replies)
        return (
            f"replies: {len(replies)} ({recorded} recorded; {streams} streams, {errors} errors), {len(FORMATS)} SDKs, "
            "in the vendor's manner and in the other: "
            f"{len(self.judged)} judged, {self.allowed.total()} by an allowance"
        )


@contextmanager
def setting(folder: Path) -> Iterator[Setting]:
    with vendor(REPLIES) as url, ExitStack() as stack:
        bases = {format: f"{url}/{format}/" + ("v1beta" if format == "gemini" else "v1") for format in FORMATS}
        root = stack.enter_context(gateway(folder, bases, models(REPLIES)))
        direct = {format: KINDS[format](f"{url}/{format}", "a key") for format in FORMATS}
        through = {format: KINDS[format](root, CLIENT_KEY) for format in FORMATS}
        yield Setting(direct, through)
        for client in [*direct.values(), *through.values()]:
            client.close()
