"""A small table of features with three planted clusters, in the format of `user_features`."""

from functools import cache

import duckdb
import numpy as np
import pandas as pd

from grupa_pipeline.storage.feature_catalog_migration import FAMILY, SUBJECT

USERS = 300
KINDS = ("C01", "C02", "C03")


def catalog() -> pd.DataFrame:
    return _catalog().copy()


@cache
def _catalog() -> pd.DataFrame:
    rows = [
        ("sessions_per_week", "sessions a week", "sessions/week", "clustering", "mean", True, None),
        ("days_since_last_event", "days from the last event to the end", "days", "clustering", "mean", False, None),
        ("share_search", "share of events that are search", "share", "clustering", "ratio", None, "search"),
        ("share_message_send", "share of message_send", "share", "clustering", "ratio", None, "message_send"),
        ("did_search", "users who did search", "share", "context", "proportion", None, "search"),
        (
            "path_search__view",
            "users who went from search to view",
            "share",
            "context",
            "proportion",
            None,
            "search\nview",
        ),
        ("hours_search__view", "hours from search to view", "hours", "context", "mean", None, "search\nview"),
        ("had_drop_off", "users with drop_off", "share", "outcome", "proportion", False, "drop_off"),
        ("had_deal", "users with deal", "share", "outcome", "proportion", True, "deal"),
        ("deal_per_week", "deal a week", "events/week", "outcome", "mean", True, "deal"),
    ]
    names = ["feature", "description", "unit", "role", "metric_kind", "higher_is_better", "source_action"]
    table = pd.DataFrame(rows, columns=names)
    table["higher_is_better"] = table["higher_is_better"].astype("boolean")
    return with_family(table.assign(numerator=None, denominator=None))


def with_family(catalog: pd.DataFrame) -> pd.DataFrame:
    """`catalog` with the family and subject of each feature."""
    with duckdb.connect() as con:
        con.register("rows", catalog[["feature", "role", "metric_kind", "source_action", "numerator"]].astype(object))
        families = con.execute(f"SELECT {FAMILY}, {SUBJECT} FROM rows").fetchall()
    return catalog.assign(
        family=[family for family, _ in families],
        subject=pd.Series([subject for _, subject in families], index=catalog.index, dtype=object),
    )


def labels() -> pd.Series:
    """A hundred users per cluster, of whom a tenth are unassigned."""
    index = [f"u{number:03d}" for number in range(USERS)]
    kinds = [KINDS[number // 100] if number % 10 else None for number in range(USERS)]
    return pd.Series(kinds, index=index, dtype=object)


def features(seed: int = 1) -> pd.DataFrame:
    """C01 searches and drops off, C02 writes messages and closes deals, C03 has gone quiet."""
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1, 2], 100)
    table = {
        "sessions_per_week": rng.gamma(4, np.array([0.5, 0.6, 0.5])[kind]),
        "days_since_last_event": rng.gamma(3, np.array([1.0, 1.0, 12.0])[kind]),
        "share_search": rng.beta(np.array([60, 5, 20])[kind], 80),
        "share_message_send": rng.beta(np.array([5, 60, 20])[kind], 80),
        "did_search": (rng.random(USERS) < np.array([1.0, 0.5, 0.9])[kind]) * 1.0,
        "path_search__view": (rng.random(USERS) < np.array([0.2, 0.6, 0.6])[kind]) * 1.0,
        "hours_search__view": np.where(rng.random(USERS) < 0.7, rng.gamma(2, 5.0, USERS), np.nan),
        "had_drop_off": (rng.random(USERS) < np.array([0.7, 0.1, 0.1])[kind]) * 1.0,
        "had_deal": (rng.random(USERS) < np.array([0.3, 0.8, 0.3])[kind]) * 1.0,
        "deal_per_week": rng.poisson(np.array([0.4, 2.0, 0.4])[kind]) * 1.0,
    }
    return pd.DataFrame(table, index=labels().index)
