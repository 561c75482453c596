"""A small warehouse with planted clusters, written straight from the contract: what the app's tests look at.

Plain tables under the contract's names; values are drawn from a fixed seed. No pipeline code but `tables` and `warehouse`.
"""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from grupa_pipeline import tables
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.schema import CURRENT
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, rule_to_json

DAYS = (date(2026, 3, 8), date(2026, 3, 9))
KINDS = {
    # cluster: name, users, centre of the map, mean of each feature
    "C01": ("Deal closers", 140, (0.0, 0.0), (6.0, 0.80, 20.0, 0.70)),
    "C02": ("Careful drafters", 90, (9.0, 2.0), (3.0, 0.25, 70.0, 0.30)),
    "C03": ("Window shoppers", 60, (4.0, 9.0), (1.0, 0.05, 5.0, 0.05)),
}
FIRST_SEEN = {"C03": DAYS[1]}
"""Where it is not the first of the days."""
UNASSIGNED = {"noise": 25, "too_few_events": 15}
FEATURES = (
    # feature, description, unit, role, metric kind, higher is better
    ("sessions_per_week", "sessions a week", "sessions/week", "clustering", "mean", True),
    ("submitted_share", "share of proposals that are submitted", "share", "clustering", "ratio", True),
    ("hours_to_submit", "hours from creating a proposal to submitting it", "hours", "context", "mean", False),
    ("had_deal_complete", "completed a deal", "share", "outcome", "proportion", True),
)
_FAMILIES = {
    "sessions_per_week": "activity",
    "submitted_share": "proposals",
    "hours_to_submit": "proposals",
    "had_deal_complete": "outcome_had",
}
SHAPED_BY = {
    "method": {
        "min_clusters": 2,
        "max_unassigned": 0.5,
        "min_stability": 0.6,
        "min_replication": 0.6,
        "min_kappa": 0.72,
        "max_valley": 0.65,
        "min_signal": 0.2,
        "max_p_value": 0.01,
        "keep_margin": 0.05,
        "subsamples": 5,
    },
    "views": {"hour": 0.43},
    "landmarks": 300,
    "landmarks_with_two_sessions": 280,
    "replicated": True,
}
GRID = (
    # source and number of cells, clusters, largest share, unassigned share, DBCV, stability, score, verdict
    ("k-means", 24, 9, 0.2, 0.6, -0.21, 0.7, 0.31, "too_much_noise"),
    ("k-means", 40, 3, 0.45, 0.08, 0.6, 0.9, 1.32, "passed"),
    ("k-means", 60, 1, 1.0, 0.04, None, 0.0, 0.0, "too_few_clusters"),
    ("hdbscan_leaf", 18, 4, 0.44, 0.1, 0.5, 0.8, 1.3, "passed"),
    ("earlier", 7, 7, 0.3, 0.2, 0.4, None, 0.2, "unstable"),
)
FUNNEL = ("sign_in", "proposal_create", "deal_complete")
PATHS = (
    # kind, rank, path, share
    ("typical", 1, ["sign_in", "proposal_create", "sign_in", "deal_complete"], 0.6),
    ("typical", 2, ["sign_in", *["search", "proposal_view"] * 6], 0.3),
    ("last_before_end", 1, ["proposal_view"], 0.2),
)
FIRST_EVENT = datetime(2026, 1, 1)


def write_warehouse(folder: Path, *, status: str = "ok", source: str = "rules", scale: int = 1) -> Path:
    """Write `grupa.duckdb` with two snapshots into `folder` and return its path; `scale` multiplies the users."""
    database = folder / "grupa.duckdb"
    users = _users(scale)
    with warehouse.publish(database) as con:
        for table in tables.PIPELINE_TABLES:
            _create(con, table)
        con.execute(f"CREATE TABLE schema_version AS SELECT {CURRENT.version}::BIGINT AS version")
        _insert(con, "feature_catalog", [_feature(*each) for each in FEATURES])
        for day in DAYS:
            _write_snapshot(con, day, users, status, source)
        _insert(con, "cluster_transitions", _transitions(scale))
        _write_events(con, users)
        _write_log(con)
    return database


def write_earlier_release(folder: Path) -> None:
    """Make the snapshots of the warehouse in `folder` such as a release without replication left them."""
    method = {"max_p_value": 0.01, "min_stability": 0.6, "min_clusters": 3, "subsamples": 8, "keep_margin": 0.05}
    null = {"scores": [0.31, 0.05, 0.12], "made_on": DAYS[0].isoformat()}
    parameters = {"method": method, "users": 330, "landmarks": 300, "null": null, "real_score": 0.74}
    given = {"n_neighbors": 15, "min_cluster_size": 24, "min_samples": 5, "cluster_selection_method": "leaf"}
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("UPDATE segmentations SET parameters = ?", [json.dumps(parameters)])
        con.execute("UPDATE segmentation_candidates SET parameters = ?", [json.dumps(given)])
        con.execute("UPDATE clusters SET replication = NULL, found_by = NULL, nature = NULL")
        con.execute("UPDATE user_clusters SET membership = NULL, nearest_probability = NULL")


