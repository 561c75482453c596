"""What to try about an obstacle: remedies by what is seen at a step and by the kind of the step, from `remedies.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

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
    REFUSED = "refused"


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


@cache
def is_offer(name: str, *, refused: bool = False) -> bool:
    """Whether a name is about an offer, and where `refused` about turning one down.

    Example:
        >>> is_offer("paywall_closed", refused=True), is_offer("menu_closed", refused=True)
        (True, False)
    """
    groups = _refused()
    kinds = ("offers", "refusals") if refused else ("offers",)
    return all(any(_is(word, entry) for word in words(name) for entry in groups[kind]) for kind in kinds)


def _is(word: str, entry: str) -> bool:
    return word.startswith(entry[:-1]) if entry.endswith("*") else word == entry


@cache
def _kinds() -> Sequence[tuple[str, tuple[str, ...]]]:
    return [(entry["kind"], tuple(entry["words"])) for entry in _step_kinds()["kind"]]


@cache
def _refused() -> Mapping[str, Sequence[str]]:
    groups: Mapping[str, Sequence[str]] = _step_kinds()["refused"]
    return groups


@cache
def _step_kinds() -> Mapping[str, Any]:
    with Path(__file__).with_name("step_kinds.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def _remedies() -> tuple[Remedy, ...]:
    with Path(__file__).with_name("remedies.toml").open("rb") as file:
        entries = tomllib.load(file)["remedy"]
    return tuple(Remedy(**entry | {key: tuple(entry.get(key, ())) for key in ("causes", "kinds")}) for entry in entries)
