"""Numbers and texts as HTML. A number carries the value of its table in `<data value>`, so that it can be checked there."""

from collections.abc import Iterable, Mapping
from html import escape

from dash_app import formatting


def text(value: str | None) -> str:
    """A text of the tables, escaped, marked as such: the numbers in it are the table's own."""
    return f"<q>{escape(value or '')}</q>"


def share(value: float | None) -> str:
    """A share (0 to 1) as a percentage."""
    return _data(value, formatting.percent(value))


def count(value: int | None) -> str:
    """A whole number."""
    return _data(value, "–" if value is None else formatting.count(value))


def quantity(value: float | None, unit: str) -> str:
    """A measured value with its unit."""
    return _data(value, formatting.quantity(value, unit))


def score(value: float | None) -> str:
    """A score of at most 1, such as an effect size."""
    return _data(value, formatting.score(value))


def table(heading: Iterable[str], rows: Iterable[Iterable[str]], *, kind: str = "") -> str:
    """A table; the cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heading)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def facts(pairs: Mapping[str, str]) -> str:
    """Figures in large type, each above what it is of."""
    cells = "".join(f"<div><dd>{value}</dd><dt>{escape(name)}</dt></div>" for name, value in pairs.items())
    return f'<dl class="facts">{cells}</dl>'


def _data(value: float | None, shown: str) -> str:
    return shown if value is None else f'<data value="{value!r}">{escape(shown)}</data>'
