"""Everything that runs: the scripted vendor, the gateway in front of it, and a client for each format."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import harness

from .clients import KINDS
from .clients.base import Client
from .vendor.server import KEYS, Vendor, vendor
from .words import FORMATS, Format

LOG = "matrix-gateway.log"
CLIENT_KEY = "key-of-the-matrix"
GATEWAYS_WORDS: dict[Format, str] = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
}
CONFIG = """
version: 1
threads: 2
gateway:
  listen: ["127.0.0.1:{port}"]
  auth: keys
  client_keys:
    - {{ name: matrix, value: {key} }}
  retry: {{ retries: 0 }}
  providers:
"""
PROVIDER = """
    - name: {name}
      format: {format}
      base_url: {base}
      keys: [ {key} ]
      expose: [ "at-{name}-*" ]
"""


def formats() -> tuple[Format, ...]:
    wanted = os.environ.get("MATRIX_FORMATS", ",".join(FORMATS)).split(",")
    return tuple(format for format in FORMATS if format in wanted)


def pairs() -> list[tuple[Format, Format]]:
    """Client and vendor."""
    every = list(itertools.product(formats(), formats()))
    wanted = os.environ.get("MATRIX_PAIRS", "all")
    if is_direct() or wanted == "same":
        return [(client, vendor) for client, vendor in every if client == vendor]
    if wanted == "all":
        return every
    return [pair for pair in every if ">".join(pair) in wanted.split(",")]


def is_direct() -> bool:
    return os.environ.get("MATRIX_DIRECT", "") not in ("", "0")


@dataclass
class Field:
    vendor: Vendor
    clients: dict[Format, Client]
    _models = itertools.count()

    def model(self, format: Format) -> str:
        """A model of that vendor's that no other test has used, so that no other test's faults cool it."""
        return f"at-{format}-{next(self._models)}"


@contextmanager
def field(folder: Path) -> Iterator[Field]:
    with vendor() as behind, ExitStack() as stack:
        if is_direct():
            roots = {format: f"{behind.url}/{format}" for format in formats()}
            keys = {format: KEYS[format] for format in formats()}
        else:
            url = stack.enter_context(gateway(folder, {format: behind.base(format) for format in formats()}))
            roots = dict.fromkeys(formats(), url)
            keys = dict.fromkeys(formats(), CLIENT_KEY)
        clients = {format: KINDS[format](roots[format], keys[format]) for format in formats()}
        yield Field(behind, clients)
        for client in clients.values():
            client.close()


@contextmanager
def gateway(folder: Path, bases: dict[Format, str], models: str = "") -> Iterator[str]:
    """In front of a provider for each format, which are asked for their models `at-<format>-…`, and for `models`."""
    port = harness.free_port()
    config = CONFIG.format(port=port, key=CLIENT_KEY)
    for name, base in bases.items():
        words = GATEWAYS_WORDS[name]
        config += PROVIDER.format(name=name, format=words, base=base, key=KEYS[name])
    path = folder / "matrix.yaml"
    path.write_text(config + models)
    with harness.process([harness.BINARY, "--conf", str(path)], folder / LOG, port, "/health"):
        yield f"http://127.0.0.1:{port}"
