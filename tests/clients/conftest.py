import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import pytest


LOGS = pytest.StashKey[list[Path]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LOGS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Where a test failed, what the gateway and the vendor had to say may tell why."""
    for log in config.stash[LOGS] if exitstatus else []:
        terminalreporter.section(f"end of {log.name}")
        terminalreporter.write_line(log.read_text(errors="replace")[-4000:])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def the_vendor(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[harness.Vendor]:
    folder = tmp_path_factory.mktemp("vendor")
    pytestconfig.stash[LOGS].append(folder / "vendor.log")
    with harness.vendor(folder) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, the_vendor: harness.Vendor
) -> Iterator[harness.Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    pytestconfig.stash[LOGS].append(folder / "gateway.log")
    with harness.gateway(folder, the_vendor) as gateway:
        yield gateway


@pytest.fixture
def vendor(the_vendor: harness.Vendor) -> harness.Vendor:
    """The vendor, with nothing seen and nothing scripted yet."""
    the_vendor.forget()
    return the_vendor


@pytest.fixture
def upstream(vendor: harness.Vendor) -> Callable[..., str]:
    """Names a model of the vendor's that no other test has used, so that no other test's failures cool it."""

    def name(*steps: object) -> str:
        model = f"demo-{uuid.uuid4().hex[:12]}"
        if steps:
            vendor.script(model, *steps)
        return model

    return name
