"""Prepares a worker before its first request: compresses the scripts, loads the newest snapshot, imports Dagster."""

import logging
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, cast

from dash import Dash
from dash.fingerprint import check_fingerprint

from dash_app.data import users
from dash_app.monitoring.dagster_runs import DagsterRuns
from dash_app.server.index_page import plotly_script
from dash_app.server.security import pack_script
from dash_app.services import Services
from grupa_pipeline.storage.warehouse import DamagedWarehouseError, NoWarehouseError

log = logging.getLogger(__name__)

_SCRIPT = re.compile(r'/_dash-component-suites/([^/"]+)/([^"?]+)')


def warm_up(app: Dash, services: Services) -> None:
    """Do what the first request would wait for; a warehouse that cannot be read is reported by the page itself."""
    for script in scripts(app):
        pack_script(script)
    try:
        snapshot = services.snapshot(None)
        if snapshot:
            services.database.query(users.load_points, snapshot.day)
    except (NoWarehouseError, DamagedWarehouseError) as error:
        log.info("nothing to load: %s", error)
    try:
        DagsterRuns(services.settings.dagster_home).now()  # the Data page asks it
    except Exception as error:  # noqa: BLE001 - any storage may be configured; the page itself says what is wrong
        log.info("Dagster cannot be read: %s", error)


def scripts(app: Dash) -> Iterator[bytes]:
    """The libraries' scripts that the document asks for."""
    with app.server.test_request_context("/"):
        document: str = cast(Any, app).index()
    yield plotly_script()
    for package, path in _SCRIPT.findall(document):
        yield pkgutil.get_data(package, cast(Any, check_fingerprint)(path)[0]) or b""
