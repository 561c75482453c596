"""Validation of drafts and names: known evidence, true directions, known metrics, distinct names.

A model's reply is validated before any of it is used; tests hold the rules to the same checks. What a single line of
text may contain is checked in `text_checks`. Faults are sentences that are sent back to the model and stored in
`llm_calls.error` and `clusters.fallback_reason`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from grupa_pipeline.insights.models import ClusterDraft, NameDraft, Naming, PainPoint, Recommendation
from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow, parts, rows_by_alias
from grupa_pipeline.insights.text_checks import claimed_direction, content_words, contradictions, text_faults
from grupa_pipeline.vocabulary.enums import Direction

MAX_PAIN_POINTS, MAX_RECOMMENDATIONS = 5, 5
MAX_NAME_WORDS = 6
MAX_LENGTHS = {"name": 40, "summary": 360, "title": 100, "body": 700, "change": 320, "hypothesis": 420}
"""Maximum lengths in characters, with placeholders in place of numbers."""


class Standing(StrEnum):
    """How a cluster does on a metric compared with all other users; the words are part of the prompts."""

    WORSE = "worse"
    NEUTRAL = "neither better nor worse"
    BETTER = "better"


@dataclass(frozen=True)
class CitableFacts:
    """What the text about one cluster may refer to.

    Attributes:
        rows: The cluster's citable evidence by alias.
        higher_is_better: Feature -> whether higher values are better; None where the catalog has no preference.
        names: Features, descriptions and actions of the catalog, which may contain digits.
    """

    rows: Mapping[str, EvidenceRow]
    higher_is_better: Mapping[str, bool | None]
    names: frozenset[str]

    @classmethod
    def of(cls, evidence: pd.DataFrame, catalog: pd.DataFrame) -> "CitableFacts":
        """Facts of one cluster from its evidence, in alias order, and `feature_catalog`."""
        higher_is_better = {
            str(row["feature"]): _optional_bool(row["higher_is_better"]) for row in catalog.to_dict("records")
        }
        columns = ("feature", "description", "source_action")
        names = {str(text) for column in columns for text in catalog[column].dropna()}
        return cls(rows_by_alias(evidence), higher_is_better, frozenset(names))

    def standing(self, alias: str) -> Standing:
        """How the cluster does on the metric of this evidence."""
        row = self.rows[alias]
        higher_is_better = self.higher_is_better.get(str(row["metric"]))
        if higher_is_better is None:
            return Standing.NEUTRAL
        return Standing.WORSE if (float(row["effect_size"]) > 0) != higher_is_better else Standing.BETTER


def draft_faults(draft: ClusterDraft, facts: CitableFacts) -> list[str]:
    """Faults of one cluster's pain points and recommendations, in sentences; empty for a valid draft."""
    faults = []
    if len(draft.pain_points) > MAX_PAIN_POINTS or len(draft.recommendations) > MAX_RECOMMENDATIONS:
        faults.append(f"give at most {MAX_PAIN_POINTS} pain points and {MAX_RECOMMENDATIONS} recommendations")
    if not draft.pain_points and not draft.strengths:
        faults.append("gives no pain point")
    for number, pain_point in enumerate(draft.pain_points, start=1):
        faults += [f"pain point {number} {fault}" for fault in _pain_point_faults(pain_point, facts)]
    for number, recommendation in enumerate(draft.recommendations, start=1):
        part_faults = _recommendation_faults(recommendation, facts, len(draft.pain_points) + len(draft.strengths))
        faults += [f"recommendation {number} {fault}" for fault in part_faults]
    for texts in (draft.pain_points, draft.recommendations):
        titles = [text.title.casefold() for text in texts]
        faults += [f"the title {title!r} is given twice" for title in sorted(set(titles)) if titles.count(title) > 1]
    return faults


def naming_faults(naming: Naming, facts: Mapping[str, CitableFacts], taken: Mapping[str, str]) -> dict[str, list[str]]:
    """Faults of the names by cluster; empty when all names are valid.

    Args:
        naming: The names to validate.
        facts: The clusters to be named and what their names may refer to.
        taken: Names of the clusters that were named before.
    """
    faults: dict[str, list[str]] = {}
    named = [name.cluster_id for name in naming.clusters]
    for cluster_id in facts:
        if named.count(cluster_id) != 1:
            faults[cluster_id] = [f"{cluster_id} is named {named.count(cluster_id)} times; name it once"]
    words = {cluster_id: content_words(name) for cluster_id, name in taken.items()}
    for name in naming.clusters:
        if name.cluster_id not in facts:
            faults.setdefault(name.cluster_id, []).append(f"{name.cluster_id} was not asked for")
            continue
        own = content_words(name.name)
        shared = [f"name shares {sorted(own & theirs)} with {other}" for other, theirs in words.items() if own & theirs]
        words[name.cluster_id] = own
        for fault in _name_faults(name, facts[name.cluster_id]) + shared:
            faults.setdefault(name.cluster_id, []).append(f"{name.cluster_id}: {fault}")
    return faults


