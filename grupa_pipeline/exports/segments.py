"""Segments as SQL: the users of a cluster, of those in none, of a rule, or of a saved segment, on the day of any snapshot.

A segment is a query on `user_clusters` and `user_features`, so that the same text picks its users here, in an exported file
and in any DuckDB client.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from grupa_pipeline.exports.saved_segments import SavedSegment, find_saved
from grupa_pipeline.exports.segment_sql import Parameters, bound, rule_condition
from grupa_pipeline.sql import identifier, quoted
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, Rule
from grupa_pipeline.vocabulary.segment_rules import SegmentRule

_CLUSTER_COLUMNS = (
    "user_id, cluster_id, probability, membership, unassigned_reason, nearest_cluster_id, nearest_probability"
)


class UnknownSegmentError(LookupError):
    """There is no such segment; the message lists those there are.

    Args:
        problem: What is not there, without a full stop.
        known: The names of those there are, by id; None: the problem says all.
    """

    def __init__(self, problem: str, known: Mapping[str, str] | None = None) -> None:
        names = known or {}
        self._problem, self._ids = problem, None if known is None else list(names)
        super().__init__(self._listing([f"{each} ({name})" if name else each for each, name in names.items()]))

    def without_names(self) -> str:
        """The message with ids alone: names are texts from logs, people and models."""
        return self._listing(self._ids or [])

    def _listing(self, known: Sequence[str]) -> str:
        return f"{self._problem}." if self._ids is None else f"{self._problem}; there are {', '.join(known) or 'none'}."


class UnknownSnapshotError(LookupError):
    """There is no snapshot of that day, or its users are no longer held; the message lists those there are."""


@dataclass(frozen=True)
class Segment:
    """A named set of users.

    Attributes:
        segment_id: `C01`, `unassigned`, `S01`, or the id of a rule.
        name: What people call it.
        condition: Condition on the columns of `user_clusters`, and of `user_features` where `by_features`.
        by_features: Whether the condition is on features.
        parameters: Values that the condition names.
        is_list: Whether the parameters are ids of users.
    """

    segment_id: str
    name: str
    condition: str
    by_features: bool = False
    parameters: Parameters = ()
    is_list: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The parameters as DuckDB takes them, beside those of days."""
        return bound(self.parameters)

    @property
    def query(self) -> str:
        """The users on the snapshot of `$day`, a row each, with their cluster and how surely they are in it."""
        join = " JOIN user_features USING (snapshot_date, user_id)" if self.by_features else ""
        return (
            f"SELECT {_CLUSTER_COLUMNS}\nFROM user_clusters{join}\n"
            f"WHERE snapshot_date = $day AND {self.condition}\nORDER BY user_id"
        )

    @property
    def change_query(self) -> str:
        """Who entered and who left between the snapshots of `$since` and `$day`: user_id and change (`entered`, `left`)."""
        now, before = self.ids, self.ids.replace("$day", "$since")
        return (
            f"SELECT user_id, CASE WHEN earlier.user_id IS NULL THEN 'entered' ELSE 'left' END AS change\n"
            f"FROM ({now}) AS later\nFULL JOIN ({before}) AS earlier USING (user_id)\n"
            "WHERE later.user_id IS NULL OR earlier.user_id IS NULL\nORDER BY user_id"
        )

    @property
    def ids(self) -> str:
        """The ids of the users on the snapshot of `$day`."""
        join = " JOIN user_features USING (snapshot_date, user_id)" if self.by_features else ""
        return f"SELECT user_id FROM user_clusters{join} WHERE snapshot_date = $day AND {self.condition}"


def cluster_segment(cluster_id: str, name: str) -> Segment:
    """The users of a cluster."""
    return Segment(cluster_id, name, f"cluster_id = {quoted(cluster_id)}")


def unassigned_segment() -> Segment:
    """The users in no cluster."""
    return Segment(UNASSIGNED_GROUP, "Users in no cluster", "cluster_id IS NULL")


def selected_segment(rule: SegmentRule, segment_id: str = "selected", name: str = "Selected users") -> Segment:
    """The users that a person's rule selects, or lists."""
    condition, parameters = rule_condition(rule)
    return Segment(segment_id, name, condition, parameters=parameters, is_list=rule.users is not None)


