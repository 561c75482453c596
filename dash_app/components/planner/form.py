"""The planner's form: one control for each field that people edit, from `grupa_pipeline/vocabulary/plan_fields.py`.

Each control has the id `{"type": "field", "name": ...}`; `callbacks/planner_edits.py` applies their values to a plan.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components.planner.effect_fields import shown_effect, suffix, three_digits
from dash_app.data.snapshot import Feature, metric_label, metric_unit
from dash_app.planning.brief import in_points, value_text
from dash_app.planning.metric_groups import MetricGroup
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import Direction, MetricKind
from grupa_pipeline.vocabulary.form_controls import ChoiceControl, DayControl, NumberControl, TextControl
from grupa_pipeline.vocabulary.plan_fields import FORM, PLAN_FIELDS, FormSection, Guardrail, PlanField
from grupa_pipeline.vocabulary.plan_parts import Spending

_SPENDINGS = {Spending.OBRIEN_FLEMING: "O'Brien-Fleming", Spending.POCOCK: "Pocock"}
LOOKS = {"": "once, at the end"} | {
    f"{spending} {number}": f"{number} times ({words})"
    for spending, words in _SPENDINGS.items()
    for number in range(2, 6)
}
"""How often a test is read: stored value to label."""


def form(plan: Plan, catalog: Mapping[str, Feature]) -> list[Component]:
    """All controls, filled in, in the sections and order of `FORM`."""
    return [_section(section, plan, catalog) for section in FORM]


def _section(section: FormSection, plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    rows = [_control(name, plan, catalog) for name in section.rows]
    grid = [_control(name, plan, catalog) for name in section.grid]
    return html.Fieldset(
        [html.Legend(section.title), *rows, *([html.Div(grid, className="field-grid")] if grid else [])]
    )


def _control(name: str, plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    """The control called `name`: one of its own below, or that of the plan's field."""
    build = _OWN_CONTROLS.get(name)
    return build(plan, catalog) if build else _field_control(PLAN_FIELDS[name], getattr(plan, name))


def _field_control(field: PlanField, value: Any) -> Component:
    match field.control:
        case TextControl(label, lines):
            return _text(field.name, label, value or "", lines)
        case NumberControl():
            return _number(field.name, field.control, value)
        case ChoiceControl(label, choices):
            return dmc.Select(
                id=_id(field.name),
                label=label,
                data=[{"value": stored, "label": words} for stored, words in choices.items()],
                value=f"{value:g}" if isinstance(value, float) else str(value),
                allowDeselect=False,
            )
        case DayControl(label):
            return dmc.DateInput(
                id=_id(field.name),
                label=label,
                value=value.isoformat() if value else None,
                valueFormat="D MMM YYYY",
                clearable=True,
                clearButtonProps={"aria-label": f"Clear the {label.lower()}"},
            )
    raise ValueError(f"{field.name} has no control")


def _text(name: str, label: str, value: str, lines: int) -> Component:
    if not lines:
        return dmc.TextInput(id=_id(name), label=label, value=value, debounce=400)
    return dmc.Textarea(id=_id(name), label=label, value=value, autosize=True, minRows=lines, debounce=400)


def _number(name: str, control: NumberControl, value: float) -> Component:
    optional = {"max": control.maximum, "step": control.step, "suffix": control.suffix or None}
    return dmc.NumberInput(
        id=_id(name),
        label=control.label,
        value=three_digits(100 * value) if control.percent else value,
        min=control.minimum,
        debounce=control.debounce_ms,
        **{key: setting for key, setting in optional.items() if setting is not None},
    )


