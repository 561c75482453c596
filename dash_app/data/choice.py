"""How a snapshot's clusters were chosen: the candidates, and what they were compared by and tested on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from grupa_pipeline.segmentation.grid_labels import CandidateLabels, label_candidate


@dataclass(frozen=True)
class CandidateRow:
    """One row of segmentation_candidates; shares are of the users it was tried on, 0 to 1; `verdict` is as stored."""

    number: int
    labels: CandidateLabels
    cluster_count: int
    largest_share: float
    unassigned_share: float
    dbcv: float | None
    stability: float | None
    score: float
    verdict: str
    chosen: bool


@dataclass(frozen=True)
class Choice:
    """The candidates in their stored order (empty when none was tried).

    `users` had enough events, `tried_on` of them were grouped, and `measured_twice` of these in two halves of their sessions
    (None where they were not). `views` have the signal of each that took part, 0 to 1. `method` has the settings by the names
    in `segmentation.config.SegmentationConfig`. `null_sets` is how many sets of made-up users an earlier release tested
    against; None in snapshots of this one.
    """

    candidates: tuple[CandidateRow, ...]
    users: int
    tried_on: int
    measured_twice: int | None
    views: Mapping[str, float]
    method: Mapping[str, Any]
    null_sets: int | None

    @property
    def chosen(self) -> CandidateRow | None:
        """The candidate whose clusters were chosen; None when no candidate was tried."""
        return next((row for row in self.candidates if row.chosen), None)

    @property
    def passed(self) -> tuple[CandidateRow, ...]:
        """The candidates that passed every check of their own."""
        return tuple(row for row in self.candidates if row.verdict == "passed")


def load_choice(con: duckdb.DuckDBPyConnection, day: date) -> Choice | None:
    """How the clusters of the snapshot of `day` were chosen; None when there is no such snapshot."""
    row = con.execute("SELECT parameters FROM segmentations WHERE snapshot_date = ?", [day]).fetchone()
    if row is None:
        return None
    parameters = json.loads(row[0])
    rows = con.execute(
        "SELECT parameters, candidate, cluster_count, largest_share, unassigned_share, dbcv, stability, score, verdict, chosen"
        " FROM segmentation_candidates WHERE snapshot_date = ? ORDER BY candidate",
        [day],
    ).fetchall()
    return Choice(
        candidates=tuple(_candidate(*each) for each in rows),
        users=parameters["users"],
        tried_on=parameters.get("landmarks", 0),
        measured_twice=parameters["landmarks_with_two_sessions"] if parameters.get("replicated") else None,
        views=parameters.get("views", {}),
        method=parameters["method"],
        null_sets=len(parameters["null"]["scores"]) if parameters.get("null") else None,
    )


def _candidate(parameters: str, number: int, *found: Any) -> CandidateRow:
    *_, verdict, _ = found
    return CandidateRow(number, label_candidate(json.loads(parameters), verdict), *found)
