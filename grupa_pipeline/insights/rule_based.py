"""The rule-based analyst: which of a cluster's gaps hurt most, told as pain points with a recommendation for each.

Here gaps are ranked and put together with their texts; what kinds of pain there are and what one would try about them
is in `pain_points.toml`, how metrics are spoken of in `wording.py`, names in `naming.py`. It says what was measured and never
why: only a hypothesis says "because".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from grupa_pipeline.insights.evidence import is_large, weight
from grupa_pipeline.insights.models import ClusterDraft, Naming, PainPoint, Recommendation
from grupa_pipeline.insights.naming import choose_names
from grupa_pipeline.insights.pain_points import Pain, better_way, pain_of, worse_side
from grupa_pipeline.insights.templates import Evidence, rows_by_alias
from grupa_pipeline.insights.wording import Wording, beside, capital, favourite_feature, spoken, usual_step

MOST_PAINS = 3
NEAR_TOP = 0.4
"""A gap is a pain point of its own if it is at least this severe, relative to the cluster's most severe one."""
HABIT = 0.5
"""Kinds of at most this weight are habits: told only where nothing is measurably worse."""


@dataclass(frozen=True)
class _Gap:
    """A piece of evidence read as a pain."""

    alias: str
    row: Evidence
    pain: Pain
    severity: float

    about: str
    """The actions it is about, or the metric itself where it covers all."""

    @property
    def subject(self) -> tuple[str, str]:
        """Gaps of one subject are one pain."""
        return self.pain.pain, self.about if self.pain.apart else ""


def name_clusters(evidence: pd.DataFrame, clusters: pd.DataFrame, catalog: pd.DataFrame) -> Naming:
    """Name all `clusters` (one row each, cluster_id) together by what sets them apart, so that siblings differ.

    `evidence` holds rows of `cluster_evidence`, each cluster's in the order of its aliases.
    """
    return choose_names(evidence, [str(name) for name in clusters["cluster_id"]], Wording(catalog))


def analyse(evidence: pd.DataFrame, cluster: Mapping[str, Any], catalog: pd.DataFrame) -> ClusterDraft | None:
    """Pain points and recommendations of one cluster, most severe first, at most MOST_PAINS of each.

    `evidence` holds the cluster's rows in the order of their aliases, `cluster` its row of `clusters`. With fewer than
    two pieces of evidence there is nothing to say: None.
    """
    rows = rows_by_alias(evidence)
    if len(rows) < 2:
        return None
    wording, cluster_id = Wording(catalog), str(cluster["cluster_id"])
    size = max(int(row["n_cluster"]) for row in rows.values())
    gaps = [_read(alias, row, size, wording) for alias, row in rows.items()]
    gaps = [gap for gap in gaps if _got_there(gap.row, list(rows.values()), wording)]
    if len(gaps) < 2:
        return None
    chosen = _choose(gaps)
    pain_points, recommendations, used = [], [], {gap.alias for gap in chosen}
    for number, gap in enumerate(chosen, start=1):
        support = _support(gap, gaps, used, wording)
        used.add(support.alias)
        say = _speaker(gap, _turn(gap, chosen, cluster_id), list(rows.values()), wording)
        pain_points.append(_pain_point(gap, support, say, wording))
        target = _target(gap, list(rows.values()), wording)
        recommendations.append(_recommendation(gap, support, number, target, say, wording))
    return ClusterDraft(pain_points=pain_points, recommendations=recommendations)


def _got_there(row: Evidence, rows: Sequence[Evidence], wording: Wording) -> bool:
    """Whether a step not taken can be told: not where most never did what it would lead on from, and less than others."""
    if row["measure"] != "path" or row["effect_size"] > 0:
        return True
    start = str(wording.entry(str(row["metric"]))["source_action"]).splitlines()[0]
    return not any(
        other["measure"] == "proportion"
        and other["effect_size"] < 0
        and other["cluster_value"] < 0.5
        and wording.entry(str(other["metric"]))["source_action"] == start
        for other in rows
    )


def _read(alias: str, row: Evidence, size: int, wording: Wording) -> _Gap:
    """Severity is the kind's weight, the size of the gap, and the share of the cluster, of `size` users, that it concerns."""
    pain = pain_of(row, wording.entry(str(row["metric"])))
    gap = weight(row) * (1.0 if is_large(row) else 0.5)
    return _Gap(alias, row, pain, pain.weight * gap * _concerned(row, size), _matter(str(row["metric"]), wording))


def _matter(metric: str, wording: Wording) -> str:
    """What a metric is about: its actions, however they are counted and whatever letter is put before them."""
    entry = wording.entry(metric)
    return (
        metric if pd.isna(entry["source_action"]) else " ".join(map(spoken, str(entry["source_action"]).splitlines()))
    )


def _concerned(row: Evidence, size: int) -> float:
    """Share of the cluster on the far side of a gap: those who have (or lack) it, or of those who have a value a member's
    chance to be beyond."""
    if row["measure"] in ("proportion", "path"):
        return float(row["cluster_value"] if row["effect_size"] > 0 else 1 - row["cluster_value"])
    return (1 + abs(float(row["effect_size"]))) / 2 * min(1.0, float(row["n_cluster"]) / size)


