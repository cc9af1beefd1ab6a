"""What happens at the gateway of the pictures: its objects, its clients, its vendors' bad moments, and a past.

Used by take.py; everything is bounded, and drawn with a fixed seed.
"""

import http.client
import json
import math
import random
import re
import sqlite3
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
PASSWORD = "a-password-for-pictures"

ASKED = [
    "words: 30", "words: 60", "words: 110", "words: 180", "Why is the sky blue at noon and red at dusk?",
    "Summarise the incident report in three bullet points.", "Translate this release note into German.",
    "words: 260", "Write a unit test for the parser's empty input.", "say: The tide turns at six.",
]
#         key                    tenant's weight, formats, models
CLIENTS = [
    ("tg-5203bb90be2dd195768108c4df9ec8b8f341", 9, ["openai_chat", "openai_chat", "openai_responses"], ["sonnet"] * 5 + ["haiku"] * 3 + ["opus"]),
    ("tg-cd74c512be0d03ca72a10d6325fbc8002314", 5, ["anthropic", "gemini"], ["haiku"] * 4 + ["sonnet"] * 2 + ["cheap"]),
    ("tg-e13f3a1ab96314a0951a10c862a3c10bda17", 4, ["anthropic", "openai_chat"], ["sonnet", "haiku", "haiku", "claude-sonnet-4-6"]),
    ("tg-cb7e0f6969edf62d7cfc61debb024d52767a", 2, ["openai_responses", "openai_chat"], ["opus", "sonnet", "cheap", "local"]),
    ("tg-9a5c5b7f345568ec2c7049d845c599483487", 2, ["openai_chat"], ["coder", "coder", "cheap"]),
    ("tg-ca672ce925f8cc2b76c73db274693a26b6b3", 3, ["openai_responses"], ["coder", "gpt-5.3-codex"]),
]
TOOL = {"name": "get_weather", "description": "The weather at a place", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}

# Milliseconds to the first token, and between events.
PACE = {
    "claude-opus-5-5": (780, 22), "claude-sonnet-5-5": (430, 13), "claude-haiku-5-5": (210, 7), "gpt-5.5": (560, 15),
    "gpt-5.4-mini": (260, 8), "gpt-5.4-nano": (170, 5), "gemini-3.1-pro-preview": (640, 12), "gemini-2.5-flash": (190, 6),
    "deepseek-v3.2": (510, 18), "qwen3-coder": (340, 16), "qwen3-32b": (300, 14), "gpt-5.3-codex": (620, 15), "anthropic/claude-sonnet-5.5": (520, 14), "qwen/qwen3-coder": (410, 15),
}


def fails(status: int, **headers: str) -> list:
    """A step: this status."""
    return [{"status": {"status": status, "headers": headers}}]


LIMITED = fails(429, **{"retry-after": "7"})
# What goes wrong now and then: a model, and a step for each of the next requests for it.
TROUBLE = [
    ("claude-sonnet-5-5", [fails(529)] * 4),
    ("anthropic/claude-sonnet-5.5", [fails(529)] * 3 + ["reset"]),
    ("gpt-5.5", [LIMITED] * 2),
    ("claude-haiku-5-5", [LIMITED] * 3),
    ("qwen3-coder", ["reset", fails(503), "reset", fails(503)]),
    ("claude-sonnet-5-5", [[{"slow_first_token": 2300}]]),
    ("deepseek-v3.2", [[{"break": {"at": {"events": 9}, "how": "close"}}]]),
    ("gpt-5.5", [[{"slow_first_token": 1700}]]),
    ("gpt-5.4-mini", [fails(500)] * 3),
    ("gemini-2.5-flash", [fails(503)] * 2),
    ("gpt-5.4-mini", [[{"break": {"at": {"events": 14}, "how": "reset"}}]]),
    ("qwen/qwen3-coder", [fails(502)] * 2),
]


def call(url: str, body: object = None, headers: dict | None = None, method: str | None = None, timeout: float = 30) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"content-type": "application/json"} | (headers or {}), method=method)
    with urllib.request.urlopen(asked, timeout=timeout) as answer:
        return answer.read()


