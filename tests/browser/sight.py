"""What a person has before them: a page in a browser, and everything that goes wrong there."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console import Console
from harness import eventually
from playwright.sync_api import Browser, BrowserContext, Page, Response, Route

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 740}
LOCALES = {"en": "en-US", "zh": "zh-CN"}

# A violation is no console message in every version; said as one, it is seen like any other.
TELL_VIOLATIONS = """
addEventListener('securitypolicyviolation', (event) =>
  console.error(`CSP: ${event.effectiveDirective} forbids ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


class Sight:
    """A fresh profile, and its page."""

    def __init__(self, browser: Browser, console: Console, language: str, theme: str, size: dict[str, int]) -> None:
        self.console = console
        self.troubles: list[str] = []
        self.expected: list[re.Pattern[str]] = []
        self.pending: set[Any] = set()
        self.context: BrowserContext = browser.new_context(
            viewport=size,
            locale=LOCALES[language],
            color_scheme=theme,
            base_url=console.url,
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(30_000)
        self.context.add_init_script(TELL_VIOLATIONS)
        if folder := os.environ.get("TIDEGATE_UI"):
            instead(self.context, Path(folder))
        self._watch()
        self.page: Page = self.context.new_page()

    def expect(self, *patterns: str) -> None:
        """What this test makes go wrong."""
        self.expected += [re.compile(pattern) for pattern in patterns]

    def sign_in(self, account: str = "admin") -> "Sight":
        reply = self.context.request.post(
            "/admin/api/v1/login", data={"account": account, "password": self.console.password}
        )
        assert reply.ok, reply.text()
        return self

    def go(self, path: str) -> Page:
        self.page.goto(path)
        self.settle()
        return self.page

    def turn_to(self, path: str) -> Page:
        """Within the open document, as a step back or forward does."""
        self.page.evaluate(
            "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
        )
        self.settle()
        return self.page

    def settle(self) -> None:
        """Until what was asked for has come and is shown."""

        def quiet() -> bool:
            # Events are dispatched while the page is waited for.
            self.page.wait_for_timeout(50)
            return not self.pending and self.page.evaluate(
                "!!document.querySelector('#main, main')?.textContent.trim() && !document.querySelector('.skeleton')"
            )

        eventually(lambda: quiet() and quiet(), f"{self.page.url} has settled: {self.pending}", patience=20)

    def close(self) -> None:
        """Fails on whatever went wrong and was not expected."""
        if not self.page.is_closed():
            self.page.evaluate("new Promise((done) => setTimeout(done))")
        self.context.close()
        assert not self.unexpected(), "\n".join(self.unexpected())

    def taken(self) -> list[str]:
        """What went wrong since this was asked last."""
        found = self.unexpected()
        self.troubles.clear()
        return found

    def unexpected(self) -> list[str]:
        return [one for one in self.troubles if not any(pattern.search(one) for pattern in self.expected)]

    def _watch(self) -> None:
        context = self.context
        context.on(
            "console",
            lambda said: (
                said.type in ("error", "warning") and self._note(f"{said.type}: {said.text}", said.location.get("url"))
            ),
        )
        context.on("weberror", lambda error: self._note(f"page error: {error.error.stack or error.error}"))
        context.on("request", lambda request: request.url.endswith("/events") or self.pending.add(request))
        # A body that nobody reads never ends.
        context.on("response", lambda response: self.pending.discard(response.request))
        context.on("requestfailed", lambda request: self._failed(request))

    def _failed(self, request: Any) -> None:
        self.pending.discard(request)
        # Given up by the page itself, or left behind with it.
        if "ERR_ABORTED" not in (request.failure or ""):
            self._note(f"failed: {request.failure}", request.url)

    def _note(self, text: str, where: str | None = None) -> None:
        self.troubles.append(f"{text} @ {where}" if where else text)


def instead(context: BrowserContext, folder: Path) -> None:
    """Shows the files of a folder in place of those in the binary, under the policy that these have."""
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

    def give(route: Route) -> None:
        path = re.sub(r"^https?://[^/]+/(ui/?)?(~[^/]+/)?|\?.*$", "", route.request.url)
        file = folder / path
        if route.request.resource_type == "document" or not path:
            real: Response = route.fetch()
            route.fulfill(
                body=(folder / "index.html").read_text(),
                headers=real.headers | {"content-type": "text/html; charset=utf-8", "content-encoding": "identity"},
            )
        elif file.is_file():
            route.fulfill(body=file.read_bytes(), content_type=types.get(file.suffix, "text/plain") + "; charset=utf-8")
        else:
            route.fulfill(status=404, body="")

    context.route(re.compile(r"^http://[^/]+/(ui(/[^?]*)?)?(\?.*)?$"), give)


Open = Callable[..., Sight]
