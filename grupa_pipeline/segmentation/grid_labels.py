"""Labels of a candidate's columns, sources of cells and verdicts, shared by the app and Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

EARLIER_COLUMNS = (*COLUMNS[:-2], "Score", COLUMNS[-1])
"""The same where an earlier release tried the candidates: they were ranked by the mean of several scores."""

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
    CandidateVerdict.UNSTABLE: "does not hold when checked again",
}
"""Labels of the verdicts of `selection.evaluate`; `one_big_cluster` is of earlier releases."""

_EARLIER_VERDICTS: Mapping[str, str] = {
    CandidateVerdict.TOO_FEW_CLUSTERS: "too few clusters",
    CandidateVerdict.UNSTABLE: "too unstable",
}
"""Verdicts that meant something else in earlier releases."""


@dataclass(frozen=True)
class CandidateLabels:
    """What a candidate started from, its number of cells and its verdict, as they are shown."""

    source: str
    cells: str
    verdict: str


def label_candidate(parameters: Mapping[str, Any], verdict: str) -> CandidateLabels:
    """Labels of a candidate by its stored `parameters` and `verdict`.

    Those of earlier releases were cut from the map by HDBSCAN, and had no cells.
    """
    source = parameters.get("cells_from")
    if source is None:
        return CandidateLabels("HDBSCAN", "–", _EARLIER_VERDICTS.get(verdict, VERDICTS.get(verdict, verdict)))
    return CandidateLabels(SOURCES.get(source, source), f"{parameters['cells']:,}", VERDICTS.get(verdict, verdict))
