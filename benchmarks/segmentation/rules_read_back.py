"""Checks that a cluster's stored rule matches the same users as the rule in memory, for any action names.

`python -m benchmarks.segmentation.rules_read_back [--logs N] [--first-seed N]` prints the share of clusters for which it
does, and for comparison the share for which conditions parsed from the rule's text would (what files of schema version 1
allow).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import FeatureSet, build_features
from grupa_pipeline.insights.privacy import count_users, screen_catalog
from grupa_pipeline.segmentation.rules import describe_clusters, find_rules
from grupa_pipeline.storage.rule_migration import parse_rule
from grupa_pipeline.storage.schema import ensure_tables
from grupa_pipeline.vocabulary.rule_conditions import Rule, matching_users, rule_from_json, short_description

START = datetime(2026, 1, 1)
DAY = date(2026, 1, 28)
USERS_A_KIND = 40
HOSTILE_NAMES = (
    "GET /api/v2/users?page=1",
    "GET /api/v2/users?page=2",
    "POST /api/v2/users",
    "https://shop.example/a;b?c=%20&d=[1]",
    "sessions a week",
    "sessions a week: more than 4 sessions/week",
    "share of events that are search",
    "share of events that are search: at most 20%",
    "search",
    "Search",
    "SEARCH ",
    "a and b",
    "a or b; or c",
    "a; or share of events that are b: more than 1%",
    "more than 3",
    ": at most 5%",
    "x <= 5",
    "x > 5 and y <= 2",
    "100%",
    "%s %(name)s {0}",
    "it's",
    'say "hello"',
    '"share_search" <= 0.2',
    "'; DROP TABLE clusters; --",
    "first,second,third",
    "line one\nline two",
    "tab\there",
    "back\\slash",
    "[{\"feature\": \"x\", \"operator\": \">\", \"value\": 1}]",
    "null",
    "NaN",
    "über-größe (klein)",
    "注文を作成する",
    "отправить предложение",
    "🛒 add to cart",
    "e\u0301clair",
    "\u202eright to left",
    "user_id",
    "events",
    "1e400",
    "-0.0",
    "(everything in brackets)",
    "share of (events (that) are) nested",
    "a" * 200,
)  # fmt: skip


@dataclass(frozen=True)
class ReadBack:
    """One cluster: whether its stored conditions, and those parsed from its text, pick the users of the rule found."""

    text: str
    conditions_equal: bool
    text_equal: bool


def hostile_log(seed: int) -> tuple[pa.Table, pd.Series]:
    """Events (user_id, timestamp, action) of three to five kinds of users, and the kind of each user as a cluster id."""
    rng = np.random.default_rng(seed)
    actions = rng.choice(np.array(HOSTILE_NAMES, dtype=object), int(rng.integers(8, 16)), replace=False)
    kinds = int(rng.integers(3, 6))
    mixes = rng.dirichlet(np.full(len(actions), 0.5), kinds)
    rows = []
    ids = [f"u{number:04d}" for number in range(kinds * USERS_A_KIND)]
    for number, user_id in enumerate(ids):
        kind = number % kinds
        for day in np.sort(rng.choice(28, int(rng.integers(2 + 2 * kind, 6 + 4 * kind)), replace=False)):
            mix = rng.dirichlet(30 * mixes[kind] + 0.05)
            for step, action in enumerate(rng.choice(actions, 1 + rng.poisson(4), p=mix)):
                rows.append((user_id, START + timedelta(days=int(day), hours=9, minutes=3 * step), action))
    user_ids, times, names = zip(*rows, strict=True)
    table = pa.table(
        {
            "user_id": pa.array(user_ids, pa.string()),
            "timestamp": pa.array(times, pa.timestamp("us")),
            "action": pa.array(names, pa.string()),
        }
    )
    return table, pd.Series([f"C{number % kinds + 1:02d}" for number in range(len(ids))], index=ids)


def read_back(seed: int) -> Iterator[ReadBack]:
    """Describe the clusters of one hostile log, store them, and read their rules back from the `clusters` table."""
    events, kinds = hostile_log(seed)
    features = _features(events)
    table = features.features.to_pandas().set_index("user_id")
    catalog = screen_catalog(features.catalog.to_pandas(), users_with=count_users(table), min_group=10)
    clustering = table[list(catalog.loc[catalog["role"] == "clustering", "feature"])]
    labels = kinds.reindex(table.index)
    words = {
        short_description(description): (feature, unit)
        for feature, description, unit in catalog[["feature", "description", "unit"]].itertuples(index=False)
    }
    stored = _stored(describe_clusters(clustering, labels, catalog))
    for cluster_id, _, matched, _ in find_rules(clustering, labels):
        text, conditions = stored[cluster_id]
        parsed = parse_rule(text, words)
        yield ReadBack(
            text,
            bool((_matching(rule_from_json(conditions), features) == matched).all()),
            parsed is not None and bool((_matching(parsed, features) == matched).all()),
        )


def _features(events: pa.Table) -> FeatureSet:
    with duckdb.connect() as con:
        con.register("drawn", events)
        con.execute("CREATE TABLE events AS SELECT *, NULL::JSON AS metadata, NULL::BIGINT AS sequence FROM drawn")
        return build_features(
            con,
            "events",
            window_start=START,
            window_end=START + timedelta(days=28),
            roles=Roles.load(None),
            min_events=5,
        )


def _stored(described: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Text and conditions of each cluster as the `clusters` table gives them back."""
    with duckdb.connect() as con:
        ensure_tables(con)
        rows = described.assign(snapshot_date=DAY)
        con.register("described", pa.Table.from_pandas(rows, preserve_index=False))
        con.execute("INSERT INTO clusters BY NAME SELECT * FROM described")
        rows = con.execute("SELECT cluster_id, rule, rule_conditions FROM clusters").fetchall()
        return {cluster_id: (text, conditions) for cluster_id, text, conditions in rows}


def _matching(rule: Rule, features: FeatureSet) -> np.ndarray:
    names = features.features.column_names[1:]
    columns = {name: features.features[name].to_numpy(zero_copy_only=False).astype(float) for name in names}
    return matching_users(rule, columns, len(features.features))


def main() -> None:
    """Print both shares over the logs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segmentation.rules_read_back")
    parser.add_argument("--logs", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=1)
    options = parser.parse_args()
    results = [
        cluster for seed in range(options.first_seed, options.first_seed + options.logs) for cluster in read_back(seed)
    ]
    conditions = sum(cluster.conditions_equal for cluster in results)
    text = sum(cluster.text_equal for cluster in results)
    print(f"{options.logs} logs, {len(results)} clusters")
    print(f"rules whose stored conditions pick the same users: {conditions} ({conditions / len(results):.1%})")
    print(f"rules whose text, parsed, picks the same users: {text} ({text / len(results):.1%})")


if __name__ == "__main__":
    main()
