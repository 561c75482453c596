"""What chosen plans may bring in a quarter, in a few lines. Pure functions on plans."""

from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.data.snapshot import Feature, metric_label, metric_unit
from dash_app.planning.brief import change_text
from dash_app.planning.gains import OWN_RATE_FROM, GainForecast, RoadmapForecast, forecast_roadmap
from dash_app.planning.overlap import find_overlaps
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import Direction, MetricKind, PlanStatus


def roadmap_forecast(plans: Sequence[Plan], catalog: Mapping[str, Feature]) -> Component | None:
    """The folded section with the plans to choose from; None where no test is to come."""
    choices = to_come(plans)
    if not choices:
        return None
    chosen = [plan.plan_id for plan in choices if plan.feasible]
    pick = dmc.MultiSelect(
        id="forecast-plans",
        label="Plans",
        data=[{"value": plan.plan_id, "label": plan.name} for plan in choices],
        value=chosen,
        clearable=True,
        size="sm",
    )
    shown = html.Div(forecast_lines(plans, chosen, catalog), id="forecast-lines", role="status")
    return html.Details([html.Summary("What the tests may bring in a quarter"), pick, shown])


def to_come(plans: Sequence[Plan]) -> list[Plan]:
    """The sized plans that are not decided yet."""
    return [
        plan
        for plan in plans
        if plan.n_total is not None
        and plan.decision is None
        and plan.deleted_at is None
        and plan.status is not PlanStatus.ARCHIVED
    ]


def forecast_lines(plans: Sequence[Plan], chosen: Sequence[str], catalog: Mapping[str, Feature]) -> list[Component]:
    """The forecast of the chosen plans: a line a metric, the users they need, and what it rests on."""
    picked = [plan for plan in to_come(plans) if plan.plan_id in chosen]
    if not picked:
        return [html.P("Choose at least one plan.", className="quiet")]
    found = forecast_roadmap(picked, plans)
    kinds = {plan.primary_metric: plan.metric_kind for plan in picked}
    lines = [
        html.Li(_gain_line(metric, kinds[metric], direction, gain, catalog))
        for (metric, direction), gain in found.by_metric.items()
    ]
    return [html.Ul(lines), html.P(_budget(found, picked)), html.P(_ground(found), className="quiet")]


def _gain_line(
    metric: str, kind: MetricKind, direction: Direction, gain: GainForecast, catalog: Mapping[str, Feature]
) -> list[Component | str]:
    way = "more" if direction is Direction.INCREASE else "less"
    if kind is MetricKind.PROPORTION:
        way = "more users" if direction is Direction.INCREASE else "fewer users"
    low, high, naive, expected = (
        change_text(kind, each, metric_unit(metric, catalog))
        if kind is MetricKind.RATIO
        else formatting.count(round(each))
        for each in (gain.low, gain.high, gain.naive, gain.expected)
    )
    return [
        html.Strong(f"{metric_label(metric, catalog)}: "),
        f"{expected} {way} on average, nine times in ten {low} to {high}; a chance of {gain.chance:.0%} that there is any gain. ",
        html.Span(f"Adding up the planned effects says {naive}.", className="quiet"),
    ]


def _budget(found: RoadmapForecast, picked: Sequence[Plan]) -> str:
    overlaps = len(find_overlaps(picked))
    share = found.users / found.coming if found.coming else 0.0
    words = f"{'The test needs' if found.plans == 1 else f'The {found.plans} tests need'} {formatting.count(found.users)} users"
    if found.coming:
        words += (
            f"; about {formatting.count(round(found.coming))} different eligible ones come in a quarter ({share:.0%})"
        )
    words += ". "
    if share > 1:
        words += "That is more than come: run fewer, or some users are in several tests. "
    if overlaps:
        words += f"{overlaps} pair{'s' if overlaps > 1 else ''} of them share{'' if overlaps > 1 else 's'} users, days and metric."
    return words.strip()


def _ground(found: RoadmapForecast) -> str:
    if found.results >= OWN_RATE_FROM:
        why = f"{found.win_rate:.0%} of your {found.results} tests with a result won; how large their effects were counts too."
    else:
        why = (
            f"Taken is that {found.win_rate:.0%} of tests win, as is usual; your own results count from {OWN_RATE_FROM} on"
            f" ({found.results} so far)."
        )
    return f"{why} Most changes do nothing, and a test must show an effect before it counts."
