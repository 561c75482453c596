"""Whether what was written is true: ids that exist, gaps in the right direction, known metrics, distinct names.

Both writers are held to it: a model's answer is checked before anything of it is used, and the tests hold the rules to
the same. What a line of prose may hold is in `prose.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from grupa_pipeline.insights.models import ClusterDraft, ClusterName, Naming, PainPoint, Recommendation
from grupa_pipeline.insights.templates import PLACEHOLDER, Evidence, parts, rows_by_alias
from grupa_pipeline.insights.text_checks import against_the_numbers, content_words, faults, moves

MOST_PAINS, MOST_RECOMMENDATIONS = 5, 5
LONGEST = {"name": 40, "summary": 360, "title": 100, "body": 700, "change": 320, "hypothesis": 420}
"""Longest texts, in characters before the numbers are filled in."""


@dataclass(frozen=True)
class Ground:
    """What one cluster's text may stand on: its evidence by alias, and the catalog."""

    rows: Mapping[str, Evidence]
    better: Mapping[str, bool | None]
    names: frozenset[str]

    @classmethod
    def of(cls, evidence: pd.DataFrame, catalog: pd.DataFrame) -> "Ground":
        """`evidence` is that of one cluster, in the order of its aliases."""
        better = {str(row["feature"]): _better(row["higher_is_better"]) for row in catalog.to_dict("records")}
        columns = ("feature", "description", "source_action")
        names = {str(text) for column in columns for text in catalog[column].dropna()}
        return cls(rows_by_alias(evidence), better, frozenset(names))

    def badness(self, alias: str) -> int:
        """1 where the cluster is worse off than the others on this piece, -1 where better off, 0 where neither."""
        row = self.rows[alias]
        better = self.better.get(str(row["metric"]))
        return 0 if better is None else 1 if (float(row["effect_size"]) > 0) != better else -1


def faults_of_draft(draft: ClusterDraft, ground: Ground) -> list[str]:
    """Everything wrong with one cluster's pain points and recommendations, in sentences; empty when it may stand."""
    found = []
    if len(draft.pain_points) > MOST_PAINS or len(draft.recommendations) > MOST_RECOMMENDATIONS:
        found.append(f"give at most {MOST_PAINS} pain points and {MOST_RECOMMENDATIONS} recommendations")
    for number, pain in enumerate(draft.pain_points, start=1):
        found += [f"pain point {number} {fault}" for fault in _faults_of_pain(pain, ground)]
    for number, recommendation in enumerate(draft.recommendations, start=1):
        said = _faults_of_recommendation(recommendation, ground, len(draft.pain_points))
        found += [f"recommendation {number} {fault}" for fault in said]
    for kind in (draft.pain_points, draft.recommendations):
        titles = [part.title.casefold() for part in kind]
        found += [f"the title {title!r} is given twice" for title in sorted(set(titles)) if titles.count(title) > 1]
    return found


def faults_of_naming(naming: Naming, grounds: Mapping[str, Ground], taken: Mapping[str, str]) -> dict[str, list[str]]:
    """Faults of the names by cluster; empty when all may stand.

    `grounds` has the clusters that were to be named; `taken` maps clusters named earlier to their names.
    """
    found: dict[str, list[str]] = {}
    given = [name.cluster_id for name in naming.clusters]
    for cluster_id in grounds:
        if given.count(cluster_id) != 1:
            found[cluster_id] = [f"{cluster_id} is named {given.count(cluster_id)} times; name it once"]
    words = {cluster_id: content_words(name) for cluster_id, name in taken.items()}
    for name in naming.clusters:
        if name.cluster_id not in grounds:
            found.setdefault(name.cluster_id, []).append(f"{name.cluster_id} was not asked for")
            continue
        said = _faults_of_name(name, grounds[name.cluster_id])
        own = content_words(name.name)
        said += [
            f"name shares {sorted(own & said_of)} with {known}" for known, said_of in words.items() if own & said_of
        ]
        words[name.cluster_id] = own
        if said:
            found.setdefault(name.cluster_id, []).extend(f"{name.cluster_id}: {fault}" for fault in said)
    return found


