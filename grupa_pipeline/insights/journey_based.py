"""The rules' texts for logs with goals: obstacles on the way first, then what else is worse, and strengths.

What a cluster does more or less than others is no pain by itself: behaviour counts only where the cluster does not reach goals
more often than the others. `diagnosis` decides where, `journey_texts` puts it into words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from grupa_pipeline.insights.cluster_facts import ClusterFacts
from grupa_pipeline.insights.diagnosis import (
    Obstacle,
    decided_step,
    find_obstacles,
    find_strengths,
    goal_standing,
    is_far,
)
from grupa_pipeline.insights.journey_texts import (
    apart_of,
    pain_point_of,
    recommendation_of,
    remedies_for,
    set_apart,
    strength_of,
    usual_action,
)
from grupa_pipeline.insights.models import ClusterDraft, PainPoint, Recommendation, Strength
from grupa_pipeline.insights.remedies import Cause
from grupa_pipeline.insights.templates import EvidenceRow
from grupa_pipeline.insights.wording import Wording
from grupa_pipeline.vocabulary.enums import DecidedBy, Direction, FeatureRole
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

MAX_TEXTS = 3
"""Pain points, and recommendations, of a cluster."""
_OUTCOME_KINDS = frozenset({"bad_outcome", "support_load", "low_conversion"})
_BEHAVIOUR_KINDS = frozenset(
    {
        "abandoned_proposals",
        "slow_submission",
        "slow_first_proposal",
        "few_proposals",
        "going_quiet",
        "unused_features",
        "rare_visits",
    }
)
ABSENCE_KINDS = frozenset({"going_quiet", "rare_visits"})
"""Kinds that only say that somebody is away: no pain of users whose matter has ended."""
_SLOW = (Cause.SLOW, Cause.WAIT)


@dataclass(frozen=True)
class Diagnosis:
    """What the rules know of a cluster before anything is written.

    Attributes:
        rows: Its evidence by alias.
        obstacles: Where its users are lost or held up.
        standing: 1 where it reaches goals more often than the others, -1 where less, else 0.
        goal_metric: The metric of the goal, for targets; None in logs without one.
        facts: What is known of its users.
        decided: Evidence of the step at which most are lost because others decide so.
    """

    rows: dict[str, EvidenceRow]
    obstacles: Sequence[Obstacle]
    standing: int
    goal_metric: str | None
    facts: ClusterFacts
    decided: str | None


def diagnose(rows: dict[str, EvidenceRow], wording: Wording, facts: ClusterFacts | None = None) -> Diagnosis:
    """Read a cluster's evidence on journeys."""
    obstacles = [_with_usual(each, rows, wording) for each in find_obstacles(rows, wording)[:MAX_TEXTS]]
    goals = [each.goal for each in obstacles if each.goal]
    standing, goal = goal_standing(rows, wording), _goal_metric(goals, wording)
    return Diagnosis(rows, obstacles, standing, goal, facts or ClusterFacts(), decided_step(rows, wording))


def _with_usual(obstacle: Obstacle, rows: dict[str, EvidenceRow], wording: Wording) -> Obstacle:
    """With what sets the users apart where nothing is known between the steps of the obstacle, else as it is."""
    if not is_far(obstacle, rows, wording):
        return obstacle
    return replace(obstacle, usual=usual_action(rows, wording, goal=obstacle.actions[-1]))


def has_funnel(wording: Wording) -> bool:
    """Whether the log has a goal with steps towards it."""
    return any(wording.entry(metric)["family"] == FeatureFamily.FUNNEL_STEP for metric in wording.metrics())


def is_pain(kind: str, row: EvidenceRow, diagnosis: Diagnosis, wording: Wording) -> bool:
    """Whether a difference outside of journeys, of a kind of `pain_points.toml`, is one to tell."""
    entry = wording.entry(str(row["metric"]))
    if entry.get("decided_by") == DecidedBy.SYSTEM or str(row["metric"]) in diagnosis.facts.explained:
        return False
    if kind == "low_conversion":
        is_told = any(each.is_behind and each.cause not in _SLOW for each in diagnosis.obstacles)
        return not is_told and diagnosis.decided is None and _is_nearest_goal(row, diagnosis, wording)
    if kind in _OUTCOME_KINDS:
        return True
    if kind in ABSENCE_KINDS and (diagnosis.facts.comes_once or _has_ended(diagnosis, wording)):
        return False
    return kind in _BEHAVIOUR_KINDS and diagnosis.standing <= 0


