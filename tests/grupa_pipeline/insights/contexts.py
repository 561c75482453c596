"""The planted clusters as `write_insights` takes them, and one call of it with small limits."""

from datetime import datetime
from typing import Any

import pandas as pd

from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.generate import Insights, Kept, write_insights
from grupa_pipeline.insights.llm_client import Limits
from grupa_pipeline.insights.privacy import count_users
from tests.grupa_pipeline.insights import planted

NOW = datetime(2026, 3, 1)
QUICK = Limits(call_seconds=5.0, run_seconds=20.0, attempts=3, backoff_seconds=0.01)


def clusters(labels: pd.Series) -> pd.DataFrame:
    """Rows of clusters for these labels, as the pipeline knows them before they are described."""
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
    """Arguments of `write_insights` for the planted kinds, or for what is given in their place."""
    features = planted.features() if features is None else features
    catalog = planted.catalog() if catalog is None else catalog
    labels = planted.labels() if labels is None else labels
    return {
        "evidence": measure_evidence(features, labels, catalog),
        "clusters": clusters(labels),
        "catalog": catalog,
        "users_with": count_users(features),
        "min_group": 10,
        "kept": None,
        "now": NOW,
        "llm": None,
    }


def write(given: dict[str, Any] | None = None, *, kept: Kept | None = None, **changes: Any) -> Insights:
    """`write_insights` on the planted kinds, with quick limits."""
    arguments = {"limits": QUICK, **(given if given is not None else inputs()), "kept": kept, **changes}
    return write_insights(**arguments)
