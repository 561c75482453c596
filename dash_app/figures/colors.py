"""Colour and mark of clusters, by colour slot, which a cluster keeps for as long as it exists.

Colours are for clusters only, and are the pipeline's, so that Dagster shows the same; a mark (symbol) is the second cue,
and the label the third.
"""

from dataclasses import dataclass

from grupa_pipeline.palette import UNASSIGNED, color_of

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
UNASSIGNED_MARK = ("circle-open", "○")
DIMMED = 0.22
"""Opacity of what is not selected, which also turns grey (`UNASSIGNED`): dimmed, not hidden."""

SCALE = ("#2f74d0", "#7d8090", "#cf6a00")
"""Colours of a feature from its least to its greatest value: visible in both themes, and distinct for colour-blind eyes."""


@dataclass(frozen=True)
class Look:
    """How a cluster is drawn: colour, plotly symbol and the same mark as a character."""

    color: str
    symbol: str
    mark: str


def look(color_slot: int | None) -> Look:
    """The look of a colour slot; None is unassigned. No two of the first 70 slots look the same."""
    if color_slot is None:
        return Look(UNASSIGNED, *UNASSIGNED_MARK)
    return Look(color_of(color_slot), *MARKS[color_slot % len(MARKS)])
