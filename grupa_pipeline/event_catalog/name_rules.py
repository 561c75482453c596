"""What an action's name says of its role: the rules of `vocabulary.toml`, applied to the words of the name."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from grupa_pipeline.vocabulary.action_names import without_accents, words
from grupa_pipeline.vocabulary.enums import DecidedBy, Role

_IDENTIFIER = re.compile(r"[^\s/-]+")
_NO_WORDS: frozenset[str] = frozenset()
_SHORTEST_PART = 4
"""Letters of each of the words that one without blanks is taken apart into."""
VOCABULARY = Path(__file__).with_name("vocabulary.toml")
_CERTAIN, _LIKELY = 0.9, 0.7
"""Confidence where a rule needs two words or the whole name, and where one word is enough."""
_IMPORTANT = frozenset(
    {
        Role.GOAL,
        Role.BAD_END,
        Role.PROPOSAL_CREATE,
        Role.PROPOSAL_SUBMIT,
        Role.PROPOSAL_REVISE,
        Role.PROPOSAL_WITHDRAW,
    }
)
"""Roles that the words `ignored` exclude."""


@dataclass(frozen=True)
class NameMeaning:
    """What a name says.

    Attributes:
        role: The role; None where no word says anything.
        decided_by: Who decides that the action happens.
        confidence: 0 to 1.
        means: What the words mean, to follow "its name says so:"; empty without a role.
    """

    role: Role | None
    decided_by: DecidedBy
    confidence: float
    means: str


@dataclass(frozen=True)
class _Rule:
    """An entry of the vocabulary, where the fields are documented."""

    role: Role
    means: str
    words: frozenset[str]
    with_words: frozenset[str]
    without: frozenset[str]
    names: frozenset[str]
    despite: frozenset[str]
    lone: frozenset[str]
    is_next: bool

    def applies(self, name: tuple[str, ...]) -> bool:
        own = frozenset(name)
        long = [word for word in name if len(word) > 1]
        if " ".join(name) in self.names or (len(long) == 1 and long[0] in self.lone):
            return True
        if not own & self.words or own & self.without:
            return False
        # Two words of the name, unless one word is in both lists: "spamreport".
        return not self.with_words or any(
            word in self.with_words or self._companions(word, name) & self.with_words for word in own & self.words
        )

    def _companions(self, word: str, name: tuple[str, ...]) -> frozenset[str]:
        """The other words of a name: all, or those next to the word."""
        if not self.is_next:
            return frozenset(name) - {word}
        large = [other for other in name if other not in _vocabulary().small]
        places = [place for place, other in enumerate(large) if other == word]
        return frozenset(large[near] for place in places for near in (place - 1, place + 1) if 0 <= near < len(large))


_NOTHING = NameMeaning(None, DecidedBy.USER, 0.0, "")


@lru_cache(maxsize=100_000)
def read_name(action: str) -> NameMeaning:
    """The meaning of an action's name.

    Example:
        >>> read_name("Order Completed").role, read_name("payment_error").role
        (<Role.GOAL: 'goal'>, <Role.ERROR: 'error'>)
    """
    vocabulary = _vocabulary()
    name = tuple(without_accents(word) for word in words(action))
    if vocabulary.telling.isdisjoint(name):
        name = tuple(part for word in name for part in _compound(word))
        if vocabulary.telling.isdisjoint(name):  # nearly all of a million different names
            return _NOTHING
    if _is_sentence(action, name):
        return _NOTHING
    by_system = DecidedBy.SYSTEM if vocabulary.decided_by_system.intersection(name) else DecidedBy.USER
    ignored, begun = vocabulary.ignored.intersection(name), vocabulary.begun.intersection(name)
    for rule in vocabulary.rules:
        excluding = ignored | begun if rule.role is Role.GOAL else ignored
        if rule.applies(name) and not (excluding - rule.despite and rule.role in _IMPORTANT):
            decided_by = DecidedBy.SYSTEM if rule.role in (Role.SYSTEM, Role.ERROR) else by_system
            return NameMeaning(
                rule.role, decided_by, _CERTAIN if rule.with_words or rule.names or rule.lone else _LIKELY, rule.means
            )
    return NameMeaning(None, by_system, 0.0, "")


def vocabulary_sha256() -> str:
    """Hash of the vocabulary's text: other rules give other roles."""
    return hashlib.sha256(VOCABULARY.read_bytes()).hexdigest()


def _compound(word: str) -> tuple[str, ...]:
    """The two words that `word` is made of: `paymentfailed`, or with an s between `zahlungsfehler`; else itself.

    The second says what the whole is, so it says what happened: a `kundigungsfrist` is no `kundigung`.
    """
    vocabulary = _vocabulary()
    if word in vocabulary.known:
        return (word,)
    for end in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        first, last = word[:end], word[end:]
        if last in vocabulary.heads and (first in vocabulary.known or first.removesuffix("s") in vocabulary.known):
            return first.removesuffix("s") if first not in vocabulary.known else first, last
    return (word,)


def _is_sentence(action: str, name: tuple[str, ...]) -> bool:
    vocabulary = _vocabulary()
    if _IDENTIFIER.fullmatch(action):
        return len(name) > vocabulary.most_words_of_an_identifier
    longest = vocabulary.most_words_of_a_sentence if vocabulary.sentence.intersection(name) else vocabulary.most_words
    return len(name) > longest


@dataclass(frozen=True)
class _Vocabulary:
    rules: tuple[_Rule, ...]
    telling: frozenset[str]
    ignored: frozenset[str]
    begun: frozenset[str]
    small: frozenset[str]
    sentence: frozenset[str]
    decided_by_system: frozenset[str]
    most_words: int
    most_words_of_a_sentence: int
    most_words_of_an_identifier: int
    known: frozenset[str]
    heads: frozenset[str]


@cache
def _vocabulary() -> _Vocabulary:
    document = tomllib.loads(VOCABULARY.read_text(encoding="utf-8"))
    ignored: Mapping[str, Any] = document["ignored"]
    rules = tuple(_rule(entry) for entry in document["rule"])
    by_system = _words(document["decided_by_system"]["words"])
    return _Vocabulary(
        rules=rules,
        telling=by_system.union(*(rule.words | rule.lone | _words(" ".join(rule.names)) for rule in rules)),
        ignored=_words(ignored["words"]),
        begun=_words(ignored["begun"]),
        small=_words(ignored["small"]),
        sentence=_words(ignored["sentence"]),
        decided_by_system=by_system,
        most_words=int(ignored["most_words"]),
        most_words_of_a_sentence=int(ignored["most_words_of_a_sentence"]),
        most_words_of_an_identifier=int(ignored["most_words_of_an_identifier"]),
        known=by_system.union(*(rule.words | rule.with_words for rule in rules)),
        heads=by_system.union(
            *(rule.with_words | (rule.words if rule.role in (Role.ERROR, Role.HELP) else _NO_WORDS) for rule in rules)
        ),
    )


def _rule(entry: Mapping[str, Any]) -> _Rule:
    return _Rule(
        role=Role(entry["role"]),
        means=entry["means"],
        words=_words(entry.get("words", "")),
        with_words=_words(entry.get("with", "")),
        without=_words(entry.get("without", "")),
        names=frozenset(entry.get("name", ())),
        despite=_words(entry.get("despite", "")),
        lone=_words(entry.get("lone", "")),
        is_next=entry.get("next", False),
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())