def _faults_of_name(name: ClusterName, ground: Ground) -> list[str]:
    found = [f"name {fault}" for fault in faults(name.name, longest=LONGEST["name"], names=())]
    if PLACEHOLDER.search(name.name):
        found.append("name holds a placeholder")
    if not content_words(name.name) or len(name.name.split()) > 6:
        found.append("name is not of two to five words")
    found += _faults_of_prose("summary", name.summary, name.evidence_ids, ground)
    return found + _faults_of_ids(name.evidence_ids, ground, least=1)


def _faults_of_pain(pain: PainPoint, ground: Ground) -> list[str]:
    found = _faults_of_ids(pain.evidence_ids, ground, least=2)
    found += _faults_of_prose("title", pain.title, pain.evidence_ids, ground)
    found += _faults_of_prose("body", pain.body, pain.evidence_ids, ground)
    stated = {match.group(1) for match in PLACEHOLDER.finditer(pain.body)} & set(pain.evidence_ids) & set(ground.rows)
    wanted = 1 if any(ground.badness(alias) > 0 for alias in ground.rows) else 0
    if not any(ground.badness(alias) >= wanted for alias in stated):
        found.append("does not state, with placeholders, a gap on which this cluster is worse off than the others")
    return found


def _faults_of_recommendation(recommendation: Recommendation, ground: Ground, pains: int) -> list[str]:
    found = _faults_of_ids(recommendation.evidence_ids, ground, least=1)
    addressed = recommendation.addresses
    if not addressed or len(set(addressed)) < len(addressed) or any(not 1 <= number <= pains for number in addressed):
        found.append(f"must address at least one of the {pains} pain points, by number")
    for part in ("title", "body", "change", "hypothesis"):
        found += _faults_of_prose(part, getattr(recommendation, part), recommendation.evidence_ids, ground)
    if not re.match(r"\s*if\b.+\bthen\b.+\bbecause\b", recommendation.hypothesis, re.IGNORECASE | re.DOTALL):
        found.append("hypothesis is not of the form: if ... then ... because ...")
    return found + _faults_of_target(recommendation, ground)


def _faults_of_target(recommendation: Recommendation, ground: Ground) -> list[str]:
    metric, direction = recommendation.target_metric, recommendation.direction
    better = ground.better.get(metric)
    if better is None:
        return [f"target_metric {metric!r} is not a metric of the catalog with a better direction"]
    if (direction == "increase") != better:
        return [f"moves {metric} the worse way: its better direction is {'increase' if better else 'decrease'}"]
    if moves(recommendation.hypothesis) not in (None, direction):
        return [f"hypothesis does not say that {metric} will {direction}"]
    return []


def _faults_of_ids(evidence_ids: list[str], ground: Ground, *, least: int) -> list[str]:
    found = [
        f"cites {alias!r}, which is no evidence of this cluster" for alias in evidence_ids if alias not in ground.rows
    ]
    if len(set(evidence_ids)) < len(evidence_ids):
        found.append("cites the same evidence twice")
    if len(set(evidence_ids)) < least:
        found.append(f"cites fewer than {least} pieces of evidence")
    return found


def _faults_of_prose(part: str, text: str, cited: list[str], ground: Ground) -> list[str]:
    found = faults(text, longest=LONGEST[part], names=ground.names, causal=part == "hypothesis")
    for match in PLACEHOLDER.finditer(text):
        alias, number = match.groups()
        if alias not in cited or alias not in ground.rows:
            found.append(f"uses {match.group()} without citing {alias}")
        elif number not in parts(ground.rows[alias]):
            found.append(f"uses {match.group()}, which does not exist")
    if not found and part != "hypothesis":
        found = against_the_numbers(text, ground.rows)
    return [f"{part} {fault}" for fault in found]


def _better(value: object) -> bool | None:
    return None if value is None or pd.isna(value) else bool(value)