def _name_faults(name: NameDraft, facts: CitableFacts) -> list[str]:
    faults = [f"name {fault}" for fault in text_faults(name.name, max_length=MAX_LENGTHS["name"], names=())]
    if PLACEHOLDER.search(name.name):
        faults.append("name holds a placeholder")
    if not content_words(name.name) or len(name.name.split()) > MAX_NAME_WORDS:
        faults.append("name is not of two to five words")
    faults += _prose_faults("summary", name.summary, name.evidence_ids, facts)
    return faults + _citation_faults(name.evidence_ids, facts, at_least=1)


def _pain_point_faults(pain_point: PainPoint, facts: CitableFacts) -> list[str]:
    cited = pain_point.evidence_ids
    faults = _citation_faults(cited, facts, at_least=2)
    faults += _prose_faults("title", pain_point.title, cited, facts)
    faults += _prose_faults("body", pain_point.body, cited, facts)
    stated = {match.group(1) for match in PLACEHOLDER.finditer(pain_point.body)} & set(cited) & set(facts.rows)
    accepted = {Standing.WORSE}
    if not any(facts.standing(alias) is Standing.WORSE for alias in facts.rows):
        accepted.add(Standing.NEUTRAL)
    if not any(facts.standing(alias) in accepted for alias in stated):
        faults.append("does not state, with placeholders, a gap on which this cluster is worse off than the others")
    return faults


def _recommendation_faults(recommendation: Recommendation, facts: CitableFacts, pain_points: int) -> list[str]:
    faults = _citation_faults(recommendation.evidence_ids, facts, at_least=1)
    numbers = recommendation.addresses
    if not numbers or len(set(numbers)) < len(numbers) or any(not 1 <= number <= pain_points for number in numbers):
        faults.append(f"must address at least one of the {pain_points} pain points, by number")
    for part in ("title", "body", "change", "hypothesis"):
        faults += _prose_faults(part, getattr(recommendation, part), recommendation.evidence_ids, facts)
    if not re.match(r"\s*if\b.+\bthen\b.+\bbecause\b", recommendation.hypothesis, re.IGNORECASE | re.DOTALL):
        faults.append("hypothesis is not of the form: if ... then ... because ...")
    return [*faults, *_target_faults(recommendation, facts)]


def _target_faults(recommendation: Recommendation, facts: CitableFacts) -> Iterator[str]:
    """The first fault of the target metric, its direction, or the direction that the hypothesis claims."""
    metric, direction = recommendation.target_metric, recommendation.direction
    higher_is_better = facts.higher_is_better.get(metric)
    if higher_is_better is None:
        yield f"target_metric {metric!r} is not a metric of the catalog with a better direction"
        return
    better = Direction.INCREASE if higher_is_better else Direction.DECREASE
    if direction is not better:
        yield f"moves {metric} the worse way: its better direction is {better}"
    elif claimed_direction(recommendation.hypothesis) not in (None, direction):
        yield f"hypothesis does not say that {metric} will {direction}"


def _citation_faults(evidence_ids: list[str], facts: CitableFacts, *, at_least: int) -> list[str]:
    faults = [
        f"cites {alias!r}, which is no evidence of this cluster" for alias in evidence_ids if alias not in facts.rows
    ]
    if len(set(evidence_ids)) < len(evidence_ids):
        faults.append("cites the same evidence twice")
    if len(set(evidence_ids)) < at_least:
        faults.append(f"cites fewer than {at_least} pieces of evidence")
    return faults


def _prose_faults(part: str, text: str, cited: list[str], facts: CitableFacts) -> list[str]:
    is_hypothesis = part == "hypothesis"
    faults = text_faults(text, max_length=MAX_LENGTHS[part], names=facts.names, causal=is_hypothesis)
    for match in PLACEHOLDER.finditer(text):
        alias, number = match.groups()
        if alias not in cited or alias not in facts.rows:
            faults.append(f"uses {match.group()} without citing {alias}")
        elif number not in parts(facts.rows[alias]):
            faults.append(f"uses {match.group()}, which does not exist")
    if not faults and not is_hypothesis:
        faults = contradictions(text, facts.rows)
    return [f"{part} {fault}" for fault in faults]


def _optional_bool(value: object) -> bool | None:
    return None if value is None or pd.isna(value) else bool(value)
