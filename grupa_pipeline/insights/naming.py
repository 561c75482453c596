"""Rule-based names: all clusters are named together, so that each name uses words that no other name uses.

Name templates per metric come from `vocabulary.toml`.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from grupa_pipeline.insights.diagnosis import find_strengths
from grupa_pipeline.insights.evidence import weight
from grupa_pipeline.insights.journey_based import diagnose, has_funnel
from grupa_pipeline.insights.models import NameDraft, Naming
from grupa_pipeline.insights.templates import EvidenceRow, rows_by_alias
from grupa_pipeline.insights.true_names import ClusterUsers, true_names
from grupa_pipeline.insights.wording import UNNAMED, Wording, added_sentence, capitalize, quoted
from grupa_pipeline.vocabulary.enums import Measure
from grupa_pipeline.vocabulary.feature_families import JOURNEY_MEASURES, FeatureFamily

MAX_NAME_LENGTH = 40
SHARED_WORD_COST = 4.0
"""Cost of a word shared with another name, in units of evidence weight: more than most evidence weighs."""
MAX_SUMMARY_EVIDENCE = 2
"""Maximum number of rows of evidence in a summary on what users do; one more says where they get to."""
_LATER_TEMPLATE_DISCOUNT = 0.97
_MINOR_METRIC_DISCOUNT, _LOWER_DISCOUNT = 0.6, 0.8
_LITTLE_WORDS = frozenset(
    tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))["naming"]["little"]
)
_MINOR_FAMILIES = (
    FeatureFamily.ACTION_DONE,
    FeatureFamily.FEATURE_USED,
    FeatureFamily.PATH,
    FeatureFamily.TIME_BETWEEN,
)
_MINOR_METRICS = ("hours_to_submit", "first_seen_day", "last_seen_day", "events_total")
"""Single steps and dates, which name a cluster less well than what its users mostly do."""


@dataclass(frozen=True)
class _NameCandidate:
    """A possible name of a cluster, how well it fits, and the evidence behind it."""

    name: str
    score: float
    alias: str


def choose_names(
    evidence: pd.DataFrame, cluster_ids: Sequence[str], wording: Wording, users: ClusterUsers | None = None
) -> Naming:
    """Choose a distinct name and a summary for each cluster; clusters with the best fitting name choose first.

    With `users`, a name that is true of most users of a cluster and few of any other (see `true_names`) comes before one that
    only says on what the cluster differs.
    """
    checked = true_names(users, cluster_ids, wording) if users is not None else {}
    rows = {name: rows_by_alias(evidence[evidence["cluster_id"] == name]) for name in cluster_ids}
    candidates = {name: _candidates(rows[name], wording) for name in cluster_ids}

    def order(cluster_id: str) -> tuple[float, str]:
        return -max((candidate.score for candidate in candidates[cluster_id]), default=0.0), cluster_id

    chosen: dict[str, _NameCandidate] = {}
    for cluster_id in sorted(cluster_ids, key=order):
        taken = [candidate.name for candidate in chosen.values()]
        unnamed = _NameCandidate(f"Group {_letters(cluster_id)}", 0.0, "")
        chosen[cluster_id] = _best(candidates[cluster_id], taken) or unnamed
    drafts = [_name_draft(name, chosen[name], rows[name], wording) for name in cluster_ids]
    return Naming(
        clusters=[
            draft.model_copy(update={"name": checked[draft.cluster_id].name}) if draft.cluster_id in checked else draft
            for draft in drafts
        ]
    )


def distinctive_words(name: str) -> frozenset[str]:
    """Lower-case words of a name that no other cluster's name should use."""
    return frozenset(re.findall(r"[^\W\d_]+", name.casefold())) - _LITTLE_WORDS


def _candidates(rows: dict[str, EvidenceRow], wording: Wording) -> list[_NameCandidate]:
    """All names that a cluster's evidence suggests, scored by the weight of the evidence."""
    candidates = []
    for alias, row in rows.items():
        metric = str(row["metric"])
        if wording.entry(metric)["family"] in JOURNEY_MEASURES:
            continue
        templates = wording.find(metric)
        is_higher = row["effect_size"] > 0
        score = weight(row) * (_MINOR_METRIC_DISCOUNT if _is_minor(metric, wording) else 1.0)
        score *= 1.0 if is_higher else _LOWER_DISCOUNT
        for rank, template in enumerate(templates.name_high if is_higher else templates.name_low):
            name = wording.name(template, metric)
            if name and len(name) <= MAX_NAME_LENGTH:
                candidates.append(_NameCandidate(name, score * _LATER_TEMPLATE_DISCOUNT**rank, alias))
    return candidates


