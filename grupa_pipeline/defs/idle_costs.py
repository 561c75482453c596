"""Lets Dagster's processes cost less while nothing happens.

By themselves they ask each other every second whether they are still there, load all definitions anew every minute, open a
file of SQLite's for each statement, and compile the statement anew: an idle service would keep a tenth of a core busy. Whoever
waits for a change learns of it some seconds later.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the code server needs no database
    from sqlalchemy import Engine

SERVER_INTERVALS = {
    # The UI and the daemon ask the code server whether it was restarted or reloaded.
    ("dagster._grpc.server_watcher", "WATCH_INTERVAL"): 10,
    # The code server tells the process that holds the definitions, which ends after 30 s without, that it is there.
    ("dagster._grpc.client", "CLIENT_HEARTBEAT_INTERVAL"): 10,
    # A server's main thread looks whether it was stopped; signals wake it anyway.
    ("grpc._common", "MAXIMUM_WAIT_TIMEOUT"): 5,
}
DAEMON_INTERVALS = SERVER_INTERVALS | {
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
_SHARED_FILES = frozenset({"index.db", "runs.db", "schedules.db"})
"""Each run has one more file of its own, which goes when the run is deleted."""


def lengthen_intervals(intervals: Mapping[tuple[str, str], int]) -> None:
    """Use longer intervals in this process; imports the modules that they are in."""
    for (module, name), seconds in intervals.items():
        setattr(importlib.import_module(module), name, seconds)


def keep_engines(*, connected: bool = False) -> None:
    """Let Dagster's SQLite storages keep SQLAlchemy's engines, which hold the compiled statements.

    Args:
        connected: Whether the engines of the files that all runs share keep a connection too. It must not be in a process
            that is forked later. By itself Dagster opens one for each statement, and each that is the last to be closed
            writes the whole log of the database back, and syncs.
    """
    for module in _SQLITE_STORAGES:
        storage: Any = importlib.import_module(module)
        if not isinstance(storage.create_engine, _KeptEngines):
            storage.create_engine = _KeptEngines(storage.create_engine)
        storage.create_engine.connected |= connected


class _KeptEngines:
    """`create_engine` that returns the same engine for the same arguments."""

    def __init__(self, create: Callable[..., Engine]) -> None:
        self.connected = False
        self._create = create
        self._engines: dict[str, Engine] = {}

    def __call__(self, *args: object, **options: object) -> Engine:
        key = repr((args, options))
        if key not in self._engines:
            if len(self._engines) >= _MOST_ENGINES:  # each run has a file of its own
                self._engines.clear()
            is_shared = self.connected and PurePath(str(args[0])).name in _SHARED_FILES
            self._engines[key] = self._connected(*args, **options) if is_shared else self._create(*args, **options)
        return self._engines[key]

    def _connected(self, *args: object, **options: object) -> Engine:
        from sqlalchemy import QueuePool, event

        engine = self._create(*args, **options | {"poolclass": QueuePool, "pool_size": 1, "max_overflow": -1})
        event.listen(engine, "connect", _sync_at_checkpoints)
        return engine


def _sync_at_checkpoints(connection: Any, _: object) -> None:
    """A killed process loses nothing by it, a power cut may lose the last few entries."""
    connection.execute("PRAGMA synchronous = NORMAL")
