"""The Dagster instance of a warehouse: the same for the command line, the UI and the daemon."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from grupa_pipeline.defs.workspace import write_workspace
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import file_lock
from grupa_pipeline.storage.file_modes import prepare

_HEAD = "# Written by grupa when this folder was new; yours to edit (docs/operations.md says which settings help).\n"
_FIRST_DAGSTER_YAML = f"""\
{_HEAD}telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""
_DAGSTER_YAML = f"""\
{_FIRST_DAGSTER_YAML}# What runs write to the terminal; all of their events are in the UI.
python_logs:
  python_log_level: WARNING
# Days for which the ticks of schedules and sensors are kept.
retention:
  schedule:
    purge_after_days: 180
  sensor:
    purge_after_days:
      skipped: 1
      failure: 30
      success: 180
"""
"""Runs and their events are bounded by settings: `run_history.py`."""


class DagsterStorageError(SettingError):
    """Dagster's own storage cannot be used as configured."""


def prepare_home(settings: Settings) -> Path:
    """Dagster's home for `settings`, created and configured when it is new; a dagster.yaml that was edited stays as it is.

    Raises:
        DagsterStorageError: It cannot be used as its dagster.yaml says.
    """
    home = _configure_home(settings)
    with _table_creation_lock(home):
        _open_instance(home).dispose()
    return home


def _configure_home(settings: Settings) -> Path:
    home = settings.dagster_home
    if "?" in str(home):
        raise DagsterStorageError(f"Dagster's files cannot be in {home}: to SQLite what follows a ? are options.")
    prepare(settings)
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists() or config.read_text(encoding="utf-8", errors="replace") == _FIRST_DAGSTER_YAML:
        config.write_text(_DAGSTER_YAML, encoding="utf-8")
    write_workspace(home)
    return home


def _table_creation_lock(home: Path) -> AbstractContextManager[int]:
    """Dagster creates its tables when it first opens them, and two processes that do so at once corrupt them."""
    return file_lock.lock(home / ".tables.lock", purpose="creating Dagster's tables")


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of `settings`; event log writes are cheap while it is open.

    Raises:
        DagsterStorageError: It cannot be opened.
    """
    home = _configure_home(settings)
    with _cheap_event_log_writes():
        with _table_creation_lock(home):
            opened = _open_instance(home)
        with opened as instance:
            yield instance


def _open_instance(home: Path) -> dg.DagsterInstance:
    try:
        instance = dg.DagsterInstance.from_config(str(home))
        # Storages are opened when they are first used; errors in them are to be raised now.
        _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        return instance
    except (OSError, SQLAlchemyError):
        raise  # a full or missing disk, a corrupt file: their own messages are clear
    except Exception as error:  # any module may be named in a dagster.yaml that a user wrote
        lines = str(error).strip().splitlines()
        raise DagsterStorageError(
            f"Dagster cannot work as {home / 'dagster.yaml'} says: {lines[0] if lines else type(error).__name__}"
        ) from error


@contextmanager
def _cheap_event_log_writes() -> Iterator[None]:
    """Spare Dagster's SQLite files a sync and a checkpoint for each of the hundreds of events of a run.

    Dagster opens and closes a file for every event, and the last connection to close checkpoints it: so one more connection is
    kept open. Events are synced at checkpoints: a killed process loses none, a power cut may lose the last few.
    """
    with ExitStack() as connections:
        known: set[str] = set()

        def on_connect(connection: object, _: object) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return  # the user's dagster.yaml names another database
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_mode = WAL")  # as Dagster sets it, but before it creates its tables
            (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
            if file and file not in known:
                known.add(file)
                extra = connections.enter_context(closing(sqlite3.connect(file, check_same_thread=False)))
                extra.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only a reader holds the log open

        event.listen(Engine, "connect", on_connect)
        connections.callback(event.remove, Engine, "connect", on_connect)
        yield


if __name__ == "__main__":  # docs: DAGSTER_HOME=$(python -m grupa_pipeline.defs.instance) dagster dev -w workspace.yaml
    print(prepare_home(Settings.from_env()))
