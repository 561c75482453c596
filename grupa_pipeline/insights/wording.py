"""How metrics and actions are put into words: labels, clauses and comparisons, with placeholders for numbers.

The words are in `vocabulary.toml`. What is worth reporting is decided in `rule_based` and `naming`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from grupa_pipeline.insights.event_roles import is_unwanted
from grupa_pipeline.insights.evidence import LIFT_UP, SHARES
from grupa_pipeline.insights.metric_vocabulary import MetricWording, agents_of, find_wording
from grupa_pipeline.insights.step_phrases import is_participle, verb_phrase
from grupa_pipeline.insights.templates import EvidenceRow, parts
from grupa_pipeline.vocabulary.action_names import name_prefix, split_words
from grupa_pipeline.vocabulary.enums import DecidedBy, Direction
from grupa_pipeline.vocabulary.feature_families import COLUMN_PREFIX, FeatureFamily

UNNAMED = "an unnamed step"
MAX_LIFT = 20.0
"""A larger lift only says that the others hardly do it at all: both values are given without it."""

MAX_LABEL_LENGTH = 24
"""Maximum length of a label within a name."""

_NOUNS = re.compile("<(?:step|from|to)>", re.IGNORECASE)
"""Tokens of names that stand for nouns."""

_NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def action_words(action: str, *, whole: bool = False) -> str:
    """An action's name in words: `PushEvent` -> push, `proposal_create` -> proposal create, `W_Nabellen` -> nabellen.

    Digits are spelled out, since numbers in texts come from evidence alone; a prefix such as `$` stays. A name that
    `privacy` withheld stays unnamed.

    Args:
        action: Name of the action in the log.
        whole: Whether to keep a one-letter prefix and the word "event", for logs in which names differ in nothing else.
    """
    if re.fullmatch(r"other_\d+", action):
        return UNNAMED
    prefix = name_prefix(action)
    words = [word.casefold() for word in split_words(action[len(prefix) :])] or [action[len(prefix) :].casefold()]
    if whole and len(words[0]) == 1:
        words[0] = words[0].upper()
    if len(words) > 1 and len(words[0]) == 1 and not whole:
        words = words[1:]
    if len(words) > 1 and words[-1] == "event" and not whole:
        words = words[:-1]
    return prefix + _spell_digits(" ".join(words))


def _spell_digits(text: str) -> str:
    """The text with digits as words: numbers in texts come from evidence alone."""
    return re.sub(r"\d", lambda digit: f" {_NUMERALS[int(digit.group())]} ", text).replace("  ", " ").strip()


def capitalize(text: str) -> str:
    """The text with its first letter, after an opening quote, in upper case; a name with a prefix stays as it is."""
    for position, character in enumerate(text):
        if character in "$[/":
            return text
        if character.isalpha():
            return text[:position] + character.upper() + text[position + 1 :]
    return text


def quoted(step: str) -> str:
    """A step as it is written in a sentence."""
    return step if step == UNNAMED else f"“{step}”"


def added_sentence(clause: str, opening: str) -> str:
    """A further sentence about the same users: `They also come back less often`, `They are also ...`."""
    verb, _, rest = clause.partition(" ")
    if opening == "They also" and verb in ("are", "were"):
        return f"They {verb} also {rest}."
    return f"{opening} {clause}."


def comparison(row: EvidenceRow, alias: str) -> str:
    """Both values: `2.3 times the others (41% against 18%)`, or without the lift where it is not informative.

    Medians are marked by "typically": `0% for the others` would be read as none of them ever doing it.
    """
    if "lift" in parts(row) and LIFT_UP <= float(row["lift"]) <= MAX_LIFT:
        return f"{{{alias}.lift}} the others ({{{alias}.cluster}} against {{{alias}.rest}})"
    if row["measure"] in SHARES:
        return f"{{{alias}.cluster}} against {{{alias}.rest}} for the others"
    return f"typically {{{alias}.cluster}}, against {{{alias}.rest}} for the others"


def comparison_suffix(row: EvidenceRow, alias: str) -> str:
    """The comparison as the end of a clause: `, 2.3 times the others (41% against 18%)` or ` (30% against 0% ...)`."""
    text = comparison(row, alias)
    return f", {text}" if text.endswith(")") else f" ({text})"


def _actions(entry: Mapping[str, Any]) -> list[str]:
    source = entry["source_action"]
    return [] if pd.isna(source) else [name for name in str(source).splitlines() if name]


_PRODUCT_FEATURE_FAMILIES = (FeatureFamily.FEATURE_USED, FeatureFamily.FEATURE_SHARE)


@dataclass(frozen=True)
class Wording:
    """Puts the metrics of a `feature_catalog` into words.

    Example:
        >>> Wording(catalog).clause(row, "E1")
        'search more often, {E1.lift} the others ({E1.cluster} against {E1.rest})'
    """

    catalog: pd.DataFrame

    @cached_property
    def _entries(self) -> Mapping[str, Mapping[str, Any]]:
        return {str(row["feature"]): row for row in self.catalog.to_dict("records")}

    @cached_property
    def _ambiguous(self) -> frozenset[str]:
        """Short names that more than one action of this log would get."""
        actions = {name for entry in self._entries.values() for name in _actions(entry)}
        counts = Counter(action_words(name) for name in actions)
        return frozenset(name for name, count in counts.items() if count > 1)

    def entry(self, metric: str) -> Mapping[str, Any]:
        """The metric's row of the catalog."""
        return self._entries[metric]

    def metrics(self) -> list[str]:
        """All metrics of the catalog, in its order."""
        return list(self._entries)

    def steps(self, metric: str) -> list[str]:
        """The actions behind a metric in words, in the catalog's order; empty for a metric of all actions."""
        entry = self.entry(metric)
        own = entry.get("step_labels")
        if own is not None and not pd.isna(own):
            return [_spell_digits(label) for label in str(own).splitlines()]
        return [action_words(name, whole=action_words(name) in self._ambiguous) for name in _actions(entry)]

    def step(self, action: str) -> str:
        """One action in words, as `steps` has it."""
        own = self._own_labels.get(action)
        return own or action_words(action, whole=action_words(action) in self._ambiguous)

    @cached_property
    def _own_labels(self) -> Mapping[str, str]:
        """What people call an action, where that is not its name."""
        labels: dict[str, str] = {}
        for entry in self._entries.values():
            own = entry.get("step_labels")
            if own is not None and not pd.isna(own):
                names = zip(_actions(entry), str(own).splitlines(), strict=False)
                labels |= {action: _spell_digits(label) for action, label in names}
        return labels

    def feature(self, metric: str) -> str:
        """The product feature that a metric is about, in words."""
        family = self.entry(metric)["family"]
        return action_words(
            metric.removeprefix(COLUMN_PREFIX[family]) if family in _PRODUCT_FEATURE_FAMILIES else metric
        )

    def find(self, metric: str) -> MetricWording:
        """The entry of the vocabulary for a metric."""
        entry = self.entry(metric)
        return find_wording(metric, entry["family"], entry.get("event_role"))

    def label(self, metric: str) -> str:
        """A noun phrase for the metric."""
        text = self.find(metric).label or str(self.entry(metric)["description"]).strip().rstrip(".")
        if not text[:2].isupper():
            text = text[:1].lower() + text[1:]
        return self._with_steps(re.sub(r"\d", lambda digit: _NUMERALS[int(digit.group())], text), metric)

    def clause(self, row: EvidenceRow, alias: str) -> str:
        """What the cluster's users do more or less than others, after "they", with both values."""
        wording = self.find(str(row["metric"]))
        return self.render(wording.high if row["effect_size"] > 0 else wording.low, row, alias)

    def aim(self, metric: str, direction: Direction) -> str:
        """What users will do when a metric moves: `they will come back more often`."""
        wording = self.find(metric)
        clause = (wording.high if direction is Direction.INCREASE else wording.low).replace("<how>", "")
        clause = clause.replace("<label>", self.label(metric))
        clause = re.sub(r"^(?:are|were) ", "be ", clause)
        return self._with_steps(f"they will {clause}", metric)

    def render(self, template: str, row: EvidenceRow, alias: str) -> str:
        """A template of the vocabulary or of a pain pattern with its tokens replaced for a row of evidence."""
        metric = str(row["metric"])
        label = self.label(metric)
        text = template.replace("<label>", label).replace("<Label>", capitalize(label))
        return (
            self._with_steps(text, metric)
            .replace("<gap>", comparison(row, alias))
            .replace("<how>", comparison_suffix(row, alias))
            .replace("<who>", f"{{{alias}.who}}")
            .replace("<rest>", f"{{{alias}.rest}}")
        )

    def deed(self, metric: str) -> str | None:
        """What users do at the last step of a metric, as in "choose a slot"; None for what others decide or no verb says."""
        steps, decided_by = self.steps(metric), self.entry(metric).get("decided_by")
        return verb_phrase(steps[-1]) if steps and decided_by != DecidedBy.SYSTEM else None

    def name(self, template: str, metric: str) -> str | None:
        """A cluster name from a template, without quotation marks; None where a step, label or verb does not allow it."""
        steps, label = self.steps(metric), self.label(metric)
        agents = agents_of(steps[0]) if steps else None
        if UNNAMED in steps or ("<label>" in template and len(label) > MAX_LABEL_LENGTH):
            return None
        if "<Agents>" in template and agents is None:
            return None
        phrase = self.deed(metric)
        if ("<do>" in template and phrase is None) or (_NOUNS.search(template) and any(map(is_participle, steps))):
            return None
        text = template.replace("<label>", label).replace("<Agents>", capitalize(agents or ""))
        text = text.replace("<do>", phrase or "")
        return capitalize(_replace_tokens(text, steps, self.feature(metric)))

    def _with_steps(self, text: str, metric: str) -> str:
        return _replace_tokens(text, [quoted(step) for step in self.steps(metric)], quoted(self.feature(metric)))


