"""Rule-based writer: a cluster's most severe gaps as pain points, with one recommendation for each.

This module ranks gaps and assembles their texts. Kinds of pain points and their texts are in `pain_points.toml`, the
words for metrics in `wording`, names in `naming`. Texts state what was measured and no causes, except in hypotheses.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from grupa_pipeline.insights.cluster_facts import ClusterFacts, read_facts
from grupa_pipeline.insights.diagnosis import Obstacle, find_strengths, is_about_journeys
from grupa_pipeline.insights.evidence import SHARES, is_large, weight
from grupa_pipeline.insights.journey_based import ABSENCE_KINDS, Diagnosis, combine, diagnose, has_funnel, is_pain
from grupa_pipeline.insights.journey_texts import (
    apart_of,
    recommendation_of,
    remedies_for,
    set_apart,
    strength_of,
)
from grupa_pipeline.insights.models import ClusterDraft, Naming, PainPoint, Recommendation
from grupa_pipeline.insights.naming import choose_names
from grupa_pipeline.insights.pain_points import PainPattern, better_direction, find_pattern, side_of, worse_side
from grupa_pipeline.insights.remedies import Cause
from grupa_pipeline.insights.templates import EvidenceRow, reads_the_same, rows_by_alias
from grupa_pipeline.insights.true_names import ClusterUsers
from grupa_pipeline.insights.wording import (
    Wording,
    action_words,
    added_sentence,
    capitalize,
    favourite_feature,
    usual_step,
)
from grupa_pipeline.vocabulary.enums import Direction, FeatureRole, Measure

RULES_VERSION = "rules-5"
"""Version of the rule-based writer; texts of another version are not reused."""
MAX_PAIN_POINTS = 3
MIN_RELATIVE_SEVERITY = 0.4
"""Minimum severity of a further pain point, relative to the cluster's most severe one."""
HABIT_WEIGHT = 0.5
"""Patterns of at most this weight are habits, reported only where nothing is measurably worse."""
GAP_OPENINGS = ("They also", "The same users", "Along with that, they")

Written = tuple[PainPoint, Callable[[int], Recommendation]]
"""A pain point, and its recommendation by the number that it addresses."""
Target = tuple[str, Direction]
"""The metric that a recommendation moves, and its direction."""


@dataclass(frozen=True)
class _Gap:
    """A row of evidence matched to a pattern.

    Attributes:
        actions: The actions that it is about, in words, or the metric itself where it covers all actions.
    """

    alias: str
    row: EvidenceRow
    pattern: PainPattern
    severity: float
    actions: str

    @property
    def metric(self) -> str:
        """The metric of the evidence."""
        return str(self.row["metric"])

    @property
    def subject(self) -> tuple[str, str]:
        """Gaps with the same subject are one pain point."""
        return self.pattern.kind, self.actions if self.pattern.per_action else ""


def name_clusters(
    evidence: pd.DataFrame, clusters: pd.DataFrame, catalog: pd.DataFrame, users: ClusterUsers | None = None
) -> Naming:
    """Name all clusters together, so that their names are distinct.

    Args:
        evidence: Rows of `cluster_evidence`, each cluster's in alias order.
        clusters: One row per cluster, with cluster_id.
        catalog: `feature_catalog`.
        users: The users that names are checked on; None leaves names unchecked.
    """
    return choose_names(evidence, [str(name) for name in clusters["cluster_id"]], Wording(catalog), users)