def _choose(gaps: Sequence[_Gap]) -> list[_Gap]:
    """The most severe gap of each subject, as far as near the top, less what a more severe one covers.

    Habits are told only where nothing else is there.
    """
    ranked = sorted(gaps, key=lambda gap: (-gap.severity, gap.alias))
    leading: dict[tuple[str, str], _Gap] = {}
    for gap in ranked:
        leading.setdefault(gap.subject, gap)
    told: list[_Gap] = []
    for gap in leading.values():
        covered = any(gap.pain.pain in other.pain.covers for other in told)
        if gap.pain.weight > HABIT and is_large(gap.row) and not covered:
            told.append(gap)
    told = told or list(leading.values())[:1]
    return [gap for gap in told if gap.severity >= NEAR_TOP * told[0].severity][:MOST_PAINS]


def _support(gap: _Gap, gaps: Sequence[_Gap], used: set[str], wording: Wording) -> _Gap:
    """A second piece of evidence beside the first: of its kind or covered by it, else another bad one, else the heaviest."""
    others = [other for other in gaps if other.alias != gap.alias]
    others = [other for other in others if other.about != gap.about or gap.pain.role != "outcome"] or others

    def closeness(other: _Gap) -> tuple[bool, bool, bool, float]:
        near = other.pain.pain == gap.pain.pain or other.pain.pain in gap.pain.covers
        return _is_bad(other, wording), other.alias not in used, near, other.severity

    return max(others, key=closeness)


def _speaker(gap: _Gap, turn: int, rows: Sequence[Evidence], wording: Wording) -> Callable[..., str]:
    """Turns one of several wordings, the one whose turn it is, into a text about this gap."""
    favourite = favourite_feature(rows, wording)
    usual = usual_step(rows, wording, besides=str(gap.row["metric"]))

    def say(*variants: str) -> str:
        text = wording.say(variants[turn % len(variants)], gap.row, gap.alias).replace("<usual>", usual)
        return text.replace("<favourite>", favourite).replace("<Favourite>", capital(favourite))

    return say


def _is_bad(gap: _Gap, wording: Wording) -> bool:
    """Whether the catalog says that this is the worse side."""
    side = "higher" if gap.row["effect_size"] > 0 else "lower"
    return worse_side(wording.entry(str(gap.row["metric"]))) == side


def _pain_point(gap: _Gap, support: _Gap, say: Callable[..., str], wording: Wording) -> PainPoint:
    also = beside(
        wording.clause(support.row, support.alias), say("They also", "The same users", "Along with that, they")
    )
    body = f"{say(*gap.pain.lead)} {also} {say(*gap.pain.close)}"
    return PainPoint(title=say(*gap.pain.title), body=body, evidence_ids=[gap.alias, support.alias])


def _recommendation(
    gap: _Gap,
    support: _Gap,
    number: int,
    target: tuple[str, Literal["increase", "decrease"]],
    say: Callable[..., str],
    wording: Wording,
) -> Recommendation:
    fix, (metric, direction) = gap.pain.fix, target
    return Recommendation(
        title=say(*fix.title),
        body=say(*fix.body),
        addresses=[number],
        evidence_ids=[gap.alias, support.alias],
        target_metric=metric,
        direction=direction,
        change=say(*fix.change),
        hypothesis=say(*fix.hypothesis).replace("<aim>", wording.aim(metric, direction)),
    )


def _target(gap: _Gap, rows: Sequence[Evidence], wording: Wording) -> tuple[str, Literal["increase", "decrease"]]:
    """The metric to move and the better way: the pain's own, else what its kind aims at, a good outcome, or visits.

    None but the pain's own in which the cluster is ahead of the others already, as its `rows` say. Where the catalog says of
    none which way is better, the pain's own metric moves back towards the others.
    """
    metrics = wording.metrics()
    wished = [metric for pattern in gap.pain.target for metric in metrics if re.search(pattern, metric)]
    outcomes = [metric for metric in metrics if wording.entry(metric)["role"] == "outcome"]
    good = [metric for metric in outcomes if better_way(wording.entry(metric)) == "increase"]
    own = str(gap.row["metric"])
    measured = {str(row["metric"]): "increase" if row["effect_size"] > 0 else "decrease" for row in rows}
    for metric in [own, *wished, *good, "sessions_per_week", *metrics]:
        way = better_way(wording.entry(metric)) if metric in metrics else None
        if way is not None and (metric == own or measured.get(metric) != way):
            return metric, way
    return str(gap.row["metric"]), "decrease" if gap.row["effect_size"] > 0 else "increase"


def _turn(gap: _Gap, chosen: Sequence[_Gap], cluster_id: str) -> int:
    """Whose turn it is among wordings: another for each cluster in a row and for each gap of a kind, the same every day."""
    before = sum(
        other.pain.pain == gap.pain.pain and str(other.row["metric"]) < str(gap.row["metric"]) for other in chosen
    )
    return int(re.sub(r"\D", "", cluster_id) or 0) + before
