from collections.abc import Iterator
from pathlib import Path

import harness
import pytest
from conftest import LOGS
from matrix.field import LOG

from .setting import Setting, setting

SETTING = pytest.StashKey[Setting]()


@pytest.fixture(scope="session", name="setting")
def the_setting(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("recorded")
    pytestconfig.stash[LOGS].append(folder / LOG)
    with setting(folder) as running:
        pytestconfig.stash[SETTING] = running
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if running := config.stash.get(SETTING, None):
        terminalreporter.write_line(running.summary())
