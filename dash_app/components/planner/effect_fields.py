"""The number in the field of an effect or a margin: what a stored one is shown as, and what a typed one means. Pure.

A relative one is edited in percent of the baseline, one of a share in percentage points, any other in the metric's unit.
"""

from dash_app.planning.brief import in_points, value_text


def shown_effect(kind: str, absolute: float, relative: float | None, unit: str) -> float:
    """What the field holds, with three digits."""
    if relative is not None:
        return three_digits(100 * relative)
    return three_digits(100 * absolute if in_points(kind, unit) else absolute)


def stored_effect(asked: float, kind: str, relative: float | None, unit: str) -> dict[str, float]:
    """What a number typed into the field means, for `with_effect` and `with_margin`."""
    if relative is not None:
        return {"relative": asked / 100}
    return {"absolute": asked / 100 if in_points(kind, unit) else asked}


def suffix(kind: str, baseline: float, relative: float | None, unit: str) -> str:
    """What follows the number in the field."""
    if relative is not None:
        return f"% of today's {value_text(kind, baseline, unit)}"
    return " points" if in_points(kind, unit) else f" {unit}" if unit else ""


def three_digits(value: float) -> float:
    """As many as a field shows."""
    return float(f"{value:.3g}")
