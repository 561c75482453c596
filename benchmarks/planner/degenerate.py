"""Drafts whose numbers would look valid and are not: ten of each kind, and what the drawer says and shows of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from benchmarks.planner import overlaps
from dash_app.components.planner import drawer
from dash_app.data.snapshot import Cluster, Snapshot
from dash_app.plan_options import caution_of
from dash_app.planning.draft import propose_first_day
from dash_app.planning.duration import Forecast
from dash_app.planning.plan import Plan
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_fields import Arm

EACH = 10
_TODAY = date(2026, 6, 1)


@dataclass(frozen=True)
class DegenerateDraft:
    """A draft, why it is degenerate, and what a person must read of it; `has_numbers` where its numbers are valid all the same."""

    kind: str
    plan: Plan
    must_say: str
    note: str = ""
    has_numbers: bool = False


@dataclass(frozen=True)
class DegenerateCount:
    """How many drafts of a kind there were, were told in words, and showed users or weeks that do not hold."""

    kind: str
    drafts: int
    told: int
    numbers: int


def count_degenerate(seed: int = 51) -> list[DegenerateCount]:
    """Size every draft, and read its drawer."""
    found: dict[str, list[tuple[bool, bool]]] = {}
    for draft in _drafts(np.random.default_rng(seed)):
        sizing = size_plan(draft.plan, Forecast(2000.0, (), (), 1.0))
        notes = [draft.note] if draft.note else []
        words = _text(drawer.planner(sizing, None, {}, notes=notes))
        plan = sizing.plan
        shown = not draft.has_numbers and (plan.n_total is not None or "no number holds" not in words)
        found.setdefault(draft.kind, []).append((draft.must_say in words, shown))
    return [
        DegenerateCount(kind, len(some), sum(told for told, _ in some), sum(shown for _, shown in some))
        for kind, some in found.items()
    ]


def _drafts(rng: np.random.Generator) -> Iterator[DegenerateDraft]:
    sound = replace(overlaps.plans(3)[0][0], variants=(Arm("control"), Arm("treatment")), guardrails=())
    rail = overlaps.plans(3)[0][0].guardrails[0]
    sound = replace(sound, guardrails=(replace(rail, margin_absolute=0.3 * rail.baseline, margin_relative=0.3),))
    for at in range(EACH):
        share = _share(sound, float(rng.uniform(0.1, 0.5)))
        edge = float(at % 2)
        yield DegenerateDraft("at its floor or ceiling", _at_edge(share, edge), "so how far it can move is not known")
        wide = _share(sound, float(rng.uniform(0.3, 0.5)))
        huge = replace(wide, mde_absolute=float(rng.uniform(0.42, 0.48)), mde_relative=None)
        yield DegenerateDraft(
            "fewer than 50 users an arm", replace(huge, guardrails=_loose(sound)), "Below 50 chance decides"
        )
        rare = _share(sound, float(rng.uniform(0.0005, 0.004)))
        large = replace(rare, mde_absolute=rare.baseline * float(rng.uniform(6, 12)), mde_relative=None)
        yield DegenerateDraft(
            "fewer than 20 events in a cell", replace(large, guardrails=_loose(sound)), "fewer than 20 users"
        )
        margin = float(rng.uniform(0.55, 0.99))
        yield DegenerateDraft("a margin above half", replace(share, guardrails=_loose(sound, margin)), "guards nothing")
        log_end = _TODAY - timedelta(days=int(rng.integers(60, 2000)))
        first, note = propose_first_day(_TODAY, log_end)
        old = replace(share, start_date=first, end_date=None)
        assert log_end < first < _TODAY
        yield DegenerateDraft("a log that ended long ago", old, "The log ends on", note or "", has_numbers=True)
        weak = replace(share, caution=_caution(at, float(rng.uniform(0.1, 0.59))))
        yield DegenerateDraft("a weak or unstable cluster", weak, "Confirm who the test is for", has_numbers=True)


def _share(plan: Plan, share: float) -> Plan:
    changed = replace(plan, metric_kind=MetricKind.PROPORTION, baseline=share, baseline_sd=None)
    return changed.with_effect(relative=0.1)


def _at_edge(plan: Plan, edge: float) -> Plan:
    direction = type(plan.direction)("decrease" if edge else "increase")
    return replace(plan, baseline=edge, direction=direction, mde_absolute=0.05, mde_relative=None)


def _loose(plan: Plan, margin: float = 0.45) -> Any:
    """Guardrails that ask for few users."""
    (rail,) = plan.guardrails
    sd = 0.05 * rail.baseline
    return (
        replace(
            rail,
            metric_kind=MetricKind.MEAN,
            baseline_sd=sd,
            margin_absolute=margin * rail.baseline,
            margin_relative=margin,
        ),
    )


def _caution(at: int, hold: float) -> str | None:
    status = "weak_structure" if at % 3 == 0 else "ok"
    cluster = SimpleNamespace(stability=hold if at % 3 == 1 else 0.9, replication=hold if at % 3 == 2 else 0.9)
    return (caution_of(cast(Snapshot, SimpleNamespace(status=status)), cast(Cluster, cluster)) or "").replace(
        "confirm", "Confirm"
    )


def _text(tree: Any) -> str:
    """All text of a tree of components."""
    if isinstance(tree, list | tuple):
        return " ".join(_text(each) for each in tree)
    children = getattr(tree, "children", None)
    return tree if isinstance(tree, str) else _text(children) if children is not None else ""
