"""The coding agents, headless: how each is told where the gateway is, what to do, and what its shell tool is called."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness

AGENTS = Path(os.environ["TIDEGATE_AGENTS"])
PATIENCE = 60


@dataclass(frozen=True)
class Start:
    """What runs an agent: its command line, its environment, and files below its home or its folder of work."""

    command: list[str]
    environment: dict[str, str]
    home: dict[str, str] | None = None
    work: dict[str, str] | None = None


@dataclass(frozen=True)
class Agent:
    name: str
    # The format that it speaks.
    format: str
    # Its shell tool, the argument that takes the command, and what else that tool requires.
    tool: str
    slot: str
    rest: dict[str, Any]
    start: Callable[[harness.Gateway, str], Start]
    # Whether it sends back what the model thought, where nothing in its own format signs it.
    keeps_unsigned: bool = True

    def arguments(self, command: str) -> dict[str, Any]:
        return {self.slot: command, **self.rest}


@dataclass(frozen=True)
class Done:
    code: int
    printed: str
    errors: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- standard output\n{self.printed}\n--- standard error\n{self.errors}"


def run(agent: Agent, gateway: harness.Gateway, prompt: str, place: Path) -> Done:
    """Runs the agent to its end, with an empty home and an empty folder of work; one that takes too long is ended."""
    start = agent.start(gateway, prompt)
    home, work = place / "home", place / "work"
    for folder, files in ((home, start.home), (work, start.work)):
        folder.mkdir()
        for name, text in (files or {}).items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "http_proxy", "https_proxy", "no_proxy")}
    kept |= {"HTTP_PROXY": kept["http_proxy"], "HTTPS_PROXY": kept["https_proxy"], "NO_PROXY": kept["no_proxy"]}
    with (place / "printed").open("wb") as printed, (place / "errors").open("wb") as errors:
        child = subprocess.Popen(
            start.command,
            cwd=work,
            env={**kept, "HOME": str(home), "TMPDIR": str(home), **start.environment},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        finally:
            # What it started in its session goes with it.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
    texts = [(place / name).read_text(errors="replace") for name in ("printed", "errors")]
    return Done(code, *texts)


def program(pattern: str) -> str:
    """The agent's program: one package of several holds the one for this machine."""
    [found] = AGENTS.glob(pattern)
    return str(found)


def claude_code(gateway: harness.Gateway, prompt: str) -> Start:
    # Its skills hold phrases that the demo vendor obeys.
    claude = program("@anthropic-ai/claude-code-*/claude")
    return Start(
        [claude, "-p", prompt, "--model", "demo-claude-sonnet-5", "--allowedTools", "Bash"],
        {
            "ANTHROPIC_BASE_URL": gateway.url,
            "ANTHROPIC_API_KEY": gateway.key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS": "1",
        },
    )


def codex(gateway: harness.Gateway, prompt: str) -> Start:
    settings = f"""
model = "gpt-5.5"
model_provider = "tidegate"
model_reasoning_effort = "medium"
model_reasoning_summary = "auto"

[model_providers.tidegate]
name = "Tidegate"
base_url = "{gateway.url}/v1"
wire_api = "responses"
env_key = "TIDEGATE_KEY"
request_max_retries = 0
stream_max_retries = 0
"""
    command = program("@openai/codex-*/vendor/*/bin/codex")
    return Start(
        [command, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt],
        {"TIDEGATE_KEY": gateway.key},
        home={".codex/config.toml": settings},
    )


def gemini_cli(gateway: harness.Gateway, prompt: str) -> Start:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    script = program("@google/gemini-cli/bundle/gemini.js")
    return Start(
        [os.environ["TIDEGATE_NODE"], script, "-m", "gemini-2.5-pro", "--yolo", "-p", prompt],
        {
            "GOOGLE_GEMINI_BASE_URL": gateway.url,
            "GEMINI_API_KEY": gateway.key,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        home={".gemini/settings.json": json.dumps(settings)},
    )


def opencode(gateway: harness.Gateway, prompt: str) -> Start:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{gateway.url}/v1", "apiKey": gateway.key},
        "models": {"agent": {"reasoning": True, "options": {"reasoningEffort": "medium"}}},
    }
    settings = {
        "model": "tidegate/agent",
        "small_model": "tidegate/agent",
        "provider": {"tidegate": provider},
        "permission": {"bash": "allow"},
        "autoupdate": False,
        "share": "disabled",
    }
    # It sets words of several in quotes, and what is quoted in them too.
    return Start(
        [program("opencode-*/bin/opencode"), "run", *prompt.split(" ")],
        {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
        work={"opencode.json": json.dumps(settings)},
    )


CLAUDE_CODE = Agent("claude-code", "anthropic", "Bash", "command", {"description": "Print"}, claude_code)
CODEX = Agent("codex", "openai_responses", "exec_command", "cmd", {}, codex)
GEMINI_CLI = Agent(
    "gemini-cli", "gemini", "run_shell_command", "command", {"description": "Print"}, gemini_cli, keeps_unsigned=False
)
OPENCODE = Agent("opencode", "openai_chat", "bash", "command", {"description": "Print"}, opencode)
ALL = (CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE)
