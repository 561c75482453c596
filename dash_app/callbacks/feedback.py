"""Stores what people say of an insight, from the form in the dialog."""

from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from dash_app.callbacks.navigation import as_day
from dash_app.components import elements
from dash_app.data.snapshot import Cluster, Insight, Snapshot
from dash_app.roadmap.feedback_edits import FeedbackError
from dash_app.services import Services
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback

_TOLD = {
    FeedbackVerdict.DISMISSED: "It is hidden until its numbers change. The list of dismissed ones is at the end of the cluster.",
    None: "What was said is taken back.",
}


def register(app: Dash, services: Services) -> None:
    """Wire the form."""
    app.callback(
        Output("feedback-problem", "children"),
        Output("changed", "data", allow_duplicate=True),
        Output("dialog", "opened", allow_duplicate=True),
        Output("toast", "children", allow_duplicate=True),
        Input({"type": "say-feedback", "of": ALL}, "n_clicks"),
        State("feedback-verdict", "value"),
        State("feedback-text", "value"),
        State("where", "data"),
        State("changed", "data"),
        prevent_initial_call=True,
    )(partial(save, services))


def save(
    services: Services,
    clicks: list[int | None],
    verdict: str | None,
    text: str | None,
    where: dict[str, Any],
    changed: int,
) -> tuple[Any, Any, Any, Any]:
    """Store the verdict with the interval that the insight's effect has in the snapshot shown; an empty one takes it back."""
    snapshot = services.snapshot(as_day(where["snapshot"]))
    found = snapshot.insight(ctx.triggered_id["of"]) if any(clicks) and ctx.triggered_id and snapshot else None
    if found is None or snapshot is None:
        return (no_update,) * 4
    try:
        said = _verdict(verdict)
        services.roadmap.give_feedback(_feedback(snapshot, *found, said, text), services.current_user())
    except FeedbackError as error:
        return str(error), no_update, no_update, no_update
    return None, changed + 1, False, elements.toast(_TOLD.get(said, "Thank you, it is saved."))


def _verdict(chosen: str | None) -> FeedbackVerdict | None:
    if chosen is None or chosen not in ("", *FeedbackVerdict):
        raise FeedbackError("Choose what you say of it.")
    return FeedbackVerdict(chosen) if chosen else None


def _feedback(
    snapshot: Snapshot, cluster: Cluster, insight: Insight, verdict: FeedbackVerdict | None, text: str | None
) -> InsightFeedback:
    first = next(iter(cluster.evidence_of(insight)), None)
    return InsightFeedback(
        insight_id=insight.insight_id,
        snapshot_date=snapshot.day,
        cluster_id=cluster.cluster_id,
        title=insight.title,
        verdict=verdict,
        text=text,
        evidence_id=first.evidence_id if first else None,
        ci_low=first.ci_low if first else None,
        ci_high=first.ci_high if first else None,
    )
