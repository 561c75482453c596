"""Validation of drafts and names: known evidence, true directions, known metrics, distinct names.

A model's reply is validated before any of it is used; tests hold the rules to the same checks. What a single line of
text may contain is checked in `text_checks`. Faults are sentences that are sent back to the model and stored in
`llm_calls.error` and `clusters.fallback_reason`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pandas as pd

from grupa_pipeline.insights.claims import unsupported_claims, without_ways
from grupa_pipeline.insights.comparisons import Comparable, contradictions
from grupa_pipeline.insights.draft_harm import is_no_pain, offered_harm
from grupa_pipeline.insights.models import (
    ClusterDraft,
    NameDraft,
    Naming,
    PainPoint,
    RequestedRecommendation,
    Strength,
)
from grupa_pipeline.insights.quantities import without_true_quantities
from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow, can_fill, rows_by_alias
from grupa_pipeline.insights.text_checks import claimed_direction, content_words, text_faults
from grupa_pipeline.vocabulary.enums import Direction, Measure

MAX_PAIN_POINTS, MAX_RECOMMENDATIONS = 5, 5
MAX_NAME_WORDS = 6
MAX_WEAK_STEP = 0.9
"""A step of which more than this share goes on is nobody's pain unless the others do better."""
MAX_LENGTHS = {"name": 40, "summary": 360, "title": 140, "body": 900, "change": 400, "hypothesis": 500}
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
        names: Features, descriptions and actions of the catalog, which may contain digits, and what the team says of its product.
        actions: Metric -> the actions that it is about.
        spoken: Names of features and actions, and what the team says of its product: what a text may speak of.
        entries: Metric -> its row of `feature_catalog`, with the roles of its action where these are known.
        no_pain: Metrics on which a pain cannot rest for this cluster (see `cluster_facts`).
    """

    rows: Mapping[str, EvidenceRow]
    higher_is_better: Mapping[str, bool | None]
    names: frozenset[str]
    actions: Mapping[str, frozenset[str]]
    spoken: frozenset[str] = frozenset()
    entries: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    no_pain: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, evidence: pd.DataFrame, catalog: pd.DataFrame, product: str = "", no_pain: Collection[str] = ()
    ) -> "CitableFacts":
        """Facts of one cluster from its evidence, in alias order, `feature_catalog`, what is said of the product, and `no_pain`."""
        higher_is_better = {
            str(row["feature"]): _optional_bool(row["higher_is_better"]) for row in catalog.to_dict("records")
        }
        columns = ("feature", "description", "source_action")
        names = {str(text) for column in columns for text in catalog[column].dropna()}
        names |= {product} if product else set()
        spoken = {str(text) for column in ("feature", "source_action") for text in catalog[column].dropna()}
        spoken |= {product} if product else set()
        actions = {
            str(row["feature"]): frozenset(str(row["source_action"]).splitlines())
            for row in catalog.to_dict("records")
            if not pd.isna(row["source_action"])
        }
        entries = {str(row["feature"]): row for row in catalog.to_dict("records")}
        return cls(
            rows_by_alias(evidence),
            higher_is_better,
            frozenset(names),
            actions,
            frozenset(spoken),
            entries,
            frozenset(no_pain),
        )

    def standing(self, alias: str) -> Standing:
        """How the cluster does on the metric of this evidence."""
        row = self.rows[alias]
        higher_is_better = self.higher_is_better.get(str(row["metric"]))
        if higher_is_better is None:
            return Standing.NEUTRAL
        return Standing.WORSE if (float(row["effect_size"]) > 0) != higher_is_better else Standing.BETTER


@dataclass(frozen=True)
class DraftFaults:
    """Faults of a draft's parts, in their order, and of the draft as a whole; a part is valid if it has none."""

    pain_points: list[list[str]]
    strengths: list[list[str]]
    recommendations: list[list[str]]
    whole: list[str]

    def sentences(self) -> list[str]:
        """All faults, each saying which part it is in."""
        kinds = {
            "pain point": self.pain_points,
            "strength": self.strengths,
            "recommendation": self.recommendations,
        }
        told = [
            f"{kind} {number} {fault}"
            for kind, parts_faults in kinds.items()
            for number, faults in enumerate(parts_faults, start=1)
            for fault in faults
        ]
        return [*self.whole, *told]


