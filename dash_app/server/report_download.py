"""The route that downloads a report: `grupa report` writes it in a process of its own, which ends with its memory.

The request waits for that process in its thread; who asks meanwhile is told to come back, so that no other thread waits.
"""

import logging
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from threading import BoundedSemaphore

from flask import Flask, Response, abort, request

from dash_app.services import Services
from grupa_pipeline.storage.warehouse import NoWarehouseError

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 180
_RETRY_SECONDS = 15
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
    words, name = _what(services)
    if not _AT_ONCE.acquire(blocking=False):
        abort(503, "Another report is being written; try again in a moment.", retry_after=_RETRY_SECONDS)
    try:
        content = _write(services, [*words, "--format", kind])
    finally:
        _AT_ONCE.release()
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(content, mimetype=_TYPES[kind], headers=headers)


def _what(services: Services) -> tuple[list[str], str]:
    """The words for `grupa report`, and a name for the file; only days and ids that are there are passed on."""
    if request.args.get("roadmap"):
        return ["--roadmap"], "roadmap"
    day, cluster = request.args.get("snapshot", ""), request.args.get("cluster", "")
    if not re.fullmatch(r"(C\d{2,9})?", cluster):
        abort(404, "There is no such cluster.")
    try:
        snapshot = services.snapshot(date.fromisoformat(day) if day else None)
    except (ValueError, NoWarehouseError):
        snapshot = None
    if snapshot is None:
        abort(404, "There is no such snapshot.")
    if cluster and snapshot.cluster(cluster) is None:
        listed = ", ".join(f"{each.cluster_id} ({each.name})" for each in snapshot.clusters) or "none"
        abort(404, f"There is no cluster {cluster} in the snapshot of {snapshot.day}; there are {listed}.")
    words = ["--snapshot", str(snapshot.day), *(["--cluster", cluster] if cluster else [])]
    return words, "-".join(each for each in ("report", cluster, day and str(snapshot.day)) if each)


def _write(services: Services, words: list[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="grupa-report-") as folder:
        path = Path(folder) / "report"
        place = ["--out", str(path), "--warehouse", str(services.settings.warehouse)]
        command = [sys.executable, "-m", "grupa.cli.main", "report", "--by-app", *words, *place]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            abort(503, "The report took too long to write; try again when the machine is less busy.")
        if done.returncode:
            log.error("a report was not written, status %d: %s", done.returncode, done.stderr.strip())
            abort(500, "The report could not be written. The log of the app says why; whoever runs Grupa can read it.")
        return path.read_bytes()
