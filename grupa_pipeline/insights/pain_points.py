"""Patterns of evidence that the rules report as pain points; the texts are in `pain_points.toml`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from grupa_pipeline.insights.event_roles import is_unwanted
from grupa_pipeline.insights.templates import EvidenceRow
from grupa_pipeline.vocabulary.enums import Direction


class Side(StrEnum):
    """On which side of all other users a cluster's value lies."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True)
class Fix:
    """What to try about a pain point; `body`, `change` and `hypothesis` have the same number of variants."""

    title: tuple[str, ...]
    body: tuple[str, ...]
    change: tuple[str, ...]
    hypothesis: tuple[str, ...]


NO_FIX = Fix((), (), (), ())


@dataclass(frozen=True)
class PainPattern:
    """An entry of `pain_points.toml`, where the fields are documented."""

    kind: str
    worse: str
    weight: float
    title: tuple[str, ...] = ()
    lead: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    fix: Fix = NO_FIX
    share_title: tuple[str, ...] = ()
    metric: str = "."
    families: tuple[str, ...] = ()
    event_roles: tuple[str, ...] = ()
    first_roles: tuple[str, ...] = ()
    decided_by: str | None = None
    leads_to: str | None = None
    role: str | None = None
    side: str | None = None
    per_action: bool = False
    covers: tuple[str, ...] = ()
    target: tuple[str, ...] = ()

    def matches(self, row: EvidenceRow, entry: Mapping[str, Any]) -> bool:
        """Whether a row of evidence, with its metric's row of `feature_catalog`, shows this pain point."""
        if not re.search(self.metric, str(row["metric"])) or self.role not in (None, entry["role"]):
            return False
        if self.families and entry["family"] not in self.families:
            return False
        if not self._fits_action(entry):
            return False
        side = side_of(row)
        if self.side not in (None, side):
            return False
        worse = worse_side(entry)
        if self.worse == "either":
            return True
        return side == (worse if self.worse == "bad" else self.worse) and worse in (None, side)

    def _fits_action(self, entry: Mapping[str, Any]) -> bool:
        """Whether the action that the metric is about has the role that the pattern asks for, and may be led to."""
        if self.event_roles and entry.get("event_role") not in self.event_roles:
            return False
        if self.first_roles and entry.get("first_role") not in self.first_roles:
            return False
        if self.decided_by not in (None, entry.get("decided_by")):
            return False
        return not (self.leads_to == "outcome" and is_unwanted(entry))


def side_of(row: EvidenceRow) -> Side:
    """The side on which the cluster's value lies."""
    return Side.HIGHER if row["effect_size"] > 0 else Side.LOWER


def worse_side(entry: Mapping[str, Any]) -> Side | None:
    """The side on which a metric is worse, by `higher_is_better` of its catalog row; None without a preference."""
    higher_is_better = entry["higher_is_better"]
    if pd.isna(higher_is_better):
        return None
    return Side.LOWER if higher_is_better else Side.HIGHER


def better_direction(entry: Mapping[str, Any]) -> Direction | None:
    """The direction in which a metric should move, by `higher_is_better`; None without a preference."""
    side = worse_side(entry)
    return None if side is None else Direction.DECREASE if side is Side.HIGHER else Direction.INCREASE


@cache
def pain_patterns() -> tuple[PainPattern, ...]:
    """All patterns in the order of the file; the last one matches any evidence."""
    with Path(__file__).with_name("pain_points.toml").open("rb") as file:
        entries = tomllib.load(file)["pattern"]
    return tuple(_pattern(entry) for entry in entries)


def find_pattern(row: EvidenceRow, entry: Mapping[str, Any]) -> PainPattern:
    """The first pattern that matches a row of evidence with its metric's row of `feature_catalog`."""
    return next(pattern for pattern in pain_patterns() if pattern.matches(row, entry))


def _pattern(entry: dict[str, Any]) -> PainPattern:
    fix = entry.pop("fix", None)
    texts = {
        key: tuple(entry.get(key, ()))
        for key in ("title", "share_title", "lead", "close", "covers", "target", "event_roles", "first_roles")
    }
    fixes = {key: (text,) if isinstance(text, str) else tuple(text) for key, text in (fix or {}).items()}
    return PainPattern(**entry | texts | {"fix": Fix(**fixes) if fix else NO_FIX})
