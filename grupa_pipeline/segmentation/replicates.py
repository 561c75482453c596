"""What `segment` needs of a log beside the features: the same users measured on halves of their sessions, and their views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.merging import Halves
from grupa_pipeline.segmentation.prepare import ColumnScale
from grupa_pipeline.segmentation.views import ViewValues, admitted_views, view_values
from grupa_pipeline.vocabulary.enums import FeatureView

FEWEST_MEASURED = 0.25
"""Share of the landmarks with two sessions below which halves of events serve instead."""


@dataclass(frozen=True)
class MeasuredHalves:
    """Users measured on two halves of their sessions.

    `first` and `second` have index user_id and the features as columns; a user without events in a half is missing.
    `sessions` is their number by user_id: the halves of a user with a single one are halves of its events.
    """

    first: pd.DataFrame
    second: pd.DataFrame
    sessions: pd.Series


class Replicates(Protocol):
    """Measures users of the log once more."""

    def halves(self, users: Sequence[str]) -> MeasuredHalves:
        """`users` on halves of their sessions."""

    def views(self, users: Sequence[str]) -> Mapping[FeatureView, pd.DataFrame]:
        """Counts of each view by user and half; see `views.view_values`."""

    def beginnings(self, lengths: Mapping[str, int]) -> pd.DataFrame:
        """Features (index user_id) of users on their first events alone, so many of each."""


def scaled_halves(
    replicates: Replicates | None, users: pd.Index, rows: np.ndarray, scales: Mapping[str, ColumnScale]
) -> Halves:
    """The halves of `users`, scaled as their `rows` (n, columns) are by `scales`; both the rows where there are no
    replicates."""
    if replicates is None or not scales:
        return Halves(rows, rows, np.ones(len(rows), dtype=bool))
    measured = replicates.halves(list(users))
    first, second = (
        np.column_stack([scale.apply(half[name].to_numpy(dtype=float)) for name, scale in scales.items()])
        for half in (measured.first.reindex(users), measured.second.reindex(users))
    )
    twice = measured.sessions.reindex(users).fillna(0).to_numpy() >= 2
    return Halves(first, second, twice if twice.mean() >= FEWEST_MEASURED else np.ones(len(users), dtype=bool))


def find_views(
    replicates: Replicates | None, users: pd.Index, landmarks: np.ndarray, min_signal: float
) -> Mapping[FeatureView, ViewValues]:
    """Values of the admitted views of all `users`; whether one is admitted is decided by the `landmarks` (indices) alone."""
    if replicates is None:
        return {}
    some = users[landmarks]
    counts = replicates.views(list(some))
    found = {view: view_values(view, rows, some) for view, rows in counts.items() if len(rows)}
    admitted = admitted_views({view: values for view, values in found.items() if values is not None}, min_signal)
    if not admitted or len(some) == len(users):
        return {view: values for view, values in found.items() if view in admitted and values is not None}
    everyone = replicates.views(list(users))
    whole = {view: view_values(view, everyone[view], users) for view in admitted}
    return {view: values for view, values in whole.items() if values is not None}
