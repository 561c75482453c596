"""A model's draft, part by part: valid parts are kept, and the rules complete a cluster that is left without one of a kind."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from grupa_pipeline.insights.draft_mending import mend_part
from grupa_pipeline.insights.draft_validation import (
    MAX_PAIN_POINTS,
    MAX_RECOMMENDATIONS,
    CitableFacts,
    pain_point_faults,
    recommendation_faults,
    strength_faults,
)
from grupa_pipeline.insights.models import ClusterDraft, PainPoint, Recommendation, Strength

_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
NOT_THE_SHAPE = "the answer is not in the shape that was asked for"

P = TypeVar("P", bound=BaseModel)
Cited = PainPoint | Strength


@dataclass
class PartialDraft:
    """The valid parts of a reply.

    Attributes:
        cited: Pain points, then strengths.
        recommendations: Each with the parts of `cited` that it addresses; none where those were refused.
        faults: Why other parts were refused, a sentence each.
        mended: What was mended, a sentence each.
    """

    cited: list[Cited] = field(default_factory=list)
    recommendations: list[tuple[Recommendation, list[Cited]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing: every recommendation addresses a part, and there is one of each."""
        return bool(self.cited and self.recommendations) and all(addressed for _, addressed in self.recommendations)

    def __len__(self) -> int:
        return len(self.cited) + len(self.recommendations)


@dataclass(frozen=True)
class CompletedDraft:
    """A draft, and which of its parts the rules wrote: `P1` is the first pain point, `S1` a strength, `R1` a recommendation."""

    draft: ClusterDraft
    rule_parts: list[str]


def read_parts(text: str, facts: CitableFacts) -> PartialDraft:
    """The valid parts of a reply about one cluster; nothing in it is a reason to refuse the rest."""
    found = PartialDraft()
    fenced = _FENCE.fullmatch(text)
    try:
        reply = json.loads(fenced.group(1) if fenced else text)
    except ValueError as error:
        found.faults.append(f"{NOT_THE_SHAPE} ({error})")
        return found
    if not isinstance(reply, dict) or not any(_parts_of(reply, key) for key in ("pain_points", "strengths")):
        found.faults.append(f"{NOT_THE_SHAPE} (no pain point and no strength)")
        if not isinstance(reply, dict):
            return found
    numbered: dict[int, Cited] = {}
    pains = _first(_parts_of(reply, "pain_points"), MAX_PAIN_POINTS, "pain points", found)
    strengths = _first(_parts_of(reply, "strengths"), MAX_PAIN_POINTS, "strengths", found)
    for number, raw in enumerate(pains, start=1):
        pain = _read_part(raw, PainPoint, f"pain point {number}", found, facts, pain_point_faults)
        _add(pain, number, numbered, found)
    for number, raw in enumerate(strengths, start=1):
        strength = _read_part(raw, Strength, f"strength {number}", found, facts, strength_faults)
        _add(strength, len(pains) + number, numbered, found)
    _read_recommendations(reply, numbered, len(pains) + len(strengths), found, facts)
    return found


def complete(partial: PartialDraft, by_rules: ClusterDraft | None) -> CompletedDraft | None:
    """The parts of a reply, completed by the rules where a pain point and strength, or a recommendation, is missing.

    A recommendation whose pain points were refused addresses one on the same evidence instead, the rules' if there is no other.

    Returns:
        None where neither has what a draft needs.
    """
    rule_cited: list[Cited] = [*by_rules.pain_points, *by_rules.strengths] if by_rules else []
    cited = list(partial.cited) or list(rule_cited)
    recommendations = []
    for recommendation, addressed in partial.recommendations:
        linked = addressed or _on_the_same_evidence(recommendation, cited)
        if not linked:
            linked = _on_the_same_evidence(recommendation, rule_cited)[:1]
            cited += linked
        if linked:
            recommendations.append((recommendation, linked, False))
    if not recommendations and by_rules is not None:
        for recommendation in by_rules.recommendations:
            own = [rule_cited[number - 1] for number in recommendation.addresses]
            linked = [part for part in own if _is_in(part, cited)] or _on_the_same_evidence(own[0], cited) or own[:1]
            cited += [part for part in linked if not _is_in(part, cited)]
            recommendations.append((recommendation, linked, True))
    return _numbered(cited, recommendations, partial) if cited and recommendations else None


