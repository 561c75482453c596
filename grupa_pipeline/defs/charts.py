"""Bar charts that Dagster shows beside an asset, as Markdown with a drawing (SVG) in it."""

import base64
from collections.abc import Sequence
from html import escape

from grupa_pipeline.palette import UNASSIGNED

_WIDTH, _HEIGHT, _ROW, _LABEL = 480, 160, 22, 200


def column_chart(values: Sequence[int], first: str, last: str, *, title: str) -> str:
    """Upright bars along time, with the first and the last label below."""
    top, step = max(values, default=0) or 1, _WIDTH / max(len(values), 1)
    bars = "".join(
        f'<rect x="{at * step:.1f}" y="{_HEIGHT - value / top * _HEIGHT:.1f}" width="{max(step - 1, 0.5):.1f}"'
        f' height="{value / top * _HEIGHT:.1f}" fill="{UNASSIGNED}"/>'
        for at, value in enumerate(values)
    )
    below = _text(0, _HEIGHT + 16, first) + _text(_WIDTH, _HEIGHT + 16, last, anchor="end")
    return _picture(bars + below, _HEIGHT + 24, title)


def row_chart(rows: Sequence[tuple[str, int, str]], *, title: str) -> str:
    """Lying bars with their labels, values and colours, in the given order."""
    top = max((value for _, value, _ in rows), default=0) or 1
    marks = ""
    for at, (label, value, color) in enumerate(rows):
        y, width = at * _ROW, value / top * (_WIDTH - _LABEL - 70)
        marks += _text(0, y + 15, label if len(label) <= 28 else f"{label[:27]}…")
        marks += f'<rect x="{_LABEL}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}" fill="{color}"/>'
        marks += _text(_LABEL + width + 6, y + 15, f"{value:,}")
    return _picture(marks, max(len(rows), 1) * _ROW, title)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    font = 'font-family="system-ui, sans-serif" font-size="12"'
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {font} fill="{UNASSIGNED}">{escape(text)}</text>'


def _picture(marks: str, height: int, title: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}">{marks}</svg>'
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
