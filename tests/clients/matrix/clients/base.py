"""What the clients share."""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
from pydantic import ValidationError

from ..words import Again, Ask, Call, Failed, Got, Result, Turn

# What the SDKs let through of the HTTP library beneath them.
BENEATH = (httpx.HTTPError, httpx2.HTTPError)
PATIENCE = 20.0


class Client(ABC):
    """One SDK, on one base URL."""

    def __init__(self, root: str, key: str) -> None:
        """`root`: what stands before `/v1` or `/v1beta`."""
        self.headers: dict[str, str] = {}
        self.open(root, key)

    @abstractmethod
    def open(self, root: str, key: str) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def call(self, model: str, ask: Ask, earlier: list[Got], stream: bool, got: Got) -> None:
        """Asks, and fills `got` as the answer comes."""

    @abstractmethod
    def failure(self, error: Exception) -> tuple[int | None, str | None, str] | None:
        """Status, type and message of an error of the SDK's own; `None`: it is none of these."""

    def ask(
        self, model: str, ask: Ask, earlier: list[Got], stream: bool, begun: Callable[[], None] = lambda: None
    ) -> Got | Failed:
        """`begun` is told when the first text of a stream has come."""
        got = Got(begun=begun)
        self.headers = {}
        try:
            self.call(model, ask, earlier, stream, got)
        except Exception as error:
            told = self.failure(error)
            if told is None:
                if not isinstance(error, BENEATH):
                    raise
                told = None, None, str(error)
            name = f"{type(error).__module__.split('.')[0]}.{type(error).__name__}"
            family = tuple(kind.__name__ for kind in type(error).__mro__)
            dropped = self.headers.get("x-tidegate-dropped", "")
            return Failed(name, family, *told, got.text, dict(self.headers), dropped)
        got.dropped = self.headers.get("x-tidegate-dropped", "")
        return got

    def keep(self, response: httpx.Response | httpx2.Response) -> None:
        """A hook for the HTTP library."""
        self.headers = {name.lower(): value for name, value in response.headers.items()}


def arguments(text: str) -> Any:
    """Of a call: none, JSON, or what is none (a vendor's, or free text)."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64_of(data)}"


def id_of(result: Result, earlier: list[Got]) -> str:
    """The id of the call that the result belongs to."""
    if isinstance(result.call, str):
        return result.call
    step, place = result.call
    return earlier[step].calls[place].id


def name_of(result: Result, ask: Ask, earlier: list[Got]) -> str:
    if not isinstance(result.call, str):
        step, place = result.call
        return earlier[step].calls[place].name
    calls = [p for turn in ask.turns if isinstance(turn, Turn) for p in turn.parts if isinstance(p, Call)]
    return next(call.name for call in calls if call.id == result.call)


def opening_system(ask: Ask) -> tuple[str, tuple[Turn | Again, ...]]:
    """What the system says before anybody else, and the rest."""
    said = []
    turns = list(ask.turns)
    while turns and isinstance(turns[0], Turn) and turns[0].role in ("system", "developer"):
        said += [part.text for part in turns.pop(0).parts]
    return "\n\n".join(said), tuple(turns)


def misfit(kind: Any, value: Any) -> list[str]:
    """Where an object does not fit the SDK's own type: the SDKs build them without looking."""
    try:
        kind.model_validate(value.to_dict(mode="json"))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)[:4])
        return [f"{kind.__name__}: {told}"]
    return []
