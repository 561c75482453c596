"""The engine on Apache Spark: the same expressions; only fetched results leave the cluster.

pyspark is an optional extra, so this module is imported only where Spark is configured. Sessions are created elsewhere.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from pathlib import Path
from types import TracebackType

import ibis
import pyarrow as pa
from ibis.expr import types as ir
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

from grupa_pipeline.aggregates.key_columns import KEYS

_PREFIX = "grupa_features_"
_EVENTS = "user_id STRING, timestamp TIMESTAMP_NTZ, action STRING, metadata STRING, sequence BIGINT"


class SparkEngine:
    """Runs the expressions on a Spark session, classic or Connect, which stays open."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._ibis = ibis.pyspark.connect(session)  # which sets the session's time zone to UTC
        self._materialized: dict[str, DataFrame] = {}

    def __enter__(self) -> "SparkEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, rows in self._materialized.items():
            rows.unpersist()
            self._session.catalog.dropTempView(name)

    def show_events(self, name: str, files: Sequence[Path]) -> None:
        """Make the view `name` show the events of Parquet `files`, which every worker must see under these paths."""
        paths = [str(file) for file in files]
        read = self._session.read.option("mergeSchema", "true")  # files of earlier releases lack the newer columns
        rows = read.parquet(*paths) if paths else self._session.createDataFrame([], _EVENTS)
        if "sequence" not in rows.columns:
            rows = rows.selectExpr("*", "CAST(NULL AS BIGINT) AS sequence")
        self._register(name, rows)

    def events(self, name: str) -> ir.Table:
        """The table or view `name` of the session."""
        return self._ibis.table(name)

    def materialize(self, rows: ir.Table | pa.Table) -> ir.Table:
        """A view of `rows`, which the executors hold in memory or on disk once computed."""
        name = f"{_PREFIX}{len(self._materialized)}"
        if isinstance(rows, pa.Table):
            frame = self._session.createDataFrame(rows)
        else:
            frame = self._compute(rows).persist(StorageLevel.MEMORY_AND_DISK)
        self._register(name, frame)
        return self._ibis.table(name)

    def scratch(self) -> AbstractContextManager[None]:
        """Drops nothing: Spark is lazy, so later results depend on what was materialised."""
        return nullcontext()

    def fetch(self, rows: ir.Table) -> pa.Table:
        """`rows` as Arrow."""
        return self._compute(rows).toArrow().cast(rows.schema().to_pyarrow())

    def assign_keys(self, events: ir.Table) -> None:
        """Does nothing: numbering users would take one machine that sees all of them, so ids are their own keys."""

    def with_keys(self, rows: ir.Table) -> ir.Table:
        """`rows` with columns renamed to those of the keys."""
        return rows.rename({key: text for key, text in KEYS.items() if text in rows.columns})

    def with_actions(self, rows: ir.Table) -> ir.Table:
        """`rows` with the actions, which are their own keys."""
        return rows.mutate(action=rows.action_key)

    def fetch_users(self, parts: Sequence[ir.Table]) -> pa.Table:
        """`parts`, joined by the cluster, as Arrow."""
        joined = reduce(lambda left, right: left.inner_join(right, "user_key"), parts)
        return self.fetch(joined.rename(user_id="user_key").order_by("user_id"))

    def microseconds(self, moment: ir.TimestampValue) -> ir.IntegerValue:
        """Spark's unix_micros, in a session whose time zone is UTC."""
        return _unix_micros(moment)

    def json_text(self, document: ir.Value, key: str) -> ir.StringValue:
        """Spark's from_json to a map of texts: unlike get_json_object, it takes any key and gives DuckDB's texts."""
        return _from_json(document, _TEXTS)[key]

    def _register(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)
        self._materialized[name] = rows

    def _compute(self, rows: ir.Table) -> DataFrame:
        return self._session.sql(self._ibis.compile(rows))


_TEXTS = "map<string,string>"


@ibis.udf.scalar.builtin(name="unix_micros")
def _unix_micros(moment: ibis.dtype("timestamp")) -> int:  # type: ignore[valid-type,empty-body]
    """The built-in of that name."""


@ibis.udf.scalar.builtin(name="from_json")
def _from_json(document: str, schema: str) -> ibis.dtype("map<string, string>"):  # type: ignore[valid-type]
    """The built-in of that name."""
