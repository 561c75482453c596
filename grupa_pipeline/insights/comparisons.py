"""Comparisons in a text against the evidence: "more" where it is less, "behind" where it is ahead, the others' value as the own."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

from grupa_pipeline.insights.clauses import (
    clauses_of,
    has_phrase,
    is_conditional,
    listed_phrases,
    losses,
    negations,
    sentences_of,
)
from grupa_pipeline.insights.mentions import mentioned_rows, names_others
from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow
from grupa_pipeline.insights.text_checks import PROSE_WORDS, first_phrase_in
from grupa_pipeline.vocabulary.action_names import words
from grupa_pipeline.vocabulary.enums import Measure

_SHARES = ("share", "proportion")
_OF_LOSING = (Measure.LAST_ACTION, Measure.ERROR, Measure.LOOP)
"""What is counted is itself a loss: more of it is more of them."""


@dataclass(frozen=True)
class Comparable:
    """What a text may compare.

    Attributes:
        rows: All evidence of the cluster by alias.
        cited: Aliases that the text cites.
        actions: The actions of each metric.
        ahead: Aliases on which the cluster is better than the others.
        behind: Aliases on which it is worse.
    """

    rows: Mapping[str, EvidenceRow]
    cited: Collection[str] = ()
    actions: Mapping[str, frozenset[str]] | None = None
    ahead: Collection[str] = ()
    behind: Collection[str] = ()


def contradictions(text: str, facts: Comparable) -> list[str]:
    """Sentences that contradict the evidence."""
    faults = []
    for sentence in sentences_of(text):
        for clause in () if is_conditional(sentence) else clauses_of(sentence):
            if word := _wrong_way(clause, facts) or _wrong_standing(clause, facts):
                faults.append(f"says {word!r} where the evidence says the opposite: {clause!r}")
        faults += [fault for place in PLACEHOLDER.finditer(sentence) if (fault := _swapped_values(sentence, place))]
    return faults


def _rows_of(clause: str, facts: Comparable) -> dict[str, EvidenceRow]:
    """The evidence that a comparison is about: what the clause states, else what it names, else all that is cited."""
    stated = [place.group(1) for place in PLACEHOLDER.finditer(clause)]
    if stated:
        return {alias: facts.rows[alias] for alias in stated if alias in facts.rows}
    if not names_others(clause):
        return {}
    cited = {alias: facts.rows[alias] for alias in facts.cited if alias in facts.rows}
    return mentioned_rows(clause, cited, facts.actions or {}) or cited


def _wrong_way(clause: str, facts: Comparable) -> str | None:
    """The comparing word of a clause that no evidence it is about agrees with."""
    bare = _without_names(clause, facts)
    idiom = has_phrase(listed_phrases("idioms"), bare)
    bare = re.sub(re.escape(idiom), " ", bare, flags=re.IGNORECASE) if idiom else bare
    more, less = first_phrase_in(PROSE_WORDS["more"], bare), first_phrase_in(PROSE_WORDS["less"], bare)
    rows = _rows_of(clause, facts)
    if not rows or bool(more) == bool(less):
        return None
    word = more or less or ""
    if word in PROSE_WORDS["of_time"]:
        rows = {alias: row for alias, row in rows.items() if str(row["unit"]) not in _SHARES}
    beside = next(part for part in bare.split(":") if first_phrase_in((word,), part))
    turned = negations(beside), losses(beside)
    if sum(turned) > 1 or not rows:
        return None
    agree = [(float(row["effect_size"]) > 0) != _is_turned(row, *turned) for row in rows.values()]
    return word if bool(more) not in agree else None


def _without_names(clause: str, facts: Comparable) -> str:
    """The clause without the names of actions, whose words say nothing of a direction ("drop off")."""
    return _names_pattern(frozenset(chain.from_iterable((facts.actions or {}).values()))).sub(" ", clause)


@cache
def _names_pattern(actions: frozenset[str]) -> re.Pattern[str]:
    names = sorted((r"[\W_]*".join(map(re.escape, words(action))) for action in actions if words(action)), key=len)
    return re.compile("|".join(rf"\b{name}\b" for name in reversed(names)) or r"(?!)", re.IGNORECASE)


def _is_turned(row: EvidenceRow, denied: int, lost: int) -> bool:
    return bool(denied) or (bool(lost) and row["measure"] not in _OF_LOSING)


def _wrong_standing(clause: str, facts: Comparable) -> str | None:
    """The word for being behind, or ahead, of a clause about evidence of which all says the opposite."""
    if negations(clause):
        return None
    for side, opposite in (("behind", facts.ahead), ("ahead", facts.behind)):
        word = has_phrase(listed_phrases(side), clause)
        rows = _rows_of(clause, facts) if word else {}
        if word and rows and set(rows) <= set(opposite):
            return word
    return None


def _swapped_values(sentence: str, place: re.Match[str]) -> str | None:
    alias, number = place.groups()
    before = sentence[: place.start()]
    after = " ".join(PLACEHOLDER.split(sentence[place.end() :])[0].split()[:5])
    is_named = first_phrase_in(PROSE_WORDS["others"], before) or first_phrase_in(PROSE_WORDS["the_others"], after)
    if number == "rest" and not is_named:
        return f"{{{alias}.rest}} is the others' number; say so before it (against {{{alias}.rest}} of the others)"
    spoken = [] if before.rstrip().endswith(("(", ",", ":")) else re.findall(r"[^\W_]+", before)
    is_bound = first_phrase_in(PROSE_WORDS["bounds"], " ".join(spoken[-3:]))  # "no more than" compares with nobody
    compares = None if is_bound else first_phrase_in(PROSE_WORDS["comparing"], " ".join(spoken[-2:]))
    others = compares or first_phrase_in(PROSE_WORDS["elsewhere"], " ".join(spoken[-1:]))
    if number == "cluster" and others:
        return f"{{{alias}.cluster}} is the cluster's own number, not the others'"
    return None
