"""Names for clusters, chosen together: what sets each apart, in words that its siblings do not use.

The offers come from `vocabulary.toml`. Pain points and recommendations are `analyst.py`'s.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from grupa_pipeline.insights.evidence import weight
from grupa_pipeline.insights.models import ClusterName, Naming
from grupa_pipeline.insights.templates import Evidence, rows_by_alias
from grupa_pipeline.insights.wording import UNNAMED, Wording, beside, capital

LONGEST_NAME = 40
SHARED_WORD = 4.0
"""What a word shared with a sibling costs, in units of evidence weight: more than most evidence is worth."""
MOST_TOLD = 3
"""Pieces of evidence in a summary."""
_LATER_OFFER = 0.97
_LITTLE_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "it",
        "of",
        "off",
        "on",
        "only",
        "out",
        "past",
        "short",
        "the",
        "then",
        "through",
        "to",
        "up",
        "who",
        "with",
    )
)
_TOLD_ALONE = re.compile(r"^(path|hours|did|used)_|^(first|last)_seen|^events_total")


@dataclass(frozen=True)
class _Offer:
    """A name that a cluster could bear, how well it fits, and the evidence behind it."""

    name: str
    worth: float
    alias: str


def choose_names(evidence: pd.DataFrame, cluster_ids: Sequence[str], wording: Wording) -> Naming:
    """Give each cluster a name of its own and a summary. Clusters with the clearest name choose first."""
    rows = {name: rows_by_alias(evidence[evidence["cluster_id"] == name]) for name in cluster_ids}
    offers = {name: _offers(rows[name], wording) for name in cluster_ids}
    order = sorted(cluster_ids, key=lambda name: (-max((offer.worth for offer in offers[name]), default=0.0), name))
    chosen: dict[str, _Offer] = {}
    for cluster_id in order:
        taken = [offer.name for offer in chosen.values()]
        chosen[cluster_id] = _best(offers[cluster_id], taken) or _Offer(f"Group {_letters(cluster_id)}", 0.0, "")
    return Naming(clusters=[_named(name, chosen[name], rows[name], wording) for name in cluster_ids])


def content_words(name: str) -> frozenset[str]:
    """The words of a name that carry meaning, in lower case."""
    return frozenset(re.findall(r"[^\W\d_]+", name.casefold())) - _LITTLE_WORDS


def _offers(rows: dict[str, Evidence], wording: Wording) -> list[_Offer]:
    """All names that a cluster's evidence offers. What people do names them better than single steps and dates."""
    offers = []
    for alias, row in rows.items():
        words = wording.words(str(row["metric"]))
        names = words.name_high if row["effect_size"] > 0 else words.name_low
        worth = weight(row) * (0.6 if _TOLD_ALONE.search(str(row["metric"])) else 1.0)
        worth *= 1.0 if row["effect_size"] > 0 else 0.8
        for rank, template in enumerate(names):
            name = wording.name(template, str(row["metric"]))
            if name and len(name) <= LONGEST_NAME:
                offers.append(_Offer(name, worth * _LATER_OFFER**rank, alias))
    return offers


def _best(offers: Sequence[_Offer], taken: Sequence[str]) -> _Offer | None:
    """The offer worth most after what it costs to share words with names already taken; never one of those names."""
    words = [content_words(name) for name in taken]
    free = [offer for offer in offers if offer.name.casefold() not in {name.casefold() for name in taken}]

    def net(offer: _Offer) -> float:
        return offer.worth - SHARED_WORD * sum(len(content_words(offer.name) & other) for other in words)

    return max(free, key=net, default=None)


def _letters(cluster_id: str) -> str:
    """A cluster's number in letters, for names hold no digits: C01 is B, C27 is CH."""
    return "".join("ABCDEFGHIJ"[int(digit)] for digit in re.sub(r"\D", "", cluster_id).lstrip("0"))


def _named(cluster_id: str, offer: _Offer, rows: dict[str, Evidence], wording: Wording) -> ClusterName:
    aliases = _told(offer, rows, wording)
    clauses = [wording.clause(rows[alias], alias) for alias in aliases]
    if not clauses:
        summary = "Nothing that was measured sets this group clearly apart from the others."
    elif len(clauses) == 1:
        summary = f"These users {clauses[0]}."
    else:
        summary = f"These users {clauses[0]}. {beside(' and '.join(clauses[1:]), 'They also')}"
    return ClusterName(cluster_id=cluster_id, name=capital(offer.name), summary=summary, evidence_ids=aliases)


def _told(offer: _Offer, rows: dict[str, Evidence], wording: Wording) -> list[str]:
    """The evidence behind the name first, then the heaviest pieces on other matters."""
    ranked = sorted(
        rows, key=lambda alias: (alias != offer.alias, bool(_TOLD_ALONE.search(str(rows[alias]["metric"]))))
    )
    told: list[str] = []
    matters: set[str] = set()
    for alias in ranked:
        metric = str(rows[alias]["metric"])
        matter = {wording.words(metric).metric} | {step for step in wording.steps(metric) if step != UNNAMED}
        if matter & matters:
            continue
        told.append(alias)
        matters |= matter
    return told[:MOST_TOLD]
