"""What the actions behind each metric mean, from the event catalogue: columns beside those of `feature_catalog`.

Texts never lead users to an error, to help, to a bad end, or to what software or the company decides.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from grupa_pipeline.vocabulary.action_names import readable
from grupa_pipeline.vocabulary.enums import DecidedBy, Role

UNWANTED = frozenset({Role.ERROR, Role.HELP, Role.BAD_END, Role.SYSTEM})
"""Roles of actions that nobody is led to."""
_MAX_STEPS = 2
"""A metric of more actions than a path has is about none of them in particular."""


def add_event_roles(catalog: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """`feature_catalog` with event_role, first_role, decided_by and step_labels.

    event_role and decided_by are those of the action that a metric is about, of a path or time those of its second action;
    first_role is that of the first one. step_labels are what people read instead of the names, one a line. All are None
    where a metric is about no action in particular.

    Args:
        catalog: `feature_catalog`.
        events: Rows of `event_catalog`: action, role, decided_by, label.
    """
    known = {str(row["action"]): row for row in events.to_dict("records")}
    rows = [_roles_of(row["source_action"], known) for row in catalog.to_dict("records")]
    columns = ("event_role", "first_role", "decided_by", "step_labels")
    return catalog.assign(**{name: pd.Series([row[name] for row in rows], catalog.index, object) for name in columns})


def _roles_of(source: object, known: Mapping[str, Mapping[Any, Any]]) -> dict[str, str | None]:
    actions = str(source).splitlines() if source is not None and not pd.isna(source) else []
    if not 0 < len(actions) <= _MAX_STEPS:
        return dict.fromkeys(("event_role", "first_role", "decided_by", "step_labels"))
    first, last = known.get(actions[0]), known.get(actions[-1])
    labels = [str(known[action]["label"]) if action in known else readable(action) for action in actions]
    has_own_label = labels != [readable(action) for action in actions]
    return {
        "event_role": str(last["role"]) if last else None,
        "first_role": str(first["role"]) if first else None,
        "decided_by": str(last["decided_by"]) if last else None,
        "step_labels": "\n".join(labels) if has_own_label else None,
    }


def is_unwanted(entry: Mapping[str, Any]) -> bool:
    """Whether the metric of a row of `feature_catalog` is about an action that nobody is led to."""
    return entry.get("event_role") in UNWANTED


def can_be_offered(entry: Mapping[str, Any]) -> bool:
    """Whether users can be led to the action that a metric is about."""
    is_moving = entry.get("event_role") == Role.NAVIGATION  # by itself no achievement, and it happens on the way
    return not is_unwanted(entry) and not is_moving and entry.get("decided_by") != DecidedBy.SYSTEM
