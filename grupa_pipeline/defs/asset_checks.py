"""Asset checks: what must hold of the tables that an asset has just made. They read, they never mend.

A check looks at the rows as assets see them (staged, else published), so a blocking one speaks before anything is shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline import tables
from grupa_pipeline.defs.partitions import days_of_run
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.tables import SNAPSHOT_TABLES, Table

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
MOST_REJECTED = 0.05
STALE_AFTER = timedelta(days=2)
MOST_DRIFT = 0.5
_NO_FEATURES = ("snapshot_date", "user_id")


def _load(warehouse: WarehouseResource, table: Table, context: dg.AssetCheckExecutionContext) -> dict[date, pa.Table]:
    return {day: warehouse.publication.load(table, day) for day in days_of_run(context.run.tags)}


def _faults(sql: str, **relations: pa.Table) -> list[tuple]:
    """Rows that `sql` returns over the given Arrow tables: each one is a fault."""
    with duckdb.connect() as con:
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
    """What a check says; `of` are its asset and its name where one step makes several checks."""
    asset, name = of or (None, None)
    return dg.AssetCheckResult(
        passed=not faults,
        asset_key=asset,
        check_name=name,
        severity=severity,
        description="; ".join(faults[:5]) or "holds",
        metadata={"faults": len(faults), **metadata},  # type: ignore[dict-item]
    )


def _contract_check(made_at_once: Sequence[Table]) -> dg.AssetChecksDefinition:
    """What must hold of every table of one asset, in one step: to run a step costs more than to make these checks."""
    uniqueness = "No two rows share {}."
    specs = [
        dg.AssetCheckSpec(name, asset=table.name, blocking=True, description=description.format(", ".join(table.key)))
        for table in made_at_once
        for name, description in (("keys_are_unique", uniqueness), ("schema", "Its columns are those of the contract."))
    ]

    @dg.multi_asset_check(name=f"{made_at_once[0].name}_contract", specs=specs, can_subset=True)
    def contract(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> Iterator[dg.AssetCheckResult]:
        asked = {(key.asset_key.path[-1], key.name) for key in context.selected_asset_check_keys}
        for table in made_at_once:
            made = _load(warehouse, table, context)
            for name, judge in (("keys_are_unique", _keys_are_unique), ("schema", _columns_are_there)):
                if (table.name, name) in asked:
                    yield judge(table, made, (table.name, name))

    return contract


def _keys_are_unique(table: Table, made: Mapping[date, pa.Table], of: tuple[str, str]) -> dg.AssetCheckResult:
    keys = ", ".join(table.key)
    faults = []
    for day, rows in made.items():
        twice = _faults(f"SELECT {keys} FROM made GROUP BY ALL HAVING count(*) > 1", made=rows.select(table.key))
        faults += [f"{day}: {key} stands twice" for key in twice]
    return _result(faults, of=of)


def _columns_are_there(table: Table, made: Mapping[date, pa.Table], of: tuple[str, str]) -> dg.AssetCheckResult:
    faults, extra = [], set()
    for day, rows in made.items():
        missing = [name for name in table.column_names if name not in rows.column_names]
        faults += [f"{day}: {name} is missing" for name in missing]
        extra |= set(rows.column_names) - set(table.column_names)
    # What differs is told even when it may: feature columns come and go with the actions of a log.
    return _result(faults, of=of, further_columns=sorted(extra))


def _made_at_once() -> list[list[Table]]:
    """The snapshot's tables, those of one asset together: they are made from the same."""
    groups: dict[tuple[str, ...], list[Table]] = {}
    for table in SNAPSHOT_TABLES:
        groups.setdefault(table.made_from, []).append(table)
    return list(groups.values())


contracts = [_contract_check(group) for group in _made_at_once()]


