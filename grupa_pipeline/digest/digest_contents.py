"""What a digest says: every number is read from the tables of two snapshots, or from the roadmap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from grupa_pipeline.journeys.intervals import share_interval
from grupa_pipeline.sql import identifier
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.file_integrity import VerifiedConnection
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.enums import FeatureRole, MetricKind, PlanStatus
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

DUE_DAYS = 7
"""A plan is due from so many days before its first or last day."""
_MOST_MOVES = 3


@dataclass(frozen=True)
class Turn:
    """A birth, return, split, merge or death of a cluster; names instead of ids, None where there is none."""

    day: date
    kind: str
    source: str | None
    target: str | None
    users: int


@dataclass(frozen=True)
class Movement:
    """Users who are in another cluster than before; None is no cluster."""

    source: str | None
    target: str | None
    users: int


@dataclass(frozen=True)
class GoalShift:
    """A cluster whose goal rate has left the 95% interval of its former one. Shares are 0 to 1."""

    name: str
    goal: str
    before: float
    low: float
    high: float
    now: float
    users: int


@dataclass(frozen=True)
class DuePlan:
    """A scheduled test that begins or ends soon, or has ended without a result."""

    name: str
    what: str
    day: date


@dataclass(frozen=True)
class Digest:
    """What changed between the snapshots of `before` and `day`, which are equal where there is no new one.

    Attributes:
        day: The newest snapshot.
        before: The one that was in force on the day of the last digest; None: there was none.
        users: Users of the newest.
        users_before: Users then.
        clusters: Clusters of the newest.
        turns: What became of clusters since, oldest first.
        movements: The largest movements between clusters; empty where the users of `before` are no longer held.
        shifts: Goal rates outside their interval, the farthest first.
        plans: Plans that are due.
    """

    day: date
    before: date | None
    users: int
    users_before: int | None
    clusters: int
    turns: tuple[Turn, ...] = ()
    movements: tuple[Movement, ...] = ()
    shifts: tuple[GoalShift, ...] = ()
    plans: tuple[DuePlan, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.turns or self.movements or self.shifts or self.plans)


def read_digest(folder: Path, since: date, today: date, min_group: int) -> Digest:
    """What changed since the snapshot that was in force on `since`.

    Args:
        folder: The warehouse.
        since: Day of the last digest.
        today: From which plans are due.
        min_group: Fewest users that a movement is told of.

    Raises:
        NoWarehouseError: Nothing has been published.
    """
    given, plans = _read_roadmap(folder, today)
    with warehouse.read(folder / warehouse.PIPELINE_FILE) as plain:
        con = VerifiedConnection.of(plain, folder)
        rows = con.execute("SELECT snapshot_date, users, cluster_count FROM segmentations ORDER BY 1 DESC").fetchall()
        if not rows:
            raise NoWarehouseError(f"There is no snapshot in {folder} yet; make one with grupa run LOG.csv")
        day, users, clusters = rows[0]
        then = next(((at, n) for at, n, _ in rows if at <= since), None)
        if then is None:
            return Digest(day, None, users, None, clusters, plans=plans)
        before, users_before = then
        names = _names(con) | given
        return Digest(
            day,
            before,
            users,
            users_before,
            clusters,
            _turns(con, before, day, names),
            _movements(con, before, day, names, min_group),
            _shifts(con, before, day, names),
            plans,
        )


def _names(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(con.execute("SELECT cluster_id, arg_max(name, snapshot_date) FROM clusters GROUP BY 1").fetchall())


def _turns(con: duckdb.DuckDBPyConnection, before: date, day: date, names: Mapping[str, str]) -> tuple[Turn, ...]:
    rows = con.execute(
        """SELECT to_snapshot, CASE WHEN kind = 'birth' AND first_seen < to_snapshot THEN 'return' ELSE kind END,
             from_cluster_id, to_cluster_id, users
           FROM cluster_transitions t
           LEFT JOIN cluster_identities i ON i.snapshot_date = to_snapshot AND i.cluster_id = to_cluster_id
           WHERE kind IS NOT NULL AND kind <> 'continue' AND to_snapshot > ? AND to_snapshot <= ?
           ORDER BY to_snapshot, kind, users DESC, 3, 4""",
        [before, day],
    ).fetchall()
    return tuple(Turn(at, kind, names.get(one), names.get(other), users) for at, kind, one, other, users in rows)


def _movements(
    con: duckdb.DuckDBPyConnection, before: date, day: date, names: Mapping[str, str], min_group: int
) -> tuple[Movement, ...]:
    """The largest movements between clusters that are there on both days; what became of the others is told as turns."""
    rows = con.execute(
        """WITH there AS (SELECT cluster_id FROM clusters WHERE snapshot_date = $before
                          INTERSECT SELECT cluster_id FROM clusters WHERE snapshot_date = $day)
           SELECT a.cluster_id, b.cluster_id, count(*)
           FROM user_clusters a JOIN user_clusters b USING (user_id)
           WHERE a.snapshot_date = $before AND b.snapshot_date = $day AND a.cluster_id IS DISTINCT FROM b.cluster_id
             AND (a.cluster_id IS NULL OR a.cluster_id IN (FROM there)) AND (b.cluster_id IS NULL OR b.cluster_id IN (FROM there))
           GROUP BY 1, 2 HAVING count(*) >= $least ORDER BY 3 DESC, 1, 2 LIMIT $most""",
        {"before": before, "day": day, "least": min_group, "most": _MOST_MOVES},
    ).fetchall()
    return tuple(Movement(names.get(one), names.get(other), users) for one, other, users in rows)


def _shifts(con: duckdb.DuckDBPyConnection, before: date, day: date, names: Mapping[str, str]) -> tuple[GoalShift, ...]:
    found = _goal(con, day)
    if found is None or before == day:
        return ()
    goal, feature = found
    then, now = (_rates(con, at, feature) for at in (before, day))
    shifts = []
    for cluster_id in then.keys() & now.keys():
        (users, rate), (users_now, rate_now) = then[cluster_id], now[cluster_id]
        low, high = share_interval(round(users * rate), users)
        if not low <= rate_now <= high:
            shifts.append(GoalShift(names.get(cluster_id, cluster_id), goal, rate, low, high, rate_now, users_now))
    return tuple(sorted(shifts, key=lambda each: (-abs(each.now - each.before), each.name)))


def _goal(con: duckdb.DuckDBPyConnection, day: date) -> tuple[str, str] | None:
    """The goal whose rates the app shows, as people read it, and its feature: of those with a funnel the commonest."""
    measured = {column[0] for column in con.execute("SELECT * FROM user_features LIMIT 0").description or ()}
    rows = con.execute(
        """SELECT source_action, feature, coalesce(e.label, source_action),
             source_action IN (SELECT goal FROM journey_steps WHERE snapshot_date = ? AND cluster_id IS NULL)
           FROM feature_catalog f LEFT JOIN event_catalog e ON e.action = source_action
           WHERE f.role = ? AND metric_kind = ? AND family = ? AND higher_is_better""",
        [day, FeatureRole.OUTCOME.value, MetricKind.PROPORTION.value, FeatureFamily.OUTCOME_HAD.value],
    ).fetchall()
    known = []
    for action, feature, label, has_funnel in rows:
        if feature in measured:
            [(rate,)] = con.execute(
                f"SELECT avg({identifier(feature)}) FROM user_features WHERE snapshot_date = ?", [day]
            ).fetchall()
            known += [(not has_funnel, -rate, action, label, feature)] if rate is not None else []
    return min(known)[3:] if known else None


def _rates(con: duckdb.DuckDBPyConnection, day: date, feature: str) -> dict[str, tuple[int, float]]:
    """Users of each cluster for whom the goal was measured, and the share of them who reached it."""
    name = identifier(feature)
    rows = con.execute(
        f"SELECT cluster_id, count({name}), avg({name}) FROM user_features JOIN user_clusters USING (snapshot_date, user_id)"
        f" WHERE snapshot_date = ? AND cluster_id IS NOT NULL AND {name} IS NOT NULL GROUP BY 1",
        [day],
    ).fetchall()
    return {cluster_id: (users, rate) for cluster_id, users, rate in rows}


def _read_roadmap(folder: Path, today: date) -> tuple[dict[str, str], tuple[DuePlan, ...]]:
    """Names that people gave to clusters, and the plans that are due; nothing where the app was never started."""
    try:
        with warehouse.read(folder / warehouse.ROADMAP_FILE) as con:
            named = con.execute("SELECT cluster_id, arg_max(name, revision) FROM cluster_names GROUP BY 1").fetchall()
            rows = con.execute(
                "SELECT name, start_date, end_date, decision IS NOT NULL FROM test_roadmap"
                " WHERE status = ? AND deleted_at IS NULL ORDER BY start_date, end_date, name",
                [PlanStatus.SCHEDULED.value],
            ).fetchall()
    except NoWarehouseError:
        return {}, ()
    due = [_due(name, start, end, decided, today) for name, start, end, decided in rows]
    return {cluster_id: name for cluster_id, name in named if name}, tuple(each for each in due if each)


def _due(name: str, start: date | None, end: date | None, is_decided: bool, today: date) -> DuePlan | None:
    soon = today + timedelta(days=DUE_DAYS)
    if is_decided:
        return None
    if start and today <= start <= soon:
        return DuePlan(name, "begins", start)
    if end and end < today:
        return DuePlan(name, "ended and waits for its result, since", end)
    if end and today <= end <= soon:
        return DuePlan(name, "ends", end)
    return None
