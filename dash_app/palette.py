"""Colours and marks of clusters: one look for each colour slot, kept for as long as the cluster lives.

Colours are for clusters only. Each has at least 3:1 contrast on the light and the dark surface and differs from its
neighbours for the common kinds of colour blindness; a mark (symbol) is the second cue, and the label the third.
"""

from dataclasses import dataclass

COLORS = ("#1F7FC4", "#D55E00", "#0A9470", "#BE5F9C", "#9C7C08", "#7E5FC7", "#A4553A", "#128A9B", "#6B8420", "#D04667")
MARKS = (
    # plotly symbol, the same as a character
    ("circle", "●"),
    ("square", "■"),
    ("diamond", "◆"),
    ("triangle-up", "▲"),
    ("triangle-down", "▼"),
    ("cross", "✚"),
    ("x", "✖"),
)
UNASSIGNED_COLOR = "#8A8F98"
UNASSIGNED_MARK = ("circle-open", "○")
DIMMED = 0.12
"""Opacity of what is not selected: dimmed, not hidden."""


@dataclass(frozen=True)
class Look:
    """How a cluster is drawn: colour, plotly symbol and the same mark as a character."""

    color: str
    symbol: str
    mark: str


def look(color_slot: int | None) -> Look:
    """The look of a colour slot; None is unassigned. No two of the first 70 slots look the same."""
    if color_slot is None:
        return Look(UNASSIGNED_COLOR, *UNASSIGNED_MARK)
    return Look(COLORS[color_slot % len(COLORS)], *MARKS[color_slot % len(MARKS)])
