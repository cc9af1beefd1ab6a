"""The neutral words that scenarios are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Format = Literal["chat", "responses", "anthropic", "gemini"]
FORMATS: tuple[Format, ...] = ("chat", "responses", "anthropic", "gemini")

Role = Literal["system", "developer", "user", "assistant"]


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Image:
    data: bytes
    mime: str = "image/png"


@dataclass(frozen=True)
class Call:
    """A call in a conversation that the client has from elsewhere, or that a vendor makes (then without an id)."""

    name: str
    args: dict[str, Any]
    id: str = ""
    seal: str = ""


@dataclass(frozen=True)
class Result:
    """What came of a call: named by its id, or by its place in the answer of an earlier step."""

    call: str | tuple[int, int]
    parts: tuple[Text | Image, ...]
    failed: bool = False


@dataclass(frozen=True)
class Thought:
    text: str
    seal: str = ""


@dataclass(frozen=True)
class Refusal:
    text: str


@dataclass(frozen=True)
class Turn:
    role: Role
    parts: tuple[Text | Image | Call | Result, ...]


@dataclass(frozen=True)
class Again:
    """The answer of an earlier step, handed back as the SDK gave it."""

    step: int


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Named:
    """The choice of one tool."""

    name: str


@dataclass(frozen=True)
class Ask:
    turns: tuple[Turn | Again, ...]
    tools: tuple[Tool, ...] = ()
    choice: Literal["auto", "none", "required"] | Named | None = None
    parallel: bool | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    output: dict[str, Any] | None = None
    """The JSON schema of the answer."""
    thinking: bool = False
    choices: int = 1
    logprobs: bool = False
    audio: bool = False
    own_dialect: bool = False
    """A Gemini client says schemas in Gemini's own dialect instead of JSON schema."""


Stop = Literal["end", "tool", "length", "sequence", "refusal", "filter"]


@dataclass(frozen=True)
class Usage:
    """Disjoint buckets."""

    input: int = 21
    cache_read: int = 0
    cache_write: int = 0
    output: int = 9
    reasoning: int = 0

    @property
    def asked(self) -> int:
        return self.input + self.cache_read + self.cache_write

    @property
    def answered(self) -> int:
        return self.output + self.reasoning


@dataclass(frozen=True)
class Answer:
    """What the vendor says, in its own way of writing."""

    parts: tuple[Text | Thought | Call | Refusal, ...]
    stop: Stop = "end"
    usage: Usage = Usage()
    sequence: str | None = None
    choices: int = 1
    logprobs: bool = False
    blocked: bool = False
    """The prompt was blocked: there is no answer at all."""


Framing = Literal["plain", "bytes", "crlf", "odd"]


@dataclass(frozen=True)
class Fault:
    """How a vendor fails; `vendor.faults` says how each of them writes it."""

    kind: str
    after_content: bool = False


@dataclass(frozen=True)
class Step:
    ask: Ask
    answer: Answer | Fault
    framing: Framing = "plain"


@dataclass
class Made:
    """A call as the client's SDK holds it."""

    id: str
    name: str
    args: Any


@dataclass
class Got:
    """What the client's SDK object holds."""

    text: str = ""
    thought: str = ""
    thoughts: list[str] = field(default_factory=list)
    """The same in its parts, where the format has such."""
    refusal: str = ""
    spoken: str = ""
    """The words of what is heard."""
    calls: list[Made] = field(default_factory=list)
    stop: str | None = None
    failure: str | None = None
    """The code of an answer that says that it failed (Responses)."""
    sequence: str | None = None
    usage: dict[str, int | None] = field(default_factory=dict)
    model: str = ""
    id: str = ""
    choices: int = 1
    logprobs: int = 0
    native: Any = None
    """What the client hands back in the next turn."""
    dropped: str = ""
    """`x-tidegate-dropped`."""
    begun: Callable[[], None] = lambda: None
    """Is told when the first text has come."""
    problems: list[str] = field(default_factory=list)
    """Where the answer or the stream breaks the rules of the client's format."""

    def hear(self, text: str) -> None:
        """A piece of a stream's text."""
        self.text += text
        if self.text:
            self.begun()


@dataclass
class Failed:
    """What the client's SDK raised."""

    error: str
    """The package and the class of the error."""
    family: tuple[str, ...]
    """The names of the class and of those above it."""
    status: int | None
    kind: str | None
    """The type of the error in the format's words."""
    message: str
    text: str = ""
    """What had come before."""
    headers: dict[str, str] = field(default_factory=dict)
    dropped: str = ""


@dataclass(frozen=True)
class Heard:
    """An upstream request, read back."""

    model: str
    stream: bool
    pieces: tuple[Piece, ...]
    tools: dict[str, tuple[str, Any]]
    choice: str | Named | None
    parallel: bool | None
    max_tokens: int | None
    stop: tuple[str, ...]
    output: Any
    strict: bool | None
    """Whether the answer must keep to its schema."""
    thinking: bool | None
    budget: int | None
    shown: bool
    """Whether thoughts are asked to be shown."""
    sealed: bool
    """Whether opaque state is asked for, where it comes only then."""
    choices: int
    logprobs: int | None
    """How many alternatives to each token; `None`: no log probabilities."""


@dataclass(frozen=True)
class Piece:
    """A piece of a conversation in its order: `kind` is text, image, call, result or thought."""

    role: Literal["system", "user", "assistant"]
    kind: str
    text: str = ""
    data: bytes = b""
    mime: str = ""
    name: str = ""
    args: Any = None
    id: str = ""
    seal: str = ""
    failed: bool | None = None
    images: tuple[tuple[str, bytes], ...] = ()
    """Of a result: media types and bytes."""
