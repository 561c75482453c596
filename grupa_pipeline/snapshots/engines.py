"""The engine that computes a run: DuckDB in this process, or the Spark cluster that GRUPA_ENGINE names.

Both compute the same, which is defined elsewhere. Sessions on Spark are opened in `spark_session.py`.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

import duckdb

from grupa_pipeline import tables
from grupa_pipeline.aggregates.engine import DuckDBEngine, Engine
from grupa_pipeline.aggregates.event_window import EventWindow, open_window
from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.segmentation.assignment import AssignUsers, assign_users
from grupa_pipeline.snapshots import spark_session
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.storage.aggregate_cache import ParquetAggregateCache, cache_folder
from grupa_pipeline.storage.key_dictionary import ParquetKeyDictionary
from grupa_pipeline.storage.schema import show_files

MEMORY_LIMIT = 700
"""Megabytes that DuckDB may use for features before it spills to disk; what cannot spill may use more."""


@contextmanager
def engine_on_window(context: SnapshotContext, day: date) -> Iterator[Engine]:
    """An engine with the events in the window of `day` as the table `events`.

    Raises:
        SparkUnavailableError: A Spark cluster was requested, and there is none.
        SparkFailedError: What was computed on it failed.
    """
    start, end = context.window(day)
    files = context.publication.event_files(start.date(), end.date())
    if context.on_spark:
        from grupa_pipeline.aggregates.spark_engine import SparkEngine

        with spark_session.session(context.settings.engine) as session, SparkEngine(session) as engine:
            engine.show_events(tables.EVENTS.name, files)
            yield engine
    else:
        with _duckdb(context) as con:
            show_files(con, tables.EVENTS, files)
            with DuckDBEngine(
                con, _more_memory(), ParquetKeyDictionary(cache_folder(context.publication.folder))
            ) as engine:
                yield engine


@contextmanager
def window_of_day(context: SnapshotContext, day: date, roles: EventCatalog | Roles) -> Iterator[EventWindow]:
    """The window of `day`, open on an engine, its day aggregates cached where the engine has a cache."""
    start, end = context.window(day)
    with engine_on_window(context, day) as engine:
        yield open_window(
            engine,
            tables.EVENTS.name,
            window_start=start,
            window_end=end,
            roles=roles,
            min_events=context.settings.min_events,
            cache=aggregate_cache(context, engine, roles.assignment_sha256()),
        )


@contextmanager
def _duckdb(context: SnapshotContext) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB session within `MEMORY_LIMIT`, which spills to a folder of the warehouse."""
    with (
        tempfile.TemporaryDirectory(dir=context.settings.warehouse, prefix=".features-") as spill,
        open_duckdb(
            config={
                "memory_limit": f"{MEMORY_LIMIT}MB",
                "temp_directory": spill,
                "preserve_insertion_order": "false",  # no result depends on it, and it takes memory
            }
        ) as con,
    ):
        yield con


def _more_memory() -> Iterator[str]:
    """Memory limits, each twice the one before, up to the memory of the machine."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    limit = 2 * MEMORY_LIMIT
    while limit < installed:
        yield f"{limit}MB"
        limit *= 2


def aggregate_cache(context: SnapshotContext, engine: Engine, roles_sha256: str) -> ParquetAggregateCache | None:
    """The cache of day aggregates for `engine` under the roles of that hash; None on a Spark cluster, which has none."""
    if not isinstance(engine, DuckDBEngine) or engine.key_dictionary is None:
        return None
    return ParquetAggregateCache(context.publication, roles_sha256, engine.connection, engine.key_dictionary)


def assigner(context: SnapshotContext) -> AssignUsers:
    """The function that assigns users to clusters: `assign_users` here, or the same on the workers of a Spark cluster."""
    return partial(spark_session.assign_on_spark, context.settings.engine) if context.on_spark else assign_users
