from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import console
import harness
import pytest
from console import Console
from playwright.sync_api import Browser, expect, sync_playwright
from sight import ARGUMENTS, WIDE, Open, Sight

LOGS = pytest.StashKey[list[Path]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LOGS] = []
    expect.set_options(timeout=30_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Figures that tests have measured; and where one failed, what the gateway had to say may tell why."""
    for figure in FIGURES:
        terminalreporter.write_line(figure)
    for log in config.stash[LOGS] if exitstatus else []:
        if log.exists():
            terminalreporter.section(f"end of {log.parent.name}/{log.name}")
            terminalreporter.write_line(log.read_text(errors="replace")[-3000:])


FIGURES: list[str] = []


@pytest.fixture
def figures() -> list[str]:
    """Lines that are printed at the end."""
    return FIGURES


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=console.environment("TIDEGATE_CHROMIUM"), args=ARGUMENTS, chromium_sandbox=False
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens consoles, each in a fresh profile. At the end nothing may have gone wrong in any."""
    seen: list[Sight] = []

    def open_one(of: Console, language: str = "en", theme: str = "light", size: dict[str, int] = WIDE) -> Sight:
        seen.append(Sight(browser, of, language, theme, size))
        return seen[-1]

    yield open_one
    with ExitStack() as stack:
        for one in seen:
            stack.callback(one.close)


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[harness.Vendor]:
    """A vendor that demands its key."""
    folder = tmp_path_factory.mktemp("vendor")
    pytestconfig.stash[LOGS].append(folder / "vendor.log")
    with harness.vendor(folder) as vendor:
        vendor.always({"status": {"status": 503}}, key=console.VENDOR_KEY, model="demo-503")
        vendor.always([], key=console.VENDOR_KEY)
        vendor.always({"status": {"status": 401}})
        yield vendor


@pytest.fixture(scope="session")
def lively(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, vendor: harness.Vendor
) -> Iterator[Console]:
    """Where something is going on. Whoever changes it changes only what is its own."""
    folder = tmp_path_factory.mktemp("lively")
    pytestconfig.stash[LOGS].append(folder / "gateway.log")
    with console.declared(folder, vendor) as gateway:
        console.make_objects(gateway, vendor)
        console.make_traffic(gateway)
        yield gateway


@pytest.fixture
def empty(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Console]:
    """As it is started first."""
    pytestconfig.stash[LOGS].append(tmp_path / "gateway.log")
    with console.empty(tmp_path) as gateway:
        yield gateway
