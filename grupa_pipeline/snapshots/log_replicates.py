"""Measures users of a snapshot's log once more, on part of their events, as segmentation asks for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from grupa_pipeline import tables
from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.features.session_halves import measure_beginnings, measure_halves, measure_views
from grupa_pipeline.segmentation.replicates import MeasuredHalves
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.snapshots.engines import engine_on_window
from grupa_pipeline.vocabulary.enums import FeatureView

T = TypeVar("T")


@dataclass(frozen=True)
class LogReplicates:
    """`segmentation.replicates.Replicates` from the events in the window of `day`; `catalog` is its `feature_catalog`."""

    context: SnapshotContext
    day: date
    roles: EventCatalog
    catalog: pa.Table

    def halves(self, users: Sequence[str]) -> MeasuredHalves:
        """`users` on halves of their sessions."""
        measured = self._measure(measure_halves, catalog=self.catalog, users=users)
        first, second = (half.to_pandas().set_index("user_id") for half in measured.features)
        return MeasuredHalves(first, second, measured.sessions.to_pandas().set_index("user_id")["sessions"])

    def views(self, users: Sequence[str]) -> Mapping[FeatureView, pd.DataFrame]:
        """Counts of each view by user and half."""
        counts = self._measure(measure_views, users=users)
        return {view: rows.to_pandas() for view, rows in counts.items()}

    def beginnings(self, lengths: Mapping[str, int]) -> pd.DataFrame:
        """Features of users on their first events alone, so many of each."""
        measured = self._measure(measure_beginnings, catalog=self.catalog, lengths=lengths)
        return measured.to_pandas().set_index("user_id")

    def _measure(self, measure: Callable[..., T], **arguments: Any) -> T:
        """What `measure` finds on the events of the window."""
        start, end = self.context.window(self.day)
        with engine_on_window(self.context, self.day) as engine:
            return measure(
                engine, tables.EVENTS.name, window_start=start, window_end=end, roles=self.roles, **arguments
            )
