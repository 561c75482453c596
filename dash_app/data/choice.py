"""How a snapshot's clusters were chosen: the candidates of the grid, and the null distribution of the test."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb


@dataclass(frozen=True)
class CandidateRow:
    """One row of segmentation_candidates; shares are of the users in the grid search, 0 to 1."""

    number: int
    neighbors: int
    smallest_cluster: int
    min_samples: int
    selection: str
    cluster_count: int
    largest_share: float
    unassigned_share: float
    dbcv: float | None
    stability: float | None
    score: float
    verdict: str
    chosen: bool


@dataclass(frozen=True)
class NullDistribution:
    """The null test: scores of data without clusters, the snapshot they were computed for, and the score of the real users."""

    scores: tuple[float, ...]
    made_on: date
    real_score: float


@dataclass(frozen=True)
class Choice:
    """The grid in its stored order (empty when no candidate was tried).

    `users` had enough events, `tried_on` of them were used in the grid search. `method` has the settings by the names in
    `segmentation.config.SegmentationConfig`.
    """

    candidates: tuple[CandidateRow, ...]
    null: NullDistribution | None
    users: int
    tried_on: int
    method: Mapping[str, Any]

    @property
    def chosen(self) -> CandidateRow | None:
        """The candidate whose clusters were chosen; None when no candidate was tried."""
        return next((row for row in self.candidates if row.chosen), None)

    @property
    def passed(self) -> tuple[CandidateRow, ...]:
        """The candidates that passed every check of their own."""
        return tuple(row for row in self.candidates if row.verdict == "passed")


def load_choice(con: duckdb.DuckDBPyConnection, day: date) -> Choice | None:
    """The grid of the snapshot of `day`; None when there is no such snapshot."""
    row = con.execute("SELECT parameters FROM segmentations WHERE snapshot_date = ?", [day]).fetchone()
    if row is None:
        return None
    parameters = json.loads(row[0])
    rows = con.execute(
        "SELECT candidate, (parameters ->> 'n_neighbors')::INT, (parameters ->> 'min_cluster_size')::INT,"
        " (parameters ->> 'min_samples')::INT, parameters ->> 'cluster_selection_method', cluster_count, largest_share,"
        " unassigned_share, dbcv, stability, score, verdict, chosen"
        " FROM segmentation_candidates WHERE snapshot_date = ? ORDER BY candidate",
        [day],
    ).fetchall()
    return Choice(
        candidates=tuple(CandidateRow(*row) for row in rows),
        null=_null(parameters),
        users=parameters["users"],
        tried_on=parameters.get("landmarks", 0),
        method=parameters["method"],
    )


def _null(parameters: Mapping[str, Any]) -> NullDistribution | None:
    """The null test in the stored `parameters` of a snapshot; None where there was nothing to test."""
    stored = parameters.get("null")
    if not stored:
        return None
    return NullDistribution(tuple(stored["scores"]), date.fromisoformat(stored["made_on"]), parameters["real_score"])
