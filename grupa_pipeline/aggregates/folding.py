"""Joins actions whose names hold ids, such as `/product/123`, into one: the log's own names stay in the events.

Applied where a window reads events, so that removing a pattern brings every action back.
"""

from collections.abc import Sequence

import ibis
from ibis.expr import types as ir

_PLAIN = frozenset(" _-/:,=&@%<>'\"!~;#")


def fold_actions(events: ir.Table, patterns: Sequence[str]) -> ir.Table:
    """`events` with each action that matches one of `patterns` named by the first of them; `*` matches text without `/`.

    Example:
        With the pattern `/product/*`, `/product/1907` and `/product/42` are the action `/product/*`.
    """
    if not patterns:
        return events
    action = events.action
    folded = [(action.re_search(_expression(pattern)), ibis.literal(pattern)) for pattern in patterns]
    return events.mutate(action=ibis.cases(*folded, else_=action))


def _expression(pattern: str) -> str:
    """A regular expression for DuckDB and Spark; without backslashes where possible, since Spark reads them in texts."""
    return "^" + "".join(map(_character, pattern)) + "$"


def _character(character: str) -> str:
    if character == "*":
        return "[^/]+"
    if character.isalnum() or character in _PLAIN:
        return character
    return f"\\{character}" if character in "^]\\" else f"[{character}]"
