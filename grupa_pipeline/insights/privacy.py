"""What may leave the machine, and what may steer a text: names from a log are let through only if they look like
names.

An action or a feature's value is something that a user of the product may have typed. It reaches a prompt or a
text only when it occurs for enough users and looks like a name; otherwise it is called `other_1`, `other_2`, ...
for models and rules alike. Here is no knowledge of prompts, and no other text but those names and what
`feature_catalog` says of them.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

LONGEST_NAME = 48
MOST_WORDS = 5
LONGEST_WORD = 24
MOST_DIGITS = 4
LONGEST_DESCRIPTION = 200

_NAME = re.compile(r"[^\W_][\w\-. :/&+()]*")
_SUSPECT = re.compile(
    r"[<>{}\[\]\\`$|@]|://|www\.|\.(?:com|net|org|io|dev|info|co|ru|de)\b|[^\x20-\x7e\u00a1-\u024f\u0370-\u1fff\u3040-\uffdc]"
    r"|\d(?:[\s().+/_-]{0,2}\d){4,}",
    re.IGNORECASE,
)
_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))["names"]
_DIRECTIVES = frozenset(_WORDS["directives"])
_COMMANDS = frozenset(_WORDS["commands"])
_OBJECTS = frozenset(_WORDS["objects"])
_SENTENCE = frozenset(_WORDS["sentence"])
_PERSONAL = frozenset(_WORDS["personal"])

UNNAMED = "a step or feature left unnamed"

_TEXTS = ("label", "description", "numerator", "denominator")
_OF_A_VALUE = ("used_", "feature_share_")
_SAYS_VALUE = re.compile(r"(?:used the feature|uses that are of) (.+)$", re.DOTALL)
_PREFIXES = ("path_", "hours_", "share_", "did_", "had_", "events_", "used_", "feature_share_")

Row = Mapping[str, Any]
"""One row of `feature_catalog`."""


@dataclass(frozen=True)
class Screened:
    """What analysts may see. `metric_of` maps the names they see to those of `feature_catalog`."""

    evidence: pd.DataFrame
    clusters: pd.DataFrame
    catalog: pd.DataFrame
    metric_of: dict[str, str]


def count_users(features: pd.DataFrame) -> dict[str, int]:
    """For each feature, the users for whom it is neither NULL nor zero."""
    columns = features.drop(columns="user_id", errors="ignore")
    # Column by column: a table of a million users is not copied for it.
    return {str(name): int(((column != 0) & column.notna()).sum()) for name, column in columns.items()}


def looks_like_a_name(text: str) -> bool:
    """Whether `text` reads as a name of an action or feature, not as a sentence, an address, a number or an order."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > LONGEST_NAME or not _NAME.fullmatch(text) or _SUSPECT.search(text):
        return False
    words = _words(text)
    return (
        0 < len(words) <= MOST_WORDS
        and max(map(len, words)) <= LONGEST_WORD
        and sum(character.isdigit() for character in text) <= MOST_DIGITS
        and not _gives_orders(words)
        and not (len(words) > 2 and _SENTENCE.intersection(words))
        and not _PERSONAL.intersection(words)
    )


def screen(
    evidence: pd.DataFrame,
    clusters: pd.DataFrame,
    catalog: pd.DataFrame,
    *,
    users_with: Mapping[str, int],
    min_group: int,
) -> Screened:
    """Call every action or feature that may not be told `other_1`, `other_2`, ..., in evidence, rules and the catalog.

    It may be told when it looks like a name, what the catalog says of it is clean, and at least `min_group` users have it.
    """
    rows = [{str(key): value for key, value in row.items()} for row in catalog.to_dict("records")]
    users = _users_of_actions(rows, users_with)
    hidden = {str(row["feature"]): names for row in rows if (names := _hidden(row, users, users_with, min_group))}
    other = {name: f"other_{number}" for number, name in enumerate(sorted(set().union(*hidden.values())), start=1)}
    seen_as: dict[str, str] = {}
    for metric in sorted(hidden):
        stem = f"{_prefix(metric)}{other[hidden[metric][0]]}"
        same = sum(name == stem or name.startswith(f"{stem}_") for name in seen_as.values())
        seen_as[metric] = stem if same == 0 else f"{stem}_{same + 1}"
    return Screened(
        evidence=evidence.assign(metric=evidence["metric"].map(lambda metric: seen_as.get(metric, metric))),
        clusters=clusters.assign(rule=[_screened_rule(rule, rows, seen_as) for rule in clusters["rule"]]),
        catalog=pd.DataFrame([_screened_row(row, seen_as, other) for row in rows], columns=catalog.columns),
        metric_of={seen_as.get(str(row["feature"]), str(row["feature"])): str(row["feature"]) for row in rows},
    )