def _numbered(
    cited: Sequence[Cited], recommendations: Sequence[tuple[Recommendation, list[Cited], bool]], partial: PartialDraft
) -> CompletedDraft:
    pains = [part for part in cited if isinstance(part, PainPoint)]
    strengths = [part for part in cited if isinstance(part, Strength)]
    place = {id(part): number for number, part in enumerate([*pains, *strengths], start=1)}
    draft = ClusterDraft(
        pain_points=pains,
        strengths=strengths,
        recommendations=[
            recommendation.model_copy(update={"addresses": sorted({place[id(part)] for part in linked})})
            for recommendation, linked, _ in recommendations
        ],
    )
    by_rules = [
        f"{letter}{number}"
        for letter, parts in (("P", pains), ("S", strengths))
        for number, part in enumerate(parts, start=1)
        if not _is_in(part, partial.cited)
    ]
    by_rules += [f"R{number}" for number, (*_, is_rule) in enumerate(recommendations, start=1) if is_rule]
    return CompletedDraft(draft, by_rules)


def _read_recommendations(
    reply: Mapping[str, Any], numbered: Mapping[int, Cited], asked: int, found: PartialDraft, facts: CitableFacts
) -> None:
    """Add the valid recommendations of a reply, each with the valid parts that it addresses."""

    def check(recommendation: Recommendation, facts: CitableFacts) -> list[str]:
        return recommendation_faults(recommendation, facts, asked)

    given_ones = _first(_parts_of(reply, "recommendations"), MAX_RECOMMENDATIONS, "recommendations", found)
    if not given_ones:
        found.faults.append("gives no recommendation")
    for number, raw in enumerate(given_ones, start=1):
        given = raw.get("addresses")
        kept = (
            [each for each in dict.fromkeys(given) if isinstance(each, int) and 1 <= each <= asked]
            if isinstance(given, list)
            else []
        )
        if not kept and isinstance(raw.get("evidence_ids"), list):
            kept = [
                place for place, part in numbered.items() if set(part.evidence_ids) & set(map(str, raw["evidence_ids"]))
            ]
        name = f"recommendation {number}"
        if kept != given:
            found.mended.append(f"{name}: what it addresses")
        recommendation = _read_part({**raw, "addresses": kept}, Recommendation, name, found, facts, check)
        if recommendation is not None:
            addressed = [numbered[each] for each in recommendation.addresses if each in numbered]
            found.recommendations.append((recommendation, addressed))


def _read_part(
    raw: Mapping[str, Any],
    model: type[P],
    name: str,
    found: PartialDraft,
    facts: CitableFacts,
    check: Callable[[P, CitableFacts], list[str]],
) -> P | None:
    """One part of a reply; None, with its faults added to `found`, where it is not valid."""
    mended, told = mend_part(raw, facts, least=2 if model is PainPoint else 1)
    try:
        part = model.model_validate({key: value for key, value in mended.items() if key in model.model_fields})
    except ValidationError as error:
        details = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
        found.faults += [f"{name} is not in the shape that was asked for ({detail})" for detail in details]
        return None
    faults = check(part, facts)
    titles = {each.title.casefold() for each in [*found.cited, *(each for each, _ in found.recommendations)]}
    if getattr(part, "title", "").casefold() in titles:
        faults.append("has a title that is given twice")
    found.faults += [f"{name} {fault}" for fault in faults]
    found.mended += [f"{name}: {mend}" for mend in told]
    return None if faults else part


def _add(part: Cited | None, number: int, numbered: dict[int, Cited], found: PartialDraft) -> None:
    """Keep a valid part, under its number in the reply."""
    if part is not None:
        numbered[number] = part
        found.cited.append(part)


def _first(parts: list[dict[str, Any]], most: int, name: str, found: PartialDraft) -> list[dict[str, Any]]:
    """The first `most` of the parts; that there were more is noted."""
    if len(parts) > most:
        found.mended.append(f"{name}: the first {most} of {len(parts)} are kept")
    return parts[:most]


def _parts_of(reply: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    parts = reply.get(key)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _on_the_same_evidence(part: Recommendation | Cited, cited: Sequence[Cited]) -> list[Cited]:
    return [each for each in cited if set(each.evidence_ids) & set(part.evidence_ids)]


def _is_in(part: BaseModel, parts: Sequence[Cited]) -> bool:
    return any(each is part for each in parts)
