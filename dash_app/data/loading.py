"""Queries on the tables with few rows that make up a snapshot; tables with a row per user are in `users.py`."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import duckdb

from dash_app import formatting
from dash_app.data.action_labels import ActionLabels
from dash_app.data.event_catalog import load_event_rows
from dash_app.data.history import CHANGES
from dash_app.data.journeys import (
    GoalRates,
    GroupJourneys,
    load_action_labels,
    load_goal_rates,
    load_journeys,
)
from dash_app.data.snapshot import (
    TREND_SNAPSHOTS,
    Cluster,
    ClusterChange,
    Evidence,
    Feature,
    Insight,
    Memberships,
    Snapshot,
)
from grupa_pipeline.event_catalog.action_meanings import goal_note
from grupa_pipeline.vocabulary.feature_families import FeatureFamily
from grupa_pipeline.vocabulary.rule_conditions import rule_from_json, short_description

_PROSE = ("title", "body", "change", "hypothesis", "guardrail", "cheapest_test", "falsified_by")
"""Columns of `cluster_insights` with sentences."""


def list_snapshots(con: duckdb.DuckDBPyConnection) -> tuple[date, ...]:
    """Days of all snapshots, newest first."""
    return tuple(row[0] for row in con.execute("SELECT snapshot_date FROM segmentations ORDER BY 1 DESC").fetchall())


def load_newest(con: duckdb.DuckDBPyConnection) -> tuple[date, datetime] | None:
    """Day and creation time of the newest snapshot, which pages without a day show; None when there is none."""
    return con.execute(
        "SELECT snapshot_date, created_at FROM segmentations ORDER BY snapshot_date DESC LIMIT 1"
    ).fetchone()


def load_snapshot(con: duckdb.DuckDBPyConnection, day: date) -> Snapshot | None:
    """Everything of the snapshot of `day` that has few rows; None when there is no such snapshot."""
    found = _rows(
        con,
        "SELECT status, reason, window_start, window_end, users, events, unassigned_share, stability, null_p_value, created_at"
        " FROM segmentations WHERE snapshot_date = ?",
        day,
    )
    if not found:
        return None
    catalog, labels = load_catalog(con), load_action_labels(con)
    journeys = load_journeys(con, day, labels)
    goal_rates = load_goal_rates(con, day, labels)
    previous = con.execute("SELECT max(from_snapshot) FROM cluster_transitions WHERE to_snapshot = ?", [day]).fetchone()
    earlier = con.execute("SELECT count(*) FROM segmentations WHERE snapshot_date < ?", [day]).fetchone()
    names = con.execute(
        "SELECT cluster_id, arg_max(name, snapshot_date) FROM clusters WHERE snapshot_date <= ? GROUP BY 1", [day]
    ).fetchall()
    return Snapshot(
        day=day,
        clusters=tuple(_with_journeys(each, journeys, goal_rates) for each in _clusters(con, day, catalog, labels)),
        unassigned=_unassigned(con, day),
        previous=previous[0] if previous else None,
        is_first=earlier == (0,),
        changes=_changes(con, day),
        names=dict(names),
        catalog=catalog,
        goal_note=goal_note(load_event_rows(con)),
        journeys=journeys,
        goal_rates=goal_rates,
        labels=labels,
        **found[0],
    )


def _with_journeys(
    cluster: Cluster, journeys: Mapping[str | None, GroupJourneys], goal_rates: GoalRates | None
) -> Cluster:
    own = journeys.get(cluster.cluster_id, GroupJourneys())
    return replace(cluster, journeys=own, goal_rate=goal_rates.by_group.get(cluster.cluster_id) if goal_rates else None)


def load_catalog(con: duckdb.DuckDBPyConnection) -> dict[str, Feature]:
    """What every feature means, by name."""
    rows = _rows(
        con,
        "SELECT feature, coalesce(label, description) AS label, description, unit, role, metric_kind, higher_is_better,"
        " source_action, family, subject FROM feature_catalog ORDER BY feature",
    )
    labels = load_action_labels(con)
    return {row["feature"]: _in_words(Feature(**row), labels) for row in rows}


def _in_words(feature: Feature, labels: ActionLabels) -> Feature:
    """The feature with actions, and the values that it is about, as people read them."""
    names = [*(feature.source_action or "").splitlines(), *(feature.subject or "").splitlines()]
    description = labels.in_text(feature.description, names)
    if feature.family == FeatureFamily.ACTION_SHARE:
        description = short_description(description)  # that outcomes are left out is said once, beside the bars
    return replace(feature, label=labels.in_text(feature.label, names), description=description)


def _clusters(
    con: duckdb.DuckDBPyConnection, day: date, catalog: Mapping[str, Feature], labels: ActionLabels
) -> tuple[Cluster, ...]:
    evidence, insights = _evidence(con, day, catalog), _insights(con, day, labels)
    trends: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for cluster_id, at, size in con.execute(
        "SELECT cluster_id, snapshot_date, size FROM clusters WHERE snapshot_date <= ?"
        f" QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY snapshot_date DESC) <= {TREND_SNAPSHOTS}"
        " ORDER BY snapshot_date",
        [day],
    ).fetchall():
        trends[cluster_id].append((at, size))
    rows = _rows(
        con,
        "SELECT cluster_id, name, summary, size, share, stability, rule, rule_conditions, rule_f1, first_seen,"
        " color_slot, fallback_reason, replication, found_by, nature FROM clusters WHERE snapshot_date = ?"
        " ORDER BY size DESC, cluster_id",
        day,
    )
    memberships = _memberships(con, day)
    for row in rows:
        for text in ("name", "summary", "rule"):
            row[text] = labels.in_prose(row[text] or "")
        row["found_by"] = tuple(row["found_by"] or ())
        row["rule_conditions"] = rule_from_json(row["rule_conditions"]) if row["rule_conditions"] else None
    return tuple(
        Cluster(
            evidence=tuple(evidence[row["cluster_id"]]),
            pain_points=tuple(insights[row["cluster_id"], "pain_point"]),
            strengths=tuple(insights[row["cluster_id"], "strength"]),
            recommendations=tuple(insights[row["cluster_id"], "recommendation"]),
            trend=tuple(trends[row["cluster_id"]]),
            memberships=memberships.get(row["cluster_id"]),
            **row,
        )
        for row in rows
    )


def _memberships(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, Memberships]:
    """How surely the users of each cluster are in it; without clusters whose users have none."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for cluster_id, membership, users in con.execute(
        "SELECT cluster_id, membership, count(*) FROM user_clusters"
        " WHERE snapshot_date = ? AND cluster_id IS NOT NULL AND membership IS NOT NULL GROUP BY 1, 2",
        [day],
    ).fetchall():
        counts[cluster_id][membership] = users
    return {cluster_id: Memberships(**found) for cluster_id, found in counts.items()}


