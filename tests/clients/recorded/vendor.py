"""The scripted vendor: the model's name says which reply is replayed."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from matrix.words import FORMATS, Format

from .replies import Reply

# A stream comes in pieces that know nothing of its events.
PIECE = 1000


@contextmanager
def vendor(replies: list[Reply]) -> Iterator[str]:
    """Its URL; the format follows as the first segment of the path."""
    by_number = {f"at-{reply.format}-{number}": reply for number, reply in enumerate(replies)}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            named = re.search(r"/models/([^/:]+):", self.path)
            model = named[1] if named else str(json.loads(body).get("model"))
            reply = by_number.get(model.rpartition("-")[0])
            if reply is None or not self.path.startswith(f"/{reply.format}/"):
                self.send_error(404)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.stream:
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for at in range(0, len(reply.body), PIECE):
                    piece = reply.body[at : at + PIECE]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def model(number: int, format: Format, client: str) -> str:
    """The model whose answer the reply is: one of the client's own, so that no other's faults cool it."""
    return f"at-{format}-{number}-{client}"


def turned(number: int, format: Format, client: str) -> str:
    """A model for clients that want the answer in the other manner, a stream whole or the reverse."""
    return f"turned-{format}-{number}-{client}"


def models(replies: list[Reply]) -> str:
    """The gateway's configuration of those."""
    lines = ["  models:"]
    for number, reply in enumerate(replies):
        manner = "non_streaming" if reply.stream else "streaming"
        for client in FORMATS:
            upstream = model(number, reply.format, f"{client}turned")
            lines.append(f"    - name: {turned(number, reply.format, client)}")
            lines.append(f"      endpoints: [ {{ provider: {reply.format}, model: {upstream}, {manner}: false }} ]")
    return "\n".join([*lines, ""])
