"""Coding agents, headless: each runs a command in its own shell because the model asked for it, and reads the answer.

The nonce stands in a file that only the agent's shell reads, so it reaches the vendor as a tool's result or not at all.
"""

import json
import os
import subprocess
import uuid
from pathlib import Path

import harness
import pytest

AGENTS = Path(os.environ["TIDEGATE_AGENTS"])
# In a line of its own: some agents quote or wrap the prompt.
PROMPT = "Please do this:\nrun: cat nonce.txt\nand tell me what it says."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def nonce(folder: Path) -> str:
    nonce = uuid.uuid4().hex
    (folder / "nonce.txt").write_text(nonce)
    return nonce


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Runs an agent to its end in the folder, with an empty home, and gives what it printed."""
    home = folder.parent / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "http_proxy", "https_proxy", "no_proxy")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "HOME": str(home), "TMPDIR": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(120)
def test_claude_code_runs_a_command_and_reads_its_output(
    gateway: harness.Gateway, vendor: harness.Vendor, folder: Path, nonce: str
) -> None:
    [claude] = AGENTS.glob("@anthropic-ai/claude-code-*/claude")
    printed = run(
        [str(claude), "-p", PROMPT, "--model", "sonnet", "--allowedTools", "Bash", "--output-format", "json"],
        folder,
        ANTHROPIC_BASE_URL=gateway.url,
        ANTHROPIC_API_KEY=gateway.key,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1",
    )
    answer = json.loads(printed)
    assert answer["is_error"] is False and nonce in answer["result"]
    assert answer["num_turns"] == 2

    turns = [s for s in vendor.seen() if s["path"] == "/v1/messages"]
    assert {s.json()["model"] for s in turns} <= {"demo", "demo-small"}
    results = [block for s in turns for block in blocks(s) if block.get("type") == "tool_result"]
    assert any(nonce in json.dumps(r) for r in results)
    # What it sent is what arrived: the large body, its beta flags, its session.
    assert max(s["body_bytes"] for s in turns) > 50_000
    assert all(s.header("anthropic-beta") and s.header("x-claude-code-session-id") for s in turns)


@pytest.mark.timeout(120)
def test_opencode_runs_a_command_and_reads_its_output(
    gateway: harness.Gateway, vendor: harness.Vendor, folder: Path, nonce: str
) -> None:
    [opencode] = AGENTS.glob("opencode-*/bin/opencode")
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{gateway.url}/v1", "apiKey": gateway.key},
        "models": {"chat-pool": {}},
    }
    config = {
        "model": "tidegate/chat-pool",
        "small_model": "tidegate/chat-pool",
        "provider": {"tidegate": provider},
        "permission": {"bash": "allow"},
        "autoupdate": False,
        "share": "disabled",
    }
    (folder / "opencode.json").write_text(json.dumps(config))
    printed = run(
        [str(opencode), "run", PROMPT],
        folder,
        OPENCODE_DISABLE_AUTOUPDATE="1",
        OPENCODE_DISABLE_MODELS_FETCH="1",
    )
    assert nonce in printed

    turns = vendor.seen()
    assert {(s["path"], s.json()["model"]) for s in turns} == {("/v1/chat/completions", "demo")}
    results = [m for s in turns for m in s.json()["messages"] if m["role"] == "tool"]
    assert any(nonce in json.dumps(m) for m in results)


def blocks(seen: harness.Seen) -> list[dict[str, object]]:
    contents = [m["content"] for m in seen.json()["messages"]]
    return [block for content in contents if isinstance(content, list) for block in content]