def filled(name: str, places: dict[str, int]) -> str:
    text = (HERE / name).read_text()
    return re.sub(r"\$\{(\w+)_PORT\}", lambda found: str(places[found[1].lower().replace("_", "-")]), text)


class Life:
    def __init__(self, gateway: str, demo: str, folder: Path):
        self.gateway, self.demo, self.folder = gateway, demo, folder
        self.dice = random.Random(20)
        self.over = threading.Event()

    def api(self, path: str, body: object = None, method: str | None = None) -> dict:
        token = (self.folder / "data/admin.token").read_text().strip()
        said = call(f"{self.gateway}/admin/api/v1{path}", body, {"authorization": f"Bearer {token}"}, method)
        return json.loads(said or b"{}")

    def make_objects(self, places: dict[str, int]):
        done = self.api("/import", {"text": filled("objects.yaml", places), "format": "tidegate", "apply": True})
        assert done["applied"], done
        for name, role in (("mira", "admin"), ("jonas", "viewer"), ("grafana", "viewer")):
            self.api("/accounts", {"name": name, "role": role, "password": f"{PASSWORD}-{name}"})
        # Some changes for the audit log.
        self.api("/models/haiku", {"balance": "fastest", "sticky": "auto"}, "PATCH")
        self.api("/client-keys/ci", {"limits": {"rpm": 60, "concurrency": 4}}, "PATCH")

    def pace(self):
        for model, (first, each) in PACE.items():
            self.script(model, always=[{"slow_first_token": first}, {"slow_body": each}])

    def script(self, model: str, steps: list = (), always: list | None = None):
        order = {"model": f"demo-{model}", "steps": list(steps)} | ({} if always is None else {"always": always})
        call(f"{self.demo}/demo/script", order)

    def ask(self):
        """One request of one client, read to its end, or left."""
        dice = self.dice
        key, _, formats, models = dice.choices(CLIENTS, [weight for _, weight, _, _ in CLIENTS])[0]
        model, said, stream, leaves = dice.choice(models), dice.choice(ASKED), dice.random() < 0.78, dice.random() < 0.012
        odd = dice.random()
        if odd < 0.003:
            key = "tg-of-nobody"
        elif odd < 0.006:
            model = "gpt-3"
        path, body = request(dice.choice(formats), model, said, stream, dice.random())
        asked = urllib.request.Request(self.gateway + path, json.dumps(body).encode(), {"content-type": "application/json", "authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(asked, timeout=25) as answer:
                answer.read(60) if leaves else answer.read()
        except (OSError, http.client.HTTPException):
            # A client's own affair: the gateway has noted it.
            pass

    def load(self, seconds: float, rate: float):
        """Clients for so long, in waves, and vendors with bad moments."""
        ends, troubles, nth = time.monotonic() + seconds, time.monotonic() + 3, 0
        with ThreadPoolExecutor(64) as clients:
            while (now := time.monotonic()) < ends and not self.over.is_set():
                if now > troubles:
                    model, steps = TROUBLE[nth % len(TROUBLE)]
                    self.script(model, steps)
                    nth, troubles = nth + 1, now + 6
                clients.submit(self.ask)
                wave = 1 + 0.45 * math.sin(now / 23) + 0.15 * math.sin(now / 5)
                self.over.wait(self.dice.expovariate(rate * wave))


def request(kind: str, model: str, said: str, stream: bool, chance: float) -> tuple[str, dict]:
    """A conversation as a client of that format says it; some of them with what other formats have no word for."""
    if kind == "anthropic":
        body = {"model": model, "max_tokens": 1024, "stream": stream, "system": "You are brief.", "messages": [{"role": "user", "content": said}]}
        if chance < 0.25:
            body |= {"top_k": 40}
        return "/v1/messages", body
    if kind == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": said}]}], "generationConfig": {"temperature": 0.7}}
        if chance < 0.3:
            body["safetySettings"] = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
        return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}", body
    if kind == "openai_responses":
        body = {"model": model, "stream": stream, "input": said, "instructions": "You are brief.", "store": False}
        if chance < 0.3:
            body["tools"] = [{"type": "function", "strict": False} | TOOL]
        return "/v1/responses", body
    body = {"model": model, "stream": stream, "messages": [{"role": "system", "content": "You are brief."}, {"role": "user", "content": said}]}
    if chance < 0.2:
        body |= {"logit_bias": {"50256": -100}, "seed": 7}
    elif chance < 0.4:
        body["tools"] = [{"type": "function", "function": TOOL}]
    return "/v1/chat/completions", body


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def earlier(name: str, ms: int, mark: int) -> str:
    """The id of a request that was made so much earlier."""
    millis = 0
    for digit in name[:10]:
        millis = millis << 5 | ALPHABET.index(digit)
    millis -= ms
    head = "".join(ALPHABET[millis >> shift & 31] for shift in range(45, -1, -5))
    return head + ALPHABET[mark % 32] + ALPHABET[mark // 32 % 32] + name[12:]


def make_past(database: Path, played: float):
    """Repeats what was just played (seconds): before it, until ten minutes are full; after it, until now; and in each hour of 30 days, as sums.

    The gateway is not running meanwhile. What is repeated is the gateway's own rows, moved in time."""
    with sqlite3.connect(database) as base:
        def columns(table):
            return [row[1] for row in base.execute(f"PRAGMA table_info({table})")]

        whole = {row[0] for row in base.execute("SELECT id FROM requests")}
        dice = random.Random(3)
        moves = [(int(played * 1000) * turn + turn * 3700, 0.72 + 0.12 * (turn % 3)) for turn in range(1, math.ceil(660 / played))]
        moves += [(hour * 3_600_000, 0.25) for hour in range(1, 24)]
        copies = [(mark, ms, {one for one in whole if dice.random() < share}) for mark, (ms, share) in enumerate(moves, 1)]
        # And while the gateway was away: what came as long after the beginning.
        until = time.time() * 1000 + 2500 - played * 1000
        begun = base.execute("SELECT id FROM requests WHERE at <= ?", [until]).fetchall()
        copies.append((len(copies) + 1, -int(played * 1000), {row[0] for row in begun}))
        originals = {}
        for table in ("rollups", "seen"):
            rows = base.execute(f"SELECT * FROM {table}").fetchall()
            originals[table] = [dict(zip(columns(table), row)) for row in rows]
        for table in ("requests", "request_details", "request_bodies"):
            names, rows = columns(table), base.execute(f"SELECT * FROM {table}").fetchall()
            at_id = names.index("id")
            for mark, ms, chosen in copies:
                for row in rows:
                    if row[at_id] in chosen:
                        new = list(row)
                        new[at_id] = earlier(row[at_id], ms, mark)
                        if "at" in names:
                            new[names.index("at")] -= ms
                        base.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(names))})", new)
        for _, ms, _ in copies:
            for row in originals["seen"]:
                new = row | {"slot": row["slot"] - ms // 600_000}
                base.execute("INSERT INTO seen VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests", list(new.values()))
        keys = ("hour", "model", "provider", "endpoint", "client_key", "tenant", "outcome", "status")
        for hours in range(1, 30 * 24):
            hour = originals["rollups"][0]["hour"] - hours
            # A working day, in UTC, and quiet weekends.
            busy = 0.25 + max(0.0, math.sin((hour % 24 - 5) / 24 * math.pi * 1.45)) * (2.6 if (hour // 24 + 4) % 7 not in (0, 6) else 0.9)
            times = busy * dice.uniform(0.85, 1.15)
            sums = {}
            for row in originals["rollups"]:
                # Each row on its own, so that no hour is the other's shadow.
                by = times * dice.uniform(0.75, 1.25) * (dice.choice((0, 0, 0.4, 2.5)) if row["outcome"] != "complete" and row["requests"] < 40 else 1)
                new = {name: value if name in keys else round(value * by) for name, value in row.items()} | {"hour": hour}
                sums[tuple(new[key] for key in keys)] = new
            for new in sums.values():
                base.execute(f"INSERT OR IGNORE INTO rollups VALUES ({','.join('?' * len(new))})", list(new.values()))
