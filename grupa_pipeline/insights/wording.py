"""How metrics and actions are spoken of: labels, clauses and the two values side by side, with placeholders for
numbers.

The words themselves are in `vocabulary.toml`. What is worth saying is decided by `analyst.py` and `naming.py`.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from grupa_pipeline.insights.evidence import LIFT_UP
from grupa_pipeline.insights.templates import Evidence, parts

UNNAMED = "an unnamed step"
MOST_TIMES = 20.0
"""Above this a lift says little more than that the others hardly do it: the two values are told alone."""

LONGEST_LABEL = 24
"""The longest label that may be part of a name."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class MetricWords:
    """An entry of `vocabulary.toml`."""

    metric: str
    high: str
    low: str
    name_high: tuple[str, ...]
    name_low: tuple[str, ...]
    label: str | None = None


@cache
def vocabulary() -> tuple[MetricWords, ...]:
    """The entries in the order of the file; the last one fits any metric."""
    entries = _vocabulary_file()["metric"]
    return tuple(
        MetricWords(**entry | {"name_high": tuple(entry["name_high"]), "name_low": tuple(entry["name_low"])})
        for entry in entries
    )


@cache
def _vocabulary_file() -> dict[str, Any]:
    with Path(__file__).with_name("vocabulary.toml").open("rb") as file:
        return tomllib.load(file)


def spoken(action: str, *, whole: bool = False) -> str:
    """An action's name as words: `PushEvent` -> push, `proposal_create` -> proposal create, `W_Nabellen` -> nabellen.

    `whole` keeps a one-letter prefix and the word "event", for logs where names differ in nothing else. Digits are
    spelled out, for numbers in prose come from evidence alone. A name that was withheld stays unnamed.
    """
    if re.fullmatch(r"other_\d+", action):
        return UNNAMED
    words = [word.casefold() for run in re.findall(r"[^\W_]+", action) for word in _CAMEL.split(run)]
    if whole and len(words[0]) == 1:
        words[0] = words[0].upper()
    if len(words) > 1 and len(words[0]) == 1 and not whole:
        words = words[1:]
    if len(words) > 1 and words[-1] == "event" and not whole:
        words = words[:-1]
    return re.sub(r"\d", lambda digit: f" {_NUMERALS[int(digit.group())]} ", " ".join(words)).replace("  ", " ").strip()


def capital(text: str) -> str:
    """The text with its first letter, after an opening quote, in upper case."""
    for position, character in enumerate(text):
        if character.isalpha():
            return text[:position] + character.upper() + text[position + 1 :]
    return text


def comparison(row: Evidence, alias: str) -> str:
    """The two values: `2.3 times the others (41% against 18%)`, or without the lift where that says little.

    Of medians it says so: `0% for the others` would be taken to mean that none of them ever does it.
    """
    if "lift" in parts(row) and LIFT_UP <= float(row["lift"]) <= MOST_TIMES:
        return f"{{{alias}.lift}} the others ({{{alias}.cluster}} against {{{alias}.rest}})"
    if row["measure"] in ("proportion", "path"):
        return f"{{{alias}.cluster}} against {{{alias}.rest}} for the others"
    return f"typically {{{alias}.cluster}}, against {{{alias}.rest}} for the others"


def _actions(entry: Mapping[str, Any]) -> list[str]:
    source = entry["source_action"]
    return [] if pd.isna(source) else [name for name in str(source).splitlines() if name]


def _agents(step: str) -> str | None:
    """Those who do a step: `page view` or `page viewed` -> page viewers; None where the verb is not known."""
    *others, last = step.split()
    known = _vocabulary_file()["agents"]
    forms = (last, last.removesuffix("d"), last.removesuffix("ed"))
    agents = next((known[form] for form in forms if form in known), None)
    return None if agents is None else " ".join([*others, agents])


def quoted(step: str) -> str:
    """A step as it stands in a sentence."""
    return step if step == UNNAMED else f"“{step}”"


def by_how_much(row: Evidence, alias: str) -> str:
    """The same as the end of a clause: `, 2.3 times the others (41% against 18%)` or ` (30% against 0% for the others)`."""
    text = comparison(row, alias)
    return f", {text}" if text.endswith(")") else f" ({text})"


