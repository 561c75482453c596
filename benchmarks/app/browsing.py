"""What a person at the browser waits for: the first page, and from a click on the map to the card; and the bytes of both."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_WATCH_CARD = """() => {
  window.clicks = [];
  addEventListener("mousedown", (event) => { window.pressed = event.timeStamp; }, true);
  const panel = document.querySelector("#panel"), name = () => panel.querySelector(".open-card h2")?.textContent;
  let shown = name();
  new MutationObserver(() => {
    if (!window.pressed || !name() || name() === shown) return;
    shown = name();
    const begun = window.pressed; window.pressed = 0;
    // Two frames on, what was put on the page has been painted.
    requestAnimationFrame(() => setTimeout(() => window.clicks.push(performance.now() - begun), 0));
  }).observe(panel, { childList: true, subtree: true, characterData: true });
}"""

_MIDDLES = """() => {
  const map = document.querySelector("#map .js-plotly-plot"), box = map.getBoundingClientRect();
  const { xaxis, yaxis, _size } = map._fullLayout;
  return map.data.filter((trace) => trace.type === "scattergl" && trace.meta).map((trace) => {
    const values = (each) => Array.from(each.bdata ? map._fullData[trace.index].x : each);
    const full = map._fullData.find((each) => each.meta === trace.meta);
    const at = Math.floor(full.x.length / 2);
    return [box.x + _size.l + xaxis.l2p(full.x[at]), box.y + _size.t + yaxis.l2p(full.y[at])];
  });
}"""


@dataclass
class Visit:
    """What one visit showed: seconds until the server answers and until the map is drawn, clicks in milliseconds, bytes."""

    server_start: float = 0.0
    first_page: float = 0.0
    first_page_again: float = 0.0
    page_bytes: int = 0
    library_bytes: int = 0
    clicks: list[float] = field(default_factory=list)
    click_bytes: list[int] = field(default_factory=list)


@dataclass
class Moved:
    """Bytes over the wire, compressed, headers included: of answers that are scripts, and of all other answers and requests."""

    scripts: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)


@contextmanager
def served(warehouse: Path) -> Iterator[tuple[str, float]]:
    """The app under gunicorn as `grupa serve` starts it; yields its address and the seconds until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "dash_app.app:create_server()", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "2", "--threads", "4", "--log-level", "warning"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GRUPA_")}
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=env | {"GRUPA_WAREHOUSE": str(warehouse), "GRUPA_LLM": "none"}, start_new_session=True
    )
    try:
        while not _answers(f"http://127.0.0.1:{port}/healthz"):
            if process.poll() is not None:
                raise RuntimeError("the app ended before it answered")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", time.monotonic() - began
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def browse(warehouse: Path, clicks: int) -> Visit:
    """Open the app over `warehouse` in a new browser, then click on users of one cluster after the other."""
    visit = Visit()
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with served(warehouse) as (url, visit.server_start), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        network = page.context.new_cdp_session(page)
        moved = _count_bytes(network)
        visit.first_page = _open(page, url)
        visit.page_bytes, visit.library_bytes = sum(moved.rest), sum(moved.scripts)
        _click_through(page, moved, visit, clicks)
        visit.first_page_again = _open(page, url)
        browser.close()
    return visit


def _count_bytes(network: CDPSession) -> Moved:
    """Watch all that goes over the wire from now on."""
    moved, scripts = Moved(), set[str]()

    def asked(event: dict[str, Any]) -> None:
        if event.get("type") == "Script":
            scripts.add(event["requestId"])
        moved.rest.append(len(event["request"].get("postData", "").encode()))

    def sent(event: dict[str, Any]) -> None:
        moved.rest.append(sum(len(name) + len(value) + 4 for name, value in event["headers"].items()))

    def came(event: dict[str, Any]) -> None:
        to = moved.scripts if event["requestId"] in scripts else moved.rest
        to.append(int(event["encodedDataLength"]))

    network.send("Network.enable")
    network.on("Network.requestWillBeSent", asked)
    network.on("Network.requestWillBeSentExtraInfo", sent)
    network.on("Network.loadingFinished", came)
    return moved


def _open(page: Page, url: str) -> float:
    """Seconds from the request until clusters and map are drawn."""
    began = time.monotonic()
    page.goto(url)
    page.wait_for_function("() => document.querySelector('#map .js-plotly-plot')?._fullData?.length")
    page.wait_for_selector("#panel h2")
    return time.monotonic() - began


def _click_through(page: Page, moved: Moved, visit: Visit, clicks: int) -> None:
    page.wait_for_timeout(1500)
    page.evaluate(_WATCH_CARD)
    places = page.evaluate(_MIDDLES)
    for number in range(clicks):
        x, y = places[number % len(places)]
        before, known = sum(moved.rest) + sum(moved.scripts), len(visit.clicks)
        page.mouse.move(x + 1, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(150)
        page.mouse.click(x, y)
        page.wait_for_function(f"() => window.clicks.length > {known}", timeout=20_000)
        page.wait_for_timeout(600)
        visit.clicks = page.evaluate("() => window.clicks")
        visit.click_bytes.append(sum(moved.rest) + sum(moved.scripts) - before)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:  # not yet, or not in time
        return False
