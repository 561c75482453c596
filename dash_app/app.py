"""Creates the Dash app: layout, callbacks, routes, protection. Does no work at import."""

import importlib
import logging
from functools import partial
from threading import Thread

from dash import Dash, set_props
from flask import Flask
from werkzeug.exceptions import HTTPException

from dash_app import plan_drafts
from dash_app.callbacks import (
    clusters,
    data,
    dialog,
    events,
    feedback,
    history,
    learnings,
    navigation,
    planner,
    planner_activity,
    planner_outcome,
    roadmap,
    selections,
)
from dash_app.components import elements
from dash_app.components.shell import shell
from dash_app.data.database import Database
from dash_app.planning.brief import write_brief
from dash_app.roadmap.store import Roadmap
from dash_app.server import (
    agent_plans,
    agent_questions,
    auth,
    downloads,
    index_page,
    newest_snapshot,
    report_download,
    security,
)
from dash_app.server.guarded_dash import GuardedDash
from dash_app.server.url_prefix import UrlPrefix
from dash_app.server.warmup import warm_up
from dash_app.services import Services
from dash_app.uploads import routes
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.file_modes import prepare
from grupa_pipeline.storage.warehouse import PIPELINE_FILE, DamagedWarehouseError

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Dash:
    """Create the app for the warehouse of `settings`, and the roadmap's file where there is none."""
    return _assemble(_open(settings))


def _open(settings: Settings) -> Services:
    database = Database(settings.warehouse / PIPELINE_FILE)
    plans = Roadmap(
        settings.warehouse,
        brief=lambda plan: write_brief(plan, plan_drafts.labels(database)),
        require_approval=settings.require_approval,
    )
    services = Services(settings, database, plans, auth.current_user)
    services.roadmap.ensure()
    database.version()  # so that it is missed when it goes
    return services


def _assemble(services: Services) -> Dash:
    settings = services.settings
    app = GuardedDash(
        __name__,
        title="Grupa",
        update_title="",
        requests_pathname_prefix=settings.url_prefix,
        routes_pathname_prefix="/",
        suppress_callback_exceptions=True,
        serve_locally=True,
        add_log_handler=False,
        enable_mcp=False,
        on_error=report_error,
    )
    app.index_string = index_page.document(settings.url_prefix)
    app.layout = partial(shell, people_sign_in=settings.people_sign_in)
    for module in (
        navigation,
        clusters,
        selections,
        dialog,
        feedback,
        planner,
        planner_outcome,
        planner_activity,
        roadmap,
        learnings,
        history,
        events,
        data,
    ):
        module.register(app, services)
    index_page.register(app.server)
    downloads.register(app.server, services)
    report_download.register(app.server, services)
    agent_plans.register(app.server, services)
    agent_questions.register(app.server, services)
    routes.register(app.server, services)
    newest_snapshot.register(app.server, services)
    security.protect(app, hosts=settings.hosts)
    auth.require_user(app.server, settings)
    if settings.url_prefix != "/":
        app.server.wsgi_app = UrlPrefix(app.server.wsgi_app, settings.url_prefix)
    return app


def report_error(error: Exception) -> None:
    """Show on the page that a callback failed, and why where a person can do something about it; the details are in the log."""
    if isinstance(error, HTTPException):  # a refusal, which is an answer of its own
        raise error
    log.error("a callback failed", exc_info=error)
    why = str(error) if isinstance(error, DamagedWarehouseError) else "The app's log has the reason."
    message = f"That did not work; the page is unchanged. {why}"
    set_props("toast", {"children": elements.toast(message, stays=True)})


def create_server() -> Flask:
    """The WSGI application, for gunicorn: `gunicorn 'dash_app.app:create_server()'`."""
    # Plotly looks at pandas when it writes JSON, also at one that another thread has half imported: an answer would fail.
    importlib.import_module("pandas")
    settings = Settings.from_env()
    prepare(settings)
    services = _open(settings)
    app = _assemble(services)
    Thread(target=warm_up, args=(app, services), daemon=True).start()
    server: Flask = app.server
    return server
