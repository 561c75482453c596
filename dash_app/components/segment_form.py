"""The form that selects users by what they did, and its fields as a rule and back. Pure functions."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.data.snapshot import Snapshot
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP
from grupa_pipeline.vocabulary.segment_rules import (
    SegmentCondition,
    SegmentConditionKind,
    SegmentRule,
    SegmentRuleError,
    check_rule,
)

Fields = Mapping[str, Any]
"""What people chose: did, did_not, gone_after, reached, missed (actions), fields (`plan = pro`), clusters, and the days
`from`, `to`, `seen_from`, `seen_to`."""


@dataclass(frozen=True)
class FormChoices:
    """What can be chosen: actions with their labels, the goals among them, and values of metadata."""

    actions: Sequence[tuple[str, str]]
    goals: Sequence[str]
    metadata: Sequence[tuple[str, Sequence[str]]]

    @property
    def fields(self) -> dict[str, str]:
        """Fields of metadata by what people read and write instead; two that read alike keep their names."""
        names = [name for name, _ in self.metadata]
        times = Counter(formatting.words_of(name) for name in names)
        return {name if times[words := formatting.words_of(name)] > 1 else words: name for name in names}


def form(choices: FormChoices, snapshot: Snapshot, fields: Fields) -> Component:
    """The fields, filled with what was chosen before."""
    actions = [{"value": action, "label": label} for action, label in choices.actions]
    goals = [each for each in actions if each["value"] in choices.goals]
    clusters = [{"value": each.cluster_id, "label": each.name} for each in snapshot.clusters]
    if snapshot.unassigned:
        clusters.append({"value": UNASSIGNED_GROUP, "label": "In no cluster"})
    rows = [
        _many("did", "Did all of", actions, fields),
        _many("did_not", "Did none of", actions, fields),
        _many("gone_after", "Never came back after", actions, fields, _GONE),
        _many("reached", "Reached the goal", goals, fields) if goals else None,
        _many("missed", "Did not reach the goal", goals, fields) if goals else None,
        _metadata(choices, fields),
        _many("clusters", "In one of the clusters", clusters, fields) if clusters else None,
        html.Div([_day("from", "Did it from", fields), _day("to", "to", fields)], className="field-pair"),
        html.Div([_day("seen_from", "First seen from", fields), _day("seen_to", "to", fields)], className="field-pair"),
        dmc.Button("Show these users", id={"type": "segment-do", "what": "show", "of": "form"}, n_clicks=0),
    ]
    return html.Div(rows, className="segment-form")


_GONE = "Nothing later than a day after the first time"


def rule_of(fields: Fields, named: Mapping[str, str] | None = None) -> SegmentRule:
    """The rule that the fields ask for; `named` are fields of metadata by what people write instead (`FormChoices.fields`).

    Raises:
        SegmentRuleError: They ask for nothing, or cannot be read.
    """
    try:
        return check_rule(SegmentRule(tuple(_conditions(fields, named or {}))))
    except (TypeError, ValueError) as error:
        raise SegmentRuleError(str(error)) from error


def fields_of(rule: SegmentRule, named: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The fields that ask for a rule, with the names of `rule_of`; what a rule from elsewhere asks besides is left out."""
    fields: dict[str, Any] = {}
    words = {name: text for text, name in (named or {}).items()}
    names = {SegmentConditionKind.DID_NOT: "did_not", SegmentConditionKind.NEVER_CAME_BACK: "gone_after"}
    for each in rule.conditions:
        days = {"from": each.first_day, "to": each.last_day}
        if each.kind is SegmentConditionKind.FIRST_SEEN:
            days = {"seen_from": each.first_day, "seen_to": each.last_day}
        fields |= {name: day.isoformat() for name, day in days.items() if day}
        if each.kind is SegmentConditionKind.METADATA:
            fields.setdefault("fields", []).append(_tag(words.get(each.subjects[0], each.subjects[0]), each.value))
        elif each.kind is SegmentConditionKind.CLUSTER:
            fields["clusters"] = list(each.subjects)
        elif each.subjects:
            fields.setdefault(names.get(each.kind, "did"), []).extend(each.subjects)
    return fields


