"""The real log of loan applications with its outcome labels, if it is there: env GRUPA_REAL_LOGS, default
../shared/data."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from benchmarks.segmentation import measures
from benchmarks.segmentation.planted import Planted
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import build_features

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = ("A_APPROVED", "A_DECLINED", "A_CANCELLED", "A_REGISTERED", "A_ACTIVATED")
LATE = ("O_ACCEPTED", "O_DECLINED", "O_CANCELLED", "O_SENT_BACK", "O_SELECTED")
"""Steps that reveal a label: the decision, its records, and the offer steps at the same time or later."""


def loans(seed: int) -> Iterator[tuple[str, str]]:
    """Agreement of our clusters, k-means and NMF (true k) with the labels, the label's own steps left out."""
    folder = Path(os.environ.get("GRUPA_REAL_LOGS", ROOT.parent / "shared" / "data"))
    log = folder / "bpi2012_loans.csv.gz"
    if not log.exists():
        yield "real log bpi2012_loans", f"skipped: {log.name} is not in GRUPA_REAL_LOGS"
        return
    features = _features(log)
    labels = pd.read_csv(folder / "bpi2012_loans.labels.csv", dtype=str)
    truth = labels.set_index(labels.columns[0]).iloc[:, 0].reindex(features.index).fillna("UNDECIDED")
    planted = Planted(features, truth, truth.nunique())
    result = measures.run(planted, seed)
    cluster_ids = result.users["cluster_id"]
    assigned = cluster_ids.notna()
    yield "bpi2012_loans: status, clusters, p", f"{result.status}, {result.cluster_count}, {result.null_p_value:.2g}"
    yield "bpi2012_loans: share assigned", f"{assigned.mean():.3f}"
    yield "bpi2012_loans: ARI to labels, assigned", f"{measures.agreement(truth, cluster_ids, assigned_only=True):.3f}"
    for name, rival in measures.rivals(planted, seed).items():
        value = measures.agreement(truth[assigned], rival, assigned_only=True)
        yield f"bpi2012_loans: the same by {name} (true k)", f"{value:.3f}"


def _features(log: Path) -> pd.DataFrame:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE events AS SELECT user_id, timestamp::TIMESTAMP AS timestamp, action, metadata::JSON AS metadata, "
        "NULL::BIGINT AS sequence "
        "FROM read_csv($log, all_varchar=true) WHERE NOT list_contains($left_out, action)",
        {"log": str(log), "left_out": [*OUTCOMES, *LATE]},
    )
    last = con.execute("SELECT max(timestamp)::DATE + 1 FROM events").fetchall()[0][0]
    end = datetime(last.year, last.month, last.day)
    built = build_features(
        con,
        "events",
        window_start=end - pd.Timedelta(days=180).to_pytimedelta(),
        window_end=end,
        roles=Roles.load(None),
        min_events=5,
    )
    catalog = built.catalog.to_pandas()
    table = built.features.to_pandas().set_index("user_id")
    return table[list(catalog.loc[catalog["role"] == "clustering", "feature"])]
