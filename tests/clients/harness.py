"""The processes that the tests talk to: the gateway, and the demo vendor behind it."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

BINARY = os.environ["TIDEGATE_BIN"]

CLIENT_KEY = "client-key-of-the-tests"
CHAT_VENDOR_KEY = "vendor-key-of-chat"
MESSAGES_VENDOR_KEY = "vendor-key-of-messages"

CONFIG = """
version: 1
threads: 2
gateway:
  listen: ["127.0.0.1:{port}"]
  auth: keys
  client_keys:
    - {{ name: tests, value: {client_key} }}
  limits: {{ max_body: 4MiB }}
  retry: {{ retries: 0 }}
  ping: 500ms
  providers:
    - name: chat
      format: openai_chat
      base_url: {vendor}/v1
      keys: [ {chat_key} ]
    - name: messages
      format: anthropic
      base_url: {vendor}
      keys: [ {messages_key} ]
    - name: google
      format: gemini
      base_url: {vendor}
      keys: [ vendor-key-of-google ]
  models:
    - name: sonnet
      aliases: [ "claude-sonnet-*", "claude-*-sonnet-*" ]
      endpoints: [ {{ provider: messages, model: demo }} ]
    - name: haiku
      aliases: [ "claude-haiku-*", "claude-*-haiku-*" ]
      endpoints: [ {{ provider: messages, model: demo-small }} ]
    - name: chat-pool
      endpoints: [ {{ provider: chat, model: demo }} ]
    - name: google-pool
      endpoints: [ {{ provider: google, model: demo-embedding }} ]
"""


class Seen(dict[str, Any]):
    """A request as the vendor saw it: one row of its ledger."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self["headers"] if key == name), None)

    def json(self) -> Any:
        return json.loads(self["body"])


@dataclass
class Vendor:
    """The demo vendor, alone on its own port."""

    url: str

    def seen(self) -> list[Seen]:
        """What was asked since the last `forget`."""
        return [Seen(row) for row in self._control("GET", "/demo/requests")["requests"]]

    def forget(self) -> None:
        self.forget_requests()
        self._control("DELETE", "/demo/script")

    def forget_requests(self) -> None:
        """What is scripted stays."""
        self._control("DELETE", "/demo/requests")

    def always(self, step: Any, **when: str) -> None:
        """From now on, for every request of this `key` or `model`. What was told first holds."""
        self._control("POST", "/demo/script", when | {"always": step})

    def script(self, model: str, *steps: Any) -> None:
        """The next requests for this model take a step each."""
        self._control("POST", "/demo/script", {"model": model, "steps": steps})

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            text = reply.read()
        return json.loads(text) if text else None


@dataclass
class Gateway:
    url: str
    key: str = CLIENT_KEY


@contextmanager
def vendor(folder: Path) -> Iterator[Vendor]:
    port = free_port()
    with process([BINARY, "demo", "--listen", f"127.0.0.1:{port}"], folder / "vendor.log", port, "/demo/requests"):
        yield Vendor(f"http://127.0.0.1:{port}")


@contextmanager
def gateway(
    folder: Path, behind: Vendor, settings: str = CONFIG, variables: dict[str, str] | None = None
) -> Iterator[Gateway]:
    port = free_port()
    config = folder / "tidegate.yaml"
    config.write_text(
        settings.format(
            port=port,
            vendor=behind.url,
            client_key=CLIENT_KEY,
            chat_key=CHAT_VENDOR_KEY,
            messages_key=MESSAGES_VENDOR_KEY,
        )
    )
    with process([BINARY, "--conf", str(config)], folder / "gateway.log", port, "/health", variables):
        yield Gateway(f"http://127.0.0.1:{port}")


@contextmanager
def process(
    command: list[str], log: Path, port: int, ready: str, variables: dict[str, str] | None = None
) -> Iterator[None]:
    """Runs the command until the block ends. Fails with its log if it does not get ready, or does not end when asked."""
    with log.open("wb") as out:
        env = os.environ | (variables or {})
        child = subprocess.Popen(command, cwd=log.parent, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        eventually(lambda: child.poll() is not None or answers(port, ready), f"{command} answers", patience=20)
        if child.poll() is not None:
            raise AssertionError(f"{command} ended with {child.returncode}:\n{log.read_text()}")
        yield
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise AssertionError(f"{command} did not end when asked:\n{log.read_text()[-4000:]}") from None


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as reply:
            return reply.status == 200
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(look: Callable[[], T], what: str, patience: float = 5) -> T:
    """Looks until what is seen is true; fails when patience ends."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.02)
    return found
