"""Labels of a candidate's columns, sources of cells and verdicts, shared by the app and Dagster."""

from collections.abc import Mapping

from grupa_pipeline.vocabulary.enums import CandidateVerdict, CellSource

COLUMNS = (
    "Started from",
    "Cells",
    "Clusters",
    "Largest cluster",
    "Unassigned",
    "DBCV",
    "Stability",
    "Says of other sessions",
    "Verdict",
)
"""Columns of a candidate, in the order of display."""

SOURCES: Mapping[str, str] = {
    CellSource.KMEANS: "equal cells (k-means)",
    CellSource.LEAF: "dense spots of the map (HDBSCAN leaves)",
    CellSource.EARLIER: "the clusters of the day before",
}
"""Where the cells that clusters are merged from come from."""

VERDICTS: Mapping[str, str] = {
    CandidateVerdict.PASSED: "passed",
    CandidateVerdict.TOO_FEW_CLUSTERS: "no gaps between users",
    CandidateVerdict.ONE_BIG_CLUSTER: "one cluster holds most users",
    CandidateVerdict.TOO_MUCH_NOISE: "leaves too many users out",
    CandidateVerdict.UNSTABLE: "does not hold in other sessions",
}
"""Labels of the verdicts of `selection.evaluate`; `one_big_cluster` is of earlier releases."""
