"""Gateways with a console: one that is empty, and one where something is going on."""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import BINARY, Vendor, answers, eventually, free_port, process

PASSWORD = "password-of-the-tests"
CLIENT_KEY = "client-key-of-the-tests"
VENDOR_KEY = "vendor-key-of-the-tests"

# Answered by one of several, refused, failed over; of every home: file, database, and shadowed.
LIVELY = """
version: 1
threads: 2
gateway:
  listen: ["127.0.0.1:{port}"]
  auth: keys
  retry: {{ retries: 0 }}
  log: {{ bodies: true }}
  tenants:
    - {{ name: platform, limits: {{ rpm: 6000, budget: {{ usd: 500, reset: "0 0 1 * *" }} }} }}
  client_keys:
    - {{ name: backend, value: {client_key}, tenant: platform, limits: {{ concurrency: 40 }} }}
  providers:
    - name: primary
      format: openai_chat
      base_url: {vendor}/v1
      keys: [ {vendor_key} ]
      models: [ demo-large, demo-small ]
    - name: reserve
      format: anthropic
      base_url: {vendor}
      keys: [ {vendor_key} ]
  models:
    - name: steady
      endpoints:
        - {{ provider: primary, model: demo-large }}
        - {{ provider: reserve, model: demo-small }}
    - name: shaky
      endpoints:
        - {{ provider: primary, model: demo-503 }}
        - {{ provider: reserve, model: demo-small, priority: 2 }}
  routes:
    - name: long-inputs
      when: {{ tokens_over: 100000, format: [ openai_chat ] }}
      use: steady
  prices:
    demo-large: {{ input: 2.5, cached: 1.25, output: 10 }}
    demo-503: {{ input: 1, output: 4 }}
    demo-small: {{ input: 0.2, output: 1 }}
"""

# Made by the API, beside what the file declares.
OBJECTS: list[tuple[str, dict[str, Any]]] = [
    (
        "providers",
        {
            "name": "third",
            "format": "openai_chat",
            "base_url": "{vendor}/v1",
            "keys": [VENDOR_KEY],
            "models": ["demo-large", "demo-small", "demo-reasoner"],
        },
    ),
    (
        "models",
        {
            "name": "coder",
            "aliases": ["claude-*coder*"],
            "endpoints": [
                {"provider": "third", "model": "demo-large", "weight": 30},
                {"provider": "primary", "model": "demo-large"},
                {
                    "provider": "reserve",
                    "model": "demo-small",
                    "priority": 2,
                    "quota": {"requests": 1000, "reset": "0 0 * * *"},
                },
            ],
        },
    ),
    ("models", {"name": "steady", "endpoints": [{"provider": "third", "model": "demo-large"}]}),
    ("tenants", {"name": "research", "limits": {"tpm": 100000}}),
    ("client-keys", {"name": "notebook", "tenant": "research", "expires": "2099-12-31", "models": ["coder"]}),
    ("routes", {"name": "with-tools", "when": {"tools": True, "model_contains": ["gpt"]}, "use": "coder"}),
    ("prices", {"name": "demo-reasoner", "input": 1, "output": 4}),
    ("accounts", {"name": "vera", "role": "viewer", "password": PASSWORD}),
]


@dataclass
class Console:
    url: str
    folder: Path
    password: str = PASSWORD
    key: str = CLIENT_KEY

    def api(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """A call of the admin API, as whoever may read the gateway's own folder."""
        token = (self.folder / "data" / "admin.token").read_text().strip()
        known = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/admin/api/v1{path}", data, known | (headers or {}), method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def chat(self, model: str, text: str = "hello", key: str | None = None, **more: Any) -> tuple[int, Any]:
        """A client's call: status and body."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        headers = {"content-type": "application/json", "authorization": f"Bearer {key or self.key}"}
        request = urllib.request.Request(f"{self.url}/v1/chat/completions", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text, status = reply.read().decode(), reply.status
        except urllib.error.HTTPError as error:
            text, status = error.read().decode(), error.code
        return status, text if more.get("stream") else json.loads(text)

    def requests(self, query: str = "") -> list[dict[str, Any]]:
        return self.api("GET", f"/requests{query}")["items"]


@contextmanager
def started(folder: Path, arguments: list[str], variables: dict[str, str], port: int) -> Iterator[Console]:
    command = [BINARY, *arguments]
    with process(command, folder / "gateway.log", port, "/health", variables):
        eventually(lambda: answers(port, "/admin/api/v1/session"), "the admin side answers", patience=20)
        eventually((folder / "data" / "admin.token").exists, "there is an admin token", patience=20)
        account = "the password of the account `admin` is", "the account `admin` was made"
        log = folder / "gateway.log"
        eventually(lambda: any(made in log.read_text() for made in account), "there is an account", patience=20)
        yield Console(f"http://127.0.0.1:{port}", folder)


@contextmanager
def empty(folder: Path) -> Iterator[Console]:
    """As it is started first: no configuration, no provider, a password that is printed once."""
    port = free_port()
    with started(folder, ["--host", "127.0.0.1", "--port", str(port)], {}, port) as console:
        printed = re.compile(r"its password\s+(\S+)\s+It is shown only now")
        log = folder / "gateway.log"
        found = eventually(lambda: printed.search(log.read_text()), "the password is printed", patience=20)
        console.password = found.group(1)
        yield console


@contextmanager
def declared(folder: Path, vendor: Vendor, config: str = LIVELY) -> Iterator[Console]:
    """With a configuration file."""
    port = free_port()
    file = folder / "tidegate.yaml"
    file.write_text(config.format(port=port, vendor=vendor.url, client_key=CLIENT_KEY, vendor_key=VENDOR_KEY))
    with started(folder, ["--conf", str(file)], {"ADMIN_PASSWORD": PASSWORD}, port) as console:
        yield console


def make_objects(console: Console, vendor: Vendor) -> None:
    for kind, body in OBJECTS:
        text = json.dumps(body).replace("{vendor}", vendor.url)
        console.api("POST", f"/{kind}", json.loads(text))


def make_traffic(console: Console) -> None:
    for n in range(3):
        assert console.chat("steady", f"hello {n}")[0] == 200
    assert console.chat("coder", "words: 40", stream=True)[0] == 200
    answer = console.chat("shaky", "are you there?")
    assert answer[0] == 200, answer
    assert console.chat("nobody-knows-it")[0] == 404
    eventually(lambda: len(console.requests()) >= 6, "the requests are in the log", patience=20)


def environment(name: str) -> str:
    return os.environ[name]
