"""A digest in words, for a mail or a chat: plain text, in which what logs and people wrote calls nobody and links nowhere."""

import re
from collections.abc import Iterator
from datetime import date

from grupa_pipeline.digest.digest_contents import Digest, GoalShift, Movement, Turn

_LONGEST_NAME = 80
_MOST_LINES = 10
_KINDS = {"birth": "New", "return": "Back", "split": "Split", "merge": "Merged", "death": "Gone"}


def subject(digest: Digest) -> str:
    """The subject of a message."""
    return f"Grupa, {_day(digest.day)}"


def digest_lines(digest: Digest) -> list[str]:
    """The digest, a sentence a line; of a quiet week there is one."""
    if digest.before is None:
        first = f"First digest: {digest.clusters} clusters of {digest.users:,} users on {_day(digest.day)}."
        return [first, *_plans(digest)]
    if digest.is_quiet:
        new = f"a new snapshot of {_day(digest.day)}" if digest.day > digest.before else "no new snapshot"
        counted = f"{digest.clusters} clusters, {digest.users:,} users, no test due"
        return [f"A quiet week since {_day(digest.before)}: {new}, {counted}."]
    head = (
        f"Since {_day(digest.before)}: {digest.clusters} clusters of {digest.users:,} users on {_day(digest.day)}"
        f" ({digest.users_before or 0:,} users then)."
    )
    return [
        head,
        *_cut([_turn(each) for each in digest.turns], "changes of clusters"),
        *(_movement(each) for each in digest.movements),
        *_cut([_shift(each) for each in digest.shifts], "goal rates"),
        *_plans(digest),
    ]


def named(text: str | None) -> str:
    """A name as it may stand in a message: one line, cut, and nothing that a chat reads as a mention, a link or a format."""
    if text is None:
        return "no cluster"
    plain = re.sub(r"\s+", " ", "".join(each for each in text if each.isprintable() or each.isspace())).strip()
    for sign, harmless in (
        ("<", "‹"),
        (">", "›"),
        ("@", "@\u200b"),
        ("://", ":\u200b//"),
        ("`", "'"),
        ("*", "∗"),
        ("|", "¦"),
    ):
        plain = plain.replace(sign, harmless)
    plain = re.sub(r"[\[\]]", lambda found: {"[": "(", "]": ")"}[found[0]], plain)
    return plain if len(plain) <= _LONGEST_NAME else plain[: _LONGEST_NAME - 1].rstrip() + "…"


def _turn(turn: Turn) -> str:
    kind = _KINDS.get(turn.kind, turn.kind.capitalize())
    if turn.kind in ("birth", "return"):
        return f"{kind} on {_day(turn.day)}: {named(turn.target)} ({turn.users:,} users)."
    if turn.kind == "death":
        return f"{kind} on {_day(turn.day)}: {named(turn.source)}."
    return f"{kind} on {_day(turn.day)}: {named(turn.source)} into {named(turn.target)} ({turn.users:,} users)."


def _movement(movement: Movement) -> str:
    return f"{movement.users:,} users moved from {named(movement.source)} to {named(movement.target)}."


def _shift(shift: GoalShift) -> str:
    return (
        f"{named(shift.name)}: {_percent(shift.now)} reach {named(shift.goal)}, {_percent(shift.before)} before"
        f" (95% interval {_percent(shift.low)} to {_percent(shift.high)}); {shift.users:,} users."
    )


def _plans(digest: Digest) -> Iterator[str]:
    for plan in digest.plans:
        yield f"Test due: {named(plan.name)} {plan.what} {_day(plan.day)}."


def _cut(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"And {more} more {what}."]


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
