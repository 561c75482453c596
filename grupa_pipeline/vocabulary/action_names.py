"""Splits an action's name into words, and builds its slug: the short form used in column names.

`event_catalog` defines the meaning of words, `features` selects the actions that get columns.
"""

import re
import unicodedata
from collections.abc import Container, Iterable

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SLUG_LENGTH = 40


def split_words(name: str) -> tuple[str, ...]:
    """Words of `name` as it writes them, split where it is not alphanumeric and at the humps of camelCase."""
    return tuple(word for run in _WORD.findall(name) for word in _CAMEL.split(run))


def words(name: str) -> tuple[str, ...]:
    """Lower-case words of `name`, split where it is not alphanumeric and at the capitals of camelCase.

    Example:
        >>> words("openReport: PDF")
        ('open', 'report', 'pdf')
    """
    return tuple(word.lower() for word in split_words(name))


def without_accents(text: str) -> str:
    """`text` with its letters as they are without accents: `Kündigung` gives `Kundigung`."""
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


_PREFIX = re.compile(r"\$+|/|\[[\w .-]{1,24}\]\s*")


def name_prefix(name: str) -> str:
    """The prefix that tools put before their own events: `$` of `$pageview`, `[Amplitude] `, `/` of a path; often empty."""
    found = _PREFIX.match(name)
    return found.group() if found else ""


def readable(name: str) -> str:
    """`name` as words, with its prefix: `Order_Completed` gives `order completed`, `A_SENT` `A sent`, `$pageview` stays."""
    prefix = name_prefix(name)
    found = split_words(name[len(prefix) :])
    own = [word.upper() if len(word) == 1 and len(found) > 1 else word.casefold() for word in found]
    return prefix + (" ".join(own) or name[len(prefix) :].strip()) or name


def slug(name: str) -> str:
    """Short form of `name` for a column: words in a-z and 0-9 joined by single underscores, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "_".join(words(plain))[:_SLUG_LENGTH].strip("_") or "unnamed"


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """A unique slug for every name; later names with an equal slug are numbered from 2."""
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        slugs[name] = numbered(slug(name), taken)
        taken.add(slugs[name])
    return slugs


def numbered(name: str, taken: Container[str]) -> str:
    """`name`, or if that is taken the first free one of `name`_2, `name`_3, ..."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
