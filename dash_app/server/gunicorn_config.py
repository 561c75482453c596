"""gunicorn's settings for the app under `grupa serve`, read by gunicorn itself: workers, timeouts and logging."""

import gc
from datetime import timedelta
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response
from gunicorn.workers.base import Worker

from dash_app.server.auth import USER_IN_ENVIRON
from grupa_pipeline.logging_config import log_config
from grupa_pipeline.settings import Settings


class RequestLogger(Logger):
    """Logs each request as fields, without its query, which may name a user."""

    def access(
        self, resp: Response, req: Request, environ: dict[str, Any], request_time: timedelta
    ) -> None:  # gunicorn's own names
        """Write the line of one answered request."""
        fields = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "status": int(str(resp.status).split()[0]),
            "seconds": round(request_time.total_seconds(), 3),
            "client": environ.get("REMOTE_ADDR"),
            "user": environ.get(USER_IN_ENVIRON),
        }
        self.access_log.info("request", extra=fields)


def on_starting(server: Arbiter) -> None:  # gunicorn's own name
    """Load what is the same for all workers before they are forked, and then share its memory; the app itself each makes anew."""
    import pandas  # noqa: F401 - `create_server` says what for

    import dash_app.app  # noqa: F401
    from dash_app.server.warmup import pack_scripts
    from grupa_pipeline.defs.idle_costs import keep_engines

    keep_engines()  # the Data page reads Dagster's storage
    pack_scripts()
    gc.collect()
    gc.freeze()  # else the garbage collector would write to each object, and so copy it


def worker_exit(server: Arbiter, worker: Worker) -> None:  # gunicorn's own names
    """Let Python free what it loaded: DuckDB's binding reports each of its objects that is still there at the end as a leak."""
    gc.unfreeze()


def on_exit(server: Arbiter) -> None:  # gunicorn's own names
    """Let Python free what it loaded, as in the workers."""
    gc.unfreeze()


worker_class = "dash_app.server.patient_worker.PatientWorker"
workers, threads = 2, 4
timeout, graceful_timeout = 120, 10
loglevel = "warning"

if Settings.from_env().log_format == "json":
    logger_class = RequestLogger
    to_stderr = {"handlers": ["stderr"], "propagate": False}
    logconfig_dict = log_config("json")
    logconfig_dict["loggers"] |= {
        "gunicorn.error": to_stderr | {"level": "WARNING"},
        "gunicorn.access": to_stderr | {"level": "INFO"},
    }
