"""Cluster colours, by slot: the one place that knows them, so that a cluster looks the same in Dagster and in the app."""

# Each has at least 3:1 contrast on a light and on a dark surface (WCAG 2.2, 1.4.11) and differs from its neighbours for
# the common kinds of colour blindness.
COLORS = ("#1F7FC4", "#D55E00", "#0A9470", "#BE5F9C", "#9C7C08", "#7E5FC7", "#A4553A", "#128A9B", "#6B8420", "#D04667")

# Grey is for users without a cluster alone.
UNASSIGNED = "#8A8F98"


def color_of(slot: int) -> str:
    """Colour of a `color_slot`; slots beyond the palette repeat colours (a second cue distinguishes them)."""
    return COLORS[int(slot) % len(COLORS)]