def combine(
    diagnosis: Diagnosis,
    others: Sequence[tuple[PainPoint, Callable[[int], Recommendation]]],
    wording: Wording,
) -> ClusterDraft | None:
    """The draft of a cluster from its obstacles, its other pain points, and its strengths.

    Args:
        diagnosis: The cluster's diagnosis.
        others: Pain points outside of journeys, the most severe first, with their recommendation by the number that it addresses.
        wording: The log's words.
    """
    pains: list[PainPoint] = []
    recommendations: list[Recommendation] = []
    for obstacle in diagnosis.obstacles:
        pains.append(pain_point_of(obstacle, diagnosis.rows, wording))
        recommendations.append(_remedy(obstacle, len(pains), 0, wording))
    for pain, recommend in others[: MAX_TEXTS - len(pains)]:
        pains.append(pain)
        recommendations.append(recommend(len(pains)))
    ahead = find_strengths(diagnosis.rows, wording)
    strengths: list[Strength] = []
    if ahead and (not pains or diagnosis.standing > 0):
        strengths = [strength_of(ahead, diagnosis.rows, wording)]
        if len(recommendations) < MAX_TEXTS:
            recommendations += _build_on(strengths[0], len(pains) + 1, diagnosis, wording)
    elif not pains:
        strength, recommendation = _apart(diagnosis, wording)
        strengths, recommendations = [strength], [recommendation] if recommendation else []
    if len(recommendations) < MAX_TEXTS and diagnosis.obstacles and len(remedies_for(diagnosis.obstacles[0])) > 1:
        recommendations.append(_remedy(diagnosis.obstacles[0], 1, 1, wording))
    if not recommendations:
        return None
    return ClusterDraft(pain_points=pains, strengths=strengths, recommendations=recommendations)


def _remedy(obstacle: Obstacle, number: int, choice: int, wording: Wording) -> Recommendation:
    metric = str(obstacle.target)
    better = wording.entry(metric)["higher_is_better"]
    direction = Direction.INCREASE if better else Direction.DECREASE
    return recommendation_of(obstacle, remedies_for(obstacle)[choice], number, metric, direction, wording)


def _apart(diagnosis: Diagnosis, wording: Wording) -> tuple[Strength, Recommendation | None]:
    """What sets a cluster apart that is neither ahead nor behind, or is turned down by others, and what to try."""
    rows, decided = diagnosis.rows, diagnosis.decided
    alias, action = set_apart(rows, wording)
    strength = apart_of(alias, decided, rows, wording)
    if decided is None:
        metric = diagnosis.goal_metric or _any_target(wording)
        obstacle = Obstacle(Cause.HABIT, alias, alias, 0.0, (action,) if action else (), None, metric)
    else:
        metric = str(rows[decided]["metric"])
        actions = tuple(str(wording.entry(metric)["source_action"]).splitlines())
        obstacle = Obstacle(Cause.DECIDED, decided, alias, 0.0, actions, wording.entry(metric)["subject"], metric)
    return strength, None if metric is None else _remedy(obstacle, 1, 0, wording)


def _build_on(strength: Strength, number: int, diagnosis: Diagnosis, wording: Wording) -> list[Recommendation]:
    """A recommendation that builds on a strength: that others reach the goal of the strength, as these users do."""
    alias, *others = strength.evidence_ids
    goal = wording.entry(str(diagnosis.rows[alias]["metric"]))["subject"]
    metric = _goal_metric([goal], wording)
    if metric is None:
        return []
    support = others[0] if others else alias
    usual = usual_action(diagnosis.rows, wording, goal=str(goal))
    obstacle = Obstacle(Cause.STRENGTH, alias, support, 0.0, (goal,), goal, metric, usual=usual)
    direction = Direction.INCREASE if wording.entry(metric)["higher_is_better"] else Direction.DECREASE
    draft = recommendation_of(obstacle, remedies_for(obstacle)[0], number, metric, direction, wording)
    return [draft.model_copy(update={"evidence_ids": list(strength.evidence_ids)})]


def _goal_metric(goals: Sequence[str], wording: Wording) -> str | None:
    """The metric of the first of `goals` that has one, else of the first goal with a funnel."""
    entries = [wording.entry(metric) for metric in wording.metrics()]
    with_funnel = [entry["subject"] for entry in entries if entry["family"] == FeatureFamily.FUNNEL_STEP]
    of_goal = {
        entry["subject"]: str(entry["feature"])
        for entry in entries
        if entry["family"] == FeatureFamily.OUTCOME_HAD and entry["higher_is_better"]
    }
    return next((of_goal[goal] for goal in [*goals, *with_funnel] if goal in of_goal), None)


def _any_target(wording: Wording) -> str | None:
    """An outcome with a better direction; None in logs without one."""
    entries = [wording.entry(metric) for metric in wording.metrics()]
    known = [each for each in entries if each["role"] == FeatureRole.OUTCOME and each["higher_is_better"] is not None]
    return next((str(each["feature"]) for each in known if each["source_action"] is not None), None)


def _is_nearest_goal(row: EvidenceRow, diagnosis: Diagnosis, wording: Wording) -> bool:
    """Whether no goal that more of the others reach is reached by fewer of the cluster: the way there is lost before."""
    return not any(
        other["effect_size"] < 0 and other["rest_value"] > row["rest_value"]
        for other in diagnosis.rows.values()
        if (entry := wording.entry(str(other["metric"])))["family"] == FeatureFamily.OUTCOME_HAD
        and entry["higher_is_better"]
    )


def _has_ended(diagnosis: Diagnosis, wording: Wording) -> bool:
    """Whether more of the cluster's users than of the others have an outcome, good or bad: their matter is closed."""
    return any(
        row["effect_size"] > 0
        for row in diagnosis.rows.values()
        if wording.entry(str(row["metric"]))["family"] == FeatureFamily.OUTCOME_HAD
    )