@dg.asset_check(asset="ingested_files", description=f"At most {MOST_REJECTED:.0%} of each file's rows were rejected.")
def rejected_share(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn of files of which much could not be used."""
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
    description="rows_read = rows_accepted + rows_rejected + rows_duplicate, and so many rows are there.",
)
def rows_add_up(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Every row that was read is accounted for."""
    lost = warehouse.publication.query(
        "SELECT file_name FROM ingested_files WHERE rows_read <> rows_accepted + rows_rejected + rows_duplicate"
    ).to_pylist()
    counts = warehouse.publication.query(
        """SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM rejected_rows) AS rejected,
           coalesce(sum(rows_accepted), 0) AS accepted, coalesce(sum(rows_rejected), 0) AS counted FROM ingested_files"""
    ).to_pylist()
    faults = [f"{row['file_name']} does not add up" for row in lost]
    faults += [
        f"{row['events']} events, {row['accepted']} accepted" for row in counts if row["events"] != row["accepted"]
    ]
    faults += [
        f"{row['rejected']} rejected rows, {row['counted']} counted"
        for row in counts
        if row["rejected"] != row["counted"]
    ]
    return _result(faults)


@dg.asset_check(asset="events", description=f"The newest event is at most {STALE_AFTER.days} days old.")
def freshness(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn when no new events come in."""
    last = warehouse.publication.last_day()
    stale = last is not None and datetime.now(UTC).date() - last > STALE_AFTER
    return _result([f"the newest event is of {last}"] if stale else [], WARN, last_day=str(last))


@dg.asset_check(asset="user_features", blocking=True, description="Every number is finite (or NULL).")
def features_are_finite(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """No infinity and no NaN gets into a feature."""
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
        found = publication.query(
            "SELECT max(day) AS day FROM published_files WHERE table_name = 'user_features' AND day < ?", [day]
        ).to_pylist()
        before = found[0]["day"] if found else None
        if before is None:
            continue
        old = publication.load_published(tables.USER_FEATURES, before)
        shared = [name for name in rows.column_names if name in old.column_names and name not in _NO_FEATURES]
        moved = {name: _drift(old[name], rows[name]) for name in shared}
        faults += [
            f"{day}: {name} moved by {drift:.1f} of its spread" for name, drift in moved.items() if drift > MOST_DRIFT
        ]
    return _result(faults, WARN)


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
        wrong = _faults("SELECT user_id FROM made WHERE (cluster_id IS NULL) = (unassigned_reason IS NULL)", made=rows)
        faults += [f"{day}: user {user}" for (user,) in wrong]
    return _result(faults)


@dg.asset_check(
    asset="segmentations", blocking=True, description="Status, cluster count and labels speak of the same clusters."
)
def clusters_match_status(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """`ok` means three clusters or more; the count is that of the labels."""
    faults = []
    labels = _load(warehouse, tables.USER_CLUSTERS, context)
    for day, rows in _load(warehouse, tables.SEGMENTATIONS, context).items():
        wrong = _faults(
            """SELECT status, cluster_count, found, users, labelled FROM made,
               (SELECT count(DISTINCT cluster_id) AS found, count(*) AS labelled FROM labels)
               WHERE cluster_count <> found OR users <> labelled OR (status = 'ok' AND cluster_count < 3)""",
            made=rows,
            labels=labels[day],
        )
        faults += [f"{day}: {fault}" for fault in wrong]
    return _result(faults)


@dg.asset_check(asset="segmentations", description="There is structure: the status is ok.")
def structure(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn when clusters are descriptive only, or there are none."""
    rows = [row for found in _load(warehouse, tables.SEGMENTATIONS, context).values() for row in found.to_pylist()]
    return _result([f"{r['snapshot_date']}: {r['status']}: {r['reason']}" for r in rows if r["status"] != "ok"], WARN)


@dg.asset_check(asset="clusters", description="The model that was asked for wrote every cluster's text.")
def insight_source(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Warn when rules had to write what a model was asked for."""
    rows = [row for found in _load(warehouse, tables.CLUSTERS, context).values() for row in found.to_pylist()]
    faults = [f"{row['cluster_id']}: {row['fallback_reason']}" for row in rows if row["fallback_reason"]]
    faults += [warehouse.llm_warning] if warehouse.llm_warning else []
    return _result(faults, WARN, asked_for=warehouse.llm or "rules")


@dg.asset_check(asset="llm_calls", description="What the model cost: calls and tokens of this run.")
def model_cost(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Tell calls and tokens; warn when calls went wrong."""
    rows = [row for found in _load(warehouse, tables.LLM_CALLS, context).values() for row in found.to_pylist()]
    failed = [f"{row['model']}: {row['outcome']}: {row['error']}" for row in rows if row["outcome"] != "ok"]
    tokens = sum((row["input_tokens"] or 0) + (row["output_tokens"] or 0) for row in rows)
    return _result(failed, WARN, calls=len(rows), tokens=tokens)
