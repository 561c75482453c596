"""RICE: reach * impact * confidence / effort, with the reach taken from the log (Intercom, 2016). Pure."""

QUARTER_DAYS = 91
"""Reach counts different eligible users a quarter."""


def rice_score(reach: float, impact: float, confidence: float, effort: float) -> float:
    """Score of a plan.

    Args:
        reach: Different eligible users a quarter.
        impact: Impact a user: .25, .5, 1, 2 or 3.
        confidence: 0 to 1.
        effort: Person-months, above 0.
    """
    return round(reach * impact * confidence / effort, 1)


def default_confidence(stability: float | None, baseline_unseen: bool) -> float:
    """How sure one may be before a test, in RICE's three steps.

    1.0 is for what a test has shown already, so a plan starts at .8 when its cluster is stable (.75 and up, Hennig
    2007) and its baseline was measured on unseen days, and at .5 otherwise.
    """
    return 0.8 if baseline_unseen and stability is not None and stability >= 0.75 else 0.5
