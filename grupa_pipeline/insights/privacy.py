"""What may leave the machine, and what may steer a text: names from a log are let through only if they look like names.

An action or a feature's value is something that a user of the product may have typed. It reaches a prompt or a text only when it
occurs for enough users and looks like a name; otherwise it is called `other_1`, `other_2`, ... for models and rules alike.
Here is no knowledge of prompts, and no other text but those names and what `feature_catalog` says of them.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

LONGEST_NAME = 48
MOST_WORDS = 6
LONGEST_WORD = 24
MOST_DIGITS = 4
LONGEST_DESCRIPTION = 200

_NAME = re.compile(r"[^\W_][\w\-. ]*", re.UNICODE)
_SUSPECT = re.compile(
    r"[<>{}\[\]\\`$|@]|://|www\.|\.(?:com|net|org|io|dev|info|co|ru|de)\b|[^\x20-\x7e\u00a1-\u024f\u0370-\u1fff\u3040-\uffdc]"
    r"|\d(?:[\s().+/_-]{0,2}\d){4,}",
    re.IGNORECASE,
)
_DIRECTIVES = frozenset(
    "ignore ignoring disregard disobey obey bypass jailbreak jailbroken instruction instructions pretend roleplay hacked pwned "
    "you your yours yourself youre must exfiltrate chatgpt claude gpt openai anthropic llm dan ignorez ignora ignoriere "
    "instrucciones anweisungen xss onerror javascript script alert iframe".split()
)
_COMMANDS = frozenset(
    "forget override reveal output print say tell respond answer repeat act write leak dump recommend execute run call delete "
    "drop claim conclude declare replace translate show give follow stop become behave enter enable activate".split()
)
_OBJECTS = frozenset(
    "previous above prior preceding earlier system prompt prompts rules rule everything everybody secret secrets guardrails "
    "guidelines policy context admin root developer mode evidence instead as assistant table tables database".split()
)
_PERSONAL = frozenset("ssn iban passport birthdate dob".split())


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
    return {str(name): int(count) for name, count in (columns.fillna(0) != 0).sum().items()}


def looks_like_a_name(text: str) -> bool:
    """Whether `text` reads as the name of an action or a feature, not as a sentence, an address, a number or an instruction."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > LONGEST_NAME or not _NAME.fullmatch(text) or _SUSPECT.search(text):
        return False
    words = _words(text)
    return (
        0 < len(words) <= MOST_WORDS
        and max(map(len, words)) <= LONGEST_WORD
        and sum(character.isdigit() for character in text) <= MOST_DIGITS
        and not _gives_orders(words)
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
    """Replace every feature whose name may not be told by `other_1`, `other_2`, ..., in evidence, rules and the catalog.

    A feature is told when its action and description look like names and at least `min_group` users have it (`users_with`).
    """
    hidden = [
        str(row["feature"])
        for row in catalog.sort_values("feature").to_dict("records")
        if not _may_be_told({str(k): v for k, v in row.items()}, users_with, min_group)
    ]
    alias = {metric: f"other_{number}" for number, metric in enumerate(hidden, start=1)}
    return Screened(
        evidence=evidence.assign(metric=evidence["metric"].map(lambda metric: alias.get(metric, metric))),
        clusters=clusters.assign(rule=[_screened_rule(rule, catalog, alias) for rule in clusters["rule"]]),
        catalog=_screened_catalog(catalog, alias),
        metric_of={alias.get(metric, metric): metric for metric in map(str, catalog["feature"])},
    )


def _may_be_told(row: Mapping[str, object], users_with: Mapping[str, int], min_group: int) -> bool:
    feature = str(row["feature"])
    if not _is_clean(feature) or _gives_orders(_words(feature)) or len(feature) > 2 * LONGEST_NAME:
        return False
    texts = [str(row[key]) for key in ("description", "numerator", "denominator") if _given(row[key])]
    if any(not _is_clean(text) or len(text) > LONGEST_DESCRIPTION for text in texts):
        return False
    if not _given(row["source_action"]):
        return True
    names = [name for name in re.split(r"\s*(?:,|;|->|→|\|)\s*", str(row["source_action"])) if name]
    return users_with.get(feature, 0) >= min_group and all(looks_like_a_name(name) for name in names)


def _screened_catalog(catalog: pd.DataFrame, alias: Mapping[str, str]) -> pd.DataFrame:
    screened = catalog.copy()
    for column in ("description", "numerator", "denominator", "source_action"):
        screened[column] = screened[column].astype(object)
    for index, metric in catalog["feature"].items():
        if metric not in alias:
            continue
        screened.loc[index, "feature"] = alias[metric]
        screened.loc[index, "description"] = f"activity {alias[metric]}"
        for column in ("numerator", "denominator", "source_action"):
            if _given(catalog.loc[index, column]):
                screened.loc[index, column] = alias[metric]
    return screened


def _screened_rule(rule: object, catalog: pd.DataFrame, alias: Mapping[str, str]) -> str | None:
    """The rule, unless it tells what may not be told: then none."""
    if not _given(rule):
        return None
    rows = catalog[catalog["feature"].isin(list(alias))]
    texts = [str(text) for column in ("feature", "description", "source_action") for text in rows[column].dropna()]
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
    return value is not None and not pd.isna(value) and str(value) != ""  # type: ignore[call-overload]
