"""Asset checks: what must hold of the tables that an asset has just written. They only read.

A check sees the rows as assets do (staged, else published), so a blocking one fails before anything is published.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline import tables
from grupa_pipeline.defs.partitions import days_of_run
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.staging import RowsByDay
from grupa_pipeline.tables import SNAPSHOT_TABLES, Table
from grupa_pipeline.vocabulary.enums import SegmentationStatus

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
MOST_REJECTED = 0.05
STALE_AFTER = timedelta(days=2)
MOST_DRIFT = 0.5
_KEY_COLUMNS = ("snapshot_date", "user_id")
Fault = tuple[object, ...]


def _load(warehouse: WarehouseResource, table: Table, context: dg.AssetCheckExecutionContext) -> dict[date, pa.Table]:
    return {day: warehouse.publication.load(table, day) for day in days_of_run(context.run.tags)}


def _load_rows(
    warehouse: WarehouseResource, table: Table, context: dg.AssetCheckExecutionContext
) -> list[dict[str, Any]]:
    return [row for rows in _load(warehouse, table, context).values() for row in rows.to_pylist()]


def _faults(sql: str, **relations: pa.Table) -> list[Fault]:
    """Rows that `sql` returns over the Arrow tables `relations`: each one is a fault."""
    with open_duckdb() as con:
        for name, rows in relations.items():
            con.register(name, rows)
        return con.execute(sql).fetchall()


def _result(
    faults: list[str],
    severity: dg.AssetCheckSeverity = ERROR,
    *,
    of: tuple[str, str] | None = None,
    **metadata: object,
) -> dg.AssetCheckResult:
    """The result of a check; `of` is its asset and its name where one step evaluates several checks."""
    asset, name = of or (None, None)
    return dg.AssetCheckResult(
        passed=not faults,
        asset_key=asset,
        check_name=name,
        severity=severity,
        description="; ".join(faults[:5]) or "holds",
        metadata={"faults": len(faults), **metadata},  # type: ignore[dict-item]
    )


def _contract_check(group: Sequence[Table]) -> dg.AssetChecksDefinition:
    """What must hold of every table of one asset, in one step: a step costs more than these checks do."""
    uniqueness = "No two rows share {}."
    specs = [
        dg.AssetCheckSpec(name, asset=table.name, blocking=True, description=description.format(", ".join(table.key)))
        for table in group
        for name, description in (("keys_are_unique", uniqueness), ("schema", "Its columns are those of the contract."))
    ]

    @dg.multi_asset_check(name=f"{group[0].name}_contract", specs=specs, can_subset=True)
    def contract(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        selected = {(key.asset_key.path[-1], key.name) for key in context.selected_asset_check_keys}
        for table in group:
            if table.name not in {asset for asset, _ in selected}:
                continue  # not computed by this run, and perhaps by none so far
            rows_by_day = _load(warehouse, table, context)
            for name, check in (("keys_are_unique", _keys_are_unique), ("schema", _columns_are_there)):
                if (table.name, name) in selected:
                    yield check(table, rows_by_day, (table.name, name))

    return contract


def _keys_are_unique(table: Table, rows_by_day: RowsByDay, of: tuple[str, str]) -> dg.AssetCheckResult:
    keys = ", ".join(table.key)
    faults = []
    for day, rows in rows_by_day.items():
        repeated = _faults(f"SELECT {keys} FROM rows GROUP BY ALL HAVING count(*) > 1", rows=rows.select(table.key))
        faults += [f"{day}: {key} occurs more than once" for key in repeated]
    return _result(faults, of=of)


def _columns_are_there(table: Table, rows_by_day: RowsByDay, of: tuple[str, str]) -> dg.AssetCheckResult:
    faults: list[str] = []
    extra: set[str] = set()
    for day, rows in rows_by_day.items():
        missing = [name for name in table.column_names if name not in rows.column_names]
        faults += [f"{day}: {name} is missing" for name in missing]
        extra |= set(rows.column_names) - set(table.column_names)
    # Further columns are no fault, yet shown: feature columns come and go with the actions of a log.
    return _result(faults, of=of, further_columns=sorted(extra))


def _tables_by_asset() -> list[list[Table]]:
    """The snapshot's tables, grouped by asset: those of one asset have the same inputs."""
    groups: dict[tuple[str, ...], list[Table]] = {}
    for table in SNAPSHOT_TABLES:
        groups.setdefault(table.made_from, []).append(table)
    return list(groups.values())


