"""Words of an action's name, and its slug: the short form for a column.

What a word means is defined in `event_catalog`; which actions get columns, in `features`.
"""

import re
import unicodedata
from collections.abc import Container, Iterable

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SLUG_LENGTH = 40


def words(name: str) -> tuple[str, ...]:
    """Lower-case words of `name`, split where it is not alphanumeric and at the humps of camelCase.

    Example:
        >>> words("openReport: PDF")
        ('open', 'report', 'pdf')
    """
    return tuple(word.lower() for run in _WORD.findall(name) for word in _CAMEL.split(run))


def slug(name: str) -> str:
    """Short form of `name` for a column: words in a-z and 0-9 joined by single underscores, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "_".join(words(plain))[:_SLUG_LENGTH].strip("_") or "unnamed"


def unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """A different slug for every name; of names with the same slug the first has it, the others are numbered from 2."""
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        slugs[name] = numbered(slug(name), taken)
        taken.add(slugs[name])
    return slugs


def numbered(name: str, taken: Container[str]) -> str:
    """`name`, or where that is taken the first of `name`_2, `name`_3, ... that is free."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
