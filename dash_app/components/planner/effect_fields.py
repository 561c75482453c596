"""Converts effects and margins between their stored values and the numbers in the form's fields.

Relative values are edited in percent of the baseline, shares in percentage points, others in the metric's unit.
"""

from dash_app.planning.brief import in_points, value_text


def shown_effect(kind: str, absolute: float, relative: float | None, unit: str) -> float:
    """The number shown in the field, with three significant digits."""
    if relative is not None:
        return three_digits(100 * relative)
    return three_digits(100 * absolute if in_points(kind, unit) else absolute)


def stored_effect(entered: float, kind: str, relative: float | None, unit: str) -> dict[str, float]:
    """The arguments of `with_effect` and `with_margin` for a number entered in the field."""
    if relative is not None:
        return {"relative": entered / 100}
    return {"absolute": entered / 100 if in_points(kind, unit) else entered}


def suffix(kind: str, baseline: float, relative: float | None, unit: str) -> str:
    """The unit shown after the number in the field."""
    if relative is not None:
        return f"% of today's {value_text(kind, baseline, unit)}"
    return " points" if in_points(kind, unit) else f" {unit}" if unit else ""


def three_digits(value: float) -> float:
    """As many as a field shows."""
    return float(f"{value:.3g}")
