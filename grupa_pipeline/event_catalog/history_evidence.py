"""What users' histories say of an action: that it ends them, is done once, follows another. Proposes, and decides little.

A role that the name or a person gives wins. What histories may say by themselves is that software decides an action, because it
follows another within seconds, and that what its name calls a goal is a milestone that nearly everyone passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MIN_USERS = 20
"""Fewer users say nothing about an action."""
END_SHARE, END_OVER_CHANCE = 0.4, 2.0
"""An action is an end where it is last for this share of its users, and this many times as often as by chance."""
ONCE_SHARE = 0.9
"""An action is done once where this share of its users did it once."""
BEFORE_SHARE = 0.95
"""One action comes before another where it does for this share of the users who did both."""
AT_ONCE_SHARE = 0.9
START_SHARE = 0.8
"""Histories begin with an action where it is the first thing for this share of its users."""
PASSED_SHARE = 0.95
"""Nearly everyone passes an action that this share of all users did."""
_APART_SHARE = 0.02
"""Two ends exclude each other where fewer than this share of the users of the rarer one did both."""


@dataclass(frozen=True)
class HistoryCounts:
    """Where an action stands in users' histories; see `aggregates.action_statistics.count_actions`."""

    action: str
    users: int
    events: int
    once: int
    last: int
    last_by_chance: float
    first: int = 0

    @property
    def is_end(self) -> bool:
        """Whether it is last far more often than chance."""
        return (
            self.users >= MIN_USERS
            and self.last >= END_SHARE * self.users
            and self.last >= END_OVER_CHANCE * self.last_by_chance
        )

    @property
    def is_once(self) -> bool:
        """Whether nearly all of its users did it once."""
        return self.users >= MIN_USERS and self.once >= ONCE_SHARE * self.users

    def milestone(self, users: int) -> str:
        """Why it is a milestone that nearly all `users` pass, or begin with, on their way to something else; else empty."""
        if not self.is_once or 2 * self.last > self.users:
            return ""
        if self.first >= START_SHARE * self.users:
            return f"it is the first thing that {_percent(self.first, self.users)} of its users do"
        if self.users >= PASSED_SHARE * users:
            return f"{_percent(self.users, users)} of all users do it once, on their way to something else"
        return ""


@dataclass(frozen=True)
class ActionOrder:
    """How two actions follow each other; see `aggregates.action_statistics.count_orders`."""

    action: str
    other: str
    both: int
    before: int
    at_once: int


@dataclass(frozen=True)
class HistoryFinding:
    """What histories say of one action.

    Attributes:
        likeness_of_goal: How much it looks like a goal or a bad end, 0 to 1; 0 where it does not.
        follows_at_once: The action that it follows within seconds for nearly all users; None where there is none.
        reason: What was found, in words; empty where nothing was.
        milestone: Why it is no goal, whatever its name says: nearly everyone passes it, or begins with it; else empty.
    """

    likeness_of_goal: float
    follows_at_once: str | None
    reason: str
    milestone: str = ""


def read_histories(
    counts: Sequence[HistoryCounts], orders: Sequence[ActionOrder], users: int
) -> dict[str, HistoryFinding]:
    """What histories say of each action.

    Args:
        counts: One entry an action.
        orders: Pairs of the commonest actions.
        users: Users of the window.
    """
    by_action: dict[str, list[ActionOrder]] = {}
    for order in orders:
        by_action.setdefault(order.other, []).append(order)
    number = {entry.action: entry for entry in counts}
    ends = [entry.action for entry in counts if entry.is_end]
    both = {(order.action, order.other): order.both for order in orders}
    return {
        entry.action: _finding(entry, by_action.get(entry.action, ()), number, ends, both, users) for entry in counts
    }


def _finding(
    entry: HistoryCounts,
    orders: Sequence[ActionOrder],
    counts: Mapping[str, HistoryCounts],
    ends: Sequence[str],
    both: Mapping[tuple[str, str], int],
    users: int,
) -> HistoryFinding:
    reasons = []
    if entry.is_end:
        reasons.append(
            f"the last thing for {_percent(entry.last, entry.users)} of the users who did it,"
            f" by chance {_percent(entry.last_by_chance, entry.users)}"
        )
    if entry.is_once:
        reasons.append(f"done once by {_percent(entry.once, entry.users)} of them")
    leader = _leader(entry, orders, counts)
    if leader:
        reasons.append(f"follows “{leader}” within two seconds")
    apart = [
        other for other in ends if entry.is_end and other != entry.action and _are_apart(entry, counts[other], both)
    ]
    if apart:
        reasons.append(f"hardly anyone has both this and “{apart[0]}”")
    milestone = entry.milestone(users)
    likeness = 0.0 if leader or milestone else _likeness(entry, orders, bool(apart), users)
    return HistoryFinding(likeness, leader, "; ".join(reasons), milestone)


def _leader(entry: HistoryCounts, orders: Sequence[ActionOrder], counts: Mapping[str, HistoryCounts]) -> str | None:
    """The commonest action that this one follows at once, for nearly all who did it; None where there is none."""
    if entry.users < MIN_USERS:
        return None
    leaders = [
        order
        for order in orders
        if order.at_once >= AT_ONCE_SHARE * entry.users and order.before >= BEFORE_SHARE * order.both
    ]
    return max(leaders, key=lambda order: (counts[order.action].users, order.action)).action if leaders else None


def _are_apart(entry: HistoryCounts, other: HistoryCounts, both: Mapping[tuple[str, str], int]) -> bool:
    return both.get((entry.action, other.action), 0) <= _APART_SHARE * min(entry.users, other.users)


def _likeness(entry: HistoryCounts, orders: Sequence[ActionOrder], is_apart: bool, users: int) -> float:
    """How much an action looks like an outcome: an end, done once, after most others, not by everyone."""
    if entry.users < MIN_USERS or users <= 0:
        return 0.0
    later = [order.before >= BEFORE_SHARE * order.both for order in orders if order.both >= MIN_USERS]
    marks = (
        0.4 * min(1.0, entry.last / entry.users) if entry.is_end else 0.0,
        0.2 if entry.is_once else 0.0,
        0.2 * (sum(later) / len(later) if later else 0.0),
        0.1 if is_apart else 0.0,
        0.1 * (1 - entry.users / users),
    )
    # Where nothing ends histories or is done once, these still say which action is the likelier.
    return sum(marks) * (1.0 if entry.is_end or entry.is_once else 0.5)


def _percent(part: float, whole: int) -> str:
    return f"{part / whole:.0%}"
