"""Makes the Dash app: layout, callbacks, routes, protection. No work at import, no queries, no markup."""

import logging

from dash import Dash
from flask import Flask

from dash_app import exports, security
from dash_app.callbacks import clusters, dialog, navigation
from dash_app.components.shell import shell
from dash_app.data.gate import Gate
from dash_app.roadmap import Roadmap
from dash_app.services import Services
from grupa_pipeline.settings import Settings
from grupa_pipeline.warehouse import PIPELINE_FILE

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Dash:
    """The app over the warehouse of `settings`; creates the roadmap's file when there is none."""
    services = Services(settings, Gate(settings.warehouse / PIPELINE_FILE), Roadmap(settings.warehouse))
    services.roadmap.ensure()
    app = Dash(
        __name__,
        title="Grupa",
        update_title="",
        suppress_callback_exceptions=True,
        serve_locally=True,
        add_log_handler=False,
    )
    app.layout = shell()
    for room in (navigation, clusters, dialog):
        room.register(app, services)
    exports.register(app.server, services)
    security.protect(app, trust_proxy=settings.trust_proxy)
    return app


def create_server() -> Flask:
    """The WSGI application, for gunicorn: `gunicorn 'dash_app.app:create_server()'`."""
    return create_app(Settings.from_env()).server
