"""The rule of a segment as data: conditions on what users did, or a list of users, and its JSON.

The app writes the JSON to `saved_segments`; `grupa_pipeline/exports/segment_sql.py` makes SQL of a rule.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

_SAVED_ID = re.compile(r"S[0-9]{2,}")


class SegmentConditionKind(StrEnum):
    """What a condition asks of a user, in the snapshot's window but for `FIRST_SEEN`."""

    DID = "did"
    """Did one of the actions (`subjects`), between the days if there are any."""
    DID_NOT = "did_not"
    """Did none of the actions, between the days if there are any."""
    NEVER_CAME_BACK = "never_came_back"
    """Did one of the actions, and nothing later than `RETURN_HOURS` hours after the first time."""
    METADATA = "metadata"
    """Has an event of which the field (the one subject) is `value`, between the days if there are any."""
    FIRST_SEEN = "first_seen"
    """The first event of all that are held is between the days."""
    ACTIVE = "active"
    """Has an event between the days."""
    CLUSTER = "cluster"
    """Is in one of the clusters (`unassigned`: in none)."""


RETURN_HOURS = 24
"""Who does anything later than this after an action came back."""


@dataclass(frozen=True)
class SegmentCondition:
    """One condition.

    Attributes:
        kind: What it asks.
        subjects: Actions, clusters, or the field of metadata.
        value: Value of the field.
        first_day: First day that counts (UTC); None: from the beginning.
        last_day: Last day that counts; None: to the end.
    """

    kind: SegmentConditionKind
    subjects: tuple[str, ...] = ()
    value: str | None = None
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class SegmentRule:
    """Which users a segment holds: those that meet all conditions, or those listed.

    Attributes:
        conditions: All must hold.
        users: Ids of users who were selected by hand; None where conditions select.
    """

    conditions: tuple[SegmentCondition, ...] = ()
    users: tuple[str, ...] | None = None

    @property
    def actions(self) -> frozenset[str]:
        """The actions that it asks for."""
        others = (SegmentConditionKind.CLUSTER, SegmentConditionKind.METADATA)
        return frozenset(each for own in self.conditions if own.kind not in others for each in own.subjects)


class SegmentRuleError(ValueError):
    """A rule that selects nobody in particular, or cannot be read; the message says why."""


def check_rule(rule: SegmentRule) -> SegmentRule:
    """The rule, where every condition is complete.

    Raises:
        SegmentRuleError: It has no condition, or one lacks what it asks for.
    """
    if rule.users is None and not rule.conditions:
        raise SegmentRuleError("Say at least one thing that these users did, or when they came.")
    for each in rule.conditions:
        by_days = each.kind in (SegmentConditionKind.FIRST_SEEN, SegmentConditionKind.ACTIVE)
        if by_days and not (each.first_day or each.last_day):
            raise SegmentRuleError("Say from which day, or to which day.")
        if not by_days and not each.subjects:
            raise SegmentRuleError(f"A condition of kind {each.kind} names nothing.")
        if each.kind is SegmentConditionKind.METADATA and each.value is None:
            raise SegmentRuleError("Write a field and its value with = between them, such as plan = pro.")
        if each.first_day and each.last_day and each.first_day > each.last_day:
            raise SegmentRuleError("The first day is after the last one.")
    return rule


def segment_conditions_to_json(conditions: tuple[SegmentCondition, ...]) -> str:
    """The JSON of conditions, a list of objects with `kind`, `subjects` and what else they have.

    Example:
        >>> segment_conditions_to_json((SegmentCondition(SegmentConditionKind.DID, ("pay",)),))
        '[{"kind": "did", "subjects": ["pay"]}]'
    """
    return json.dumps([_to_entry(each) for each in conditions], ensure_ascii=False)


def segment_conditions_from_json(text: str) -> tuple[SegmentCondition, ...]:
    """The conditions that `segment_conditions_to_json` wrote.

    Raises:
        SegmentRuleError: It did not write them.
    """
    try:
        return tuple(_from_entry(entry) for entry in json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SegmentRuleError(f"These conditions cannot be read: {error}") from error


def is_saved_segment_id(text: str) -> bool:
    """Whether `text` is written as the id of a saved segment: `S01`."""
    return _SAVED_ID.fullmatch(text) is not None


def _to_entry(condition: SegmentCondition) -> dict[str, Any]:
    days = {
        name: day.isoformat() for name in ("first_day", "last_day") if (day := getattr(condition, name)) is not None
    }
    value = {} if condition.value is None else {"value": condition.value}
    return {"kind": condition.kind.value, "subjects": list(condition.subjects), **value, **days}


def _from_entry(entry: Mapping[str, Any]) -> SegmentCondition:
    first, last = (date.fromisoformat(entry[each]) if entry.get(each) else None for each in ("first_day", "last_day"))
    subjects = entry.get("subjects", [])
    if not isinstance(subjects, list):
        raise TypeError("subjects must be a list")
    value = entry.get("value")
    texts = tuple(str(each) for each in subjects)
    return SegmentCondition(
        SegmentConditionKind(entry["kind"]), texts, None if value is None else str(value), first, last
    )