def write_draft(
    evidence: pd.DataFrame, cluster_id: str, catalog: pd.DataFrame, users: ClusterUsers | None = None
) -> ClusterDraft | None:
    """Write pain points, strengths and recommendations of one cluster, most severe first, at most `MAX_PAIN_POINTS` of each.

    In a log with goals the places where users are lost on their way come first (see `journey_based`).

    Args:
        evidence: The cluster's rows of `cluster_evidence`, in alias order.
        cluster_id: The cluster; decides which variant of a text is used.
        catalog: `feature_catalog`.
        users: The users themselves, by whom differences are explained (see `cluster_facts`); None explains none.

    Returns:
        The draft; None with fewer than two usable rows of evidence, since a pain point cites two.
    """
    rows = rows_by_alias(evidence)
    if len(rows) < 2:
        return None
    wording = Wording(catalog)
    facts = read_facts(users, cluster_id, wording)
    if has_funnel(wording):
        diagnosis = diagnose(rows, wording, facts)
        return combine(diagnosis, _other_pains(diagnosis, cluster_id, wording), wording)
    gaps = _gaps(_plain(rows, wording), wording)
    if len(gaps) < 2:
        return None
    pains = [gap for gap in gaps if _may_be_pain(gap, facts, wording)]
    written = _written(_select(pains), gaps, cluster_id, wording, None)
    if not written:
        return _set_apart_draft(gaps, wording)
    return ClusterDraft(
        pain_points=[pain for pain, _ in written],
        recommendations=[recommend(number) for number, (_, recommend) in enumerate(written, start=1)],
    )


def _may_be_pain(gap: _Gap, facts: ClusterFacts, wording: Wording) -> bool:
    """Whether a gap may be told as a pain: not one that is explained, and no habit, which is neither better nor worse."""
    if gap.metric in facts.explained or (facts.comes_once and gap.pattern.kind in ABSENCE_KINDS):
        return False
    return gap.pattern.weight > HABIT_WEIGHT or _is_worse(gap, wording)


def _set_apart_draft(gaps: Sequence[_Gap], wording: Wording) -> ClusterDraft:
    """The draft of a cluster that is worse in nothing: what it does better, else what sets it apart, and what to build on it."""
    rows = {gap.alias: gap.row for gap in gaps}
    ahead = find_strengths(rows, wording)
    alias, action = set_apart(rows, wording)
    gap = next(each for each in gaps if each.alias == alias)
    metric, direction = _target(gap, list(rows.values()), wording)
    obstacle = Obstacle(Cause.HABIT, alias, alias, 0.0, (action,) if action else (), None, metric)
    remedy, *_ = remedies_for(obstacle)
    return ClusterDraft(
        pain_points=[],
        strengths=[strength_of(ahead, rows, wording) if ahead else apart_of(alias, None, rows, wording)],
        recommendations=[recommendation_of(obstacle, remedy, 1, metric, direction, wording)],
    )


def _other_pains(diagnosis: Diagnosis, cluster_id: str, wording: Wording) -> list[Written]:
    """Pain points outside of journeys in a log with goals."""
    gaps = _gaps(_plain(diagnosis.rows, wording), wording)
    pains = [gap for gap in gaps if is_large(gap.row) and is_pain(gap.pattern.kind, gap.row, diagnosis, wording)]
    if not pains or len(gaps) < 2:
        return []
    return _written(_select(pains), gaps, cluster_id, wording, diagnosis.goal_metric)


def _gaps(rows: Mapping[str, EvidenceRow], wording: Wording) -> list[_Gap]:
    """The rows matched to patterns, but for what is out of reach."""
    all_rows = list(rows.values())
    size = max((int(row["n_cluster"]) for row in all_rows), default=0)
    return [
        _read_gap(alias, row, size, wording) for alias, row in rows.items() if _is_reachable(row, all_rows, wording)
    ]


def _written(
    selected: Sequence[_Gap], gaps: Sequence[_Gap], cluster_id: str, wording: Wording, goal: str | None
) -> list[Written]:
    """The texts of the `selected` of `gaps`; recommendations about behaviour move the metric `goal` where there is one."""
    all_rows, used = [gap.row for gap in gaps], {gap.alias for gap in selected}
    written: list[Written] = []
    for gap in selected:
        support = _supporting_gap(gap, gaps, used, wording)
        if support is None:
            continue
        used.add(support.alias)
        render = _renderer(gap, _variant(gap, selected, cluster_id), all_rows, wording)
        is_outcome = wording.entry(gap.metric)["role"] == FeatureRole.OUTCOME
        target = (goal, Direction.INCREASE) if goal and not is_outcome else _target(gap, all_rows, wording)
        recommend = partial(_recommendation, gap, support, target=target, render=render, wording=wording)
        written.append((_pain_point(gap, support, render, wording), recommend))
    return written