def _create(con: duckdb.DuckDBPyConnection, table: tables.Table) -> None:
    columns = [f'"{column.name}" {column.type}' for column in table.columns]
    if table.open_ended:
        columns += [f'"{each[0]}" DOUBLE' for each in FEATURES]
    con.execute(f"CREATE TABLE {table.name} ({', '.join(columns)})")


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        con.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def _feature(feature: str, description: str, unit: str, role: str, kind: str, better: bool) -> dict[str, Any]:
    return {
        "feature": feature,
        "description": description,
        "unit": unit,
        "role": role,
        "metric_kind": kind,
        "numerator": description,
        "denominator": "users",
        "higher_is_better": better,
        "source_action": "deal_complete" if role == "outcome" else None,
        "family": _FAMILIES[feature],
        "subject": "deal_complete" if role == "outcome" else None,
    }


def _users(scale: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    parts: list[tuple[np.ndarray, ...]] = []
    for cluster_id, (_, size, centre, means) in KINDS.items():
        n = size * scale
        place = rng.normal(centre, 0.7, (n, 2))
        parts.append(
            (np.full(n, cluster_id, dtype=object), np.full(n, None, dtype=object), place, _values(rng, n, means))
        )
    for reason, size in UNASSIGNED.items():
        n = size * scale
        values = _values(rng, n, (2.0, 0.3, 30.0, 0.3))
        parts.append(
            (np.full(n, None, dtype=object), np.full(n, reason, dtype=object), rng.uniform(-3, 12, (n, 2)), values)
        )
    cluster, why, place, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    return {
        "user_id": np.array([f"user-{number:05d}" for number in range(len(cluster))], dtype=object),
        "cluster_id": cluster,
        "unassigned_reason": why,
        "place": place,
        "values": values,
    }


def _values(rng: np.random.Generator, n: int, means: tuple[float, ...]) -> np.ndarray:
    weekly = rng.gamma(8, means[0] / 8, n)
    share = rng.beta(means[1] * 20, (1 - means[1]) * 20, n)
    hours = rng.gamma(4, means[2] / 4, n)
    return np.column_stack([weekly, share, hours, rng.random(n) < means[3]]).astype(float)


def _write_snapshot(
    con: duckdb.DuckDBPyConnection, day: date, users: dict[str, np.ndarray], status: str, source: str
) -> None:
    total = len(users["user_id"])
    left_out = sum(each is None for each in users["cluster_id"])
    _insert(con, "segmentations", [_segmentation(day, status, total, left_out)])
    _insert(con, "segmentation_candidates", [_candidate(day, *each) for each in GRID])
    base = pa.table({"user_id": users["user_id"].tolist(), "cluster_id": users["cluster_id"].tolist()})
    rows = base.append_column("unassigned_reason", pa.array(users["unassigned_reason"].tolist(), pa.string()))
    con.register("rows", rows)
    con.execute(
        "INSERT INTO user_clusters BY NAME SELECT ?::DATE AS snapshot_date, user_id, cluster_id, unassigned_reason,"
        " CASE WHEN cluster_id IS NOT NULL THEN CASE user_id[-1] WHEN '0' THEN 'between' WHEN '9' THEN 'likely' ELSE 'core' END"
        " END AS membership,"
        " CASE membership WHEN 'core' THEN .9 WHEN 'likely' THEN .8 WHEN 'between' THEN .5 ELSE 0 END AS probability,"
        " CASE WHEN cluster_id = 'C01' THEN 'C02' ELSE 'C01' END AS nearest_cluster_id,"
        " CASE WHEN cluster_id IS NOT NULL THEN 1 - probability ELSE .4 END AS nearest_probability FROM rows",
        [day],
    )
    con.unregister("rows")
    placed = np.array([each != "too_few_events" for each in users["unassigned_reason"]])
    ids = users["user_id"][placed].tolist()
    features = pa.table(
        {"user_id": ids}
        | {each[0]: users["values"][placed, at] for at, each in enumerate(FEATURES)}
        | {"x": users["place"][placed, 0], "y": users["place"][placed, 1]}
    )
    con.register("placed", features)
    names = ", ".join(each[0] for each in FEATURES)
    con.execute(
        f"INSERT INTO user_features (snapshot_date, user_id, {names}) SELECT ?, user_id, {names} FROM placed", [day]
    )
    con.execute("INSERT INTO user_embeddings SELECT ?, user_id, x, y FROM placed", [day])
    con.unregister("placed")
    for slot, cluster_id in enumerate(KINDS):
        _write_cluster(con, day, cluster_id, slot, users, source)
    _write_journeys(con, day, None, total, 1)
    _write_journeys(con, day, "unassigned", left_out, 2)


def _segmentation(day: date, status: str, total: int, left_out: int) -> dict[str, Any]:
    end = datetime.combine(day, datetime.min.time()) + timedelta(days=1)
    return {
        "snapshot_date": day,
        "status": status,
        "reason": None if status == "ok" else "The groups are no clearer than chance would make them.",
        "window_start": end - timedelta(days=180),
        "window_end": end,
        "users": total,
        "events": total * 40,
        "cluster_count": len(KINDS),
        "unassigned_share": left_out / total,
        "dbcv": 0.6,
        "stability": 0.9,
        "null_p_value": 0.004,
        "parameters": json.dumps(SHAPED_BY | {"users": total}),
        "seed": 42,
        "input_sha256": "0" * 64,
        "code_version": "0.1.0",
        "created_at": end + timedelta(hours=2),
    }


def _candidate(day: date, *tried: Any) -> dict[str, Any]:
    source, cells, *found = tried
    names = ("cluster_count", "largest_share", "unassigned_share", "dbcv", "stability", "score", "verdict")
    return dict(zip(names, found, strict=True)) | {
        "snapshot_date": day,
        "candidate": GRID.index(tried) + 1,
        "parameters": json.dumps({"cells_from": source, "cells": cells}),
        "chosen": GRID.index(tried) == 1,
    }


def _write_cluster(
    con: duckdb.DuckDBPyConnection, day: date, cluster_id: str, slot: int, users: dict[str, np.ndarray], source: str
) -> None:
    mine = users["cluster_id"] == cluster_id
    rest = ~mine & (users["unassigned_reason"] != "too_few_events")
    name, *_ = KINDS[cluster_id]
    row = {
        "snapshot_date": day,
        "cluster_id": cluster_id,
        "name": name,
        "summary": f"{name} come back {np.median(users['values'][mine, 0]):.1f} times a week.",
        "size": int(mine.sum()) - (10 if day == DAYS[0] else 0),
        "share": float(mine.mean()),
        "goal_rate": None,
        "stability": (0.93, 0.7, 0.5)[slot],
        "replication": (0.95, 0.72, 0.61)[slot],
        "found_by": (["what"], ["hour", "what"], ["what"])[slot],
        "nature": ("trait", "trait", "incident")[slot],
        "rule": "sessions a week: more than 4 sessions/week"
        if slot == 0
        else "sessions a week: at most 4 sessions/week",
        "rule_conditions": rule_to_json(((Condition("sessions_per_week", Comparison("<=" if slot else ">"), 4.0),),)),
        "rule_f1": 0.88,
        "first_seen": FIRST_SEEN.get(cluster_id, DAYS[0]),
        "color_slot": slot,
        "fallback_reason": None,
    }
    _insert(con, "clusters", [row])
    _insert(con, "cluster_identities", [{key: row[key] for key in tables.CLUSTER_IDENTITIES.column_names}])
    for at, feature in enumerate(FEATURES):
        _insert(
            con,
            "cluster_evidence",
            [_evidence(day, cluster_id, feature, users["values"][mine, at], users["values"][rest, at])],
        )
    _insert(con, "cluster_insights", _insights(day, cluster_id, source))
    _write_journeys(con, day, cluster_id, int(mine.sum()), slot)


def _write_journeys(con: duckdb.DuckDBPyConnection, day: date, group: str | None, users: int, slot: int) -> None:
    """The funnel of one group to the goal, and its journeys; the later the group, the fewer come through."""
    reached = [users, round(users * (0.9 - 0.2 * slot)), round(users * (0.6 - 0.2 * slot))]
    for position, (action, got) in enumerate(zip(FUNNEL, reached, strict=True), 1):
        step = {"action": action, "users_reached": got, "goal": FUNNEL[-1], "position": position}
        if position < len(FUNNEL):
            share = reached[position] / got
            step |= {"users_continued": reached[position], "continued_share": share, "median_hours": 6.0 * position}
            step |= {"rest_continued_share": None if group is None else 0.5, "ci_low": share - 0.05, "ci_high": share}
        _insert(con, "journey_steps", [{"snapshot_date": day, "cluster_id": group} | step])
    for kind, rank, path, share in PATHS:
        row = {"snapshot_date": day, "cluster_id": group, "kind": kind, "rank": rank, "path": path}
        _insert(con, "journey_paths", [row | {"users": round(share * users), "share": share}])


def _evidence(
    day: date, cluster_id: str, feature: tuple[Any, ...], mine: np.ndarray, rest: np.ndarray
) -> dict[str, Any]:
    share = feature[4] == "proportion"
    ours, theirs = (float(np.mean(each) if share else np.median(each)) for each in (mine, rest))
    effect = ours - theirs if share else float(np.sign(mine[:, None] - rest[None, :]).mean())
    return {
        "snapshot_date": day,
        "cluster_id": cluster_id,
        "evidence_id": f"E-{cluster_id}-{feature[0]}",
        "metric": feature[0],
        "measure": "proportion" if share else "count",
        "unit": feature[2],
        "cluster_value": ours,
        "rest_value": theirs,
        "lift": ours / theirs if theirs else None,
        "effect_size": effect,
        "ci_low": effect - 0.08,
        "ci_high": effect + 0.08,
        "n_cluster": len(mine),
        "n_rest": len(rest),
        "descriptive": feature[3] == "clustering",
    }


def _insights(day: date, cluster_id: str, source: str) -> list[dict[str, Any]]:
    common = {
        "snapshot_date": day,
        "cluster_id": cluster_id,
        "evidence_ids": [f"E-{cluster_id}-hours_to_submit", f"E-{cluster_id}-had_deal_complete"],
        "rank": 1,
        "source": source,
        "model": "openai:test-model" if source == "llm" else None,
        "prompt_version": "1",
        "input_sha256": "0" * 64,
        "created_at": datetime(2026, 3, 10),
    }
    pain = common | {
        "insight_id": f"P-{cluster_id}",
        "kind": "pain_point",
        "title": "Submitting takes long",
        "body": "They need more hours from creating a proposal to submitting it than the rest.",
        "addresses": [],
    }
    recommendation = common | {
        "insight_id": f"R-{cluster_id}",
        "kind": "recommendation",
        "title": "Save proposals as they are written",
        "body": "Autosave and a checklist of what is missing.",
        "addresses": [pain["insight_id"]],
        "target_metric": "had_deal_complete",
        "direction": "increase",
        "change": "Autosave with a checklist",
        "hypothesis": "If proposals save themselves, then more deals complete, because less work is lost.",
    }
    return [pain, recommendation]


def _transitions(scale: int) -> list[dict[str, Any]]:
    moves = (
        ("C01", "C01", 128, "continue"),
        ("C02", "C02", 80, "continue"),
        ("C02", "C01", 12, None),
        ("C02", "C03", 10, "split"),
        (None, "C03", 50, "birth"),
    )
    return [
        {
            "from_snapshot": DAYS[0],
            "to_snapshot": DAYS[1],
            "from_cluster_id": source,
            "to_cluster_id": target,
            "users": users * scale,
            "kind": kind,
        }
        for source, target, users, kind in moves
    ]


def _write_events(con: duckdb.DuckDBPyConnection, users: dict[str, np.ndarray]) -> None:
    """Each user's logins, as many a week as planted, over the log's 68 days, and deals for those who completed one."""
    rng = np.random.default_rng(11)
    ids, at, action = [], [], []
    for user, values in zip(users["user_id"], users["values"], strict=True):
        logins = np.sort(rng.integers(0, 68 * 24 * 60, max(3, round(values[0] * 68 / 7))))
        ids += [user] * len(logins)
        at += [FIRST_EVENT + timedelta(minutes=int(each)) for each in logins]
        action += ["login"] * len(logins)
        if values[3]:
            deals = rng.integers(0, 68 * 24 * 60, 4)
            ids += [user] * 4
            at += [FIRST_EVENT + timedelta(minutes=int(each)) for each in deals]
            action += ["deal_complete"] * 4
    con.register("log", pa.table({"user_id": ids, "timestamp": at, "action": action}))
    con.execute("INSERT INTO events BY NAME SELECT user_id, timestamp, action, repeat('a', 64) AS file_sha256 FROM log")
    con.unregister("log")


def _write_log(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("SELECT count(*), min(timestamp), max(timestamp) FROM events").fetchone()
    assert rows is not None
    row = {
        "file_sha256": "a" * 64,
        "file_name": "log.csv",
        "ingested_at": datetime(2026, 3, 10),
        "rows_read": rows[0] + 1,
        "rows_accepted": rows[0],
        "rows_rejected": 1,
        "rows_duplicate": 0,
        "first_event_at": rows[1],
        "last_event_at": rows[2],
    }
    _insert(con, "ingested_files", [row])
    rejected = {"file_sha256": "a" * 64, "line_number": 3, "reason": "missing_user_id", "raw": ",2026-01-01,login"}
    _insert(con, "rejected_rows", [rejected])
    call = {
        "prompt": json.dumps({"cluster": "C01"}),
        "response": "{}",
        "outcome": "ok",
        "created_at": datetime(2026, 3, 10),
    }
    names = {"provider": "openai", "model": "openai:test-model", "prompt_version": "1", "latency_ms": 10}
    _insert(con, "llm_calls", [{"call_id": "call-1", "snapshot_date": DAYS[1], "cluster_id": "C01"} | call | names])
