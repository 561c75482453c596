"""Measures the first page and clicks on the map in a browser: time until shown, and bytes transferred."""

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
    const start = window.pressed; window.pressed = 0;
    // The change has been painted two frames later.
    requestAnimationFrame(() => setTimeout(() => window.clicks.push(performance.now() - start), 0));
  }).observe(panel, { childList: true, subtree: true, characterData: true });
}"""

_MIDDLES = """() => {
  const map = document.querySelector("#map .js-plotly-plot"), box = map.getBoundingClientRect();
  const { xaxis, yaxis, _size } = map._fullLayout;
  return map.data.filter((trace) => trace.type === "scattergl" && trace.meta).map((trace) => {
    const full = map._fullData.find((drawn) => drawn.meta === trace.meta);
    const at = Math.floor(full.x.length / 2);
    return [box.x + _size.l + xaxis.l2p(full.x[at]), box.y + _size.t + yaxis.l2p(full.y[at])];
  });
}"""


@dataclass
class Visit:
    """Results of one visit: seconds until the server responds and the map is drawn, milliseconds per click, bytes."""

    server_start: float = 0.0
    first_page: float = 0.0
    first_page_again: float = 0.0
    page_bytes: int = 0
    library_bytes: int = 0
    clicks: list[float] = field(default_factory=list)
    click_bytes: list[int] = field(default_factory=list)


@dataclass
class Traffic:
    """Bytes transferred (compressed, with headers): responses that are scripts, and all other responses and requests."""

    scripts: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)


@contextmanager
def served(warehouse: Path) -> Iterator[tuple[str, float]]:
    """Serve the app with gunicorn as `grupa serve` does; yields its URL and the seconds until it responded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "dash_app.app:create_server()", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "2", "--threads", "4", "--log-level", "warning"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GRUPA_")}
    start = time.monotonic()
    process = subprocess.Popen(
        command, env=env | {"GRUPA_WAREHOUSE": str(warehouse), "GRUPA_LLM": "none"}, start_new_session=True
    )
    try:
        while not _responds(f"http://127.0.0.1:{port}/healthz"):
            if process.poll() is not None:
                raise RuntimeError("the app exited before it responded")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", time.monotonic() - start
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def browse(warehouse: Path, clicks: int) -> Visit:
    """Open the app on `warehouse` in a new browser and click on users of each cluster in turn."""
    visit = Visit()
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with served(warehouse) as (url, visit.server_start), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        network = page.context.new_cdp_session(page)
        traffic = _count_bytes(network)
        visit.first_page = _open(page, url)
        visit.page_bytes, visit.library_bytes = sum(traffic.rest), sum(traffic.scripts)
        _click_through(page, traffic, visit, clicks)
        visit.first_page_again = _open(page, url)
        browser.close()
    return visit


def _count_bytes(network: CDPSession) -> Traffic:
    """Count the bytes transferred from now on."""
    traffic, scripts = Traffic(), set[str]()

    def on_request(event: dict[str, Any]) -> None:
        if event.get("type") == "Script":
            scripts.add(event["requestId"])
        traffic.rest.append(len(event["request"].get("postData", "").encode()))

    def on_request_headers(event: dict[str, Any]) -> None:
        traffic.rest.append(sum(len(name) + len(value) + 4 for name, value in event["headers"].items()))

    def on_response(event: dict[str, Any]) -> None:
        sizes = traffic.scripts if event["requestId"] in scripts else traffic.rest
        sizes.append(int(event["encodedDataLength"]))

    network.send("Network.enable")
    network.on("Network.requestWillBeSent", on_request)
    network.on("Network.requestWillBeSentExtraInfo", on_request_headers)
    network.on("Network.loadingFinished", on_response)
    return traffic


def _open(page: Page, url: str) -> float:
    """Open the page; returns the seconds until clusters and map are drawn."""
    start = time.monotonic()
    page.goto(url)
    page.wait_for_function("() => document.querySelector('#map .js-plotly-plot')?._fullData?.length")
    page.wait_for_selector("#panel h2")
    return time.monotonic() - start


def _click_through(page: Page, traffic: Traffic, visit: Visit, clicks: int) -> None:
    page.wait_for_timeout(1500)
    page.evaluate(_WATCH_CARD)
    places = page.evaluate(_MIDDLES)
    for number in range(clicks):
        x, y = places[number % len(places)]
        before, known = sum(traffic.rest) + sum(traffic.scripts), len(visit.clicks)
        page.mouse.move(x + 1, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(150)
        page.mouse.click(x, y)
        page.wait_for_function(f"() => window.clicks.length > {known}", timeout=20_000)
        page.wait_for_timeout(600)
        visit.clicks = page.evaluate("() => window.clicks")
        visit.click_bytes.append(sum(traffic.rest) + sum(traffic.scripts) - before)


def _responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:  # not ready
        return False
