"""How a snapshot's clusters were chosen: every candidate of the grid, and what the null test compared with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb


@dataclass(frozen=True)
class CandidateRow:
    """One row of segmentation_candidates; shares are of the users it was tried on, 0 to 1."""

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
    """The null test: scores of data without groups, the day they were made, and the score held against them."""

    scores: tuple[float, ...]
    made_on: date
    real_score: float


@dataclass(frozen=True)
class Choice:
    """The grid in its stored order (empty when nothing was tried), and what it was tried on.

    `users` had enough events, `tried_on` of them went into the grid. `method` has the settings by the names in
    `segmentation.method.Method`.
    """

    candidates: tuple[CandidateRow, ...]
    null: NullDistribution | None
    users: int
    tried_on: int
    method: Mapping[str, Any]

    @property
    def chosen(self) -> CandidateRow | None:
        """The candidate that made the clusters; None when nothing was tried."""
        return next((each for each in self.candidates if each.chosen), None)

    @property
    def passed(self) -> tuple[CandidateRow, ...]:
        """The candidates that passed every check of their own."""
        return tuple(each for each in self.candidates if each.verdict == "passed")


def load_choice(con: duckdb.DuckDBPyConnection, day: date) -> Choice | None:
    """The grid of the snapshot of `day`; None when there is no such snapshot."""
    found = con.execute("SELECT parameters FROM segmentations WHERE snapshot_date = ?", [day]).fetchone()
    if found is None:
        return None
    shaped_by = json.loads(found[0])
    rows = con.execute(
        "SELECT candidate, (parameters ->> 'n_neighbors')::INT, (parameters ->> 'min_cluster_size')::INT,"
        " (parameters ->> 'min_samples')::INT, parameters ->> 'cluster_selection_method', cluster_count, largest_share,"
        " unassigned_share, dbcv, stability, score, verdict, chosen"
        " FROM segmentation_candidates WHERE snapshot_date = ? ORDER BY candidate",
        [day],
    ).fetchall()
    return Choice(
        candidates=tuple(CandidateRow(*row) for row in rows),
        null=_null(shaped_by),
        users=shaped_by["users"],
        tried_on=shaped_by.get("landmarks", 0),
        method=shaped_by["method"],
    )


def _null(shaped_by: Mapping[str, Any]) -> NullDistribution | None:
    """The null test that `parameters` of a snapshot speak of; None where there was nothing to test."""
    stored = shaped_by.get("null")
    if not stored:
        return None
    return NullDistribution(tuple(stored["scores"]), date.fromisoformat(stored["made_on"]), shaped_by["real_score"])