def _conditions(fields: Fields, named: Mapping[str, str]) -> Iterator[SegmentCondition]:
    first, last = _as_date(fields.get("from")), _as_date(fields.get("to"))
    asked = False
    for kind, name in (
        (SegmentConditionKind.DID, "did"),
        (SegmentConditionKind.DID, "reached"),
        (SegmentConditionKind.DID_NOT, "did_not"),
        (SegmentConditionKind.DID_NOT, "missed"),
        (SegmentConditionKind.NEVER_CAME_BACK, "gone_after"),
    ):
        for action in fields.get(name) or ():
            yield SegmentCondition(kind, (str(action),), first_day=first, last_day=last)
            asked = True
    for text in fields.get("fields") or ():
        field, sign, value = str(text).partition("=")
        if not sign or not field.strip():
            raise SegmentRuleError(f"{text}: write a field and its value with = between them, such as plan = pro.")
        kind = SegmentConditionKind.METADATA
        name = named.get(field.strip().casefold(), field.strip())
        yield SegmentCondition(kind, (name,), value.strip().strip('“”"'), first_day=first, last_day=last)
        asked = True
    if (first or last) and not asked:
        yield SegmentCondition(SegmentConditionKind.ACTIVE, first_day=first, last_day=last)
    seen = _as_date(fields.get("seen_from")), _as_date(fields.get("seen_to"))
    if any(seen):
        yield SegmentCondition(SegmentConditionKind.FIRST_SEEN, first_day=seen[0], last_day=seen[1])
    if fields.get("clusters"):
        yield SegmentCondition(SegmentConditionKind.CLUSTER, tuple(map(str, fields["clusters"])))


def rule_text(rule: SegmentRule, snapshot: Snapshot) -> str:
    """A rule in words: `did “pay” from 1 March 2026 and nothing later than a day after it`."""
    if rule.users is not None:
        return f"{formatting.users(len(rule.users))} selected on the map"
    return "; ".join(_words(each, snapshot) for each in rule.conditions)


def _words(condition: SegmentCondition, snapshot: Snapshot) -> str:
    kind, days = condition.kind, _days(condition)
    if kind is SegmentConditionKind.CLUSTER:
        names = [snapshot.names.get(each, "no cluster") for each in condition.subjects]
        return f"in {formatting.listed(names)}"
    if kind is SegmentConditionKind.METADATA:
        return f"{formatting.words_of(condition.subjects[0])} is “{condition.value}”{days}"
    if kind is SegmentConditionKind.ACTIVE:
        return f"did anything{days}"
    if kind is SegmentConditionKind.FIRST_SEEN:
        return f"first seen{days}"
    named = formatting.listed([f"“{snapshot.labels.label(each)}”" for each in condition.subjects])
    if kind is SegmentConditionKind.NEVER_CAME_BACK:
        return f"did {named}{days} and never came back: nothing later than a day after the first time"
    return f"{'did' if kind is SegmentConditionKind.DID else 'did not do'} {named}{days}"


def _days(condition: SegmentCondition) -> str:
    first, last = condition.first_day, condition.last_day
    since = f" from {formatting.day(first)}" if first else ""
    return f"{since} to {formatting.day(last)}" if last else since


def _many(
    name: str, label: str, data: Sequence[Mapping[str, str]], fields: Fields, description: str | None = None
) -> Component:
    component: Component = dmc.MultiSelect(
        id={"type": "segment-field", "name": name},
        label=label,
        description=description,
        data=list(data),
        value=[each for each in fields.get(name) or () if any(each == known["value"] for known in data)],
        searchable=True,
        clearable=True,
        hidePickedOptions=True,
        size="sm",
        limit=200,
        comboboxProps={"withinPortal": True},
    )
    return component


def _metadata(choices: FormChoices, fields: Fields) -> Component | None:
    if not choices.metadata:
        return None
    found = [
        {"group": formatting.capital(words), "items": [_tag(words, value) for value in values]}
        for words, name in choices.fields.items()
        if (values := dict(choices.metadata)[name])
    ]
    names = ", ".join(list(choices.fields)[:6])
    component: Component = dmc.TagsInput(
        id={"type": "segment-field", "name": "fields"},
        label="With metadata",
        description=f"A field = its value; fields are {names}{' and others' if len(choices.metadata) > 6 else ''}",
        data=found,
        value=list(fields.get("fields") or ()),
        size="sm",
        acceptValueOnBlur=True,
        limit=100,
        comboboxProps={"withinPortal": True},
    )
    return component


def _tag(words: str, value: str | None) -> str:
    """A field and its value, as the log writes it."""
    return f"{words} = “{value}”"


def _day(name: str, label: str, fields: Fields) -> Component:
    component: Component = dmc.DateInput(
        id={"type": "segment-field", "name": name},
        label=label,
        value=fields.get(name),
        valueFormat="D MMM YYYY",
        clearable=True,
        size="sm",
        popoverProps={"withinPortal": True},
    )
    return component


def _as_date(text: object) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None
