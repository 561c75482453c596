"""How the segmentation does on logs of kinds and continua that it was not tuned on: `python -m benchmarks.segmentation.shapes`.

Prints, for each shape of `behaviour_logs.py`, the medians over the report seeds (from 100 on) beside k-means, a Gaussian mixture
and NMF with the true number of kinds, all on the same features; and how many logs without kinds were reported weak.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.segmentation.behaviour_logs import CONTINUA, DAYS, SHAPES, draw_log
from grupa_pipeline.aggregates.engine import DuckDBEngine
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.features.session_halves import measure_beginnings, measure_halves, measure_views
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.prepare import prepare
from grupa_pipeline.segmentation.replicates import MeasuredHalves
from grupa_pipeline.segmentation.results import Segmentation
from grupa_pipeline.segmentation.segment import segment
from grupa_pipeline.segmentation.worker_pool import release_workers
from grupa_pipeline.vocabulary.enums import FeatureView

START = datetime(2026, 1, 5)
WINDOW = {"window_start": START, "window_end": START + timedelta(days=DAYS), "roles": Roles()}
GOALS = {"six": 0.95, "sixty": 0.95, "eighty": 0.95, "twelve": 0.85, "rare": 0.95, "unequal": 0.97, "shop": 0.97}
GOALS |= {"sparse": 0.97, "order": 0.9, "rhythm": 0.9, "life_cycle": 0.85, "incidents": 0.9}
FIRST_REPORT_SEED = 100


@dataclass(frozen=True)
class DrawnLog:
    """`segmentation.replicates.Replicates` of the table `events` of a connection."""

    con: duckdb.DuckDBPyConnection
    catalog: pa.Table

    def halves(self, users: Sequence[str]) -> MeasuredHalves:
        """`users` on halves of their sessions."""
        with DuckDBEngine(self.con) as engine:
            measured = measure_halves(engine, "events", catalog=self.catalog, users=users, **WINDOW)  # type: ignore[arg-type]
        first, second = (half.to_pandas().set_index("user_id") for half in measured.features)
        return MeasuredHalves(first, second, measured.sessions.to_pandas().set_index("user_id")["sessions"])

    def views(self, users: Sequence[str]) -> Mapping[FeatureView, pd.DataFrame]:
        """Counts of each view."""
        with DuckDBEngine(self.con) as engine:
            counts = measure_views(engine, "events", users=users, **WINDOW)  # type: ignore[arg-type]
        return {view: rows.to_pandas() for view, rows in counts.items()}

    def beginnings(self, lengths: Mapping[str, int]) -> pd.DataFrame:
        """Users on their first events."""
        with DuckDBEngine(self.con) as engine:
            begun = measure_beginnings(engine, "events", catalog=self.catalog, lengths=lengths, **WINDOW)  # type: ignore[arg-type]
        return begun.to_pandas().set_index("user_id")


@dataclass(frozen=True)
class Measured:
    """What is reported of one log: ARI of all users (unassigned: one more label) and of the best of the other methods."""

    status: str
    found: int
    ari: float
    others: float
    assigned: float
    sure: float
    false_clusters: int
    p_value: float


def measure(shape: str, seed: int) -> Measured:
    """Segment one log and compare with the truth, and with the same users in fresh sessions."""
    from sklearn.metrics import adjusted_rand_score

    log = draw_log(shape, seed)
    with _connect(log.events) as con:
        built = build_features(con, "events", min_events=2, **WINDOW)  # type: ignore[arg-type]
        catalog = built.catalog.to_pandas()
        names = list(catalog.loc[catalog["role"] == "clustering", "feature"])
        features = built.features.to_pandas().set_index("user_id")[names]
        found = segment(features, seed=seed, snapshot_date=date(2026, 4, 5), replicates=DrawnLog(con, built.catalog))
    truth = log.truth.reindex(features.index)
    labels = found.users["cluster_id"].fillna("none")
    sure = found.users["membership"].isin(["core", "likely"])
    return Measured(
        status=found.status.value,
        found=found.cluster_count,
        ari=float(adjusted_rand_score(truth, labels)),
        others=max(_other_methods(features, truth).values()) if truth.nunique() > 1 else 0.0,
        assigned=float((labels != "none").mean()),
        sure=float(sure.mean()),
        false_clusters=_false_clusters(shape, seed, features, found, built.catalog) if found.status == "ok" else 0,
        p_value=found.null_p_value if found.null_p_value is not None else 1.0,
    )


def _connect(events: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.register("drawn", events)
    con.execute(
        "CREATE TABLE events AS SELECT user_id, timestamp::TIMESTAMP AS timestamp, action, NULL::JSON AS metadata,"
        " (row_number() OVER ())::BIGINT AS sequence FROM drawn"
    )
    return con


def _other_methods(features: pd.DataFrame, truth: pd.Series) -> dict[str, float]:
    """ARI of k-means, a Gaussian mixture (one covariance) and NMF, each with the true number of kinds."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import NMF
    from sklearn.metrics import adjusted_rand_score
    from sklearn.mixture import GaussianMixture

    prepared = prepare(features.reindex(columns=sorted(features.columns)).sort_index())
    rows, kinds = prepared.rows[prepared.row_of_user], truth.nunique()
    parts = NMF(kinds, init="nndsvda", max_iter=400).fit_transform(rows - rows.min(axis=0))
    labels = {
        "k-means": KMeans(kinds, n_init=5, random_state=0).fit_predict(rows),
        "mixture": GaussianMixture(kinds, covariance_type="tied", n_init=2, random_state=0, reg_covar=1e-3).fit_predict(
            rows
        ),
        "NMF": parts.argmax(axis=1),
    }
    return {name: float(adjusted_rand_score(truth, found)) for name, found in labels.items()}


