"""The kinds of pain that the rules know, and which piece of evidence speaks of which. The texts are in `pain_points.toml`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from grupa_pipeline.insights.templates import Evidence


@dataclass(frozen=True)
class Fix:
    """What one would try about a kind of pain; each text in variants, the same number in body, change and hypothesis."""

    title: tuple[str, ...]
    body: tuple[str, ...]
    change: tuple[str, ...]
    hypothesis: tuple[str, ...]


@dataclass(frozen=True)
class Pain:
    """An entry of `pain_points.toml`, where the fields are explained."""

    pain: str
    metric: str
    worse: str
    weight: float
    title: tuple[str, ...]
    lead: tuple[str, ...]
    close: tuple[str, ...]
    fix: Fix
    role: str | None = None
    side: str | None = None
    apart: bool = False
    covers: tuple[str, ...] = ()
    target: tuple[str, ...] = ()

    def fits(self, row: Evidence, entry: Mapping[str, Any]) -> bool:
        """Whether this piece of evidence, with its row of the catalog, shows the pain."""
        if not re.search(self.metric, str(row["metric"])) or self.role not in (None, entry["role"]):
            return False
        side = "higher" if row["effect_size"] > 0 else "lower"
        if self.side not in (None, side):
            return False
        worse = worse_side(entry) if self.worse == "bad" else self.worse
        against = worse_side(entry) is not None and worse_side(entry) != side
        return worse == "either" or (worse == side and not against)


def worse_side(entry: Mapping[str, Any]) -> str | None:
    """The side where a metric hurts, `higher` or `lower`, by the catalog's higher_is_better; None if neither does."""
    better = entry["higher_is_better"]
    if pd.isna(better):
        return None
    return "lower" if better else "higher"


def better_way(entry: Mapping[str, Any]) -> Literal["increase", "decrease"] | None:
    """Which way a metric should move, by the catalog's higher_is_better; None where neither is better."""
    side = worse_side(entry)
    return None if side is None else "decrease" if side == "higher" else "increase"


@cache
def known_pains() -> tuple[Pain, ...]:
    """The kinds in the order of the file; the last one fits any evidence."""
    with Path(__file__).with_name("pain_points.toml").open("rb") as file:
        entries = tomllib.load(file)["pain"]
    return tuple(_pain(entry) for entry in entries)


def pain_of(row: Evidence, entry: Mapping[str, Any]) -> Pain:
    """The first kind that a piece of evidence shows."""
    return next(pain for pain in known_pains() if pain.fits(row, entry))


def _pain(entry: dict[str, Any]) -> Pain:
    fix = entry.pop("fix")
    texts = {key: tuple(entry.get(key, ())) for key in ("title", "lead", "close", "covers", "target")}
    fixes = {key: (text,) if isinstance(text, str) else tuple(text) for key, text in fix.items()}
    return Pain(**entry | texts | {"fix": Fix(**fixes)})
