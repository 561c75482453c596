"""What came before a day: the snapshots, ids, choices and texts that its own snapshot carries on from.

Only earlier days count, never a snapshot's own former version, but for the ids that it issued to equal clusters.
"""

import hashlib
import json
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline import tables
from grupa_pipeline.segmentation.results import Snapshot
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import Table
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

HISTORY_DAYS = 14
"""Days before a snapshot in which its clusters' predecessors are looked for."""


def published_before(publication: Publication, day: date) -> list[Snapshot]:
    """The published snapshots of the days before `day` that still hold their users, oldest first; the last one with its map."""
    days = publication.query(
        "SELECT DISTINCT day FROM published_files WHERE table_name = 'user_clusters' AND day >= ? AND day < ? ORDER BY day",
        [day - timedelta(days=HISTORY_DAYS), day],
    ).to_pylist()
    return [_load_snapshot(publication, row["day"], with_map=row is days[-1]) for row in days]


def _load_snapshot(publication: Publication, day: date, *, with_map: bool) -> Snapshot:
    states = publication.states(day)

    def rows(table: Table) -> pd.DataFrame:
        found = states[table.name]
        loaded = pq.read_table(found.path) if found.path else publication.load_published(table, day)
        return loaded.drop_columns("snapshot_date").to_pandas()

    labels = rows(tables.USER_CLUSTERS).set_index("user_id")["cluster_id"]
    xy = rows(tables.USER_EMBEDDINGS).set_index("user_id") if with_map else None
    return Snapshot(day, labels, xy, rows(tables.CLUSTER_IDENTITIES))


def issued_ids(publication: Publication) -> set[str]:
    """Every cluster id that any published snapshot ever issued."""
    found = publication.query("SELECT DISTINCT cluster_id FROM cluster_identities").to_pydict()
    return set(found.get("cluster_id", []))


def clustering_sha256(features: pd.DataFrame, seed: int) -> str:
    """Fingerprint of what clusters are made from: `features` (index user_id, clustering columns alone), sorted, and the seed.

    Outcome events change `SnapshotContext.input_sha256` and not this.
    """
    sorted_features = features.reindex(columns=sorted(features.columns)).sort_index()
    found = hashlib.sha256(repr((list(sorted_features.columns), seed)).encode())
    found.update(pd.util.hash_pandas_object(sorted_features).to_numpy().tobytes())
    return found.hexdigest()


def reissue_ids(publication: Publication, day: date, input_sha256: str, clustering_sha256: str) -> list[str]:
    """Ids that the same snapshot issued before from equal events, or from others that make the same clusters.

    So making it again gives equal tables, and no label changes with outcome events alone.
    """
    found = publication.query(
        """SELECT cluster_id FROM cluster_identities JOIN segmentations USING (snapshot_date)
           WHERE snapshot_date = ? AND first_seen = snapshot_date AND code_version = ?
             AND (input_sha256 = ? OR parameters ->> 'clustering_sha256' = ?)
           ORDER BY len(cluster_id), cluster_id""",
        [day, version("grupa"), input_sha256, clustering_sha256],
    ).to_pydict()
    return found.get("cluster_id", [])


def parameters_of(publication: Publication, day: date | None) -> dict[str, Any] | None:
    """The parameters of a published snapshot: its choice, and the null distribution that may serve on."""
    if day is None:
        return None
    found = publication.query("SELECT parameters FROM segmentations WHERE snapshot_date = ?", [day]).to_pylist()
    return json.loads(found[0]["parameters"])


def clusters_before(publication: Publication, day: date) -> pd.DataFrame | None:
    """Rows of `clusters` of the last snapshot before `day`."""
    found = publication.query(
        """SELECT * FROM clusters WHERE snapshot_date = (SELECT max(snapshot_date) FROM clusters
           WHERE snapshot_date >= ? AND snapshot_date < ?)""",
        [day - timedelta(days=HISTORY_DAYS), day],
    )
    return found.to_pandas() if found.num_rows else None


def clusters_of(publication: Publication, day: date) -> pd.DataFrame | None:
    """Rows of `clusters` that `day` itself was published with before."""
    found = publication.query("SELECT * FROM clusters WHERE snapshot_date = ?", [day])
    return found.to_pandas() if found.num_rows else None


def action_columns(catalog: pa.Table) -> list[str]:
    """The actions whose shares are features, in the catalog's order."""
    rows = catalog.select(["family", "subject"]).to_pylist()
    return [row["subject"] for row in rows if row["family"] == FeatureFamily.ACTION_SHARE]


def actions_before(publication: Publication, day: date) -> list[str]:
    """The actions whose shares are features of the last published snapshot before `day`, in the order of its columns."""
    last = publication.query(
        "SELECT max(day) AS day FROM published_files WHERE table_name = 'user_features' AND day < ?", [day]
    ).to_pylist()
    if not last or last[0]["day"] is None:
        return []
    state = publication.states(last[0]["day"])["user_features"]
    columns = pq.read_schema(state.path).names
    rows = publication.load_published(tables.FEATURE_CATALOG, last[0]["day"]).to_pylist()
    actions = {row["feature"]: row["subject"] for row in rows if row["family"] == FeatureFamily.ACTION_SHARE}
    return [actions[name] for name in columns if name in actions]
