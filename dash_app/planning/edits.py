"""Reads edited values of a plan's fields: what a form or a table cell sends, as the value of the field."""

from datetime import date
from typing import Any

from dash_app.planning.plan import PlanError, Problem
from grupa_pipeline.vocabulary.form_controls import ChoiceControl, DayControl, NumberControl, TextControl
from grupa_pipeline.vocabulary.plan_fields import PlanField


def read_edit(field: PlanField, value: Any) -> Any:
    """The value of `field` for what its control sends; empty text is None where the field is optional.

    Raises:
        PlanError: The value is not usable.
    """
    match field.control:
        case TextControl():
            return value or (None if field.nullable else "")
        case NumberControl(percent=percent):
            number = read_number(field.name, value)
            return field.python_type(number / 100 if percent else number)
        case ChoiceControl():
            return _read_choice(field, value)
        case DayControl():
            return date.fromisoformat(value[:10]) if value else None
    raise PlanError((Problem(field.name, f"The {_words(field.name)} is not edited directly."),))


def read_number(name: str, value: Any) -> float:
    """A number from the control `name`.

    Raises:
        PlanError: It is not a number.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise PlanError((Problem(name, f"Give a number for {_words(name)}."),)) from None


def _read_choice(field: PlanField, value: Any) -> Any:
    try:
        return field.python_type(value)
    except (TypeError, ValueError):
        choices = ", ".join(field.control.choices) if isinstance(field.control, ChoiceControl) else ""
        raise PlanError((Problem(field.name, f"The {_words(field.name)} must be one of {choices}."),)) from None


def _words(name: str) -> str:
    return name.replace("_", " ")
