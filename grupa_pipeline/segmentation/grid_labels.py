"""Labels of the grid's columns, selection methods and verdicts, shared by the app and Dagster."""

from collections.abc import Mapping

from grupa_pipeline.vocabulary.enums import CandidateVerdict, ClusterSelection

COLUMNS = (
    "Neighbours",
    "Smallest cluster",
    "Min. samples",
    "Selection",
    "Clusters",
    "Largest cluster",
    "Unassigned",
    "DBCV",
    "Stability",
    "Score",
    "Verdict",
)
"""Columns of a candidate, in the order of display."""

SELECTIONS: Mapping[str, str] = {
    ClusterSelection.EOM: "longest-lived (eom)",
    ClusterSelection.LEAF: "finest (leaf)",
}
"""How clusters are selected from HDBSCAN's tree."""

VERDICTS: Mapping[str, str] = {
    CandidateVerdict.PASSED: "passed",
    CandidateVerdict.TOO_FEW_CLUSTERS: "too few clusters",
    CandidateVerdict.ONE_BIG_CLUSTER: "one cluster holds most users",
    CandidateVerdict.TOO_MUCH_NOISE: "leaves too many users out",
    CandidateVerdict.UNSTABLE: "too unstable",
}
"""Labels of the verdicts of `selection.evaluate`."""
