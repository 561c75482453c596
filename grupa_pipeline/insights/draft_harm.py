"""What no draft may do, read from metrics, roles and targets: a pain on what is none, users led where nobody should be led."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from grupa_pipeline.insights.clauses import (
    clauses_of,
    has_phrase,
    listed_phrases,
    losses,
    negations,
    sentences_of,
    word_forms,
)
from grupa_pipeline.insights.event_roles import is_unwanted
from grupa_pipeline.insights.mentions import named_share
from grupa_pipeline.insights.models import RequestedRecommendation
from grupa_pipeline.insights.templates import EvidenceRow
from grupa_pipeline.vocabulary.enums import DecidedBy, Direction, Measure
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_FAR = (FeatureFamily.OUTCOME_HAD, FeatureFamily.OUTCOME_RATE)

Entries = Mapping[str, Mapping[Any, Any]]


def is_no_pain(row: EvidenceRow, entry: Mapping[Any, Any]) -> bool:
    """Whether a pain cannot rest on a row whatever its value: a step that others decide on, or an error that is rarer."""
    if entry.get("decided_by") == DecidedBy.SYSTEM and row["measure"] == Measure.STEP:
        return True
    return is_unwanted(entry) and pd.isna(entry.get("higher_is_better")) and float(row["effect_size"]) < 0


def offered_harm(
    recommendation: RequestedRecommendation, rows: Mapping[str, EvidenceRow], entries: Entries
) -> Iterator[str]:
    """Faults of a recommendation that leads users to what nobody should be led to, or past the step at which they are lost."""
    entry = entries.get(recommendation.target_metric, {})
    if recommendation.direction is Direction.INCREASE:
        if is_unwanted(entry):
            yield f"aims at more of {recommendation.target_metric}, to which nobody should be led"
        elif entry.get("decided_by") == DecidedBy.SYSTEM and entry.get("family") in _FAR:
            yield f"aims at {recommendation.target_metric}, which users do not decide; aim at a step before it"
    if step := _skipped_step(recommendation, rows, entries):
        yield f"aims at {recommendation.target_metric} although users are lost before it; aim at {step}"
    for part in (recommendation.title, recommendation.body, recommendation.change):
        if action := _offered_action(part, entries):
            yield f"offers {action!r}, to which nobody should be led"


def _skipped_step(
    recommendation: RequestedRecommendation, rows: Mapping[str, EvidenceRow], entries: Entries
) -> str | None:
    """A step towards the goal aimed at, of which fewer go on than of the others, where only the goal itself is told."""
    entry = entries.get(recommendation.target_metric, {})
    first = next((rows[alias] for alias in recommendation.evidence_ids if alias in rows), None)
    if first is None or not {entry.get("family"), entries.get(str(first["metric"]), {}).get("family")} <= set(_FAR):
        return None
    lost = [
        (float(row["effect_size"]), str(row["metric"]))
        for row in rows.values()
        if row["measure"] == Measure.STEP
        and float(row["ci_high"]) < 0
        and entries.get(str(row["metric"]), {}).get("subject") == entry.get("subject")
        and entries.get(str(row["metric"]), {}).get("decided_by") != DecidedBy.SYSTEM
    ]
    return min(lost)[1] if lost else None


def _offered_action(text: str, entries: Entries) -> str | None:
    """The error, call for help or bad end that a clause tells the team to offer."""
    unwanted = {
        str(entry["source_action"]).splitlines()[-1]
        for entry in entries.values()
        if is_unwanted(entry) and not pd.isna(entry["source_action"])
    }
    for clause in (clause for sentence in sentences_of(text) for clause in clauses_of(sentence)):
        offer = has_phrase(listed_phrases("offering"), clause)
        if offer is None or negations(clause) or losses(clause) or has_phrase(listed_phrases("avoiding"), clause):
            continue
        said = {form for word in clause.lower().split() for form in word_forms(word.strip('.,:;()"'))}
        return next((action for action in sorted(unwanted) if named_share(action, said) == 1), None)
    return None
