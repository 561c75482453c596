"""Single users, and how groups differ: search results, why a user is in a cluster, differences. Pure functions."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, html_tables
from dash_app.components.elements import aria
from dash_app.components.rule_words import condition_words, rule_words, value_in_a_rule
from dash_app.data.segment_facts import Difference
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.data.users import UserGlance
from grupa_pipeline.vocabulary.enums import Membership
from grupa_pipeline.vocabulary.rule_conditions import Condition, unmet_conditions

_SHOWN = 6
MOST_FOUND = 6
"""Users that a search lists."""
_SURELY = {Membership.CORE: "they are at its core", Membership.LIKELY: "they are likely of it"}


def search_results(users: Sequence[tuple[str, str | None]], snapshot: Snapshot, query: str) -> list[Component | None]:
    """Search results: each user's cluster and a button that explains it; at most `MOST_FOUND` users."""
    content = (
        html.Ul(
            [_result(user_id, cluster_id, snapshot) for user_id, cluster_id in users[:MOST_FOUND]],
            className="found-list",
        )
        if users
        else html.P(f"No user of this snapshot has an id like {query}.", className="quiet")
    )
    more = html.P("More ids match: type more of it.", className="quiet") if len(users) > MOST_FOUND else None
    close = html.Button(
        elements.icon("close"),
        id={"type": "close-found", "at": "map"},
        className="bare",
        n_clicks=0,
        **aria(label="Close the search results"),
    )
    return [content, more, close]


def glance(user_id: str, cluster_id: str | None, found: UserGlance, snapshot: Snapshot) -> Component:
    """A user under the pointer: cluster, whether they reached the goal, what they did last."""
    cluster = snapshot.cluster(cluster_id)
    told = [cluster.name if cluster else "in no cluster"]
    if snapshot.goal_rates and found.reached is not None:
        told.append(f"{'reached' if found.reached else 'did not reach'} “{snapshot.goal_rates.label}”")
    if found.last_action and found.last_at:
        told.append(f"last “{snapshot.labels.label(found.last_action)}”, {formatting.moment(found.last_at)}")
    return html.P([html.Code(user_id), f" {'; '.join(told)}"])


def why_here(user: dict[str, Any], snapshot: Snapshot) -> Component:
    """Why a user is in their cluster, or in none: their numbers beside the cluster's and everyone else's."""
    cluster = snapshot.cluster(user["cluster_id"])
    if cluster is None:
        reason = formatting.REASONS.get(user["unassigned_reason"] or "noise", str(user["unassigned_reason"]))
        text = f"Unassigned: users like this {reason}."
        return html.Div([html.P(text), *_nearest(user, snapshot), _numbers(user, snapshot)])
    sure = _how_surely(user, cluster, snapshot)
    words = rule_words(cluster, snapshot.catalog)
    rule = html.P([html.Strong("The cluster in one rule: "), f"{words}."]) if words else None
    rows = [
        html.Tr(
            [
                html.Th(formatting.capital(each.description), scope="row"),
                html.Td(_of_one(user["features"].get(each.metric), each.unit, each.measure == "proportion")),
                html.Td(formatting.quantity(each.cluster_value, each.unit)),
                html.Td(formatting.quantity(each.rest_value, each.unit)),
            ]
        )
        for each in cluster.evidence
        if each.measure != "path" and each.metric in user["features"]
    ][:8]
    numbers = html_tables.table(("", "This user", "Their cluster", "Everyone else"), rows)
    return html.Div([html.P(sure), rule, numbers, *_nearest(user, snapshot)])


def _how_surely(user: dict[str, Any], cluster: Cluster, snapshot: Snapshot) -> str:
    """How surely a user is in their cluster; snapshots of earlier releases know no chance, but a strength."""
    if user["membership"] is None:
        return f"They belong to {cluster.name} with strength {formatting.number(user['probability'])} (1 is its core)."
    chance = f"Their behaviour is of {cluster.name} with a chance of {formatting.chance(user['probability'])}"
    if user["membership"] != Membership.BETWEEN:
        return f"{chance}: {_SURELY[user['membership']]}."
    nearest = snapshot.cluster(user["nearest_cluster_id"])
    beside = f" and {nearest.name} ({formatting.chance(user['nearest_probability'])})" if nearest else " and others"
    return f"{chance}: they stand between it{beside}."