def _plain(rows: Mapping[str, EvidenceRow], wording: Wording) -> dict[str, EvidenceRow]:
    """The rows that are about no place on users' way."""
    return {alias: row for alias, row in rows.items() if not is_about_journeys(wording.entry(str(row["metric"])))}


def _is_reachable(row: EvidenceRow, rows: Sequence[EvidenceRow], wording: Wording) -> bool:
    """Whether a missing second step of a path is meaningful: not where most users, and more than others, lack the first."""
    if row["measure"] != Measure.PATH or row["effect_size"] > 0:
        return True
    start = str(wording.entry(str(row["metric"]))["source_action"]).splitlines()[0]
    return not any(
        other["measure"] == Measure.PROPORTION
        and other["effect_size"] < 0
        and other["cluster_value"] < 0.5
        and wording.entry(str(other["metric"]))["source_action"] == start
        for other in rows
    )


def _read_gap(alias: str, row: EvidenceRow, size: int, wording: Wording) -> _Gap:
    """Match evidence to its pattern; severity is pattern weight x size of the gap x share of the `size` users affected."""
    metric = str(row["metric"])
    pattern = find_pattern(row, wording.entry(metric))
    gap = weight(row) * (1.0 if is_large(row) else 0.5)
    return _Gap(alias, row, pattern, pattern.weight * gap * _share_affected(row, size), _actions(metric, wording))


def _actions(metric: str, wording: Wording) -> str:
    """The actions behind a metric in words, however they are counted, or the metric where it covers all actions."""
    source = wording.entry(metric)["source_action"]
    return metric if pd.isna(source) else " ".join(map(action_words, str(source).splitlines()))


def _share_affected(row: EvidenceRow, size: int) -> float:
    """Share of the cluster on the far side of a gap.

    For a share of users, those who have it (or lack it); for a number, the probability that a member is beyond another
    user, times the share of members with a value.
    """
    if row["measure"] in SHARES:
        return float(row["cluster_value"] if row["effect_size"] > 0 else 1 - row["cluster_value"])
    return (1 + abs(float(row["effect_size"]))) / 2 * min(1.0, float(row["n_cluster"]) / size)


def _select(gaps: Sequence[_Gap]) -> list[_Gap]:
    """The most severe gap of each subject, without habits, small gaps and consequences of more severe ones.

    Where nothing else remains, the most severe gap on the worse side is selected, however small.
    """
    if not gaps:
        return []
    leading: dict[tuple[str, str], _Gap] = {}
    for gap in sorted(gaps, key=lambda gap: (-gap.severity, gap.alias)):
        leading.setdefault(gap.subject, gap)
    selected: list[_Gap] = []
    for gap in leading.values():
        is_covered = any(gap.pattern.kind in other.pattern.covers for other in selected)
        if gap.pattern.weight > HABIT_WEIGHT and is_large(gap.row) and not is_covered:
            selected.append(gap)
    selected = selected or list(leading.values())[:1]
    threshold = MIN_RELATIVE_SEVERITY * selected[0].severity
    return [gap for gap in selected if gap.severity >= threshold][:MAX_PAIN_POINTS]


def _supporting_gap(gap: _Gap, gaps: Sequence[_Gap], used: set[str], wording: Wording) -> _Gap | None:
    """Second evidence for a pain point: preferably on the worse side, not yet used, related, and severe.

    None where all other evidence says the same as the first.
    """
    others = [other for other in gaps if other.alias != gap.alias and not reads_the_same(other.row, gap.row)]
    others = [
        other for other in others if other.actions != gap.actions or gap.pattern.role != FeatureRole.OUTCOME
    ] or others

    def preference(other: _Gap) -> tuple[bool, bool, bool, float]:
        is_related = other.pattern.kind == gap.pattern.kind or other.pattern.kind in gap.pattern.covers
        return _is_worse(other, wording), other.alias not in used, is_related, other.severity

    return max(others, key=preference, default=None)


