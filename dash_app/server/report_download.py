"""The route that downloads a report: `grupa report` writes it in a process of its own, so that nobody waits for it."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import BoundedSemaphore

from flask import Flask, Response, abort, request

from dash_app.services import Services

_TIMEOUT_SECONDS = 180
_TYPES = {"html": "text/html", "pdf": "application/pdf"}
_AT_ONCE = BoundedSemaphore(1)
"""One at a time in each worker: a PDF takes a processor for some seconds."""


def register(server: Flask, services: Services) -> None:
    """Add the route."""
    server.add_url_rule("/export/report.<kind>", "download_report", lambda kind: download_report(services, kind))


def download_report(services: Services, kind: str) -> Response:
    """The report on a snapshot (`snapshot=`, default the newest), a cluster (`cluster=`) or the roadmap (`roadmap=1`)."""
    if kind not in _TYPES:
        abort(404, "Reports come as html or pdf.")
    words, name = _what()
    if not _AT_ONCE.acquire(timeout=_TIMEOUT_SECONDS):
        abort(503, "Other reports are being written; try again in a minute.")
    try:
        content = _write(services, [*words, "--format", kind])
    finally:
        _AT_ONCE.release()
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(content, mimetype=_TYPES[kind], headers=headers)


def _what() -> tuple[list[str], str]:
    """The words for `grupa report`, and a name for the file; only what looks like an id or a day is passed on."""
    if request.args.get("roadmap"):
        return ["--roadmap"], "roadmap"
    day, cluster = request.args.get("snapshot", ""), request.args.get("cluster", "")
    if not re.fullmatch(r"(\d{4}-\d{2}-\d{2})?", day) or not re.fullmatch(r"(C\d{2,9})?", cluster):
        abort(404, "There is no such snapshot or cluster.")
    words = [*(["--snapshot", day] if day else []), *(["--cluster", cluster] if cluster else [])]
    return words, "-".join(each for each in ("report", cluster, day) if each)


def _write(services: Services, words: list[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="grupa-report-") as folder:
        path = Path(folder) / "report"
        place = ["--out", str(path), "--warehouse", str(services.settings.warehouse)]
        command = [sys.executable, "-m", "grupa.cli.main", "report", *words, *place]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            abort(503, "The report took too long to write; try again when the machine is less busy.")
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("grupa: ")]
            why = said[-1].removeprefix("grupa: ") if said else "The report could not be written."
            abort(404 if done.returncode == 2 else 500, why)
        return path.read_bytes()
