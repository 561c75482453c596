"""Forty questions that an agent may ask of the synthetic warehouse, each with the SQL that knows the answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from tests.dash_app.synthetic import DAYS, KINDS

Answer = dict[str, Any]
_DAY = f"DATE '{DAYS[-1]}'"


@dataclass(frozen=True)
class ScriptedQuestion:
    """A question, as a call of a tool.

    Attributes:
        text: In a person's words.
        tool: The tool.
        arguments: Its arguments.
        find: What of the answer is meant.
        sql: A query of one value over the tables: the truth.
    """

    text: str
    tool: str
    arguments: Answer
    find: Callable[[Answer], Any]
    sql: str


def scripted_questions() -> Iterator[ScriptedQuestion]:
    """The forty."""
    yield from _about_the_snapshot()
    for cluster_id in KINDS:
        yield from _about_a_cluster(cluster_id)
    for cluster_id in (*KINDS, "unassigned", "everyone"):
        yield _average(cluster_id, "had_deal_complete")
    for cluster_id in KINDS:
        yield _average(cluster_id, "hours_to_submit")


def _first_row_of(column: str) -> Callable[[Answer], Any]:
    return lambda answer: answer["rows"][0][column]


def _about_the_snapshot() -> Iterator[ScriptedQuestion]:
    one = f"FROM segmentations WHERE snapshot_date = {_DAY}"
    for column in ("users", "events", "cluster_count", "unassigned_share"):
        yield ScriptedQuestion(
            f"How much is {column} of the newest snapshot?",
            "snapshots",
            {},
            _first_row_of(column),
            f"SELECT {column} {one}",
        )
    yield ScriptedQuestion(
        "Which snapshot was before it?",
        "snapshots",
        {},
        lambda answer: answer["rows"][1]["snapshot_date"],
        f"SELECT max(snapshot_date)::VARCHAR FROM segmentations WHERE snapshot_date < {_DAY}",
    )
    yield ScriptedQuestion(
        "Which cluster is the largest?",
        "clusters",
        {},
        lambda answer: answer["rows"][0]["cluster_id"],
        f"SELECT arg_max(cluster_id, size) FROM clusters WHERE snapshot_date = {_DAY}",
    )
    yield ScriptedQuestion(
        "How many are in no cluster?",
        "users",
        {"cluster_id": "unassigned"},
        lambda answer: answer["users"],
        f"SELECT count(*) FROM user_clusters WHERE snapshot_date = {_DAY} AND cluster_id IS NULL",
    )
    yield ScriptedQuestion(
        "How many begin on the way to the goal, of everyone?",
        "funnel",
        {},
        lambda answer: answer["rows"][0]["users_reached"],
        _funnel("IS NULL", "users_reached"),
    )


def _about_a_cluster(cluster_id: str) -> Iterator[ScriptedQuestion]:
    ours = f"snapshot_date = {_DAY} AND cluster_id = '{cluster_id}'"
    for column in ("size", "share", "stability"):
        yield ScriptedQuestion(
            f"How much is {column} of {cluster_id}?",
            "cluster",
            {"cluster_id": cluster_id},
            itemgetter(column),
            f"SELECT {column} FROM clusters WHERE {ours}",
        )
    yield ScriptedQuestion(
        f"What is {cluster_id} called?",
        "cluster",
        {"cluster_id": cluster_id},
        lambda answer: answer["quoted"]["name"],
        f"SELECT name FROM clusters WHERE {ours}",
    )
    yield ScriptedQuestion(
        f"How many pain points has {cluster_id}?",
        "cluster",
        {"cluster_id": cluster_id},
        lambda answer: sum(each.get("kind") == "pain_point" for each in answer["rows"]),
        f"SELECT count(*) FROM cluster_insights WHERE {ours} AND kind = 'pain_point'",
    )
    yield ScriptedQuestion(
        f"How many users has {cluster_id}?",
        "users",
        {"cluster_id": cluster_id},
        lambda answer: answer["users"],
        f"SELECT count(*) FROM user_clusters WHERE {ours}",
    )
    yield ScriptedQuestion(
        f"How many of {cluster_id} begin on the way to the goal?",
        "funnel",
        {"cluster_id": cluster_id},
        lambda answer: answer["rows"][0]["users_reached"],
        _funnel(f"= '{cluster_id}'", "users_reached"),
    )
    yield ScriptedQuestion(
        f"What share of {cluster_id} goes on from the first step?",
        "funnel",
        {"cluster_id": cluster_id},
        lambda answer: answer["rows"][0].get("continued_share"),
        _funnel(f"= '{cluster_id}'", "continued_share"),
    )


def _average(cluster_id: str, metric: str) -> ScriptedQuestion:
    where = {"everyone": "true", "unassigned": "cluster_id IS NULL"}.get(cluster_id, f"cluster_id = '{cluster_id}'")
    return ScriptedQuestion(
        f"What is {metric} of {cluster_id}?",
        "metric",
        {"metric": metric},
        lambda answer: next(each["average"] for each in answer["rows"] if each["cluster_id"] == cluster_id),
        f"SELECT avg({metric}) FROM user_features JOIN user_clusters USING (snapshot_date, user_id)"
        f" WHERE snapshot_date = {_DAY} AND {where}",
    )


def _funnel(of: str, column: str) -> str:
    return (
        f"SELECT {column} FROM journey_steps WHERE snapshot_date = {_DAY} AND cluster_id {of}"
        " ORDER BY goal, position LIMIT 1"
    )
