"""Lets Dagster's processes cost less while nothing happens.

By themselves they ask each other every second whether they are still there, load all definitions anew every minute, and
compile each SQL statement anew: an idle service would keep a tenth of a core busy. Whoever waits for a change learns of it some
seconds later.
"""

import importlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

INTERVALS = {
    # The UI and the daemon ask the code server whether it was restarted or reloaded.
    ("dagster._grpc.server_watcher", "WATCH_INTERVAL"): 5,
    # The code server tells the process that holds the definitions, which ends after 30 s without, that it is there.
    ("dagster._grpc.client", "CLIENT_HEARTBEAT_INTERVAL"): 10,
    # A server's main thread looks whether it was stopped; signals wake it anyway.
    ("grpc._common", "MAXIMUM_WAIT_TIMEOUT"): 5,
    # The daemon loads all definitions, though it learns of changes as above.
    ("dagster._daemon.controller", "RELOAD_WORKSPACE_INTERVAL"): 3600,
    ("dagster._daemon.controller", "THREAD_CHECK_INTERVAL"): 15,
    # The daemon looks which sensors are due, and evaluates automation conditions (there are none).
    ("dagster._daemon.sensor", "MIN_INTERVAL_LOOP_TIME"): 15,
    ("dagster._daemon.asset_daemon", "MIN_INTERVAL_LOOP_SECONDS"): 60,
}
"""Seconds by the module and the name of Dagster's or gRPC's own constant."""


_MOST_ENGINES = 32
_SQLITE_STORAGES = (
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
)


def idle_cheaply() -> None:
    """Use the longer intervals in this process, and keep engines."""
    for (module, name), seconds in INTERVALS.items():
        setattr(importlib.import_module(module), name, seconds)
    keep_engines()


def keep_engines() -> None:
    """Let Dagster's SQLite storages keep SQLAlchemy's engines, which hold the compiled statements.

    Engines hold no connection: Dagster opens one for each statement with SQLite.
    """
    for module in _SQLITE_STORAGES:
        storage: Any = importlib.import_module(module)
        if not isinstance(storage.create_engine, _KeptEngines):
            storage.create_engine = _KeptEngines(storage.create_engine)


class _KeptEngines:
    """`create_engine` that returns the same engine for the same arguments."""

    def __init__(self, create: Callable[..., Engine]) -> None:
        self._create, self._engines = create, dict[str, Engine]()

    def __call__(self, *args: object, **options: object) -> Engine:
        key = repr((args, options))
        if key not in self._engines:
            if len(self._engines) >= _MOST_ENGINES:  # each run has a file of its own
                self._engines.clear()
            self._engines[key] = self._create(*args, **options)
        return self._engines[key]
