"""Aggregates over ranges of whole days, which can be cached: a new snapshot only computes those of its new days.

An aggregate is a table of whole numbers that adds up: computed range by range and put together, it gives the same numbers
as one range that holds all days. What is aggregated is defined by the callers; where it is stored, by the `AggregateCache`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Protocol

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.engine import Engine

RANGE_DAYS = (32, 8, 1)
"""Days in a range. Long ranges have few rows to add up; short ones are what a window gains and loses from day to day."""
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class DayRange:
    """The days from `start` up to but not including `end` (naive UTC, at midnight)."""

    start: datetime
    end: datetime


class AggregateCache(Protocol):
    """Stores aggregates between runs for as long as the events, the roles and the code behind them stay the same."""

    def with_events(self, ranges: Sequence[DayRange]) -> list[DayRange]:
        """The `ranges` that hold at least one event."""

    def holds(self, name: str, day_range: DayRange) -> bool:
        """Whether the aggregate `name` of `day_range` is stored."""

    def show(self, name: str, ranges: Sequence[DayRange]) -> str:
        """Name of a table, for the engine, with the stored rows of the aggregate `name` of all `ranges`."""

    def put(self, name: str, day_range: DayRange, table: str, number: int) -> None:
        """Store the rows of the engine's `table` whose column `day_range` is `number`, without that column."""


def split_days(start: datetime, end: datetime) -> list[DayRange]:
    """Split the days from `start` to `end` into ranges aligned to the calendar, so that windows share most of them.

    Example:
        >>> [(part.end - part.start).days for part in split_days(datetime(1970, 2, 1), datetime(1970, 3, 13))]
        [1, 32, 1, 1, 1, 1, 1, 1, 1]
    """
    ranges: list[DayRange] = []
    while start < end:
        number = (start - _EPOCH).days
        days = next(size for size in RANGE_DAYS if number % size == 0 and start + timedelta(days=size) <= end)
        ranges.append(DayRange(start, start + timedelta(days=days)))
        start = ranges[-1].end
    return ranges


@dataclass(frozen=True)
class DayAggregates:
    """Computes aggregates of a window's events, range by range.

    Attributes:
        engine: Runs the expressions.
        events: user_id, timestamp, action, metadata, sequence.
        ranges: The window's ranges of days that hold events, in order; at least one.
        cache: Stores aggregates between runs; None computes all of them.
    """

    engine: Engine
    events: ir.Table
    ranges: Sequence[DayRange]
    cache: AggregateCache | None

    def compute(
        self, names: Sequence[str], aggregate: Callable[[ir.Table], Mapping[str, ir.Table]]
    ) -> dict[str, ir.Table]:
        """The aggregates `names` of all ranges, one row below the other.

        With a cache they are written to it batch by batch and read from there, which bounds memory to one batch.

        Args:
            names: Names of the tables that `aggregate` returns.
            aggregate: From events (user_id, at in microseconds since 1970, action, metadata, sequence,
                day_range) to tables with a
                column `day_range`, each range aggregated by itself. It may depend on the events and the roles alone.
        """
        batches = self._uncached_batches(names)
        if self.cache is None:
            results = [aggregate(self._events_of(numbers)) for numbers in batches]
            tables = {
                name: [self.engine.materialize(result[name].drop("day_range")) for result in results] for name in names
            }
            return {name: reduce(lambda one, other: one.union(other), parts) for name, parts in tables.items()}
        for numbers in batches:
            with self.engine.scratch():
                result = aggregate(self._events_of(numbers))
                for name in names:
                    table = self.engine.materialize(result[name]).get_name()
                    for number in numbers:
                        self.cache.put(name, self.ranges[number], table, number)
        return {name: self.engine.events(self.cache.show(name, self.ranges)) for name in names}

    def cached(self, name: str, names: Sequence[str]) -> list[ir.Table]:
        """The stored aggregate `name` of the ranges for which all of `names` are stored: one table, or none."""
        ranges = [part for number, part in enumerate(self.ranges) if self._is_cached(names, number)]
        if self.cache is None or not ranges:
            return []
        return [self.engine.events(self.cache.show(name, ranges))]

    def uncached_events(self, names: Sequence[str]) -> list[ir.Table]:
        """Events (user_id, timestamp, action, metadata) of the other ranges, batch by batch."""
        return [self._events_between(numbers) for numbers in self._uncached_batches(names)]

    def _uncached_batches(self, names: Sequence[str]) -> list[list[int]]:
        return self._batches([number for number in range(len(self.ranges)) if not self._is_cached(names, number)])

    def _batches(self, numbers: Sequence[int]) -> list[list[int]]:
        """Ascending `numbers` of ranges in batches of neighbours that are aggregated together.

        A batch spans no more days than the longest range, so that sorting its events fits into memory for any window.
        """
        batches: list[list[int]] = []
        for number in numbers:
            batch = batches[-1] if batches else []
            days = (self.ranges[number].end - self.ranges[batch[0]].start).days if batch else 0
            if batch and batch[-1] == number - 1 and days <= RANGE_DAYS[0]:
                batch.append(number)
            else:
                batches.append([number])
        return batches

    def _is_cached(self, names: Sequence[str], number: int) -> bool:
        return self.cache is not None and all(self.cache.holds(name, self.ranges[number]) for name in names)

    def _events_between(self, numbers: Sequence[int]) -> ir.Table:
        """Events of the neighbouring ranges `numbers`; other days are not read."""
        start, end = (_literal(bound) for bound in (self.ranges[numbers[0]].start, self.ranges[numbers[-1]].end))
        return self.events.filter(self.events.timestamp >= start, self.events.timestamp < end)

    def _events_of(self, numbers: Sequence[int]) -> ir.Table:
        """The same, each with the number of its range."""
        events = self._events_between(numbers)
        ends = [(events.timestamp < _literal(self.ranges[number].end), number) for number in numbers]
        number = ibis.cases(*ends[:-1], else_=numbers[-1]) if len(ends) > 1 else ibis.literal(numbers[0])
        return events.select(
            "user_id",
            "action",
            "metadata",
            sequence=events.sequence if "sequence" in events.columns else ibis.null("int64"),  # of an earlier release
            at=self.engine.microseconds(events.timestamp),
            day_range=number.cast("int16"),
        )


def _literal(moment: datetime) -> ir.TimestampScalar:
    return ibis.literal(moment, "timestamp")
