"""Cluster colours, by slot: the one place that knows them, so that a cluster looks the same in Dagster and in the app."""

UNASSIGNED = "#9aa0a6"

# Okabe and Ito (2008), "Color Universal Design", black left out, then Paul Tol's "muted" scheme (2021): both are told apart
# by colour-blind eyes.
COLORS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#882255",
    "#999933",
    "#332288",
    "#44aa99",
    "#ddcc77",
    "#aa4499",
)


def color_of(slot: int) -> str:
    """Colour of a `color_slot`; slots beyond the palette start over (a second cue tells them apart)."""
    return COLORS[int(slot) % len(COLORS)]
