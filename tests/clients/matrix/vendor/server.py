"""The server: reads requests, checks and keeps them, and answers as the script of the model says.

Plain sockets, since answers come in one-byte pieces, and end in the middle.
"""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..words import Answer, Fault, Format, Step, Text
from . import anthropic, chat, faults, gemini, responses, rules, types
from .writing import seed

WRITERS: dict[Format, Any] = {"chat": chat, "responses": responses, "anthropic": anthropic, "gemini": gemini}
PATHS: tuple[tuple[Format, re.Pattern[str]], ...] = (
    ("chat", re.compile(r"/chat/v1/chat/completions")),
    ("responses", re.compile(r"/responses/v1/responses")),
    ("anthropic", re.compile(r"/anthropic/v1/messages")),
    ("gemini", re.compile(r"/gemini/v1beta/models/([^/:]+):(generateContent|streamGenerateContent)")),
)
KEYS: dict[Format, str] = {format: f"key-of-{format}" for format, _ in PATHS}
# Where each vendor looks for it.
KEY_HEADERS: dict[Format, tuple[str, ...]] = {
    "chat": ("authorization",),
    "responses": ("authorization",),
    "anthropic": ("x-api-key", "authorization"),
    "gemini": ("x-goog-api-key",),
}


# What a stream says before it fails; the vendors stream it in pieces, and the first is `SAID`.
CONTENT = Answer((Text("Half of a sentence that is never said to its end"),))
SAID = "Half of"


@dataclass
class Seen:
    """A request as it came."""

    format: Format
    model: str
    stream: bool
    headers: dict[str, str]
    body: Any
    complaint: str | None
    """What is wrong with it."""


class Vendor:
    """Scripts by the name of the model; what was asked, likewise."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._lock = threading.Lock()
        self._scripts: dict[str, tuple[Step, ...]] = {}
        self._seen: dict[str, list[Seen]] = {}
        self._begun: dict[str, threading.Event] = {}

    def base(self, format: Format) -> str:
        """The base URL of the format, with its version."""
        return f"{self.url}/{format}/" + ("v1beta" if format == "gemini" else "v1")

    def script(self, model: str, steps: tuple[Step, ...]) -> None:
        """The requests for this model get the steps' answers, one after the other."""
        with self._lock:
            self._scripts[model] = steps
            self._begun[model] = threading.Event()

    def go_on(self, model: str) -> None:
        """The client has the first text: a stream that fails after content may fail now."""
        self._begun[model].set()

    def wait(self, model: str) -> None:
        # Whoever holds the text back learns nothing more: the client must have failed by then.
        self._begun[model].wait(5)

    def seen(self, model: str) -> list[Seen]:
        with self._lock:
            return list(self._seen.get(model, ()))

    def take(self, seen: Seen) -> tuple[Step, int] | None:
        """Keeps what was asked; the step that it gets, and its number."""
        with self._lock:
            earlier = self._seen.setdefault(seen.model, [])
            earlier.append(seen)
            steps = self._scripts.get(seen.model, ())
            number = len(earlier) - 1
            if steps and isinstance(steps[-1].answer, Fault):
                # The gateway may ask again.
                number = min(number, len(steps) - 1)
            return (steps[number], number) if number < len(steps) else None


@contextmanager
def vendor() -> Iterator[Vendor]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        vendor = Vendor(listener.getsockname()[1])
        threading.Thread(target=_accept, args=(listener, vendor), daemon=True).start()
        yield vendor


def _accept(listener: socket.socket, vendor: Vendor) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, vendor), daemon=True).start()


def _serve(connection: socket.socket, vendor: Vendor) -> None:
    with connection, connection.makefile("rb") as incoming:
        try:
            while (request := _read(incoming)) and _answer(connection, vendor, *request):
                pass
        except OSError:
            # The other side is gone.
            pass


