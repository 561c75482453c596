"""A warehouse as Python sees it: each number of a page is one call, and equal, because both read the same tables."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import plotly.graph_objects as go
import pyarrow as pa

from dash_app.agents.lookup import find_cluster, find_day, find_plans, find_snapshot, given_names
from dash_app.data.database import Database
from dash_app.data.journeys import GroupJourneys
from dash_app.data.loading import list_snapshots, load_catalog
from dash_app.data.segment_facts import compare_segments, describe_segment, load_averages
from dash_app.data.snapshot import Snapshot
from dash_app.data.users import feature_names, load_points, load_values
from dash_app.figures import cluster_map
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.exports import segments
from grupa_pipeline.exports.saved_segments import find_saved, load_saved
from grupa_pipeline.exports.segments import Segment, UnknownSegmentError
from grupa_pipeline.storage.warehouse import PIPELINE_FILE, NoWarehouseError
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS
from grupa_pipeline.vocabulary.segment_rules import is_saved_segment_id

Conditions = Sequence[tuple[str, str, float]]
"""Conditions on features that all hold, each (feature, `>` or `<=`, threshold)."""


class Warehouse:
    """One warehouse folder, read-only; `grupa.open` makes it.

    Every method reads the version published at that moment. `day` is that of a snapshot, where a method is of one, as a `date`
    or as `YYYY-MM-DD`; None is the newest. Tables are `pandas.DataFrame`, or `pyarrow.Table` where it was opened with
    `arrow=True`; their columns are described in docs/tables.md. Shares are 0 to 1.

    Attributes:
        folder: The warehouse.
    """

    def __init__(self, folder: Path, *, arrow: bool = False) -> None:
        self.folder = folder
        self._database = Database(folder / PIPELINE_FILE)
        self._roadmap = Roadmap(folder)
        self._arrow = arrow
        if self._database.version() is None:
            raise NoWarehouseError(f"There is no warehouse in {folder}; make one with grupa run LOG.csv")

    def __repr__(self) -> str:
        return f"grupa.open({str(self.folder)!r})"

    def days(self) -> list[date]:
        """Days of the snapshots, newest first."""
        return list(self._database.query(list_snapshots))

    def snapshot_day(self, day: date | str | None = None) -> date:
        """The day of the newest snapshot, or `day` where there is a snapshot of it.

        Raises:
            UnknownSnapshotError: There is none.
            ValueError: `day` is not written as a day.
        """
        return find_day(self._database, _as_day(day))

    def snapshots(self) -> Any:
        """A row a snapshot, newest first: status, window, users, events, clusters, share of the unassigned (`segmentations`)."""
        return self._as_asked(self._query("SELECT * FROM segmentations ORDER BY snapshot_date DESC"))

    def clusters(self, day: date | str | None = None) -> Any:
        """A row a cluster, the largest first; `name` is the one that a person gave, where somebody did."""
        rows = self._query(
            "SELECT * FROM clusters WHERE snapshot_date = ? ORDER BY size DESC, cluster_id", self.snapshot_day(day)
        )
        given = given_names(self._roadmap)
        ids, found = rows["cluster_id"].to_pylist(), rows["name"].to_pylist()
        names = pa.array([given.get(each, name) for each, name in zip(ids, found, strict=True)], pa.string())
        return self._as_asked(rows.set_column(rows.column_names.index("name"), "name", names))

    def funnel(self, cluster: str | None = None, *, goal: str | None = None, day: date | str | None = None) -> Any:
        """The funnel to each goal, or to one, step by step (`journey_steps`).

        Args:
            cluster: Its id, `unassigned`, or the id of a saved segment, which is counted now; None: everyone.
            goal: The goal's action; None: all goals.
            day: The snapshot.

        Raises:
            UnknownSegmentError: There is no such cluster.
        """
        if cluster is not None and is_saved_segment_id(cluster):
            return self._as_asked(self._segment_funnel(cluster, goal, self.snapshot_day(day)))
        return self._of_group("journey_steps", cluster, day, "goal, position", goal=goal)

    def paths(self, cluster: str | None = None, *, kind: str | None = None, day: date | str | None = None) -> Any:
        """Where users go, turn round and stop (`journey_paths`), of everyone or of a cluster; `kind` is that of a path."""
        return self._of_group("journey_paths", cluster, day, "kind, rank", kind=kind)

    def outcomes(self, cluster: str | None = None, *, goal: str | None = None, day: date | str | None = None) -> Any:
        """Goal rates with and without each action (`action_outcomes`), of everyone or of a cluster: associations."""
        return self._of_group("action_outcomes", cluster, day, "goal, action", goal=goal)

    def trends(self, cluster: str | None = None, *, metric: str | None = None, day: date | str | None = None) -> Any:
        """What everyone or a cluster does week by week (`cluster_trends`)."""
        return self._of_group("cluster_trends", cluster, day, "metric, week", metric=metric)

    def evidence(self, cluster: str | None = None, *, day: date | str | None = None) -> Any:
        """Measured differences of a cluster, or of all, the strongest first (`cluster_evidence`)."""
        return self._of_cluster("cluster_evidence", cluster, day, "cluster_id, abs(effect_size) DESC, evidence_id")

    def insights(self, cluster: str | None = None, *, kind: str | None = None, day: date | str | None = None) -> Any:
        """Pain points, strengths and recommendations of a cluster, or of all (`cluster_insights`), by rank.

        `kind` is `pain_point`, `strength` or `recommendation`; None: all.
        """
        return self._of_cluster("cluster_insights", cluster, day, "cluster_id, kind, rank, insight_id", kind=kind)

    def catalog(self) -> Any:
        """What every feature means (`feature_catalog`)."""
        return self._as_asked(self._query("SELECT * FROM feature_catalog ORDER BY feature"))

    def segment(
        self, segment: str | Conditions, *, since: date | str | None = None, day: date | str | None = None
    ) -> Any:
        """The users of a segment with their cluster, or who entered and left it.

        Args:
            segment: Id of a cluster, `unassigned`, id or name of a saved segment, or conditions on features such as
                `[("sessions_per_week", ">", 4)]`.
            since: Returns who entered and left since the snapshot that was in force on that day: user_id and change.
            day: The snapshot.

        Raises:
            UnknownSegmentError: There is no such cluster or feature.
            UnknownSnapshotError: There is no snapshot of that day.
            ValueError: A comparison is neither `>` nor `<=`.
        """
        with self._database.connect() as con:
            at = segments.day_of(con, _as_day(day))
            found = self._segment(con, segment, at)
            if since is None:
                return self._as_asked(con.sql(found.query, params=found.values | {"day": at}).to_arrow_table())
            values = found.values | {"day": at, "since": segments.day_before(con, _required_day(since))}
            return self._as_asked(con.sql(found.change_query, params=values).to_arrow_table())

    def segments(self) -> Any:
        """The segments that people saved in the app: segment_id, name, revision, saved_by, saved_at."""
        saved = load_saved(self.folder)
        names = ("segment_id", "name", "revision", "saved_by", "saved_at")
        return self._as_asked(pa.table({name: [getattr(each, name) for each in saved] for name in names}))

    def compare(self, left: str, right: str | None = None, *, day: date | str | None = None) -> Any:
        """How the averages of the features differ between two clusters or saved segments, the farthest first.

        Columns: feature, left, right (averages; `right` None: of everyone else) and distance, in standard deviations of all
        users.
        """
        at = self.snapshot_day(day)
        other = None if right is None else self._group(right, at)
        found = self._database.query(compare_segments, at, self._group(left, at), other)
        return self._as_asked(
            pa.table(
                {name: [getattr(each, name) for each in found] for name in ("feature", "left", "right", "distance")}
            )
        )

    def plans(self) -> Any:
        """The tests on the roadmap in its order, archived ones too; columns as in `test_roadmap`."""
        rows = [plan.to_row() for plan in find_plans(self._roadmap)]
        return self._as_asked(pa.table({name: [row[name] for row in rows] for name in PLAN_FIELDS}))

    def sql(self, query: str, parameters: Sequence[object] | dict[str, object] = ()) -> Any:
        """The rows of any query on the published tables; `?` or `$name` in it take `parameters`."""
        return self._as_asked(self._query(query, *([parameters] if isinstance(parameters, dict) else parameters)))

    def plot_map(
        self, *, cluster: str | None = None, feature: str | None = None, day: date | str | None = None
    ) -> go.Figure:
        """The map of the page Clusters: users by cluster, one of them in front (`cluster`), or coloured by a `feature`.

        Raises:
            UnknownSegmentError: There is no such cluster or feature.
        """
        at = self.snapshot_day(day)
        self._require_cluster(cluster, at)
        shown, points = self._snapshot(at), self._database.query(load_points, at)
        if feature is None:
            figure = cluster_map.cluster_map(points, shown.clusters, cluster)
        else:
            self._require_features([feature])
            values = self._database.query(load_values, at, feature, points.user_id)
            meaning = self._database.query(load_catalog)[feature]
            figure = cluster_map.feature_map(points, shown.clusters, values, meaning)
        # The app's style sheet gives paper and text their colours; here there is none.
        return figure.update_layout(paper_bgcolor="white", plot_bgcolor="white", font={"family": "sans-serif"})

    def plot_funnel(
        self, cluster: str | None = None, *, goal: str | None = None, day: date | str | None = None
    ) -> go.Figure:
        """How many users get to each step towards a goal (None: the first one), of everyone or of a cluster."""
        rows = self._of_group("journey_steps", cluster, day, "goal, position", goal=goal, as_arrow=True).to_pylist()
        steps = [row for row in rows if row["goal"] == rows[0]["goal"]]
        figure = go.Figure(
            go.Funnel(y=[row["action"] for row in steps], x=[row["users_reached"] for row in steps], textinfo="value")
        )
        return figure.update_layout(template="plotly_white", yaxis={"type": "category"})

    def _of_group(
        self,
        table: str,
        cluster: str | None,
        day: date | str | None,
        order: str,
        *,
        as_arrow: bool = False,
        **columns: str | None,
    ) -> Any:
        """Rows of a table of journeys: its NULL cluster is everyone."""
        at = self.snapshot_day(day)
        self._require_cluster(cluster, at, and_unassigned=True)
        chosen = {name: value for name, value in columns.items() if value is not None}
        extra = "".join(f" AND {name} = ?" for name in chosen)
        rows = self._query(
            f"SELECT * FROM {table} WHERE snapshot_date = ? AND cluster_id IS NOT DISTINCT FROM ?{extra} ORDER BY {order}",
            at,
            cluster,
            *chosen.values(),
        )
        return rows if as_arrow else self._as_asked(rows)

    def _of_cluster(
        self, table: str, cluster: str | None, day: date | str | None, order: str, **columns: str | None
    ) -> Any:
        """Rows of a table that has one cluster a row; without `cluster` those of all."""
        at = self.snapshot_day(day)
        self._require_cluster(cluster, at)
        chosen = {name: value for name, value in {"cluster_id": cluster, **columns}.items() if value is not None}
        extra = "".join(f" AND {name} = ?" for name in chosen)
        return self._as_asked(
            self._query(f"SELECT * FROM {table} WHERE snapshot_date = ?{extra} ORDER BY {order}", at, *chosen.values())
        )

    def _segment_funnel(self, segment_id: str, goal: str | None, at: date) -> pa.Table:
        ways = self._snapshot(at).journeys.get(None, GroupJourneys()).funnels
        everyone = self._database.query(load_averages, at)
        found = self._database.query(describe_segment, at, self._group(segment_id, at), everyone, None, ways)
        rows = [
            {
                "snapshot_date": at,
                "cluster_id": segment_id,
                "goal": way.goal,
                "position": place,
                "action": step.action,
                "users_reached": step.users,
                "continued_share": step.share,
                "rest_continued_share": step.rest_share,
                "ci_low": step.ci_low,
                "ci_high": step.ci_high,
            }
            for way in sorted(found.funnels, key=lambda each: each.goal)
            if goal in (None, way.goal)
            for place, step in enumerate(way.steps, 1)
        ]
        return pa.Table.from_pylist(rows)

    def _group(self, segment_id: str, at: date) -> Segment:
        """The cluster of that id on that day, or the saved segment."""
        saved = find_saved(load_saved(self.folder), segment_id)
        if saved:
            return segments.selected_segment(saved.rule, saved.segment_id, saved.name)
        self._require_cluster(segment_id, at)
        return segments.cluster_segment(segment_id, segment_id)

    def _segment(self, con: duckdb.DuckDBPyConnection, segment: str | Conditions, day: date) -> Segment:
        if isinstance(segment, str):
            return segments.find_segment(con, segment, day, load_saved(self.folder))
        self._require_features([feature for feature, _, _ in segment])
        return segments.rule_segment(segments.parse_conditions(segment))

    def _require_features(self, names: Sequence[str]) -> None:
        known = self._database.query(feature_names)
        for name in names:
            if name not in known:
                raise UnknownSegmentError(f"There is no feature {name!r}; catalog() lists all")

    def _require_cluster(self, cluster: str | None, day: date, *, and_unassigned: bool = False) -> None:
        if cluster is not None and not (and_unassigned and cluster == UNASSIGNED_GROUP):
            find_cluster(self._snapshot(day), cluster)

    def _snapshot(self, day: date) -> Snapshot:
        return find_snapshot(self._database, self._roadmap, day)

    def _query(self, query: str, *parameters: object) -> pa.Table:
        given = parameters[0] if len(parameters) == 1 and isinstance(parameters[0], dict) else list(parameters)
        with self._database.connect() as con:
            return con.sql(query, params=given).to_arrow_table()

    def _as_asked(self, rows: pa.Table) -> Any:
        return rows if self._arrow else rows.to_pandas()


def _as_day(day: date | str | None) -> date | None:
    return None if day is None else _required_day(day)


def _required_day(day: date | str) -> date:
    if isinstance(day, str):
        try:
            return date.fromisoformat(day)
        except ValueError as error:
            raise ValueError(f"{day!r} is not a day; write it as YYYY-MM-DD.") from error
    return day.date() if isinstance(day, datetime) else day
