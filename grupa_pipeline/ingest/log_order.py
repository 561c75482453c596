"""Which way a log runs, and whether its order says what came first of the events of one user at one instant.

A log that was sorted by a clock that counts minutes may hold the events of a minute in any order, and then the way from one
to the next is an accident. Pairs of such events show it: in a log that keeps the order, what comes before what is not even.
"""

from collections import Counter
from enum import StrEnum

import numpy as np
import pyarrow as pa

_SAMPLE = 50_000
"""Events of a chunk that are looked at: all those of as many users as that takes."""
_MOST_PAIRS = 2_000
_FEWEST = 30
"""With fewer neighbours than this, nothing speaks against the order of the log."""
_ONE_WAY = 0.75
"""Share of steps in time that go forward, or backward, in a log that runs that way."""
_SIGNIFICANT = 3.3
_SORTED_SHARE, _SORTED_PAIRS = 0.98, 5


class LogDirection(StrEnum):
    """How the events of one user at one instant follow each other in a log."""

    FORWARD = "forward"
    BACKWARD = "backward"
    UNKNOWN = "unknown"


class LogOrder:
    """Collects how a log's events follow each other, chunk by chunk.

    Example:
        >>> order = LogOrder()
        >>> order.add(np.array([0, 0]), np.array([1, 2]), np.array([0, 1]), pa.array(["open", "close"]))
        >>> order.direction()
        <LogDirection.FORWARD: 'forward'>
    """

    def __init__(self) -> None:
        self._forward, self._backward = 0, 0
        self._pairs: Counter[tuple[str, str]] = Counter()

    def add(self, users: np.ndarray, instants: np.ndarray, actions: np.ndarray, names: pa.Array) -> None:
        """Add events in the order of the log.

        Args:
            users: A code of each event's user.
            instants: Its time, as a whole number.
            actions: The position of its action among `names`.
            names: Names of actions.
        """
        rows = np.flatnonzero(users % max(1, len(users) // _SAMPLE) == 0)
        rows = rows[np.argsort(users[rows], kind="stable")]
        before, after = rows[:-1], rows[1:]
        same_user = users[before] == users[after]
        before, after = before[same_user], after[same_user]
        self._forward += int(np.count_nonzero(instants[before] < instants[after]))
        self._backward += int(np.count_nonzero(instants[before] > instants[after]))
        tied = (instants[before] == instants[after]) & (actions[before] != actions[after])
        first, then = actions[before[tied]].astype(np.int64), actions[after[tied]]
        codes, counts = np.unique(first * len(names) + then, return_counts=True)
        for place in np.argsort(-counts)[:_MOST_PAIRS]:
            one, other = divmod(int(codes[place]), len(names))
            self._pairs[names[one].as_py(), names[other].as_py()] += int(counts[place])

    def direction(self) -> LogDirection:
        """Which way the log runs; UNKNOWN where the order within an instant says nothing."""
        steps = self._forward + self._backward
        forward = self._forward / steps if steps else 1.0
        if steps >= _FEWEST and 1 - _ONE_WAY < forward < _ONE_WAY:
            return LogDirection.UNKNOWN
        if self._pairs.total() >= _FEWEST and not self._is_kept_order():
            return LogDirection.UNKNOWN
        return LogDirection.FORWARD if forward >= 1 - _ONE_WAY else LogDirection.BACKWARD

    def _is_kept_order(self) -> bool:
        """Whether what comes before what within an instant is uneven, and not as if sorted by name."""
        pairs = {pair for pair in self._pairs if pair[0] < pair[1] or pair[::-1] not in self._pairs}
        by_name = sum(count for pair, count in self._pairs.items() if pair[0] < pair[1]) / self._pairs.total()
        if len(pairs) >= _SORTED_PAIRS and not 1 - _SORTED_SHARE < by_name < _SORTED_SHARE:
            return False
        ahead = np.array([self._pairs[pair] for pair in pairs], dtype=float)
        behind = np.array([self._pairs[pair[::-1]] for pair in pairs], dtype=float)
        total = ahead + behind
        # In an order by chance, (ahead - behind)² / total has mean 1 and variance 2 - 2 / total.
        surplus = ((ahead - behind) ** 2 / total - 1).sum()
        variance = (2 - 2 / total).sum()
        return bool(surplus > _SIGNIFICANT * np.sqrt(variance))


def sequences(instants: np.ndarray, actions: np.ndarray, rows: np.ndarray, direction: LogDirection) -> pa.Array:
    """The place of each event, from 0, among those of its user at its instant.

    Args:
        instants: A number for the user and the time of each event, ascending.
        actions: A code of its action, ascending where `instants` are equal.
        rows: Its place in the log.
        direction: Which way the log runs. If that is not known, events of different actions at one instant have no place.
    """
    same = instants[1:] == instants[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    places = np.zeros(len(instants), dtype=np.int64)
    if not len(tied):
        return pa.array(places)
    groups = np.cumsum(np.append(True, ~same))[tied]
    order = np.lexsort((-rows[tied] if direction is LogDirection.BACKWARD else rows[tied], groups))
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))  # `order` keeps groups together
    places[tied[order]] = np.arange(len(tied)) - np.repeat(starts, np.diff(np.append(starts, len(tied))))
    unknown = np.zeros(len(instants), dtype=bool)
    if direction is LogDirection.UNKNOWN:
        differ = (groups[1:] == groups[:-1]) & (actions[tied][1:] != actions[tied][:-1])
        unknown[tied] = np.isin(groups, groups[1:][differ])
    return pa.array(places, mask=unknown)