def rule_segment(rule: Rule, segment_id: str = "rule", name: str = "Users of a rule") -> Segment:
    """The users that match a rule; those without features match none.

    Example:
        >>> rule_segment(((Condition("sessions_per_week", Comparison.MORE_THAN, 4.0),),)).condition
        '((("sessions_per_week" > 4.0 AND NOT isnan("sessions_per_week"))))'
    """
    alternatives = ["(" + " AND ".join(map(_comparison, each)) + ")" for each in rule]
    return Segment(segment_id, name, f"({' OR '.join(alternatives) or 'false'})", by_features=True)


def parse_conditions(conditions: Sequence[tuple[str, str, float]]) -> Rule:
    """Conditions that all hold, each (feature, `>` or `<=`, threshold), as a rule.

    Raises:
        ValueError: A comparison is neither.
    """
    return (tuple(Condition(feature, Comparison(sign), float(value)) for feature, sign, value in conditions),)


def snapshot_days(con: duckdb.DuckDBPyConnection) -> list[date]:
    """Days of the snapshots whose users are held, newest first."""
    rows = con.execute("SELECT DISTINCT snapshot_date FROM user_clusters ORDER BY 1 DESC").fetchall()
    return [day for (day,) in rows]


def day_of(con: duckdb.DuckDBPyConnection, day: date | None = None) -> date:
    """`day` where there is a snapshot whose users are held; None: the newest.

    Raises:
        UnknownSnapshotError: There is none.
    """
    days = snapshot_days(con)
    if not days:
        raise UnknownSnapshotError("There is no snapshot yet; make one with grupa run LOG.csv")
    if day is None:
        return days[0]
    if day not in days:
        raise UnknownSnapshotError(
            f"There is no snapshot of {day} whose users are held; there are {listed_days(days)}."
        )
    return day


def day_before(con: duckdb.DuckDBPyConnection, since: date) -> date:
    """The snapshot that was in force on `since`: the last one of that day or before.

    Raises:
        UnknownSnapshotError: None is so old, or its users are no longer held.
    """
    days = snapshot_days(con)
    found = next((day for day in days if day <= since), None)
    if found is None:
        raise UnknownSnapshotError(
            f"No snapshot of {since} or before holds its users; there are {listed_days(days) or 'none'}."
        )
    return found


def find_segment(
    con: duckdb.DuckDBPyConnection, segment_id: str, day: date, saved: Sequence[SavedSegment] = ()
) -> Segment:
    """The cluster of that id, those in none (`unassigned`), or the saved segment of that id or name.

    A cluster may be of another day, and then has no users on `day`.

    Raises:
        UnknownSegmentError: No snapshot has it.
    """
    if segment_id == UNASSIGNED_GROUP:
        return unassigned_segment()
    known = dict(con.execute("SELECT cluster_id, arg_max(name, snapshot_date) FROM clusters GROUP BY 1").fetchall())
    if segment_id in known:
        return cluster_segment(segment_id, known[segment_id])
    own = find_saved(saved, segment_id)
    if own:
        return selected_segment(own.rule, own.segment_id, own.name)
    shown = con.execute(
        "SELECT cluster_id, name FROM clusters WHERE snapshot_date = ? ORDER BY size DESC, cluster_id", [day]
    ).fetchall()
    known_ids = dict(shown) | {UNASSIGNED_GROUP: ""} | {each.segment_id: each.name for each in saved}
    raise UnknownSegmentError(f"There is no cluster or segment {segment_id!r}", known_ids)


def as_text(query: str, **values: object) -> str:
    """A query with its parameters as literals, for any DuckDB client."""
    return re.sub(r"\$(\w+)", lambda found: _literal(values[found.group(1)]), query)


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value}'"
    return f"DATE '{value}'" if isinstance(value, date) else quoted(str(value))


def listed_days(days: Sequence[date], most: int = 10) -> str:
    """The first `most` of `days` as text, and how many follow."""
    texts = [str(day) for day in days[:most]]
    return ", ".join(texts) + (f" and {len(days) - most} earlier ones" if len(days) > most else "")


def _comparison(condition: Condition) -> str:
    name = identifier(condition.feature)
    # DuckDB holds NaN to be greater than every number; a value that is not there meets no condition.
    return f"({name} {condition.comparison} {condition.threshold!r} AND NOT isnan({name}))"
