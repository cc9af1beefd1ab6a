"""Pictures of every page of the console, of a gateway with a life. Called by scripts/screenshots.sh.

take.py BINARY CHROMIUM OUT [--only NAME,…] [--lang en] [--ui URL_PREFIX]
"""

import argparse
import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import vendors
from life import PASSWORD, Life, call, filled, make_past

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
DESKTOP, PHONE = (1440, 900), (390, 844)
PLAYED = 150.0


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for first in range(19470, 29000, 50):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    there = stack.enter_context(socket.socket())
                    there.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    there.bind(("127.0.0.1", port))
                return first
            except OSError:
                continue
    sys.exit("There are no free ports.")


def until(true, what: str, seconds: float = 30):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            if found := true():
                return found
        time.sleep(0.1)
    sys.exit(f"{what}: not within {seconds:.0f} s")


# What people's systems have, in place of the fonts of a bare server.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
%s</fontconfig>""" % "".join(
    f'<match target="pattern"><test name="family"><string>{asked}</string></test><edit name="family" mode="prepend" binding="strong"><string>{font}</string></edit></match>\n'
    for asked, font in (("system-ui", "Inter"), ("sans", "Inter"), ("sans-serif", "Inter"), ("DejaVu Sans", "Inter"), ("ui-monospace", "JetBrains Mono"))
)


class Running:
    """The demo vendor, its doors, and a gateway with a folder of its own."""

    def __init__(self, binary: str, folder: Path):
        first = free_ports(4 + len(vendors.DOORS))
        self.binary, self.folder, self.gateway_port, self.demo_port = binary, folder, first, first + 1
        self.places = vendors.open_doors(first + 2, self.demo_port) | {"gateway": self.gateway_port}
        self.url = f"http://localhost:{self.gateway_port}"
        self.demo = self.begin("demo", "--listen", f"127.0.0.1:{self.demo_port}")
        (folder / "tidegate.yaml").write_text(filled("tidegate.yaml", self.places))
        self.life = Life(self.url, f"http://127.0.0.1:{self.demo_port}", folder)
        self.gateway = None

    def begin(self, *words: str) -> subprocess.Popen:
        environment = {"PATH": os.environ["PATH"], "ADMIN_PASSWORD": PASSWORD, "HOME": str(self.folder), "TZ": "UTC"}
        log = (self.folder / f"{words[0].strip('-')}.log").open("ab")
        return subprocess.Popen([self.binary, *words], cwd=self.folder, env=environment, stdout=log, stderr=log)

    def start(self):
        (self.folder / "data/admin.token").unlink(missing_ok=True)
        self.gateway = self.begin("-c", "tidegate.yaml")
        until((self.folder / "data/admin.token").exists, "the gateway")
        until(lambda: call(f"{self.url}/ready"), "the gateway")

    def stop(self, *processes: subprocess.Popen):
        for process in processes:
            if process and process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(15)
                    continue
                process.kill()


def apart(one: tuple, other: tuple) -> int:
    return sum((here - there) ** 2 for here, there in zip(one, other))


def small(png: bytes) -> bytes:
    """The same picture with a palette of 256: a console has few colours, and the rest are edges of letters."""
    picture = Image.open(io.BytesIO(png)).convert("RGBX")
    counted = [colour for _, colour in sorted(picture.getcolors(1 << 24), reverse=True)]
    palette: list[tuple] = []
    for colour in counted:
        # What hardly differs from a more frequent one takes no place from what does.
        if len(palette) < 256 and all(apart(colour, known) > 24 for known in palette):
            palette.append(colour)
    places = {int.from_bytes(bytes(colour), sys.byteorder): min(range(len(palette)), key=lambda at: apart(palette[at], colour)) for colour in counted}
    reduced = Image.frombytes("P", picture.size, bytes(map(places.__getitem__, memoryview(picture.tobytes()).cast("I"))))
    reduced.putpalette([value for colour in palette for value in colour[:3]])
    out = io.BytesIO()
    reduced.save(out, "PNG", optimize=True)
    return out.getvalue()


def settle(page: Page):
    """Until what was asked for is there, and nothing moves any more."""
    page.locator("main .page, form").first.wait_for()
    for sign in (".skeleton", ".spinner"):
        page.locator(sign).first.wait_for(state="detached")
    page.evaluate("Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished.catch(() => {})))")


def row_with_failover(life: Life) -> str:
    """The newest request with the most to tell: attempts that failed before one that answered, and losses."""
    rows = life.api("/requests?from=1h&failover=true&ending=complete&stream=true&limit=200")["items"]

    def told(row: dict) -> tuple:
        return len({one["provider"] for one in row["attempts"]}) == 3, bool(row["losses"]), row["tokens"]["output"] or 0

    return max(rows, key=told)["id"]


def views(life: Life) -> dict:
    """What is pictured: a path, and what is done there before."""
    failover = row_with_failover(life)

    def add_provider(page: Page):
        page.get_by_label("Base URL").first.fill(f"http://127.0.0.1:{life.groq}/v1")
        page.get_by_label("API key").first.fill("sk-groq-demo-2291")

    def play(page: Page):
        page.locator("textarea").last.fill("Why are the tides highest at new moon?")
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(3500)

    return {
        "dashboard": ("/", None),
        "dashboard-week": ("/?range=7d", None),
        "requests": ("/ui/requests", None),
        "request": (f"/ui/requests?open={failover}", None),
        # The drawer alone, for the README.
        "timeline": (f"/ui/requests?open={failover}", None),
        "providers": ("/ui/providers", None),
        "provider": ("/ui/providers/openai", None),
        "provider-add": ("/ui/providers?add=1", add_provider),
        "models": ("/ui/models/sonnet", None),
        "routes": ("/ui/routes", None),
        "keys": ("/ui/keys", None),
        "playground": ("/ui/playground?model=sonnet", play),
        "connect": ("/ui/connect", None),
        "settings": ("/ui/settings", None),
        "signin": ("/ui/requests", None),
    }


def take(running: Running, chosen: argparse.Namespace):
    with sync_playwright() as driver:
        fonts = running.folder / "fonts.conf"
        fonts.write_text(FONTS)
        browser = driver.chromium.launch(executable_path=chosen.chromium, args=FLAGS, env=os.environ | {"FONTCONFIG_FILE": str(fonts)})
        for form, (width, height) in {"": DESKTOP, "-phone": PHONE}.items():
            for theme in ("light", "dark"):
                if chosen.looks and f"{theme}{form}" not in chosen.looks.split(","):
                    continue
                context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=1, has_touch=bool(form), is_mobile=bool(form), locale="en-US", timezone_id="UTC")
                context.add_init_script(f"localStorage.setItem('tidegate.theme', '{theme}'); localStorage.setItem('tidegate.lang', '{chosen.lang}')")
                page = context.new_page()
                page.set_default_timeout(15_000)
                page.on("pageerror", lambda error: print("error:", error))
                page.on("console", lambda said: said.type == "error" and print("console:", said.text))
                base = chosen.ui or running.url
                signed_in = False
                for name, (path, before) in sorted(views(running.life).items(), key=lambda one: one[0] != "signin"):
                    if chosen.only and name not in chosen.only.split(","):
                        continue
                    if name == "timeline" and form:
                        continue
                    if name != "signin" and not signed_in:
                        context.request.post(f"{base}/admin/api/v1/login", data={"password": PASSWORD})
                        signed_in = True
                    page.goto(base + path)
                    settle(page)
                    if before:
                        before(page)
                    page.wait_for_timeout(2500 if name.startswith("dashboard") else 700)
                    settle(page)
                    file = Path(chosen.out) / f"{name}-{theme}{form}.png"
                    part = page.locator(".drawer") if name == "timeline" else page
                    file.write_bytes(small(part.screenshot()))
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    print(f"{file.name}  {file.stat().st_size // 1024} KiB" + (f"  {wide} px too wide" if wide > 0 else ""), flush=True)
                context.close()
        browser.close()


def main():
    words = argparse.ArgumentParser()
    for name in ("binary", "chromium", "out"):
        words.add_argument(name)
    for name in ("only", "looks", "ui"):
        words.add_argument(f"--{name}")
    words.add_argument("--lang", default="en")
    words.add_argument("--stay", action="store_true", help="no pictures: the gateway goes on until Ctrl-C")
    chosen = words.parse_args()
    # What was started ends with us, also where somebody else ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    Path(chosen.out).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tidegate-pictures-") as folder:
        running = Running(chosen.binary, Path(folder))
        life = running.life
        life.groq = running.places["groq"]
        try:
            until(lambda: call(f"{life.demo}/demo/requests"), "the demo vendor")
            running.start()
            life.make_objects(running.places)
            life.pace()
            print(f"life for {PLAYED:.0f} s, then pictures", flush=True)
            life.load(PLAYED, 7)
            running.stop(running.gateway)
            make_past(Path(folder) / "data/tidegate.db", PLAYED)
            running.start()
            # Life goes on while the pictures are taken.
            goes_on = threading.Thread(target=life.load, args=(1e6 if chosen.stay else 900, 7), daemon=True)
            goes_on.start()
            time.sleep(8)
            if chosen.stay:
                print(running.url, PASSWORD, flush=True)
                goes_on.join()
            else:
                take(running, chosen)
        finally:
            life.over.set()
            running.stop(running.gateway, running.demo)


if __name__ == "__main__":
    main()