def differences_table(differences: Sequence[Difference], snapshot: Snapshot, sides: tuple[str, str]) -> Component:
    """The features whose averages differ most between two groups."""
    rows = []
    for each in differences[:_SHOWN]:
        feature = snapshot.catalog.get(each.feature)
        unit = feature.unit if feature else ""
        rows.append(
            html.Tr(
                [
                    html.Th(formatting.capital(feature.description if feature else each.feature), scope="row"),
                    html.Td(formatting.quantity(each.left, unit)),
                    html.Td(formatting.quantity(each.right, unit)),
                    html.Td(formatting.signed(each.distance, 1)),
                ]
            )
        )
    return html_tables.table(("Average of", *sides, "Apart (in standard deviations)"), rows)


def _result(user_id: str, cluster_id: str | None, snapshot: Snapshot) -> Component:
    cluster = snapshot.cluster(cluster_id)
    place: Any = (
        html.Button(
            cluster.name,
            id={"type": "open", "cluster": cluster.cluster_id, "at": f"user {user_id}"},
            className="link",
            n_clicks=0,
        )
        if cluster
        else "unassigned"
    )
    why = html.Button(
        "Why is this user here?",
        id={"type": "show", "what": "user", "of": user_id, "at": "found"},
        className="link",
        n_clicks=0,
    )
    did = html.Button(
        "What they did",
        id={"type": "show", "what": "timeline", "of": f"1 {user_id}", "at": "found"},
        className="link",
        n_clicks=0,
    )
    return html.Li([elements.mark(cluster.color_slot if cluster else None), html.Code(user_id), place, did, why])


def _of_one(value: float | None, unit: str, is_fact: bool) -> str:
    """One user's value; of a fact, which holds or does not, yes or no."""
    return ("yes" if value else "no") if is_fact and value in (0, 1) else formatting.quantity(value, unit)


def _nearest(user: dict[str, Any], snapshot: Snapshot) -> list[Component]:
    """The nearest cluster but their own, and what would move them there by its rule."""
    nearest = snapshot.cluster(user["nearest_cluster_id"])
    if nearest is None:
        return []
    if not nearest.rule_conditions:
        return [html.P(f"The nearest other cluster is {nearest.name}.", className="quiet")]
    changes = unmet_conditions(nearest.rule_conditions, user["features"])
    if not changes:
        text = f"The nearest other cluster is {nearest.name}. They fit its rule already, but in all they do they are not as near."
        return [html.P(text, className="quiet")]
    return [
        html.H4("What would move them"),
        html.P(f"The nearest other cluster is {nearest.name}. They would fit its rule with:"),
        html.Ul([html.Li(_change(each, user["features"].get(each.feature), snapshot)) for each in changes]),
    ]


def _change(condition: Condition, value: float | None, snapshot: Snapshot) -> str:
    """One change, with both values in the units and precision of rules, so that they differ visibly."""
    feature = snapshot.catalog.get(condition.feature)
    now = value_in_a_rule(value, feature.unit if feature else "")
    return f"{formatting.capital(condition_words(condition, snapshot.catalog))} (now {now})"


def _numbers(user: dict[str, Any], snapshot: Snapshot) -> Component | None:
    rows = [
        html.Tr(
            [
                html.Th(formatting.capital(feature.description), scope="row"),
                html.Td(_of_one(value, feature.unit, feature.metric_kind == "proportion")),
            ]
        )
        for name, value in user["features"].items()
        if (feature := snapshot.catalog.get(name)) and value is not None
    ][:12]
    return html_tables.table(("", "This user"), rows) if rows else None
