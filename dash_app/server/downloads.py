"""Routes for downloads, the print view and the health endpoint."""

import csv
import io
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from dash_app.data import files, segment_facts, timeline
from dash_app.planning.calendar import to_ics
from dash_app.planning.export import to_csv, to_json, to_markdown
from dash_app.planning.payloads import growthbook_payload, posthog_payload
from dash_app.planning.plan import Plan
from dash_app.roadmap.store import UnknownPlanError
from dash_app.server import print_view
from dash_app.services import Services
from grupa_pipeline.exports import export_log
from grupa_pipeline.exports.csv_cells import defused
from grupa_pipeline.exports.export_log import ExportEntry, ExportPlace
from grupa_pipeline.exports.formats import SegmentFormat
from grupa_pipeline.exports.segments import cluster_segment, selected_segment, unassigned_segment
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import DamagedWarehouseError, MissingWarehouseError, NoWarehouseError

log = logging.getLogger(__name__)

_MOST_TYPICAL = 100
_WRITERS = {
    "csv": (to_csv, "text/csv"),
    "json": (to_json, "application/json"),
    "md": (to_markdown, "text/markdown"),
    "ics": (to_ics, "text/calendar"),
}
_PAYLOADS: dict[str, Callable[[Plan], dict[str, Any]]] = {"growthbook": growthbook_payload, "posthog": posthog_payload}


def register(server: Flask, services: Services) -> None:
    """Add the routes."""
    server.add_url_rule("/healthz", "healthz", lambda: healthz(services))
    server.add_url_rule("/export/roadmap.<kind>", "export_roadmap", lambda kind: export_roadmap(services, kind))
    server.add_url_rule(
        "/export/plan/<plan_id>/<platform>.json",
        "export_plan",
        lambda plan_id, platform: export_plan(services, plan_id, platform),
    )
    server.add_url_rule("/print/roadmap", "print_roadmap", lambda: print_roadmap(services))
    server.add_url_rule("/export/rejected/<sha256>.csv", "rejected", lambda sha256: export_rejected(services, sha256))
    server.add_url_rule("/export/logs.csv", "export_logs", lambda: export_logs(services))
    server.add_url_rule("/export/users.csv", "export_users", lambda: export_users(services))


def healthz(services: Services) -> Response:
    """200 when the app can serve, also before the first log; 503 when a file does not open, or one that was there is gone.

    The reason is in the log only, because the endpoint needs no session.
    """
    try:
        services.require_warehouse()
        for database in (services.database.path, services.roadmap.database):
            with suppress(NoWarehouseError), warehouse.read(database):
                pass
    except DamagedWarehouseError as error:
        log.error("not healthy: %s", error)
        response = jsonify(status="missing" if isinstance(error, MissingWarehouseError) else "damaged")
        response.status_code = 503
        return response
    return jsonify(status="ok")


def export_roadmap(services: Services, kind: str) -> Response:
    """All plans, archived ones too, as CSV, JSON or Markdown; or the dates of those that are not, as a calendar."""
    if kind not in _WRITERS:
        abort(404, "Plans come as csv, json, md or ics.")
    write, mimetype = _WRITERS[kind]
    headers = {"Content-Disposition": f'attachment; filename="roadmap.{kind}"'}
    return Response(write(services.roadmap.plans()), mimetype=mimetype, headers=headers)


def export_plan(services: Services, plan_id: str, platform: str) -> Response:
    """One plan as a draft for the API of an experiment platform."""
    if platform not in _PAYLOADS:
        abort(404, "Drafts are made for growthbook and posthog.")
    try:
        plan = services.roadmap.plan(plan_id)
    except UnknownPlanError as error:
        abort(404, str(error))
    response = jsonify(_PAYLOADS[platform](plan))
    response.headers["Content-Disposition"] = f'attachment; filename="{platform}-draft.json"'
    return response


def print_roadmap(services: Services) -> Response:
    """The briefs of all plans that are not archived, as a page to print."""
    return Response(print_view.page(services.roadmap.plans(archived=False)), mimetype="text/html")


def export_users(services: Services) -> Response:
    """The users of a cluster (`cluster=` empty: the unassigned) or a saved segment with their features, as CSV, row by row.

    With `typical=N` only the N users who stand for the cluster best.
    """
    cluster_id = request.args.get("cluster") or None
    saved_id = request.args.get("segment")
    try:
        day = date.fromisoformat(request.args.get("snapshot", ""))
        snapshot = services.snapshot(day)
    except (ValueError, NoWarehouseError):
        abort(404, "There is no such snapshot.")
    if snapshot is None or (cluster_id and snapshot.cluster(cluster_id) is None):
        abort(404, "There is no such cluster in that snapshot.")
    saved = next((each for each in services.segments() if each.segment_id == saved_id), None)
    if saved_id and saved is None:
        abort(404, "There is no such segment.")
    segment = (
        selected_segment(saved.rule, saved.segment_id, saved.name)
        if saved
        else cluster_segment(cluster_id, cluster_id)
        if cluster_id
        else unassigned_segment()
    )

    wanted = request.args.get("typical", type=int)
    typical = None
    if wanted and cluster_id:
        typical = services.database.query(timeline.load_typical_users, day, cluster_id, min(wanted, _MOST_TYPICAL))

    def rows() -> Iterator[tuple[Any, ...]]:
        with services.database.connect() as con:
            yield from segment_facts.export_users(con, day, segment, typical)

    segment_id = segment.segment_id
    export_log.add(
        services.settings.warehouse,
        ExportEntry(segment_id, day, None, SegmentFormat.CSV, None, ExportPlace.DOWNLOAD, by=services.current_user()),
    )
    name = f"{'typical-' if typical else ''}users-{day.isoformat()}-{segment_id}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(csv_lines(rows()), mimetype="text/csv", headers=headers)


def export_logs(services: Services) -> Response:
    """All ingested logs with their counts, as CSV."""
    try:
        rows = services.database.query(files.load_all)
    except NoWarehouseError:
        abort(404, "No log was ingested.")
    headers = {"Content-Disposition": 'attachment; filename="logs.csv"'}
    return Response(csv_lines(rows), mimetype="text/csv", headers=headers)


def export_rejected(services: Services, sha256: str) -> Response:
    """The rejected rows of a log with their lines and reasons, as CSV, row by row."""
    try:
        known = services.database.query(files.load_hashes)
    except NoWarehouseError:
        known = frozenset()
    if sha256 not in known:
        abort(404, "No such log was ingested.")

    def rows() -> Iterator[tuple[Any, ...]]:
        with services.database.connect() as con:
            yield from files.export_rejected(con, sha256)

    headers = {"Content-Disposition": f'attachment; filename="rejected-{sha256[:12]}.csv"'}
    return Response(csv_lines(rows()), mimetype="text/csv", headers=headers)


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Rows as lines of CSV in which no spreadsheet reads text as a formula."""
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([defused(each) if isinstance(each, str) else each for each in row])
        yield line.getvalue()
