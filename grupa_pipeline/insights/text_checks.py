"""Checks of a single text: no numbers of its own, addresses, markup, unknown metrics, causal claims or false comparisons.

Each fault is a sentence that a writer can act on. What a draft may cite is checked in `draft_validation`.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from grupa_pipeline.insights.claims import is_hedged, turns_round
from grupa_pipeline.insights.templates import PLACEHOLDER, EvidenceRow
from grupa_pipeline.vocabulary.enums import Direction

_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))["prose"]
_NUMBERS = frozenset(_WORDS["numbers"])
_COMPOUND_NUMBER = re.compile(
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty\w*|(?:thir|four|fif|six|seven|eigh|nine)teen\w*|\w{2,}fold"
)
_MARKUP = re.compile(r"[<>`|\\*#\[\]^~]|&#?\w+;|\n|\r|_{2}")
_ADDRESS = re.compile(r"//|\bwww\b|\b(?:javascript|data|mailto|https?|ftp)\s*:|@|\b[\w-]+\.[a-z]{2,}\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\w+_\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


def text_faults(text: str, *, max_length: int, names: Collection[str], causal: bool = False) -> list[str]:
    """Faults of one line or paragraph.

    Args:
        text: The text, with placeholders for numbers.
        max_length: Maximum length in characters.
        names: Names from the catalog, which may contain digits.
        causal: Whether causal claims are allowed, as in a hypothesis.
    """
    faults = []
    if not text.strip():
        return ["is empty"]
    if len(text) > max_length:
        faults.append(f"is longer than {max_length} characters")
    bare = PLACEHOLDER.sub(" ", text)
    if "{" in bare or "}" in bare:
        faults.append("has a placeholder that does not exist; use {E1.cluster}, {E1.rest}, {E1.lift} or {E1.gap}")
    named = _without(bare, names)
    bare = unicodedata.normalize("NFKC", named)
    if number := _number_in(named) or _number_in(bare):
        faults.append(f"states a number of its own ({number!r}); use placeholders alone")
    if _MARKUP.search(bare) or _ADDRESS.search(bare):
        faults.append("holds markup, a link or an address")
    if _has_disguised_letters(bare):
        faults.append("holds unusual characters")
    if unknown := _IDENTIFIER.search(bare):
        faults.append(f"names an unknown metric ({unknown.group()!r})")
    if not causal and (word := _claimed_cause(bare)):
        faults.append(f"claims a cause ({word!r}); these are associations")
    return faults


def _claimed_cause(text: str) -> str | None:
    """The word of a cause in a sentence that does not say that it is a guess."""
    stated = " ".join(sentence for sentence in _SENTENCE_END.split(text) if not is_hedged(sentence))
    return first_phrase_in(_WORDS["causal"], stated)


def contradictions(text: str, rows: Mapping[str, EvidenceRow]) -> list[str]:
    """Sentences that contradict the evidence: "more" where it is less, or the others' value as the cluster's own."""
    faults = []
    for sentence in _SENTENCE_END.split(text):
        places = list(PLACEHOLDER.finditer(sentence))
        signs = {float(rows[place.group(1)]["effect_size"]) > 0 for place in places if place.group(1) in rows}
        more, less = first_phrase_in(_WORDS["more"], sentence), first_phrase_in(_WORDS["less"], sentence)
        if turns_round(sentence):
            signs = set()
        if len(signs) == 1 and bool(more) != bool(less) and signs != {bool(more)}:
            faults.append(f"says {more or less!r} where the evidence says the opposite: {sentence!r}")
        faults += [fault for place in places if (fault := _swapped_values(sentence, place))]
    return faults


def claimed_direction(hypothesis: str) -> Direction | None:
    """The direction that a hypothesis claims between "then" and "because"; None where it is unclear."""
    claim = re.split(r"\bthen\b", hypothesis.lower(), maxsplit=1)[-1].split("because")[0]
    up, down = first_phrase_in(_WORDS["rising"], claim), first_phrase_in(_WORDS["falling"], claim)
    if bool(up) == bool(down):
        return None
    return Direction.INCREASE if up else Direction.DECREASE


def content_words(name: str) -> set[str]:
    """Lower-case words of a name without stop words."""
    return set(re.findall(r"[^\W\d_]+", name.lower())) - set(_WORDS["stop"])


def first_phrase_in(phrases: Iterable[str], text: str) -> str | None:
    """The first of these words or phrases that occurs in `text`, ignoring case."""
    words = re.findall(r"[^\W_]+", text.lower())
    plain = f" {' '.join(words)} "
    return next((phrase for phrase in phrases if f" {phrase} " in plain), None)


def _swapped_values(sentence: str, place: re.Match[str]) -> str | None:
    alias, number = place.groups()
    before = sentence[: place.start()]
    after = " ".join(PLACEHOLDER.split(sentence[place.end() :])[0].split()[:5])
    is_named = first_phrase_in(_WORDS["others"], before) or first_phrase_in(_WORDS["the_others"], after)
    if number == "rest" and not is_named:
        return f"{{{alias}.rest}} is the others' number; say so before it (against {{{alias}.rest}} of the others)"
    words = [] if before.rstrip().endswith(("(", ",", ":")) else re.findall(r"[^\W_]+", before)
    is_bound = first_phrase_in(_WORDS["bounds"], " ".join(words[-3:]))  # "no more than" compares with nobody
    compares = None if is_bound else first_phrase_in(_WORDS["comparing"], " ".join(words[-2:]))
    others = compares or first_phrase_in(_WORDS["elsewhere"], " ".join(words[-1:]))
    if number == "cluster" and others:
        return f"{{{alias}.cluster}} is the cluster's own number, not the others'"
    return None


def _number_in(text: str) -> str | None:
    """The first number, in digits of any script, in words, or in words with separated letters."""
    figure = next((character for character in text if character.isnumeric() or character in "%‰"), None)
    spelled_out = re.sub(r"(?<=\b\w)[\W_]+(?=\w\b)", "", text.lower())
    words = re.findall(r"[^\W\d_]+", f"{text.lower()} {spelled_out}")
    return figure or next((word for word in words if word in _NUMBERS or _COMPOUND_NUMBER.fullmatch(word)), None)


def _has_disguised_letters(text: str) -> bool:
    """Whether a number or link could be disguised by invisible characters or by mixing scripts within a word."""
    if any(unicodedata.category(character) in ("Cf", "Cc", "Co", "Cn", "Zl", "Zp", "So") for character in text):
        return True
    for word in re.findall(r"[^\W\d_]+", text):
        latin = sum(bool(_LATIN.match(character)) for character in word)
        if 0 < latin < len(word):
            return True
    return False


def _without(text: str, names: Collection[str]) -> str:
    """The text without names from the catalog, so that digits in an action's name do not count as numbers."""
    for name in sorted((name for name in names if len(name) >= 3), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return text