contracts = [_contract_check(group) for group in _tables_by_asset()]


@dg.asset_check(asset="ingested_files", description=f"At most {MOST_REJECTED:.0%} of each file's rows were rejected.")
def rejected_share(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn of files of which many rows were rejected."""
    rows = warehouse.publication.query("SELECT * FROM ingested_files").to_pylist()
    bad = [row for row in rows if row["rows_rejected"] > MOST_REJECTED * row["rows_read"]]
    return _result(
        [
            f"{row['file_name']}: {row['rows_rejected']:,} of {row['rows_read']:,} rows rejected (see rejected_rows)"
            for row in bad
        ],
        WARN,
    )


@dg.asset_check(
    asset="ingested_files",
    description="rows_read = rows_accepted + rows_rejected + rows_duplicate, and the tables hold that many rows.",
)
def rows_add_up(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Every row that was read is accounted for."""
    lost = warehouse.publication.query(
        "SELECT file_name FROM ingested_files WHERE rows_read <> rows_accepted + rows_rejected + rows_duplicate"
    ).to_pylist()
    counts = warehouse.publication.query(
        """SELECT (SELECT count(*) FROM rejected_rows) AS rejected,
           coalesce(sum(rows_accepted), 0) AS accepted, coalesce(sum(rows_rejected), 0) AS counted FROM ingested_files"""
    ).to_pylist()
    faults = [f"{row['file_name']} does not add up" for row in lost]
    events = warehouse.publication.count_events()
    faults += [f"{events} events, {row['accepted']} accepted" for row in counts if row["accepted"] != events]
    faults += [
        f"{row['rejected']} rejected rows, {row['counted']} counted"
        for row in counts
        if row["rejected"] != row["counted"]
    ]
    return _result(faults)


@dg.asset_check(asset="events", description=f"The newest event is at most {STALE_AFTER.days} days old.")
def freshness(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn when no new events arrive."""
    last = warehouse.publication.last_day()
    stale = last is not None and datetime.now(UTC).date() - last > STALE_AFTER
    return _result([f"the newest event is of {last}"] if stale else [], WARN, last_day=str(last))


@dg.asset_check(asset="user_features", blocking=True, description="Every number is finite (or NULL).")
def features_are_finite(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """No feature holds an infinity or a NaN."""
    faults = []
    for day, rows in _load(warehouse, tables.USER_FEATURES, context).items():
        names = [name for name in rows.column_names if pa.types.is_floating(rows.schema.field(name).type)]
        wrong = [n for n in names if not pc.all(pc.is_finite(rows[n].drop_null()), min_count=0).as_py()]
        faults += [f"{day}: {name}" for name in wrong]
    return _result(faults)


@dg.asset_check(
    asset="user_features",
    description=f"No feature's median moved by more than {MOST_DRIFT} of its spread since the snapshot before.",
)
def feature_drift(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn of features that moved: the log may have changed its meaning."""
    publication, faults = warehouse.publication, []
    for day, rows in _load(warehouse, tables.USER_FEATURES, context).items():
        before = _day_before(publication, day)
        if before is None:
            continue
        old = publication.load_published(tables.USER_FEATURES, before)
        shared = [name for name in rows.column_names if name in old.column_names and name not in _KEY_COLUMNS]
        moved = {name: _drift(old[name], rows[name]) for name in shared}
        faults += [
            f"{day}: {name} moved by {drift:.1f} of its spread" for name, drift in moved.items() if drift > MOST_DRIFT
        ]
    return _result(faults, WARN)


def _day_before(publication: Publication, day: date) -> date | None:
    """The last published snapshot before `day`."""
    rows = publication.query(
        "SELECT max(day) AS day FROM published_files WHERE table_name = 'user_features' AND day < ?", [day]
    ).to_pylist()
    return rows[0]["day"] if rows else None


def _drift(old: pa.ChunkedArray, new: pa.ChunkedArray) -> float:
    """How far the median moved, in spreads (from the 10th to the 90th percentile) of `old`; 0 where there is none."""
    before, now = (column.drop_null().to_numpy() for column in (old, new))
    if not len(before) or not len(now):
        return 0.0
    low, middle, high = np.quantile(before, (0.1, 0.5, 0.9))
    return float(abs(np.median(now) - middle) / (high - low)) if high > low else 0.0


@dg.asset_check(
    asset="user_clusters", blocking=True, description="Each user has one label, or one reason for having none."
)
def every_user_is_labelled_once(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """A user is in a cluster or unassigned for a reason, never both and never neither."""
    faults = []
    for day, rows in _load(warehouse, tables.USER_CLUSTERS, context).items():
        wrong = _faults("SELECT user_id FROM rows WHERE (cluster_id IS NULL) = (unassigned_reason IS NULL)", rows=rows)
        faults += [f"{day}: user {user}" for (user,) in wrong]
    return _result(faults)


@dg.asset_check(asset="segmentations", blocking=True, description="Status, cluster count and labels agree.")
def clusters_match_status(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """`ok` means three clusters or more; the count is that of the labels."""
    faults = []
    labels = _load(warehouse, tables.USER_CLUSTERS, context)
    for day, rows in _load(warehouse, tables.SEGMENTATIONS, context).items():
        wrong = _faults(
            f"""SELECT status, cluster_count, clusters, users, labelled FROM rows,
                (SELECT count(DISTINCT cluster_id) AS clusters, count(*) AS labelled FROM labels)
                WHERE cluster_count <> clusters OR users <> labelled
                   OR (status = '{SegmentationStatus.OK}' AND cluster_count < 3)""",
            rows=rows,
            labels=labels[day],
        )
        faults += [f"{day}: {fault}" for fault in wrong]
    return _result(faults)


@dg.asset_check(asset="segmentations", description="There is structure: the status is ok.")
def structure(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn when clusters are descriptive only, or there are none."""
    rows = _load_rows(warehouse, tables.SEGMENTATIONS, context)
    weak = [row for row in rows if row["status"] != SegmentationStatus.OK]
    return _result([f"{row['snapshot_date']}: {row['status']}: {row['reason']}" for row in weak], WARN)


@dg.asset_check(asset="clusters", description="The configured model wrote every cluster's text.")
def insight_source(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn when rules wrote text that the configured model should have written."""
    rows = _load_rows(warehouse, tables.CLUSTERS, context)
    faults = [f"{row['cluster_id']}: {row['fallback_reason']}" for row in rows if row["fallback_reason"]]
    faults += [warehouse.llm_warning] if warehouse.llm_warning else []
    return _result(faults, WARN, asked_for=warehouse.llm or "rules")


@dg.asset_check(asset="llm_calls", description="What the model cost: calls and tokens of this run.")
def model_cost(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Show the number of calls and tokens; warn of calls that failed."""
    rows = _load_rows(warehouse, tables.LLM_CALLS, context)
    failed = [f"{row['model']}: {row['outcome']}: {row['error']}" for row in rows if row["outcome"] != "ok"]
    tokens = sum((row["input_tokens"] or 0) + (row["output_tokens"] or 0) for row in rows)
    return _result(failed, WARN, calls=len(rows), tokens=tokens)
