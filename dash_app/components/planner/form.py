"""The planner's fields: one for each thing that a person may change. Pure functions from a plan to components.

Each field has the id `{"type": "field", "name": ...}`; what their values mean for a plan is in `callbacks/planner_edits.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components.planner.effect_fields import shown_effect, suffix, three_digits
from dash_app.data.snapshot import Feature, metric_label, metric_unit
from dash_app.planning.brief import in_points, value_text
from dash_app.planning.plan import IMPACTS, STATUSES, Guardrail, Plan
from dash_app.planning.sample_size import PROPORTION


def form(plan: Plan, catalog: Mapping[str, Feature]) -> list[Component]:
    """All fields, filled in."""
    margins = html.Div(_margins(plan.guardrails, catalog), className="margins")
    return [
        _group("What is tested", _what(plan)),
        _group("How it is measured", _measure(plan, catalog)),
        _group("What must not get worse", [_guardrails(plan, catalog), margins]),
        _group("Who decides when", _when(plan)),
    ]


def _margins(rails: Sequence[Guardrail], catalog: Mapping[str, Feature]) -> list[Component]:
    """A field for the margin of each guardrail."""
    return [
        dmc.NumberInput(
            id={"type": "margin", "metric": rail.metric},
            label=f"{metric_label(rail.metric, catalog)}: may {'rise' if rail.worse == 'increase' else 'fall'} by less than",
            value=shown_effect(
                rail.metric_kind, rail.margin_absolute, rail.margin_relative, metric_unit(rail.metric, catalog)
            ),
            suffix=suffix(rail.metric_kind, rail.baseline, rail.margin_relative, metric_unit(rail.metric, catalog)),
            min=0,
            size="sm",
            debounce=400,
        )
        for rail in rails
    ]


def weights_text(plan: Plan) -> str:
    """`1 : 1`."""
    return " : ".join(f"{arm.weight:g}" for arm in plan.variants)


def read_weights(text: str) -> tuple[float, ...]:
    """The weights in a text such as `1 : 1` or `50/50`; empty when it is not one."""
    try:
        found = tuple(float(each) for each in text.replace("/", ":").replace(",", ":").split(":"))
    except ValueError:
        return ()
    return found if 2 <= len(found) <= 6 and all(each > 0 for each in found) else ()


def _group(title: str, fields: Sequence[Component]) -> Component:
    return html.Fieldset([html.Legend(title), *fields])


def _id(name: str) -> dict[str, str]:
    return {"type": "field", "name": name}


def _what(plan: Plan) -> list[Component]:
    change = plan.variants[1].description if len(plan.variants) > 1 else ""
    return [
        dmc.TextInput(id=_id("name"), label="Name", value=plan.name, debounce=400),
        dmc.Textarea(
            id=_id("hypothesis"), label="Hypothesis", value=plan.hypothesis, autosize=True, minRows=2, debounce=400
        ),
        dmc.Textarea(id=_id("change"), label="The change", value=change, autosize=True, minRows=1, debounce=400),
        dmc.Textarea(
            id=_id("population"), label="Who takes part", value=plan.population, autosize=True, minRows=1, debounce=400
        ),
    ]


def _measure(plan: Plan, catalog: Mapping[str, Feature]) -> list[Component]:
    return [
        dmc.Select(
            id=_id("primary_metric"),
            label="Primary metric",
            data=_metric_choices(catalog, plan.primary_metric),
            value=plan.primary_metric,
            searchable=True,
            allowDeselect=False,
            description=_now(plan, metric_unit(plan.primary_metric, catalog)),
        ),
        html.Div(_design(plan, catalog), className="field-grid"),
    ]


def _now(plan: Plan, unit: str) -> str:
    """The baseline, and why it is not the number on the cluster's card."""
    days = "1 day" if plan.exposure_days == 1 else f"{plan.exposure_days} days"
    value = value_text(plan.metric_kind, plan.baseline, unit)
    among = "of" if plan.metric_kind == PROPORTION else "among"
    return (
        f"Now {value} {among} {formatting.users(plan.baseline_n)}, within {days} of being eligible."
        " The cluster's card counts the whole window, so its number may differ."
    )


