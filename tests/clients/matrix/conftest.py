from collections.abc import Callable, Iterator

import pytest
from conftest import LOGS

from . import report
from .field import LOG, Field, field, is_direct
from .test_matrix import Cell


@pytest.fixture(scope="session", name="field")
def the_field(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("matrix")
    if not is_direct():
        pytestconfig.stash[LOGS].append(folder / LOG)
    with field(folder) as running:
        yield running


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[Cell, str], None]:
    """Tells the report which cell the test fills; with a reason if it cannot be filled."""

    def one(cell: Cell, reason: str) -> None:
        scenario, client, vendor, stream = cell
        record_property("cell", (scenario.name, client, vendor, stream))
        record_property("impossible", reason)

    return one


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    done = [
        (dict(test.user_properties), outcome)
        for outcome in ("passed", "failed", "skipped", "error")
        for test in terminalreporter.stats.get(outcome, [])
        if any(name == "cell" for name, _ in getattr(test, "user_properties", ()))
    ]
    if done:
        terminalreporter.section("matrix, the SDKs at the vendor itself" if is_direct() else "matrix")
        for line in report.lines(done):
            terminalreporter.write_line(line)
