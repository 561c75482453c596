"""How far a cluster can be relied on, what it was found by and how surely its users are in it. Pure functions on `Cluster`."""

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.data.snapshot import Cluster
from grupa_pipeline.vocabulary.enums import ClusterNature, FeatureView

HOLDS, HOLDS_MOSTLY = 0.8, 0.6
"""Least agreement (Cohen's kappa) that is called almost perfect and substantial (Landis & Koch 1977, Biometrics 33)."""
INCIDENT = "something that happened to them"


def badges(cluster: Cluster) -> list[Component]:
    """Stability, how it holds in other sessions, and that it is an incident where it is."""
    return [
        elements.stability_badge(cluster.stability),
        *([] if cluster.replication is None else [_replication_badge(cluster.replication)]),
        *([_incident_badge()] if cluster.nature == ClusterNature.INCIDENT else []),
    ]


def _replication_badge(replication: float) -> Component:
    words, tone = (
        ("holds in other sessions", "good")
        if replication >= HOLDS
        else ("mostly holds in other sessions", "")
        if replication >= HOLDS_MOSTLY
        else ("does not hold in other sessions", "bad")
    )
    return _explained(
        elements.badge(f"{words} · {formatting.number(replication)}", tone),
        "How well its users could be told from all others in sessions we had not looked at: 1 is always, 0 is no better than a"
        f" guess. Below {HOLDS_MOSTLY} it is not relied on.",
    )


def _incident_badge() -> Component:
    return _explained(
        elements.badge(INCIDENT, "warn"),
        "These users have in common what the product did to them, such as an error, and not a way to use it.",
    )


def members(cluster: Cluster) -> Component | None:
    """How many of its users are at its core, likely in it, and between it and another; None where that is not known."""
    found = cluster.memberships
    if found is None:
        return None
    counts = (
        f"{formatting.count(found.core)} core, {formatting.count(found.likely)} likely,"
        f" {formatting.count(found.between)} between"
    )
    return _explained(
        html.Span(counts, className="quiet"),
        "By the chance that a user's behaviour is of this cluster: core users 90% or more, likely ones 70% or more. Those"
        " between could be of another cluster as well.",
    )


def difference(cluster: Cluster) -> Component | None:
    """What tells it from the nearest cluster, in a sentence; None where that is only what users do, or not known."""
    if cluster.found_by in ((), (FeatureView.WHAT.value,)):
        return None
    words = formatting.listed([formatting.VIEWS.get(each, each) for each in cluster.found_by])
    return html.P(f"They differ in {words}.", className="quiet")


def _explained(component: Component, text: str) -> Component:
    explained: Component = dmc.Tooltip(component, label=text, multiline=True, w=280)
    return explained