def _design(plan: Plan, catalog: Mapping[str, Feature]) -> list[Component]:
    unit = metric_unit(plan.primary_metric, catalog)
    in_percent = plan.mde_relative is not None or in_points(plan.metric_kind, unit)
    return [
        dmc.Select(
            id=_id("direction"),
            label="It should",
            data=["increase", "decrease"],
            value=plan.direction,
            allowDeselect=False,
        ),
        dmc.NumberInput(
            id=_id("mde"),
            label="Minimum detectable effect",
            value=shown_effect(plan.metric_kind, plan.mde_absolute, plan.mde_relative, unit),
            suffix=suffix(plan.metric_kind, plan.baseline, plan.mde_relative, unit),
            min=0,
            step=1 if in_percent else 0.01,
            debounce=400,
        ),
        dmc.NumberInput(id=_id("power"), label="Power", value=plan.power, min=0.5, max=0.99, step=0.05, debounce=400),
        dmc.NumberInput(id=_id("alpha"), label="Alpha", value=plan.alpha, min=0.001, max=0.2, step=0.01, debounce=400),
        dmc.Select(
            id=_id("sides"),
            label="Sides",
            data=[{"value": "2", "label": "two-sided"}, {"value": "1", "label": "one-sided"}],
            value=str(plan.sides),
            allowDeselect=False,
        ),
        dmc.TextInput(id=_id("weights"), label="Split, control first", value=weights_text(plan), debounce=600),
        dmc.NumberInput(
            id=_id("traffic"),
            label="Share who take part",
            value=three_digits(100 * plan.traffic_share),
            suffix="%",
            min=1,
            max=100,
            debounce=400,
        ),
        dmc.NumberInput(
            id=_id("exposure_days"),
            label="Exposure",
            value=plan.exposure_days,
            suffix=" days",
            min=1,
            debounce=600,
        ),
    ]


def _guardrails(plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    return dmc.MultiSelect(
        id=_id("guardrails"),
        label="Guardrail metrics",
        data=_metric_choices(catalog, *(each.metric for each in plan.guardrails)),
        value=[each.metric for each in plan.guardrails],
        searchable=True,
    )


def _when(plan: Plan) -> list[Component]:
    impacts = [{"value": f"{each:g}", "label": f"{each:g}"} for each in IMPACTS]
    return [
        html.Div(
            [
                dmc.TextInput(id=_id("owner"), label="Owner", value=plan.owner, debounce=400),
                dmc.Select(
                    id=_id("status"), label="Status", data=list(STATUSES), value=plan.status, allowDeselect=False
                ),
                dmc.DateInput(
                    id=_id("start_date"),
                    label="First day",
                    value=plan.start_date.isoformat() if plan.start_date else None,
                    valueFormat="D MMM YYYY",
                    clearable=True,
                    clearButtonProps={"aria-label": "Clear the first day"},
                ),
                dmc.Select(
                    id=_id("rice_impact"),
                    label="Impact",
                    data=impacts,
                    value=f"{plan.rice_impact:g}",
                    allowDeselect=False,
                ),
                dmc.NumberInput(
                    id=_id("rice_confidence"),
                    label="Confidence",
                    value=three_digits(100 * plan.rice_confidence),
                    suffix="%",
                    min=0,
                    max=100,
                    debounce=400,
                ),
                dmc.NumberInput(
                    id=_id("rice_effort"),
                    label="Effort (person-months)",
                    value=plan.rice_effort,
                    min=0.1,
                    step=0.5,
                    debounce=400,
                ),
            ],
            className="field-grid",
        )
    ]


def _metric_choices(catalog: Mapping[str, Feature], *more: str) -> list[Any]:
    """Metrics by role, outcomes first; those that are no longer measured stay on offer when a plan has them."""
    groups = (("outcome", "Outcomes"), ("context", "Context"), ("clustering", "Behaviour that made the clusters"))
    choices = [
        {
            "group": words,
            "items": [
                {"value": each.feature, "label": formatting.capital(each.label)}
                for each in catalog.values()
                if each.role == role
            ],
        }
        for role, words in groups
    ]
    lost = [{"value": each, "label": each} for each in more if each not in catalog]
    return [
        each
        for each in (*choices, *([{"group": "No longer measured", "items": lost}] if lost else []))
        if each["items"]
    ]
