"""Which engine computes a run: DuckDB in this process, or the Spark cluster that GRUPA_ENGINE names.

What is computed is the same on both and defined elsewhere; how a Spark session comes about is in `spark.py`.
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
from grupa_pipeline.segmentation.assignment import Placing, place
from grupa_pipeline.snapshots import spark_session
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage.aggregate_cache import ParquetAggregateCache, folder
from grupa_pipeline.storage.key_dictionary import ParquetKeyDictionary
from grupa_pipeline.storage.schema import show_files

MEMORY_LIMIT = 700
"""Megabytes that DuckDB may use for features before it spills to disk, beside the warehouse. What cannot spill may have more."""


@contextmanager
def engine_on_window(context: SnapshotContext, day: date) -> Iterator[Engine]:
    """An engine that sees the events in the window of `day` as the table `events`."""
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
            with DuckDBEngine(con, _more_memory(), ParquetKeyDictionary(folder(context.publication.folder))) as engine:
                yield engine


@contextmanager
def _duckdb(context: SnapshotContext) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session within `MEMORY_LIMIT`, which spills to disk beside the tables."""
    with (
        tempfile.TemporaryDirectory(dir=context.settings.warehouse, prefix=".features-") as spill,
        duckdb.connect(
            config={
                "memory_limit": f"{MEMORY_LIMIT}MB",
                "temp_directory": spill,
                "preserve_insertion_order": "false",  # no result hangs on it, and keeping it takes memory
            }
        ) as con,
    ):
        yield con


def _more_memory() -> Iterator[str]:
    """Limits twice as large each, up to what the machine has."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    limit = 2 * MEMORY_LIMIT
    while limit < installed:
        yield f"{limit}MB"
        limit *= 2


def aggregate_cache(context: SnapshotContext, engine: Engine) -> ParquetAggregateCache | None:
    """The cache of aggregates for `engine`; None on a Spark cluster, which computes all of them in each run."""
    if not isinstance(engine, DuckDBEngine) or engine.key_dictionary is None:
        return None
    return ParquetAggregateCache(
        context.publication, context.roles().sha256(), engine.connection, engine.key_dictionary
    )


def placing(context: SnapshotContext) -> Placing:
    """What places users among landmarks: `place` here, or the same function on the workers of a cluster."""
    return partial(spark_session.place_on_spark, context.settings.engine) if context.on_spark else place
