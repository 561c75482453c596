"""Sums over stretches of whole days, which can be kept from day to day: what a new day adds is summed up, and no more.

A sum is a table of whole numbers that is the same however its days are cut into pieces: what `log`, `steps`, `proposals`
and `usage` make of it is, number for number, what they make of one piece that holds all days. Where sums are kept is
the shelf's business, and what is summed up is theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Protocol

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.engine import Engine

SIZES = (32, 8, 1)
"""Days of a piece. Long ones make few rows to add up; short ones are what a window gains and loses from day to day."""
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Piece:
    """The events from `start` to before `end` (naive UTC)."""

    start: datetime
    end: datetime


class Shelf(Protocol):
    """Keeps sums from run to run, as long as the events, the roles and the code behind them stay the same."""

    def with_events(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Those of `pieces` in which anything happened."""

    def holds(self, name: str, piece: Piece) -> bool:
        """Whether the sum `name` over `piece` is there."""

    def show(self, name: str, pieces: Sequence[Piece]) -> str:
        """Name of a table, for the engine, of the sum `name` over `pieces`, one below the other."""

    def put(self, name: str, piece: Piece, table: str, number: int) -> None:
        """Keep those rows of the engine's `table` whose column `piece` is `number`, without that column."""


def cut(start: datetime, end: datetime) -> list[Piece]:
    """The days from `start` to `end` in pieces, the longest that the calendar allows: so that windows share most of them."""
    pieces: list[Piece] = []
    while start < end:
        number = (start - _EPOCH).days
        days = next(size for size in SIZES if number % size == 0 and start + timedelta(days=size) <= end)
        pieces.append(Piece(start, start + timedelta(days=days)))
        start = pieces[-1].end
    return pieces


@dataclass(frozen=True)
class Sums:
    """The events of a window, summed up piece by piece.

    Attributes:
        engine: What computes.
        events: user_id, timestamp, action, metadata.
        pieces: The days of the window, in order, in which anything happened; at least one.
        shelf: Where sums are kept; None keeps nothing.
    """

    engine: Engine
    events: ir.Table
    pieces: Sequence[Piece]
    shelf: Shelf | None

    def of(self, names: Sequence[str], make: Callable[[ir.Table], Mapping[str, ir.Table]]) -> dict[str, ir.Table]:
        """The sums `names` over all pieces, one below the other; from the shelf, where there is one, so that memory holds
        no more of them than is being made.

        Args:
            names: What `make` makes.
            make: From events (user_id, at in microseconds since 1970, action, metadata, piece) to tables with a
                column `piece`, which knows nothing of other pieces. Its result depends on the events and roles alone.
        """
        if self.shelf is None:
            parts = [make(self._events_in(numbers)) for numbers in self._missing(names)]
            sums = {name: [self.engine.keep(made[name].drop("piece")) for made in parts] for name in names}
            return {name: reduce(lambda one, other: one.union(other), tables) for name, tables in sums.items()}
        for numbers in self._missing(names):
            with self.engine.scratch():
                made = make(self._events_in(numbers))
                for name in names:
                    table = self.engine.keep(made[name]).get_name()
                    for number in numbers:
                        self.shelf.put(name, self.pieces[number], table, number)
        return {name: self.engine.events(self.shelf.show(name, self.pieces)) for name in names}

    def held(self, name: str, names: Sequence[str]) -> list[ir.Table]:
        """The sum `name` over those pieces of which the shelf holds all of `names`; none, or one table."""
        pieces = [piece for number, piece in enumerate(self.pieces) if self._holds(names, number)]
        if self.shelf is None or not pieces:
            return []
        return [self.engine.events(self.shelf.show(name, pieces))]

    def missing(self, names: Sequence[str]) -> list[ir.Table]:
        """The events (user_id, timestamp, action, metadata) of the other pieces, stretch by stretch."""
        return [self._inside(numbers) for numbers in self._missing(names)]

    def _missing(self, names: Sequence[str]) -> list[list[int]]:
        return self._stretches([number for number in range(len(self.pieces)) if not self._holds(names, number)])

    def _stretches(self, numbers: Sequence[int]) -> list[list[int]]:
        """`numbers`, which rise, in stretches of neighbours that are summed up together.

        Together they are no longer than the longest piece: then what is sorted fits into memory, however long the window.
        """
        stretches: list[list[int]] = []
        for number in numbers:
            stretch = stretches[-1] if stretches else []
            days = (self.pieces[number].end - self.pieces[stretch[0]].start).days if stretch else 0
            if stretch and stretch[-1] == number - 1 and days <= SIZES[0]:
                stretch.append(number)
            else:
                stretches.append([number])
        return stretches

    def _holds(self, names: Sequence[str], number: int) -> bool:
        return self.shelf is not None and all(self.shelf.holds(name, self.pieces[number]) for name in names)

    def _inside(self, numbers: Sequence[int]) -> ir.Table:
        """Events of the neighbouring pieces `numbers`; other days are not read."""
        start, end = (_moment(bound) for bound in (self.pieces[numbers[0]].start, self.pieces[numbers[-1]].end))
        return self.events.filter(self.events.timestamp >= start, self.events.timestamp < end)

    def _events_in(self, numbers: Sequence[int]) -> ir.Table:
        """The same, each with its piece."""
        inside = self._inside(numbers)
        ends = [(inside.timestamp < _moment(self.pieces[number].end), number) for number in numbers]
        piece = ibis.cases(*ends[:-1], else_=numbers[-1]) if len(ends) > 1 else ibis.literal(numbers[0])
        return inside.select(
            "user_id", "action", "metadata", at=self.engine.micros(inside.timestamp), piece=piece.cast("int16")
        )


def _moment(moment: datetime) -> ir.TimestampScalar:
    return ibis.literal(moment, "timestamp")
