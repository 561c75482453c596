"""What to try about an obstacle: remedies by what is seen at a step and by the kind of the step, from `remedies.toml`."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from grupa_pipeline.vocabulary.action_names import words


class Cause(StrEnum):
    """What is seen at a step where users are lost or held up."""

    ERROR = "error"
    ERROR_ALONE = "error_alone"
    RETRY = "retry"
    LOOP = "loop"
    SLOW = "slow"
    WAIT = "wait"
    DROP = "drop"
    WEAK = "weak"
    STRENGTH = "strength"
    DECIDED = "decided"
    HABIT = "habit"


@dataclass(frozen=True)
class Remedy:
    """An entry of `remedies.toml`, where the fields are documented."""

    causes: tuple[str, ...]
    impact: float
    effort: str
    title: str
    body: str
    change: str
    hypothesis: str
    guardrail: str
    risk: str
    cheapest_test: str
    falsified_by: str
    kinds: tuple[str, ...] = ()


def find_remedies(cause: Cause, kind: str | None) -> list[Remedy]:
    """Remedies for what is seen at a step of a kind (None: no known kind), those of the kind first, then by impact."""
    fitting = [each for each in _remedies() if cause in each.causes and (not each.kinds or kind in each.kinds)]
    return sorted(fitting, key=lambda remedy: (not remedy.kinds, -remedy.impact))


@cache
def step_kind(*names: str) -> str | None:
    """The kind of a step by the words of its names, the step's own first, each word before the next; None where none says so.

    Example:
        >>> step_kind("zahlung_ausgefuehrt"), step_kind("xyz")
        ('payment', None)
    """
    for name in names:
        for word in words(name):
            for kind, known in _kinds():
                if any(_is(word, entry) for entry in known):
                    return kind
    return None


def _is(word: str, entry: str) -> bool:
    return word.startswith(entry[:-1]) if entry.endswith("*") else word == entry


@cache
def _kinds() -> Sequence[tuple[str, tuple[str, ...]]]:
    with Path(__file__).with_name("step_kinds.toml").open("rb") as file:
        return [(entry["kind"], tuple(entry["words"])) for entry in tomllib.load(file)["kind"]]


@cache
def _remedies() -> tuple[Remedy, ...]:
    with Path(__file__).with_name("remedies.toml").open("rb") as file:
        entries = tomllib.load(file)["remedy"]
    return tuple(Remedy(**entry | {key: tuple(entry.get(key, ())) for key in ("causes", "kinds")}) for entry in entries)