def _best(candidates: Sequence[_NameCandidate], taken: Sequence[str]) -> _NameCandidate | None:
    """The candidate with the highest score after the cost of words shared with taken names, which are excluded."""
    words = [distinctive_words(name) for name in taken]
    taken_names = {name.casefold() for name in taken}
    free = [candidate for candidate in candidates if candidate.name.casefold() not in taken_names]

    def net_score(candidate: _NameCandidate) -> float:
        own = distinctive_words(candidate.name)
        return candidate.score - SHARED_WORD_COST * sum(len(own & other) for other in words)

    return max(free, key=net_score, default=None)


def _is_minor(metric: str, wording: Wording) -> bool:
    return metric in _MINOR_METRICS or wording.entry(metric)["family"] in _MINOR_FAMILIES


def _letters(cluster_id: str) -> str:
    """A cluster's number in letters, since names contain no digits: C01 is B, C27 is CH."""
    return "".join("ABCDEFGHIJ"[int(digit)] for digit in re.sub(r"\D", "", cluster_id).lstrip("0"))


def _name_draft(
    cluster_id: str, candidate: _NameCandidate, rows: dict[str, EvidenceRow], wording: Wording
) -> NameDraft:
    aliases = _summary_aliases(candidate, rows, wording)
    clauses = [wording.clause(rows[alias], alias) for alias in aliases]
    if not clauses:
        summary = "Nothing that was measured sets this group clearly apart from the others."
    elif len(clauses) == 1:
        summary = f"These users {clauses[0]}."
    else:
        summary = f"These users {clauses[0]}. {added_sentence(' and '.join(clauses[1:]), 'They also')}"
    where, place = _where_they_get(rows, wording)
    return NameDraft(
        cluster_id=cluster_id,
        name=capitalize(candidate.name),
        summary=f"{summary} {where}".strip(),
        evidence_ids=[*aliases, *(alias for alias in place if alias not in aliases)],
    )


def _where_they_get(rows: dict[str, EvidenceRow], wording: Wording) -> tuple[str, list[str]]:
    """A sentence on where users get lost, else on the goal that they reach, with its evidence; empty without either."""
    if not rows or not has_funnel(wording):
        return "", []
    diagnosis = diagnose(rows, wording)
    lost = next((each for each in diagnosis.obstacles if rows[each.alias]["measure"] == Measure.STEP), None)
    if lost is not None and len(lost.actions) > 1:
        before, step = (quoted(wording.step(action)) for action in lost.actions)
        return f"Of those who get to {before}, {{{lost.alias}.who}} go on to {step}.", [lost.alias]
    ahead = find_strengths(rows, wording) if diagnosis.standing > 0 else []
    if ahead and len(wording.steps(str(rows[ahead[0]]["metric"]))) == 1:
        return (
            f"In the end {{{ahead[0]}.who}} of them reach {quoted(wording.steps(str(rows[ahead[0]]['metric']))[0])}.",
            ahead[:1],
        )
    return "", []


def _summary_aliases(candidate: _NameCandidate, rows: dict[str, EvidenceRow], wording: Wording) -> list[str]:
    """Evidence for the summary: the row behind the name first, then the heaviest rows on other subjects."""

    def order(alias: str) -> tuple[bool, bool]:
        return alias != candidate.alias, _is_minor(str(rows[alias]["metric"]), wording)

    aliases: list[str] = []
    covered: set[str] = set()
    for alias in sorted(rows, key=order):
        metric = str(rows[alias]["metric"])
        if wording.entry(metric)["family"] in JOURNEY_MEASURES:
            continue
        subjects = {wording.find(metric).high}
        subjects |= {step for step in wording.steps(metric) if step != UNNAMED}
        if not subjects & covered:
            aliases.append(alias)
            covered |= subjects
    return aliases[:MAX_SUMMARY_EVIDENCE]
