"""Everything that the console shows: pages, and what opens beside or above them."""

from collections.abc import Callable
from dataclasses import dataclass

from console import Console
from playwright.sync_api import Page

Deed = Callable[[Page], None]


@dataclass(frozen=True)
class View:
    name: str
    # With {failover}: the id of a request that was answered by the second whom it asked; {entry}: one of the audit log.
    path: str
    # What opens it, where the path does not. By nothing that is said in a language.
    open: Deed | None = None

    def at(self, console: Console) -> str:
        path = self.path
        if "{failover}" in path:
            path = path.replace("{failover}", console.requests("?failover=true&limit=1")[0]["id"])
        if "{entry}" in path:
            path = path.replace("{entry}", str(console.api("GET", "/audit?limit=1")["items"][0]["id"]))
        return path


def revoke(page: Page) -> None:
    page.locator(".overlay-foot button[aria-haspopup=menu]").click()
    page.locator("[role=menu] .danger").click()
    page.locator(".dialog").wait_for()


def press(selector: str, then: str) -> Deed:
    def deed(page: Page) -> None:
        page.locator(selector).first.click()
        page.locator(then).first.wait_for()

    return deed


VIEWS = [
    View("dashboard", "/"),
    View("dashboard, a day", "/?range=24h"),
    View("account", "/", press(".topbar .account", "[role=menu]")),
    View("requests", "/ui/requests"),
    View("requests, filtered", "/ui/requests?failover=true&slower_than_ms=1&model=shaky"),
    View("requests, nothing found", "/ui/requests?model=nobody"),
    View("request", "/ui/requests?open={failover}"),
    View("providers", "/ui/providers"),
    View("provider, new", "/ui/providers?add=1"),
    View("provider, its models", "/ui/providers/third?step=models"),
    View("provider", "/ui/providers/third"),
    View("provider, settings", "/ui/providers/third?tab=settings"),
    View("provider, declared", "/ui/providers/primary"),
    View("models", "/ui/models"),
    View("model", "/ui/models/coder"),
    View("model, declared", "/ui/models/shaky"),
    View("model, shadowed", "/ui/models/steady?home=shadowed"),
    View("model, actions", "/ui/models/coder", press(".models-menu button", "[role=menu]")),
    View("model, new", "/ui/models?add=1"),
    View("models, real names", "/ui/models?tab=names"),
    View("routes", "/ui/routes"),
    View("route", "/ui/routes?open=with-tools"),
    View("route, new", "/ui/routes?new=1"),
    View("keys", "/ui/keys"),
    View("key", "/ui/keys?open=notebook"),
    View("key, revoked", "/ui/keys?open=notebook", revoke),
    View("key, edited", "/ui/keys?edit=notebook"),
    View("key, new", "/ui/keys?new=1"),
    View("tenants", "/ui/keys?tab=tenants"),
    View("tenant", "/ui/keys?tab=tenants&open=research"),
    View("playground", "/ui/playground"),
    View("playground, replay", "/ui/playground?replay={failover}"),
    View("connect", "/ui/connect"),
    View("connect, Cursor", "/ui/connect?client=cursor"),
    View("connect, Python", "/ui/connect?client=python"),
    View("settings", "/ui/settings"),
    View("accounts", "/ui/settings/accounts"),
    View("audit log", "/ui/settings/audit"),
    View("audit log, entry", "/ui/settings/audit?open={entry}"),
    View("prices", "/ui/settings/prices"),
    View("export and import", "/ui/settings/transfer"),
    View("about", "/ui/settings/about"),
    View("no such page", "/ui/nowhere"),
]
