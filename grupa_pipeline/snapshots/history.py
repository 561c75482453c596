"""History of a day: the earlier snapshots, cluster ids, parameters and texts that its snapshot continues.

Only earlier days count, never a snapshot's own former version, except for the ids that it issued to equal clusters.
"""

import hashlib
from datetime import date, timedelta
from importlib.metadata import version

import pandas as pd
import pyarrow as pa

from grupa_pipeline import tables
from grupa_pipeline.segmentation.results import EarlierSnapshot
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import Table
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

HISTORY_DAYS = 14
"""Number of days before a snapshot in which predecessors of its clusters are searched."""


def published_before(publication: Publication, day: date) -> list[EarlierSnapshot]:
    """The published snapshots before `day` that still have their users, oldest first; the last one with its map."""
    days = publication.query(
        "SELECT DISTINCT day FROM published_files WHERE table_name = 'user_clusters' AND day >= ? AND day < ? ORDER BY day",
        [day - timedelta(days=HISTORY_DAYS), day],
    ).to_pylist()
    return [_load_snapshot(publication, row["day"], with_map=row is days[-1]) for row in days]


def _load_snapshot(publication: Publication, day: date, *, with_map: bool) -> EarlierSnapshot:

    def rows(table: Table) -> pd.DataFrame:
        return publication.load_published(table, day).drop_columns("snapshot_date").to_pandas()

    labels = rows(tables.USER_CLUSTERS).set_index("user_id")["cluster_id"]
    xy = rows(tables.USER_EMBEDDINGS).set_index("user_id") if with_map else None
    return EarlierSnapshot(day, labels, xy, rows(tables.CLUSTER_IDENTITIES))


def issued_ids(publication: Publication) -> set[str]:
    """Every cluster id that any published snapshot ever issued."""
    rows = publication.query("SELECT DISTINCT cluster_id FROM cluster_identities").to_pydict()
    return set(rows.get("cluster_id", []))


def clustering_sha256(features: pd.DataFrame, seed: int) -> str:
    """Hash of what clusters are computed from: `features` (index user_id, clustering columns only), sorted, and the seed.

    Outcome events change `SnapshotContext.input_sha256` and not this.
    """
    sorted_features = features.reindex(columns=sorted(features.columns)).sort_index()
    digest = hashlib.sha256(repr((list(sorted_features.columns), seed)).encode())
    digest.update(pd.util.hash_pandas_object(sorted_features).to_numpy().tobytes())
    return digest.hexdigest()


def reissue_ids(publication: Publication, day: date, input_sha256: str, clustering_sha256: str) -> list[str]:
    """Ids that this snapshot issued before, from equal events or from others that result in the same clusters.

    So computing it again gives equal tables, and no label changes when only outcome events do.
    """
    rows = publication.query(
        """SELECT cluster_id FROM cluster_identities JOIN segmentations USING (snapshot_date)
           WHERE snapshot_date = ? AND first_seen = snapshot_date AND code_version = ?
             AND (input_sha256 = ? OR parameters ->> 'clustering_sha256' = ?)
           ORDER BY len(cluster_id), cluster_id""",
        [day, version("grupa"), input_sha256, clustering_sha256],
    ).to_pydict()
    ids: list[str] = rows.get("cluster_id", [])
    return ids


def clusters_before(publication: Publication, day: date) -> pd.DataFrame | None:
    """Rows of `clusters` of the last snapshot before `day`."""
    rows = publication.query(
        """SELECT * FROM clusters WHERE snapshot_date = (SELECT max(snapshot_date) FROM clusters
           WHERE snapshot_date >= ? AND snapshot_date < ?)""",
        [day - timedelta(days=HISTORY_DAYS), day],
    )
    return rows.to_pandas() if rows.num_rows else None


def clusters_of(publication: Publication, day: date) -> pd.DataFrame | None:
    """Rows of `clusters` of the former version of `day` itself."""
    rows = publication.query("SELECT * FROM clusters WHERE snapshot_date = ?", [day])
    return rows.to_pandas() if rows.num_rows else None


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
    columns = publication.column_names(tables.USER_FEATURES, last[0]["day"])
    rows = publication.load_published(tables.FEATURE_CATALOG, last[0]["day"]).to_pylist()
    actions = {row["feature"]: row["subject"] for row in rows if row["family"] == FeatureFamily.ACTION_SHARE}
    return [actions[name] for name in columns if name in actions]
