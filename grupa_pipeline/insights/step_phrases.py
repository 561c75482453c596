"""What users do at a step, as people say it in a name: `slot_chosen` is "choose a slot"; the verbs are in `vocabulary.toml`."""

from collections.abc import Sequence
from functools import cache

from grupa_pipeline.insights.metric_vocabulary import known_verbs

_PARTICLES = frozenset(
    {"to", "from", "in", "on", "for", "with", "of", "at", "by", "via", "up", "out", "off", "a", "an", "the"}
)
_VOWELS = frozenset("aeio")


def verb_phrase(step: str) -> str | None:
    """A step in words as what users do; None where no word of it is a verb that is known.

    Example:
        >>> verb_phrase("order placed"), verb_phrase("search"), verb_phrase("kurs gebucht")
        ('place an order', 'search', None)
    """
    words = step.split()
    if not words or not all(len(word) > 1 and word.isalpha() for word in words):
        return None
    first, last = _verb_of(words[0]), _verb_of(words[-1])
    if len(words) > 1 and last is not None:
        return None if first is not None and not _is_past(words[-1]) else f"{last} {_with_article(words[:-1])}"
    if first is None or is_participle(step):
        return None
    rest = words[1:]
    return " ".join([first, _with_article(rest)]) if rest and rest[0] not in _PARTICLES else " ".join([first, *rest])


def is_participle(step: str) -> bool:
    """Whether a step of several words ends in a verb's past form, so that it is no noun: `slot chosen`."""
    words = step.split()
    return len(words) > 1 and _is_past(words[-1])


def _is_past(word: str) -> bool:
    return word in known_verbs().irregular or (word.endswith("ed") and (len(word) > 4 or _verb_of(word) is not None))


def _with_article(words: Sequence[str]) -> str:
    noun = words[-1]
    is_bare = noun.endswith("s") or noun in known_verbs().without_article
    article = "" if is_bare else "an " if words[0][0] in _VOWELS else "a "
    return article + " ".join(words)


@cache
def _verb_of(word: str) -> str | None:
    """The verb of a word in its base or past form."""
    verbs = known_verbs()
    stem = word.removesuffix("ed")
    forms = [word, verbs.irregular.get(word, "")]
    if word.endswith("ed"):
        forms += [
            stem,
            f"{stem}e",
            f"{stem[:-1]}y" if stem.endswith("i") else "",
            stem[:-1] if stem[-1:] == stem[-2:-1] else "",
        ]
    return next((form for form in forms if form in verbs.base), None)