def _read(incoming: Any) -> tuple[str, dict[str, str], bytes] | None:
    line = incoming.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while (header := incoming.readline().decode("latin-1").strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(incoming.readline().split(b";")[0], 16):
            body += incoming.read(size)
            incoming.readline()
        incoming.readline()
    else:
        body = incoming.read(int(headers.get("content-length", 0)))
    return line[1], headers, body


def _answer(connection: socket.socket, vendor: Vendor, target: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the connection may be used again."""
    seen = _look(target, headers, body)
    if isinstance(seen, str):
        return _send(connection, faults.Broken(404, {}, json.dumps({"error": {"message": seen}}).encode()))
    taken = vendor.take(seen)
    if seen.complaint or taken is None:
        told = {"error": {"message": seen.complaint or "no script for this request", "type": "invalid_request_error"}}
        return _send(connection, faults.Broken(400, {}, json.dumps(told).encode()))
    step, number = taken
    writer = WRITERS[seen.format]
    arguments = (seen.body, seen.model, seed(seen.model, number))
    if isinstance(step.answer, Answer):
        if seen.stream:
            return _send_stream(connection, seen.format, step, writer.stream(step.answer, *arguments))
        return _send_whole(connection, step, writer.whole(step.answer, *arguments))
    return _fail(connection, vendor, seen, step.answer, arguments)


def _look(target: str, headers: dict[str, str], body: bytes) -> Seen | str:
    path, _, query = target.partition("?")
    found = next(((format, match) for format, known in PATHS if (match := known.fullmatch(path))), None)
    if not found:
        return f"no such path: {path}"
    format, match = found
    try:
        request = json.loads(body)
        assert isinstance(request, dict)
    except (ValueError, AssertionError):
        return "no JSON object"
    if format == "gemini":
        model, stream = match[1], match[2] == "streamGenerateContent"
    else:
        model, stream = str(request.get("model")), request.get("stream", False)
    try:
        complaint = types.complaint(format, stream, body) or rules.complaint(format, request)
    except (KeyError, TypeError, ValueError) as error:
        complaint = f"not understood: {error!r}"
    credentials = [headers[name].removeprefix("Bearer ") for name in KEY_HEADERS[format] if name in headers]
    if credentials != [KEYS[format]]:
        complaint = f"the credentials are {credentials}"
    if format == "anthropic" and "anthropic-version" not in headers:
        complaint = "no anthropic-version"
    if format == "gemini" and stream and query != "alt=sse":
        complaint = f"a stream of events was not asked for: {query!r}"
    return Seen(format, model, stream, headers, request, complaint)


def _fail(
    connection: socket.socket, vendor: Vendor, seen: Seen, fault: Fault, arguments: tuple[Any, str, str]
) -> bool:
    writer = WRITERS[seen.format]
    if fault.kind in faults.ERRORS + faults.BROKEN:
        answer = faults.before(seen.format, fault.kind, writer.whole(CONTENT, *arguments), seen.stream)
        return _send(connection, answer)
    if fault.after_content:
        events = list(writer.stream(CONTENT, *arguments))
        start = events[: 1 + next(at for at, event in enumerate(events) if SAID.encode() in event)]
    else:
        start = writer.preamble(*arguments)
    failing, is_cut = faults.in_stream(seen.format, fault.kind, *arguments)
    _head(connection, 200, {"content-type": "text/event-stream"}, None)
    _chunk(connection, b"".join(start))
    if fault.after_content:
        vendor.wait(seen.model)
    if failing:
        _chunk(connection, failing)
    if is_cut:
        _chunk(connection, b'data: {"cut', whole=False)
        return False
    connection.sendall(b"0\r\n\r\n")
    return True


def _send(connection: socket.socket, answer: faults.Broken) -> bool:
    if answer.close and not answer.status:
        return False
    _head(connection, answer.status, {"content-type": answer.content_type, **answer.headers}, len(answer.body))
    connection.sendall(answer.body)
    return True


def _send_whole(connection: socket.socket, step: Step, body: bytes) -> bool:
    headers = {"content-type": "application/json"}
    if step.framing != "bytes":
        _head(connection, 200, headers, len(body))
        connection.sendall(body)
        return True
    _head(connection, 200, headers, None)
    for at in range(len(body)):
        _chunk(connection, body[at : at + 1])
    connection.sendall(b"0\r\n\r\n")
    return True


def _send_stream(connection: socket.socket, format: Format, step: Step, events: Iterator[bytes]) -> bool:
    _head(connection, 200, {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}, None)
    for event in events:
        if step.framing == "bytes":
            for at in range(len(event)):
                _chunk(connection, event[at : at + 1])
        else:
            _chunk(connection, _framed(event, format, step.framing))
    connection.sendall(b"0\r\n\r\n")
    return True


def _framed(event: bytes, format: Format, framing: str) -> bytes:
    if framing == "crlf":
        # Google's own SDK takes a comment for an answer, and Google writes none.
        comment = b"" if format == "gemini" else b": keep-alive\n\n"
        return (comment + event).replace(b"\n", b"\r\n")
    if framing == "odd":
        return b"id: 7\nretry: 3000\n" + event.replace(b"data: ", b"data:", 1)
    return event


def _head(connection: socket.socket, status: int, headers: dict[str, str], length: int | None) -> None:
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), size, "", ""]
    connection.sendall("\r\n".join(lines).encode())


def _chunk(connection: socket.socket, data: bytes, whole: bool = True) -> None:
    connection.sendall(b"%x\r\n" % (len(data) + (0 if whole else 99)) + data + (b"\r\n" if whole else b""))
