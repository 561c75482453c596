"""Arguments of `write_insights` for the planted clusters, and a call of it with small limits."""

from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd

from grupa_pipeline.insights.call_limits import CallLimits
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.insight_writer import Insights, write_insights
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.privacy import count_users
from tests.grupa_pipeline.insights import planted

NOW = datetime(2026, 3, 1)
QUICK = CallLimits(call_seconds=5.0, run_seconds=20.0, attempts=3, backoff_seconds=0.01)


def clusters(labels: pd.Series) -> pd.DataFrame:
    """Rows of `clusters` for these labels, before they are described."""
    sizes = labels.dropna().value_counts().sort_index()
    return pd.DataFrame(
        {
            "cluster_id": sizes.index.astype(str),
            "size": sizes.to_numpy(),
            "share": sizes.to_numpy() / len(labels),
            "rule": "sessions a week > 3",
            "rule_f1": 0.9,
            "stability": 0.9,
        }
    )


def inputs(
    features: pd.DataFrame | None = None, catalog: pd.DataFrame | None = None, labels: pd.Series | None = None
) -> dict[str, Any]:
    """Arguments of `write_insights` for the planted clusters; each argument replaces a planted table."""
    replaced = any(table is not None for table in (features, catalog, labels))
    features = planted.features() if features is None else features
    catalog = planted.catalog() if catalog is None else catalog
    labels = planted.labels() if labels is None else labels
    return {
        "evidence": measure_evidence(features, labels, catalog) if replaced else _planted_evidence().copy(),
        "clusters": clusters(labels),
        "catalog": catalog,
        "users_with": count_users(features),
        "min_group": 10,
        "previous": PreviousTexts(),
        "now": NOW,
        "llm": None,
    }


@cache
def _planted_evidence() -> pd.DataFrame:
    return measure_evidence(planted.features(), planted.labels(), planted.catalog())


def write(arguments: dict[str, Any] | None = None, **changes: Any) -> Insights:
    """`write_insights` with small limits, on the planted clusters unless there are other `arguments`."""
    return write_insights(**{"limits": QUICK, **(inputs() if arguments is None else arguments), **changes})