def _false_clusters(shape: str, seed: int, features: pd.DataFrame, found: Segmentation, catalog: pa.Table) -> int:
    """Clusters shown whose users, in fresh sessions, are told from all others with kappa below .6.

    Only what users do is looked at where what they do set the clusters apart: other views are left out, and so are logs whose
    clusters were found by those alone.
    """
    if any("what" not in views for views in found.identities["found_by"]):
        return 0
    ordered = features.reindex(columns=sorted(features.columns)).sort_index()
    prepared = prepare(ordered)
    with _connect(draw_log(shape, seed, again=1).events) as con:
        measured = build_features(con, "events", min_events=1, like=catalog, **WINDOW)  # type: ignore[arg-type]
    fresh = measured.features.to_pandas().set_index("user_id").reindex(ordered.index)
    rows = np.column_stack([scale.apply(fresh[name].to_numpy(dtype=float)) for name, scale in prepared.scales.items()])
    labels = pd.Categorical(found.users["cluster_id"].reindex(ordered.index)).codes.astype(int)
    groups = int(labels.max()) + 1
    said = fit_discriminant(prepared.rows[prepared.row_of_user], labels, groups).scores(rows).argmax(axis=1)
    inside = labels >= 0
    false = 0
    for group in range(groups):
        truly, told = labels[inside] == group, said[inside] == group
        agreed, chance = (truly == told).mean(), truly.mean() * told.mean() + (1 - truly.mean()) * (1 - told.mean())
        false += int((agreed - chance) / max(1 - chance, 1e-9) < 0.6)
    return false


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="shapes, separated by commas")
    asked = parser.parse_args()
    wanted = [name for name in asked.only.split(",") if name] or [*SHAPES, *CONTINUA]
    shown = false = weak = continua = 0
    heads = (
        "log",
        "status ok",
        "kinds found",
        "ARI, all users (least)",
        "goal",
        "best other",
        "in a cluster",
        "core or likely",
    )
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|---|")
    for shape in wanted:
        runs = [measure(shape, FIRST_REPORT_SEED + seed) for seed in range(asked.seeds)]
        oks = sum(run.status == "ok" for run in runs)
        if shape in CONTINUA:
            continua, weak = continua + len(runs), weak + len(runs) - oks
            continue
        shown += sum(run.found for run in runs if run.status == "ok")
        false += sum(run.false_clusters for run in runs)
        found = sorted({run.found for run in runs})
        aris = [run.ari for run in runs]
        medians = [np.median([getattr(run, name) for run in runs]) for name in ("others", "assigned", "sure")]
        print(
            f"| {shape} | {oks} of {len(runs)} | {', '.join(map(str, found))} | {np.median(aris):.3f} ({min(aris):.3f}) |"
            f" {GOALS.get(shape, '')} | {medians[0]:.3f} | {medians[1]:.3f} | {medians[2]:.3f} |",
            flush=True,
        )
    print(f"\nLogs without kinds reported weak: {weak} of {continua}. False clusters under ok: {false} of {shown}.")
    release_workers()


if __name__ == "__main__":
    main()