def _replace_tokens(text: str, steps: list[str], feature: str) -> str:
    steps = steps or ["this step"]
    tokens = {"step": " or ".join(steps[:2]), "from": steps[0], "to": steps[-1], "feature": feature}
    for token, words in tokens.items():
        text = text.replace(f"<{token}>", words).replace(f"<{capitalize(token)}>", capitalize(words))
    return text


def usual_step(rows: Iterable[EvidenceRow], wording: Wording, *, excluded_metric: str) -> str:
    """The action with the largest share of activity that the cluster does more than others, for use in a sentence.

    Actions behind `excluded_metric` are left out.
    """
    excluded = wording.steps(excluded_metric)
    for row in _larger_shares(rows, wording, FeatureFamily.ACTION_SHARE):
        step = wording.steps(str(row["metric"]))[0]
        if is_unwanted(wording.entry(str(row["metric"]))):
            continue
        if step not in excluded and step != UNNAMED:
            return quoted(step)
    return "the step they do most"


def favourite_feature(rows: Iterable[EvidenceRow], wording: Wording) -> str:
    """The product feature with the largest share of feature use that the cluster uses more than others."""
    features = [
        wording.feature(str(row["metric"])) for row in _larger_shares(rows, wording, FeatureFamily.FEATURE_SHARE)
    ]
    return quoted(features[0]) if features else "a single feature"


def _larger_shares(rows: Iterable[EvidenceRow], wording: Wording, family: FeatureFamily) -> list[EvidenceRow]:
    """Rows of the metrics of a family that are higher in the cluster, the largest value first."""
    higher = [row for row in rows if wording.entry(str(row["metric"]))["family"] == family and row["effect_size"] > 0]
    return sorted(higher, key=lambda row: -float(row["cluster_value"]))
