"""The words for metrics and for people who do an action, from `vocabulary.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MetricWording:
    """An entry of `vocabulary.toml`, where the fields are documented."""

    high: str
    low: str
    name_high: tuple[str, ...]
    name_low: tuple[str, ...]
    label: str | None = None
    metric: str = "."
    families: tuple[str, ...] = ()
    event_roles: tuple[str, ...] = ()

    def matches(self, metric: str, family: str | None, event_role: str | None = None) -> bool:
        """Whether the entry applies to a metric of a feature family about an action of a role."""
        if self.event_roles and event_role not in self.event_roles:
            return False
        return bool(re.search(self.metric, metric)) and (not self.families or family in self.families)


_LISTS = ("families", "event_roles", "name_high", "name_low")


@cache
def metric_wordings() -> tuple[MetricWording, ...]:
    """All entries in the order of the file; the last one matches any metric."""
    return tuple(
        MetricWording(**entry | {key: tuple(entry.get(key, ())) for key in _LISTS}) for entry in _vocabulary()["metric"]
    )


def find_wording(metric: str, family: str | None, event_role: str | None = None) -> MetricWording:
    """The first entry that matches a metric of a feature family, about an action of a role."""
    return next(wording for wording in metric_wordings() if wording.matches(metric, family, event_role))


def agents_of(step: str) -> str | None:
    """The people who do an action: `page view` or `page viewed` -> `page viewers`; None for an unknown verb."""
    *others, verb = step.split()
    nouns: dict[str, str] = _vocabulary()["agents"]
    forms = (verb, verb.removesuffix("d"), verb.removesuffix("ed"))
    agents = next((nouns[form] for form in forms if form in nouns), None)
    return None if agents is None else " ".join([*others, agents])


@dataclass(frozen=True)
class KnownVerbs:
    """Verbs of steps: their base forms, irregular past forms with their base, and nouns that take no article."""

    base: frozenset[str]
    irregular: dict[str, str]
    without_article: frozenset[str]


@cache
def known_verbs() -> KnownVerbs:
    """The verbs of `vocabulary.toml`; those that have a word for people who do it are among them."""
    entry = _vocabulary()["verbs"]
    irregular: dict[str, str] = entry["irregular"]
    base = frozenset(entry["regular"].split()) | frozenset(irregular.values()) | frozenset(_vocabulary()["agents"])
    return KnownVerbs(base, irregular, frozenset(entry["without_article"].split()))


@cache
def _vocabulary() -> dict[str, Any]:
    with Path(__file__).with_name("vocabulary.toml").open("rb") as file:
        return tomllib.load(file)