def screen_catalog(catalog: pd.DataFrame, *, users_with: Mapping[str, int], min_group: int) -> pd.DataFrame:
    """`feature_catalog` as people may see it: a feature that `screen` would hide is not put in words there either.

    The words that rules, cards and charts are made of are `label` and `description`; the log's own name stays in
    `source_action`, which is data.
    """
    rows = [{str(key): value for key, value in row.items()} for row in catalog.to_dict("records")]
    users = _users_of_actions(rows, users_with)
    unnamed = [number for number, row in enumerate(rows) if _hidden(row, users, users_with, min_group)]
    screened = catalog.copy()
    for number, position in enumerate(unnamed, start=1):
        told = f"{UNNAMED} ({_prefix(str(rows[position]['feature'])).strip('_') or 'measure'} {number})"
        screened.loc[screened.index[position], ["label", "description"]] = told
    return screened


def _users_of_actions(rows: Sequence[Row], users_with: Mapping[str, int]) -> dict[str, int]:
    """Users who did each action, by the features that are of this action alone."""
    users: dict[str, int] = {}
    for row in rows:
        actions = _actions(row)
        if len(actions) == 1:
            users[actions[0]] = max(users.get(actions[0], 0), users_with.get(str(row["feature"]), 0))
    return users


def _hidden(row: Row, users: Mapping[str, int], users_with: Mapping[str, int], min_group: int) -> list[str]:
    """What of a feature may not be told: its actions, or its own name where that is made from a value; empty if all may."""
    feature = str(row["feature"])
    hidden = [name for name in _actions(row) if users.get(name, 0) < min_group or not looks_like_a_name(name)]
    if hidden:
        return hidden
    values = _values(row)
    if values and (users_with.get(feature, 0) < min_group or not all(map(looks_like_a_name, values))):
        return [feature]
    texts = [feature, *(str(row[column]) for column in _TEXTS if column in row and _given(row[column]))]
    unclean = any(not _is_clean(text) or len(text) > LONGEST_DESCRIPTION for text in texts)
    return [feature] if unclean or _gives_orders(_words(feature)) else []


def _screened_row(row: Row, seen_as: Mapping[str, str], other: Mapping[str, str]) -> dict[str, Any]:
    metric = str(row["feature"])
    if metric not in seen_as:
        return dict(row)
    alias = seen_as[metric]
    told = {column: UNNAMED for column in _TEXTS if _given(row.get(column))}
    actions = "\n".join(other.get(name, name) for name in _actions(row))
    return {**row, **told, "feature": alias, "source_action": actions or None}


def _values(row: Row) -> list[str]:
    """The value that a feature is made from, as its own name and its description give it; empty for other features."""
    prefix = next((prefix for prefix in _OF_A_VALUE if str(row["feature"]).startswith(prefix)), None)
    if prefix is None:
        return []
    described = _SAYS_VALUE.search(str(row["description"]))
    return [str(row["feature"]).removeprefix(prefix)] + ([described.group(1)] if described else [])


def _prefix(metric: str) -> str:
    return next((prefix for prefix in _PREFIXES if metric.startswith(prefix)), "")


def _actions(row: Row) -> list[str]:
    """The log's own action names behind a feature; they stand one a line."""
    return [name for name in str(row["source_action"]).splitlines() if name] if _given(row["source_action"]) else []


def _screened_rule(rule: object, rows: Sequence[Row], seen_as: Mapping[str, str]) -> str | None:
    """The rule, unless it tells what may not be told: then none."""
    if not _given(rule):
        return None
    hidden = [row for row in rows if str(row["feature"]) in seen_as]
    texts = [str(row[column]) for row in hidden for column in ("feature", *_TEXTS) if _given(row.get(column))]
    texts += [name for row in hidden for name in _actions(row) if not looks_like_a_name(name)]
    return None if any(text in str(rule) for text in texts) or not _is_clean(str(rule), signs="<>") else str(rule)


def _is_clean(text: str, signs: str = "") -> bool:
    """No address, markup, long number or order in a text of the house's own making that carries a log's names."""
    text = unicodedata.normalize("NFKC", text)
    for sign in signs:
        text = text.replace(sign, " ")
    return not _SUSPECT.search(text) and not _DIRECTIVES.intersection(_words(text))


def _words(text: str) -> list[str]:
    """Lower-case words of a name, however it is joined: snake, kebab, dotted, spaced or camel case."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", text))
    return [word for word in re.split(r"[\W_]+", split.lower()) if word]


def _gives_orders(words: list[str]) -> bool:
    """Whether these words would instruct a reader: a directive, or a command together with what it is about."""
    found = set(words)
    return bool(_DIRECTIVES & found) or bool(_COMMANDS & found and _OBJECTS & found)


def _given(value: object) -> bool:
    return value is not None and not pd.isna(value) and str(value) != ""
