"""What no line of prose may hold: numbers of its own, addresses, markup, unknown metrics, causes, untrue comparisons.

Pure text in, faults out, each a sentence that a writer can act on. What a draft may cite is checked in `checking.py`.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from grupa_pipeline.insights.templates import PLACEHOLDER, Evidence

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


def faults(text: str, *, longest: int, names: Collection[str], causal: bool = False) -> list[str]:
    """Faults of one line or paragraph. `names` are the catalog's, which may hold digits; `causal` allows causes."""
    found = []
    if not text.strip():
        return ["is empty"]
    if len(text) > longest:
        found.append(f"is longer than {longest} characters")
    bare = PLACEHOLDER.sub(" ", text)
    if "{" in bare or "}" in bare:
        found.append("has a placeholder that does not exist; use {E1.cluster}, {E1.rest}, {E1.lift} or {E1.gap}")
    named = _without(bare, names)
    bare = unicodedata.normalize("NFKC", named)
    if number := _number_in(named) or _number_in(bare):
        found.append(f"states a number of its own ({number!r}); use placeholders alone")
    if _MARKUP.search(bare) or _ADDRESS.search(bare):
        found.append("holds markup, a link or an address")
    if _hidden_letters(bare):
        found.append("holds unusual characters")
    if unknown := _IDENTIFIER.search(bare):
        found.append(f"names an unknown metric ({unknown.group()!r})")
    if not causal and (word := first_of(_WORDS["causal"], bare)):
        found.append(f"claims a cause ({word!r}); these are associations")
    return found


def against_the_numbers(text: str, rows: Mapping[str, Evidence]) -> list[str]:
    """Sentences that say more where the evidence says less, or give the others' number as the cluster's own."""
    found = []
    for sentence in _SENTENCE_END.split(text):
        places = list(PLACEHOLDER.finditer(sentence))
        signs = {float(rows[place.group(1)]["effect_size"]) > 0 for place in places if place.group(1) in rows}
        more, less = first_of(_WORDS["more"], sentence), first_of(_WORDS["less"], sentence)
        if len(signs) == 1 and bool(more) != bool(less) and signs != {bool(more)}:
            found.append(f"says {more or less!r} where the evidence says the opposite: {sentence!r}")
        found += [fault for place in places if (fault := _swapped(sentence, place))]
    return found


def moves(text: str) -> str | None:
    """Which way something goes by the part of a hypothesis after `then`: increase, decrease or unclear (None)."""
    claim = re.split(r"\bthen\b", text.lower(), maxsplit=1)[-1].split("because")[0]
    up, down = first_of(_WORDS["rising"], claim), first_of(_WORDS["falling"], claim)
    return None if bool(up) == bool(down) else "increase" if up else "decrease"


def content_words(name: str) -> set[str]:
    """Lower-case words of a name that carry its meaning."""
    return set(re.findall(r"[^\W\d_]+", name.lower())) - set(_WORDS["stop"])


def first_of(phrases: Iterable[str], text: str) -> str | None:
    """The first of these words or phrases that stands in `text`, whatever its case."""
    words = re.findall(r"[^\W_]+", text.lower())
    plain = f" {' '.join(words)} "
    return next((phrase for phrase in phrases if f" {phrase} " in plain), None)


def _swapped(sentence: str, place: re.Match[str]) -> str | None:
    alias, part = place.groups()
    before = sentence[: place.start()]
    if part == "rest" and not first_of(_WORDS["others"], before):
        return f"{{{alias}.rest}} is the others' number; say so before it (against {{{alias}.rest}} of the others)"
    words = [] if before.rstrip().endswith(("(", ",", ":")) else re.findall(r"[^\W_]+", before)
    others = first_of(_WORDS["comparing"], " ".join(words[-2:])) or first_of(_WORDS["elsewhere"], " ".join(words[-1:]))
    if part == "cluster" and others:
        return f"{{{alias}.cluster}} is the cluster's own number, not the others'"
    return None


def _number_in(text: str) -> str | None:
    """The first number in digits of any script, in words, or in words spelled out letter by letter."""
    figure = next((character for character in text if character.isnumeric() or character in "%‰"), None)
    spelled_out = re.sub(r"(?<=\b\w)[\W_]+(?=\w\b)", "", text.lower())
    words = re.findall(r"[^\W\d_]+", f"{text.lower()} {spelled_out}")
    return figure or next((word for word in words if word in _NUMBERS or _COMPOUND_NUMBER.fullmatch(word)), None)


def _hidden_letters(text: str) -> bool:
    """Invisible characters, or letters of two scripts in one word, with which a number or a link could be disguised."""
    if any(unicodedata.category(character) in ("Cf", "Cc", "Co", "Cn", "Zl", "Zp", "So") for character in text):
        return True
    for word in re.findall(r"[^\W\d_]+", text):
        latin = sum(bool(_LATIN.match(character)) for character in word)
        if 0 < latin < len(word):
            return True
    return False


def _without(text: str, names: Collection[str]) -> str:
    """The text without the catalog's own names, so that digits in an action's name are no free numbers."""
    for name in sorted((name for name in names if len(name) >= 3), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return text