def part_faults(draft: ClusterDraft, facts: CitableFacts) -> DraftFaults:
    """Faults of every part of one cluster's draft by itself: a faulty part costs that part alone."""
    whole = []
    if len(draft.pain_points) > MAX_PAIN_POINTS or len(draft.recommendations) > MAX_RECOMMENDATIONS:
        whole.append(f"give at most {MAX_PAIN_POINTS} pain points and {MAX_RECOMMENDATIONS} recommendations")
    if not draft.pain_points and not draft.strengths:
        whole.append("gives no pain point and no strength")
    addressed = len(draft.pain_points) + len(draft.strengths)
    return DraftFaults(
        [
            _twice(draft.pain_points, number) + pain_point_faults(part, facts)
            for number, part in enumerate(draft.pain_points)
        ],
        [_twice(draft.strengths, number) + strength_faults(part, facts) for number, part in enumerate(draft.strengths)],
        [
            _twice(draft.recommendations, number) + recommendation_faults(part, facts, addressed)
            for number, part in enumerate(draft.recommendations)
        ],
        whole,
    )


def draft_faults(draft: ClusterDraft, facts: CitableFacts) -> list[str]:
    """Faults of one cluster's texts, in sentences; empty for a valid draft."""
    return part_faults(draft, facts).sentences()


def _twice(texts: Sequence[PainPoint | Strength | RequestedRecommendation], number: int) -> list[str]:
    """The fault of a part whose title an earlier one has."""
    earlier = {text.title.casefold() for text in texts[:number]}
    title = texts[number].title
    return [f"has the title {title!r}, which is given twice"] if title.casefold() in earlier else []


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


def pain_point_faults(pain_point: PainPoint, facts: CitableFacts) -> list[str]:
    """Faults of a pain point by itself, in sentences; empty for a valid one."""
    cited = pain_point.evidence_ids
    faults = _citation_faults(cited, facts, at_least=2)
    faults += _prose_faults("title", pain_point.title, cited, facts)
    faults += _prose_faults("body", pain_point.body, cited, facts)
    known = set(cited) & set(facts.rows)
    text = f"{pain_point.title} {pain_point.body}"
    stated = {match.group(1) for match in PLACEHOLDER.finditer(text)} & known
    if not stated:
        faults.append("does not state a gap with placeholders of the evidence that it cites")
    elif not any(_is_pain(alias, facts) for alias in known):
        faults.append("cites nothing on which this cluster is worse off than the others")
    elif all(facts.standing(alias) is Standing.BETTER for alias in stated):
        faults.append("only states what this cluster does better than the others")
    return faults


def _is_pain(alias: str, facts: CitableFacts) -> bool:
    """Whether a pain point can rest on this: worse than the others, a step at which users stop, or all that there is."""
    standing = facts.standing(alias)
    metric = str(facts.rows[alias]["metric"])
    if metric in facts.no_pain or is_no_pain(facts.rows[alias], facts.entries.get(metric, {})):
        return False
    if standing is Standing.WORSE:
        return True
    if facts.rows[alias]["measure"] == Measure.STEP:
        return float(facts.rows[alias]["cluster_value"]) <= MAX_WEAK_STEP
    return standing is Standing.NEUTRAL and not any(facts.standing(other) is Standing.WORSE for other in facts.rows)


def strength_faults(strength: Strength, facts: CitableFacts) -> list[str]:
    """Faults of a strength by itself."""
    cited = strength.evidence_ids
    faults = _citation_faults(cited, facts, at_least=1)
    faults += _prose_faults("title", strength.title, cited, facts)
    faults += _prose_faults("body", strength.body, cited, facts)
    known = [alias for alias in cited if alias in facts.rows]
    if known and all(facts.standing(alias) is Standing.WORSE for alias in known):
        faults.append("cites nothing on which this cluster is better off than the others")
    return faults


