"""Plain HTML tables, which scroll sideways in their box where they are wider than the screen. Pure functions."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.components.elements import aria


def table(heads: Sequence[str], rows: Sequence[Component], *, label: str | None = None, style: str = "") -> Component:
    """A table of `rows` (`html.Tr`) under its column heads.

    Args:
        heads: One head per column.
        rows: The rows.
        label: Name of a table wider than most screens, which can then be scrolled with the keyboard.
        style: A further class of the table.
    """
    reachable: dict[str, Any] = {"tabIndex": "0", "role": "region", **aria(label=label)} if label else {}
    return html.Div(
        html.Table(
            [html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])), html.Tbody(list(rows))],
            className=f"facts-table {style}".strip(),
        ),
        className="scroll-x",
        **reachable,
    )


def log_table(label: str, heads: Sequence[str], rows: Sequence[Component]) -> Component:
    """A table of logs or of their rows, named `label`."""
    return table(heads, rows, label=label, style="log-table")
