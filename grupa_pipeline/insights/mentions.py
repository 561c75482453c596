"""Which cited evidence a clause speaks of, by the words of its action, and whether it speaks of the other users."""

import re
from collections.abc import Mapping

from grupa_pipeline.insights.clauses import has_phrase, listed_phrases, word_forms
from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow
from grupa_pipeline.vocabulary.action_names import words

MIN_NAMED = 0.5
"""Share of an action's words from which a clause speaks of it."""


def mentioned_rows(
    clause: str, rows: Mapping[str, EvidenceRow], actions: Mapping[str, frozenset[str]]
) -> dict[str, EvidenceRow]:
    """The rows on the actions that a clause names best; none where it names no action."""
    if not actions:
        return {}
    said = {
        form for word in re.findall(r"[^\W\d_]+", PLACEHOLDER.sub(" ", clause).lower()) for form in word_forms(word)
    }
    named = {
        alias: max((named_share(action, said) for action in actions.get(str(row["metric"]), ())), default=0.0)
        for alias, row in rows.items()
    }
    best = max(named.values(), default=0.0)
    return {alias: rows[alias] for alias, share in named.items() if share == best >= MIN_NAMED}


def named_share(action: str, said: set[str]) -> float:
    """The share of an action's words that are among those said, in any form."""
    own = words(action)
    return sum(not said.isdisjoint(word_forms(word)) for word in own) / len(own) if own else 0.0


def names_others(clause: str) -> bool:
    """Whether a clause compares with the users outside of the cluster."""
    return has_phrase(listed_phrases("others"), clause) is not None