@dataclass(frozen=True)
class Wording:
    """What the catalog and the vocabulary together know of how to speak of a metric."""

    catalog: pd.DataFrame

    @cached_property
    def _entries(self) -> Mapping[str, Mapping[str, Any]]:
        return {str(row["feature"]): row for row in self.catalog.to_dict("records")}

    def entry(self, metric: str) -> Mapping[str, Any]:
        """The metric's row of the catalog."""
        return self._entries[metric]

    @cached_property
    def _ambiguous(self) -> frozenset[str]:
        """Short names that more than one action of this log would go by."""
        actions = {name for entry in self._entries.values() for name in _actions(entry)}
        counted = Counter(spoken(name) for name in actions)
        return frozenset(name for name, count in counted.items() if count > 1)

    def words(self, metric: str) -> MetricWords:
        """The vocabulary's entry for a metric."""
        return next(words for words in vocabulary() if re.search(words.metric, metric))

    def steps(self, metric: str) -> list[str]:
        """The actions behind a metric, as words, in the catalog's order; empty where it covers all."""
        return [spoken(name, whole=spoken(name) in self._ambiguous) for name in _actions(self.entry(metric))]

    def feature(self, metric: str) -> str:
        """The feature of the product that a metric is about, as words."""
        return spoken(re.sub(r"^(used|feature_share)_", "", metric))

    def label(self, metric: str) -> str:
        """A noun phrase for the metric."""
        words = self.words(metric)
        text = words.label or str(self.entry(metric)["description"]).strip().rstrip(".")
        if not text[:2].isupper():
            text = text[:1].lower() + text[1:]
        return self._with_steps(re.sub(r"\d", lambda digit: _NUMERALS[int(digit.group())], text), metric)

    def clause(self, row: Evidence, alias: str) -> str:
        """What the users of the cluster do more or less of, after "they", with both values."""
        words = self.words(str(row["metric"]))
        return self.say(words.high if row["effect_size"] > 0 else words.low, row, alias)

    def aim(self, metric: str, direction: str) -> str:
        """What users will do when a metric moves: `they will come back more often`."""
        words = self.words(metric)
        clause = (words.high if direction == "increase" else words.low).replace("<how>", "")
        clause = clause.replace("<label>", self.label(metric))
        clause = f"be {clause.removeprefix('are ')}" if clause.startswith("are ") else clause
        return self._with_steps(f"they will {clause}", metric)

    def metrics(self) -> list[str]:
        """All metrics of the catalog, in its order."""
        return list(self._entries)

    def say(self, template: str, row: Evidence, alias: str) -> str:
        """A template of the vocabulary or of the pains, with its tokens replaced for this piece of evidence."""
        metric = str(row["metric"])
        label = self.label(metric)
        text = template.replace("<label>", label).replace("<Label>", capital(label))
        return (
            self._with_steps(text, metric)
            .replace("<gap>", comparison(row, alias))
            .replace("<how>", by_how_much(row, alias))
        )

    def name(self, template: str, metric: str) -> str | None:
        """A name from the vocabulary, its steps without quotation marks; None where a step has no name to be used."""
        steps, label = self.steps(metric), self.label(metric)
        agents = _agents(steps[0]) if steps else None
        if UNNAMED in steps or ("<label>" in template and len(label) > LONGEST_LABEL):
            return None
        if "<Agents>" in template and agents is None:
            return None
        text = template.replace("<label>", label).replace("<Agents>", capital(agents or ""))
        return capital(self._filled(text, metric, steps, self.feature(metric)))

    def _with_steps(self, text: str, metric: str) -> str:
        return self._filled(text, metric, [quoted(step) for step in self.steps(metric)], quoted(self.feature(metric)))

    def _filled(self, text: str, metric: str, steps: list[str], feature: str) -> str:
        shown = steps or ["this step"]
        for token, word in (
            ("step", " or ".join(shown[:2])),
            ("from", shown[0]),
            ("to", shown[-1]),
            ("feature", feature),
        ):
            text = text.replace(f"<{token}>", word).replace(f"<{capital(token)}>", capital(word))
        return text


def usual_step(rows: Iterable[Evidence], wording: Wording, *, besides: str) -> str:
    """The action that users of a cluster put more of their activity into than others, for use in a sentence.

    The largest share first; never the action behind the metric `besides`.
    """
    taken = wording.steps(besides)
    for row in _larger(rows, "share_"):
        step = wording.steps(str(row["metric"]))[0]
        if step not in taken and step != UNNAMED:
            return quoted(step)
    return "the step they do most"


def favourite_feature(rows: Iterable[Evidence], wording: Wording) -> str:
    """The feature that takes up most of their feature use and more than others', for use in a sentence."""
    named = [wording.feature(str(row["metric"])) for row in _larger(rows, "feature_share_")]
    return quoted(named[0]) if named else "a single feature"


def _larger(rows: Iterable[Evidence], prefix: str) -> list[Evidence]:
    """Rows of the metrics with this prefix that are higher in the cluster, the largest value first."""
    found = [row for row in rows if str(row["metric"]).startswith(prefix) and row["effect_size"] > 0]
    return sorted(found, key=lambda row: -float(row["cluster_value"]))


def beside(clause: str, opening: str) -> str:
    """A sentence that adds a clause about the same users: `They also come back less often`, `They are also ...`."""
    if opening == "They also" and clause.startswith("are "):
        return f"They are also {clause.removeprefix('are ')}."
    return f"{opening} {clause}."