def _margins(plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    """A control for the margin of each guardrail."""
    return html.Div([_margin(rail, catalog) for rail in plan.guardrails], className="margins")


def _margin(rail: Guardrail, catalog: Mapping[str, Feature]) -> Component:
    unit, may = metric_unit(rail.metric, catalog), "rise" if rail.worse is Direction.INCREASE else "fall"
    return dmc.NumberInput(
        id={"type": "margin", "metric": rail.metric},
        label=f"{metric_label(rail.metric, catalog)}: may {may} by less than",
        value=shown_effect(rail.metric_kind, rail.margin_absolute, rail.margin_relative, unit),
        suffix=suffix(rail.metric_kind, rail.baseline, rail.margin_relative, unit),
        min=0,
        size="sm",
        debounce=400,
    )


def weights_text(plan: Plan) -> str:
    """`1 : 1`."""
    return " : ".join(f"{arm.weight:g}" for arm in plan.variants)


def read_weights(text: str) -> tuple[float, ...]:
    """The weights in a text such as `1 : 1` or `50/50`; empty when it is not one."""
    try:
        weights = tuple(float(part) for part in text.replace("/", ":").replace(",", ":").split(":"))
    except ValueError:
        return ()
    return weights if 2 <= len(weights) <= 6 and all(weight > 0 for weight in weights) else ()


def _id(name: str) -> dict[str, str]:
    return {"type": "field", "name": name}


def _change(plan: Plan, _catalog: Mapping[str, Feature]) -> Component:
    return _text("change", "The change", plan.variants[1].description if len(plan.variants) > 1 else "", 1)


def _weights(plan: Plan, _catalog: Mapping[str, Feature]) -> Component:
    return dmc.TextInput(id=_id("weights"), label="Split, control first", value=weights_text(plan), debounce=600)


def _looks(plan: Plan, _catalog: Mapping[str, Feature]) -> Component:
    value = f"{plan.looks.spending} {plan.looks.number}" if plan.looks else ""
    return _select("looks", "When it is read", LOOKS, value)


def _futility(plan: Plan, _catalog: Mapping[str, Feature]) -> Component:
    value = "yes" if plan.looks and plan.looks.futility else "no"
    return _select("futility", "Stop early without effect", {"no": "no", "yes": "yes, where it is read early"}, value)


def _select(name: str, label: str, choices: Mapping[str, str], value: str) -> Component:
    data = [{"value": stored, "label": words} for stored, words in choices.items()]
    component: Component = dmc.Select(id=_id(name), label=label, data=data, value=value, allowDeselect=False)
    return component


def _primary_metric(plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    return dmc.Select(
        id=_id("primary_metric"),
        label="Primary metric",
        data=_metric_choices(catalog, plan.primary_metric),
        value=plan.primary_metric,
        searchable=True,
        allowDeselect=False,
        description=_baseline_text(plan, metric_unit(plan.primary_metric, catalog)),
    )


def _baseline_text(plan: Plan, unit: str) -> str:
    """The baseline, and why it is not the number on the cluster's card."""
    days = "1 day" if plan.exposure_days == 1 else f"{plan.exposure_days} days"
    value = value_text(plan.metric_kind, plan.baseline, unit)
    among = "of" if plan.metric_kind == MetricKind.PROPORTION else "among"
    return (
        f"Now {value} {among} {formatting.users(plan.baseline_n)}, within {days} of being eligible."
        f" Measured from {formatting.day(plan.baseline_from)} to {formatting.day(plan.baseline_last_day)}; the cluster's card"
        " counts the whole window, so its number may differ."
    )


def _effect(plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    unit = metric_unit(plan.primary_metric, catalog)
    in_percent = plan.mde_relative is not None or in_points(plan.metric_kind, unit)
    return dmc.NumberInput(
        id=_id("mde"),
        label="Minimum detectable effect",
        value=shown_effect(plan.metric_kind, plan.mde_absolute, plan.mde_relative, unit),
        suffix=suffix(plan.metric_kind, plan.baseline, plan.mde_relative, unit),
        min=0,
        step=1 if in_percent else 0.01,
        debounce=400,
    )


def _guardrails(plan: Plan, catalog: Mapping[str, Feature]) -> Component:
    metrics = [rail.metric for rail in plan.guardrails]
    component: Component = dmc.MultiSelect(
        id=_id("guardrails"),
        label="Guardrail metrics",
        data=_metric_choices(catalog, *metrics),
        value=metrics,
        searchable=True,
    )
    return component


def _metric_choices(catalog: Mapping[str, Feature], *more: str) -> list[Any]:
    """Metrics by group, goals and steps first; those no longer measured are listed while a plan has them."""
    choices: list[dict[str, Any]] = [
        {
            "group": group.value,
            "items": [
                {"value": each.feature, "label": formatting.capital(each.label)}
                for each in catalog.values()
                if each.group is group
            ],
        }
        for group in MetricGroup
    ]
    lost: list[dict[str, str]] = [{"value": each, "label": each} for each in more if each not in catalog]
    return [
        each
        for each in (*choices, *([{"group": "No longer measured", "items": lost}] if lost else []))
        if each["items"]
    ]


_OWN_CONTROLS: Mapping[str, Callable[[Plan, Mapping[str, Feature]], Component]] = {
    "change": _change,
    "guardrails": _guardrails,
    "margins": _margins,
    "futility": _futility,
    "looks": _looks,
    "mde": _effect,
    "primary_metric": _primary_metric,
    "weights": _weights,
}
"""Controls that edit more than one field, or a part of one; `callbacks/planner_edits.py` reads them back."""
