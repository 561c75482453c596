"""Names that people give to clusters: the rows of `cluster_names`, on an open connection."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from grupa_pipeline.tables import CLUSTER_NAMES


@dataclass(frozen=True)
class ClusterNameEdit:
    """One edit of a cluster's name; None restores the pipeline's name."""

    cluster_id: str
    revision: int
    name: str | None
    edited_by: str
    edited_at: datetime


def add_cluster_name(
    con: duckdb.DuckDBPyConnection, cluster_id: str, name: str | None, user: str, now: datetime
) -> None:
    """Insert an edit as the cluster's next revision."""
    con.execute(
        f"INSERT INTO {CLUSTER_NAMES.name} BY NAME SELECT $cluster AS cluster_id, $name AS name, "
        f"$user AS edited_by, $now AS edited_at, coalesce(max(revision), 0) + 1 AS revision "
        f"FROM {CLUSTER_NAMES.name} WHERE cluster_id = $cluster",
        {"cluster": cluster_id, "name": name, "user": user, "now": now},
    )


def select_cluster_names(con: duckdb.DuckDBPyConnection, cluster_id: str | None = None) -> list[ClusterNameEdit]:
    """Edits of a cluster's name, or of all, newest first."""
    rows = con.execute(
        f"SELECT {', '.join(CLUSTER_NAMES.column_names)} FROM {CLUSTER_NAMES.name} "
        "WHERE $cluster IS NULL OR cluster_id = $cluster ORDER BY cluster_id, revision DESC",
        {"cluster": cluster_id},
    ).fetchall()
    return [ClusterNameEdit(**dict(zip(CLUSTER_NAMES.column_names, row, strict=True))) for row in rows]
