"""What can be downloaded, and the health endpoint: plain routes beside Dash's own."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import duckdb
from flask import Flask, Response, abort, jsonify, request

from dash_app.data import users
from dash_app.services import Services
from grupa_pipeline import warehouse
from grupa_pipeline.warehouse import DamagedWarehouseError, NoWarehouseError

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def register(server: Flask, services: Services) -> None:
    """Add the routes."""
    server.add_url_rule("/healthz", "healthz", lambda: healthz(services))
    server.add_url_rule("/export/users.csv", "export_users", lambda: export_users(services))


def healthz(services: Services) -> Response:
    """200 when the app can serve: also before the first log. 503 when a file does not open."""
    try:
        snapshots = len(services.days())
    except NoWarehouseError:
        snapshots = 0
    except (DamagedWarehouseError, duckdb.Error) as error:
        answer = jsonify(status="damaged", error=str(error).splitlines()[0])
        answer.status_code = 503
        return answer
    return jsonify(status="ok", version=services.gate.version(), snapshots=snapshots)


def export_users(services: Services) -> Response:
    """The users of a cluster (`cluster=` empty: the unassigned) with their features, as CSV, row by row."""
    cluster_id = request.args.get("cluster") or None
    try:
        day = date.fromisoformat(request.args.get("snapshot", ""))
        snapshot = services.snapshot(day)
    except (ValueError, NoWarehouseError):
        abort(404, "There is no such snapshot.")
    if snapshot is None or (cluster_id and snapshot.cluster(cluster_id) is None):
        abort(404, "There is no such cluster in that snapshot.")

    def rows() -> Iterator[tuple[Any, ...]]:
        with warehouse.read(services.gate.database) as con:
            yield from users.export_users(con, day, cluster_id)

    name = f"users-{day.isoformat()}-{cluster_id or 'unassigned'}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(csv_lines(rows()), mimetype="text/csv", headers=headers)


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Rows as lines of CSV whose text no spreadsheet takes for a formula."""
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([defused(each) for each in row])
        yield line.getvalue()


def defused(value: Any) -> Any:
    """Text that starts like a formula gets an apostrophe before it; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