def _evidence(
    con: duckdb.DuckDBPyConnection, day: date, catalog: Mapping[str, Feature]
) -> defaultdict[str, list[Evidence]]:
    """Evidence by cluster, the strongest first."""
    found: defaultdict[str, list[Evidence]] = defaultdict(list)
    for row in _rows(
        con,
        "SELECT cluster_id, evidence_id, metric, measure, unit, cluster_value, rest_value, lift, effect_size, ci_low, ci_high,"
        " n_cluster, n_rest, descriptive FROM cluster_evidence WHERE snapshot_date = ? ORDER BY abs(effect_size) DESC, evidence_id",
        day,
    ):
        feature = catalog.get(row["metric"])
        words: dict[str, Any] = {
            "description": feature.description if feature else formatting.words_of(row["metric"]),
            "label": formatting.topic(feature.label if feature else formatting.words_of(row["metric"]), row["unit"]),
            "role": feature.role if feature else "",
            "family": feature.family if feature else None,
        }
        found[row.pop("cluster_id")].append(Evidence(**row, **words))
    return found


def _insights(
    con: duckdb.DuckDBPyConnection, day: date, labels: ActionLabels
) -> defaultdict[tuple[str, str], list[Insight]]:
    """Insights by cluster and kind, in their rank."""
    found: defaultdict[tuple[str, str], list[Insight]] = defaultdict(list)
    for row in _rows(
        con,
        "SELECT insight_id, cluster_id, kind, title, body, evidence_ids, addresses, target_metric, direction, change, hypothesis,"
        " source, model, replicated, effort, confidence, guardrail, cheapest_test, falsified_by, shared_with, step_action"
        " FROM cluster_insights WHERE snapshot_date = ? ORDER BY rank, insight_id",
        day,
    ):
        lists: dict[str, Any] = {
            name: tuple(row.pop(name) or ()) for name in ("evidence_ids", "addresses", "shared_with")
        }
        told = {name: labels.in_prose(row[name]) for name in _PROSE if row[name]}
        found[row["cluster_id"], row["kind"]].append(Insight(**{**row, **lists, **told}))
    return found


def _unassigned(con: duckdb.DuckDBPyConnection, day: date) -> tuple[tuple[str, int], ...]:
    rows = con.execute(
        "SELECT coalesce(unassigned_reason, 'noise'), count(*) FROM user_clusters"
        " WHERE snapshot_date = ? AND cluster_id IS NULL GROUP BY 1 ORDER BY 2 DESC, 1",
        [day],
    ).fetchall()
    return tuple((reason, users) for reason, users in rows)


def _changes(con: duckdb.DuckDBPyConnection, day: date) -> tuple[ClusterChange, ...]:
    rows = _rows(
        con,
        f"SELECT kind, from_cluster_id, to_cluster_id, users FROM {CHANGES}"
        " WHERE to_snapshot = ? AND kind IS NOT NULL AND kind <> 'continue' ORDER BY kind, users DESC, 2, 3",
        day,
    )
    return tuple(ClusterChange(**row) for row in rows)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    found = con.execute(sql, list(parameters))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