def _is_worse(gap: _Gap, wording: Wording) -> bool:
    return worse_side(wording.entry(gap.metric)) is side_of(gap.row)


def _renderer(gap: _Gap, variant: int, rows: Sequence[EvidenceRow], wording: Wording) -> Callable[..., str]:
    """A function that takes the variants of a text and renders the chosen one for this gap."""
    favourite = favourite_feature(rows, wording)
    usual = usual_step(rows, wording, excluded_metric=gap.metric)

    def render(*variants: str) -> str:
        text = wording.render(variants[variant % len(variants)], gap.row, gap.alias).replace("<usual>", usual)
        return text.replace("<favourite>", favourite).replace("<Favourite>", capitalize(favourite))

    return render


def _pain_point(gap: _Gap, support: _Gap, render: Callable[..., str], wording: Wording) -> PainPoint:
    added = added_sentence(wording.clause(support.row, support.alias), render(*GAP_OPENINGS))
    body = f"{render(*gap.pattern.lead)} {added} {render(*gap.pattern.close)}"
    title = gap.pattern.share_title if gap.row["measure"] in SHARES and gap.pattern.share_title else gap.pattern.title
    return PainPoint(title=render(*title), body=body, evidence_ids=[gap.alias, support.alias])


def _recommendation(
    gap: _Gap, support: _Gap, number: int, *, target: Target, render: Callable[..., str], wording: Wording
) -> Recommendation:
    fix, (metric, direction) = gap.pattern.fix, target
    return Recommendation(
        title=render(*fix.title),
        body=render(*fix.body),
        addresses=[number],
        evidence_ids=[gap.alias, support.alias],
        target_metric=metric,
        direction=direction,
        change=render(*fix.change),
        hypothesis=render(*fix.hypothesis).replace("<aim>", wording.aim(metric, direction)),
    )


def _target(gap: _Gap, rows: Sequence[EvidenceRow], wording: Wording) -> Target:
    """The metric to move: the gap's own, else a target of its pattern, a good outcome, visits, or any other metric.

    Metrics without a better direction are skipped, and so are metrics other than the gap's own on which the cluster is
    already ahead according to its `rows`. If none is left, the gap's own metric moves towards the other users' value.
    """
    metrics = wording.metrics()
    preferred = [metric for regex in gap.pattern.target for metric in metrics if re.search(regex, metric)]
    outcomes = [metric for metric in metrics if wording.entry(metric)["role"] == FeatureRole.OUTCOME]
    good = [metric for metric in outcomes if better_direction(wording.entry(metric)) is Direction.INCREASE]
    ahead = {str(row["metric"]): _direction_of(row) for row in rows}
    for metric in [gap.metric, *preferred, *good, "sessions_per_week", *metrics]:
        better = better_direction(wording.entry(metric)) if metric in metrics else None
        if better is not None and (metric == gap.metric or ahead.get(metric) is not better):
            return metric, better
    back = Direction.DECREASE if gap.row["effect_size"] > 0 else Direction.INCREASE
    return gap.metric, back


def _direction_of(row: EvidenceRow) -> Direction:
    return Direction.INCREASE if row["effect_size"] > 0 else Direction.DECREASE


def _variant(gap: _Gap, selected: Sequence[_Gap], cluster_id: str) -> int:
    """Number of the text variant: differs between neighbouring clusters and gaps of one kind, and never changes."""
    earlier = sum(other.pattern.kind == gap.pattern.kind and other.metric < gap.metric for other in selected)
    return int(re.sub(r"\D", "", cluster_id) or 0) + earlier
