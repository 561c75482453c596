"""The Dagster instance of a warehouse: the same for the command line, the UI and the daemon."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import warehouse

_DAGSTER_YAML = """\
# Written by grupa when this folder was new; yours to edit (docs/operations.md says what pays).
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""


_WORKSPACE_YAML = """\
# Written by grupa: what its UI and daemon load, under the name that the project's own workspace.yaml gives.
load_from:
  - python_module:
      module_name: grupa_pipeline.definitions
      location_name: grupa
"""


class DagsterStorageError(SettingError):
    """Dagster's own storage cannot be used as its configuration says."""


def prepare_home(settings: Settings) -> Path:
    """Dagster's home for `settings`, made and configured when it is new; a dagster.yaml that is there stays as it is.

    Raises:
        DagsterStorageError: It cannot be used as it says.
    """
    home = _configured(settings)
    with _tables_in_one_piece(home):
        _opened(home).dispose()
    return home


def _configured(settings: Settings) -> Path:
    home = settings.dagster_home
    if "?" in str(home):
        raise DagsterStorageError(f"Dagster's files cannot be in {home}: to SQLite what follows a ? are options.")
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")
    workspace_file(home).write_text(_WORKSPACE_YAML, encoding="utf-8")
    return home


def _tables_in_one_piece(home: Path) -> AbstractContextManager[None]:
    """Dagster makes its tables when it first opens them, and two processes that do so at once spoil them for good."""
    return warehouse.lock(home / ".tables.lock", purpose="making Dagster's tables")


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of `settings`; what a run notes down in it is cheap while this is open.

    Raises:
        DagsterStorageError: It cannot be had.
    """
    home = _configured(settings)
    with _cheap_notes():
        with _tables_in_one_piece(home):
            opened = _opened(home)
        with opened as instance:
            yield instance


def _opened(home: Path) -> dg.DagsterInstance:
    try:
        instance = dg.DagsterInstance.from_config(str(home))
        # Storages are opened when they are first needed; what is wrong with them is to be told now.
        _ = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        return instance
    except (OSError, SQLAlchemyError):
        raise  # a full or missing disk, a spoilt file: they tell themselves
    except Exception as error:  # whatever the modules named in a dagster.yaml of somebody's own raise
        told = str(error).strip().splitlines()
        raise DagsterStorageError(
            f"Dagster cannot work as {home / 'dagster.yaml'} says: {told[0] if told else type(error).__name__}"
        ) from error


@contextmanager
def _cheap_notes() -> Iterator[None]:
    """Spare Dagster's SQLite files a sync and a checkpoint for each of the hundreds of events of a run.

    Dagster opens and closes a file for every event, and the last to close one checkpoints it: so one connection more stays
    open. Notes are synced at checkpoints. A process that is killed loses none; a power cut may lose the last few.
    """
    with ExitStack() as held:
        known: set[str] = set()

        def opened(connection: object, _: object) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return  # a dagster.yaml of somebody's own names another database
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_mode = WAL")  # as Dagster has it, but before it makes its tables
            (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
            if file and file not in known:
                known.add(file)
                ours = held.enter_context(closing(sqlite3.connect(file, check_same_thread=False)))
                ours.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only who has read holds the log open

        event.listen(Engine, "connect", opened)
        held.callback(event.remove, Engine, "connect", opened)
        yield


def workspace_file(home: Path) -> Path:
    """The workspace that Dagster's UI and daemon share: runs and schedules are found by the name of their location."""
    return home / "grupa_workspace.yaml"
