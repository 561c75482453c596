"""Claims of a text that its evidence does not hold: causes, people, devices, prices, feelings, names of others.

Words are not forbidden: a clause that says it is a guess may make any of these claims, and so may one whose words the log uses
itself. The lists are in `claims.toml`.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache

from grupa_pipeline.insights.clauses import (
    claim_lists,
    has_phrase,
    phrase_patterns,
    plain_words,
    sentences_of,
    stated_clauses,
    word_forms,
)
from grupa_pipeline.insights.templates import PLACEHOLDER
from grupa_pipeline.vocabulary.action_names import split_words

_ABOUT_USERS = (
    r"(?:they|these|those|their|users|people|customers|visitors|members|most|many|some|few|fewer|several|nobody|everybody|everyone|"
    r"half|others?|anyone|none|all|more|less|hardly|nearly|almost|only|the (?:group|users|people|customers|visitors|others|rest))\b"
)
_DESCRIBES = re.compile(rf"(?:{_ABOUT_USERS}|(?:it is|this is)\b)", re.IGNORECASE)
"""How a sentence begins that says what is so, in a text that says what to do."""
_OF_USERS = re.compile(
    rf"(?:(?:and|but|so|while|whereas|yet|as|or|then|that)\s+)?(?:{_ABOUT_USERS}|\{{E)", re.IGNORECASE
)
_PRONOUN = re.compile(r"(?:(?:and|but|so|while|whereas|yet|as|or|then)\s+)?(?:it|this|that|there)\b", re.IGNORECASE)
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?:[A-Z][a-z]+)*\b")
_ACTED_UPON = re.compile(r"\b(\w+) them\b")
_SO = re.compile(r"^so (?:that )?(?:they|users|people|customers|visitors|these) (?!are\b|is\b|were\b|can\b)")
_SINCE = re.compile(r"\bsince (?:the|their|they|your|it|its|last) (?!last\b|first\b|start\b|beginning\b)\w+ \w+")
_WAY = re.compile(r"\blead(?:s|ing)? (?:straight |directly |back )?(?:in)?to (?:the|a) (\w+)")
_TOO = re.compile(r"\btoo (?!much\b|many\b|few\b|little\b|often\b|late\b|early\b|soon\b|long\b)[a-z]{3,}\b")
MAX_FOREIGN, MAX_FOREIGN_BESIDE_NUMBERS, MAX_FOREIGN_OF_THINGS = 2, 5, 1
"""From so many words that neither the log nor plain talk of behaviour has, a sentence tells something that was not measured; a
sentence that states numbers may have more, one whose subject is not the users none."""
_BEGINNING = 3
"""Number of words in which a clause says what it is about."""


def unsupported_claims(text: str, names: Collection[str], *, proposes: bool = False) -> list[str]:
    """Faults of the sentences that state what the evidence cannot show.

    Args:
        text: The text, with placeholders for numbers.
        names: What the log and its team call things: what these words name can be spoken of.
        proposes: Whether the text says what to do: only sentences that begin as descriptions are checked.

    Example:
        >>> unsupported_claims("They shop on an iPhone.", ())
        ["claims a device or its software ('iphone'), which the evidence does not show; say so as a guess, or leave it out"]
    """
    own = _own_words(frozenset(names))
    faults = []
    for sentence in sentences_of(text):
        if proposes and not _DESCRIBES.match(sentence.strip()):
            continue
        clauses = stated_clauses(sentence)
        claim = next((claim for clause in clauses for claim in _claims_of(clause, own)), None)
        claim = claim or _foreign(" ".join(clauses), own, beside_numbers=PLACEHOLDER.search(sentence) is not None)
        if claim is not None:
            topic, phrase = claim
            faults.append(
                f"claims {topic} ({phrase!r}), which the evidence does not show; say so as a guess, or leave it out"
            )
    return faults


def _claims_of(clause: str, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    for topic, phrases in _topics():
        phrase = has_phrase(phrases, clause)
        if phrase is not None and not _is_named(phrase, own):
            yield topic, phrase
    plain = plain_words(clause)
    if found := _SO.search(plain) or _SINCE.search(plain):
        yield "a cause", found.group().strip()
    is_of_users = _OF_USERS.match(clause.strip()) is not None
    if not is_of_users:
        yield from (("a cause", found.group()) for found in _ACTED_UPON.finditer(plain) if not _lets_be(found.group(1)))
    if found := _TOO.search(clause):
        yield "a judgement", found.group()
    for name in _CAPITAL.findall(PLACEHOLDER.sub("x", clause)):
        if not _is_own(name, own):
            yield "something by its name", name
    words = re.findall(r"[^\W\d_]+", clause)
    if (
        not is_of_users
        and not _PRONOUN.match(clause.strip())
        and not PLACEHOLDER.search(clause)
        and len(words) > _BEGINNING
    ):
        beginning = [word for word in words[:_BEGINNING] if len(word) > 2]
        foreign = [word for word in beginning if not _is_own(word, own) and not _is_own(word, _plain())]
        if len(foreign) >= MAX_FOREIGN_OF_THINGS:
            yield "what no event says", foreign[0]


def _is_named(phrase: str, own: frozenset[str]) -> bool:
    """Whether the log's names have all words of a phrase that name something."""
    telling = [word for word in phrase.split() if word not in _little()]
    return bool(telling) and all(_is_own(word, own) for word in telling)


def _foreign(text: str, own: frozenset[str], *, beside_numbers: bool) -> tuple[str, str] | None:
    words = re.findall(r"[^\W\d_]{3,}", PLACEHOLDER.sub(" ", text))
    foreign = [word for word in words if not _is_own(word, own) and not _is_own(word, _plain())]
    if len(foreign) < (MAX_FOREIGN_BESIDE_NUMBERS if beside_numbers else MAX_FOREIGN):
        return None
    return "what no event says", " ".join(foreign[:3])


def _lets_be(word: str) -> bool:
    """Whether a word before "them" lets nobody act upon them."""
    return word in _beside_them() or word.endswith("ly")


def without_ways(text: str, names: Collection[str]) -> str:
    """The text of a proposal without ways through the product ("a button that leads to the shop"), which claim no cause."""
    own = _own_words(frozenset(names))
    return _WAY.sub(lambda found: found.group(1) if _is_own(found.group(1), own) else found.group(), text)


@cache
def _own_words(names: frozenset[str]) -> frozenset[str]:
    return frozenset(form for name in names for word in split_words(name) for form in word_forms(word.lower()))


def _is_own(word: str, own: frozenset[str]) -> bool:
    return not own.isdisjoint(word_forms(word.lower()))


@cache
def _plain() -> frozenset[str]:
    return frozenset(form for word in str(claim_lists()["plain"]).split() for form in word_forms(word))


@cache
def _little() -> frozenset[str]:
    """Words that name nothing, so that a log whose names have them does not speak of what they are part of."""
    return frozenset(str(claim_lists()["little"]).split())


@cache
def _beside_them() -> frozenset[str]:
    return frozenset(str(claim_lists()["beside_them"]).split())


@cache
def _topics() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    return tuple((entry["name"], phrase_patterns(entry["words"])) for entry in claim_lists()["topic"])
