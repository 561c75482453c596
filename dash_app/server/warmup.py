"""Prepares the app before its first request: compresses the scripts, loads the newest snapshot."""

import logging
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, cast

from dash import Dash
from dash.fingerprint import check_fingerprint

from dash_app.data import users
from dash_app.server import index_page, plan_tracking
from dash_app.server.security import pack_script
from dash_app.services import Services
from grupa_pipeline.storage.warehouse import DamagedWarehouseError, NoWarehouseError

log = logging.getLogger(__name__)

_SCRIPT = re.compile(r'/_dash-component-suites/([^/"]+)/([^"?]+)')


def warm_up(app: Dash, services: Services) -> None:
    """Do what a worker's first request would wait for; a warehouse that cannot be read is reported by the page itself."""
    pack_scripts(app)
    try:
        snapshot = services.snapshot(None)
        if snapshot:
            services.database.query(users.load_points, snapshot.day)
            plan_tracking.track_in_background(services)
    except (NoWarehouseError, DamagedWarehouseError) as error:
        log.info("nothing to load: %s", error)


def pack_scripts(app: Dash | None = None) -> None:
    """Compress the scripts of `app`; by default those of any app with the components that have been imported."""
    if app is None:
        app = Dash(__name__, serve_locally=True, add_log_handler=False, enable_mcp=False)
        app.index_string = index_page.document("/")
    for script in scripts(app):
        pack_script(script)


def scripts(app: Dash) -> Iterator[bytes]:
    """The libraries' scripts that the document asks for."""
    with app.server.test_request_context("/"):
        document: str = cast(Any, app).index()
    yield index_page.plotly_script()
    for package, path in _SCRIPT.findall(document):
        yield pkgutil.get_data(package, cast(Any, check_fingerprint)(path)[0]) or b""