def recommendation_faults(recommendation: RequestedRecommendation, facts: CitableFacts, addressed: int) -> list[str]:
    """Faults of a recommendation by itself; `addressed` is the number of pain points and strengths beside it."""
    faults = _citation_faults(recommendation.evidence_ids, facts, at_least=1)
    numbers = recommendation.addresses
    if not numbers or len(set(numbers)) < len(numbers) or any(not 1 <= number <= addressed for number in numbers):
        faults.append(f"must address at least one of the {addressed} pain points and strengths, by number")
    for part in ("title", "body", "change", "hypothesis"):
        faults += _prose_faults(part, getattr(recommendation, part), recommendation.evidence_ids, facts, proposes=True)
    if not re.match(r"\s*if\b.+\b(then|will|should|would)\b.+", recommendation.hypothesis, re.IGNORECASE | re.DOTALL):
        faults.append("hypothesis is not of the form: if ... then ... because ...")
    return [*faults, *_target_faults(recommendation, facts), *offered_harm(recommendation, facts.rows, facts.entries)]


def _target_faults(recommendation: RequestedRecommendation, facts: CitableFacts) -> Iterator[str]:
    """The first fault of the target metric, its direction, or the direction that the hypothesis claims."""
    metric, direction = recommendation.target_metric, recommendation.direction
    if metric not in facts.higher_is_better:
        yield f"target_metric {metric!r} is not a metric of the catalog"
        return
    higher_is_better = facts.higher_is_better[metric]
    better = None if higher_is_better is None else Direction.INCREASE if higher_is_better else Direction.DECREASE
    if direction is not (better or direction):
        yield f"moves {metric} the worse way: its better direction is {better}"
    elif claimed_direction(recommendation.hypothesis) not in (None, direction):
        yield f"hypothesis does not say that {metric} will {direction}"


def statement_faults(text: str, cited: list[str], facts: CitableFacts) -> list[str]:
    """Faults of one sentence of a pain point or strength that cites this evidence."""
    return _prose_faults("body", text, cited, facts)


def _citation_faults(evidence_ids: list[str], facts: CitableFacts, *, at_least: int) -> list[str]:
    faults = [
        f"cites {alias!r}, which is no evidence of this cluster" for alias in evidence_ids if alias not in facts.rows
    ]
    if len(set(evidence_ids)) < len(evidence_ids):
        faults.append("cites the same evidence twice")
    if len(set(evidence_ids)) < at_least:
        faults.append(f"cites fewer than {at_least} pieces of evidence")
    return faults


def _prose_faults(part: str, text: str, cited: list[str], facts: CitableFacts, *, proposes: bool = False) -> list[str]:
    is_hypothesis = part == "hypothesis"
    rows = {alias: facts.rows[alias] for alias in cited if alias in facts.rows}
    plain = without_true_quantities(text, rows, facts.actions)
    plain = without_ways(plain, facts.spoken) if proposes else plain
    faults = text_faults(plain, max_length=MAX_LENGTHS[part], names=facts.names, causal=is_hypothesis)
    for match in PLACEHOLDER.finditer(text):
        alias, number = match.groups()
        if alias not in cited or alias not in facts.rows:
            faults.append(f"uses {match.group()} without citing {alias}")
        elif not can_fill(facts.rows[alias], number):
            faults.append(f"uses {match.group()}, which does not exist")
    if not faults and not is_hypothesis:
        faults = contradictions(text, _comparable(cited, facts))
    if not faults and part not in ("hypothesis", "change"):
        faults = unsupported_claims(plain, facts.spoken, proposes=proposes)
    return [f"{part} {fault}" for fault in faults]


def _comparable(cited: Sequence[str], facts: CitableFacts) -> Comparable:
    standings = {alias: facts.standing(alias) for alias in facts.rows}
    ahead, behind = (
        [alias for alias, each in standings.items() if each is side] for side in (Standing.BETTER, Standing.WORSE)
    )
    return Comparable(facts.rows, cited, facts.actions, ahead, behind)


def _optional_bool(value: object) -> bool | None:
    return None if value is None or pd.isna(value) else bool(value)
