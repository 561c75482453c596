"""Names that are true: of most users of their cluster and of few of any other, checked on the users themselves.

A name is one or two short statements about users ("Reach checkout, never order"). Every statement is tested on each user, so a
name is only given where at least `MIN_OWN` of the cluster fit it and at most `MAX_OTHER` of any other cluster.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grupa_pipeline.insights.remedies import step_kind
from grupa_pipeline.insights.step_phrases import is_participle
from grupa_pipeline.insights.wording import UNNAMED, Wording, capitalize
from grupa_pipeline.vocabulary.enums import Role
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

MIN_OWN, MAX_OTHER = 0.7, 0.3
MAX_NAME_LENGTH = 40
_OFTEN, _MOSTLY = 0.2, 0.4
"""Shares of a user's events from which an action is done often, or mostly."""
_SLOW_HOURS = 24.0
_PAIR_COST = 0.12
_MAX_RANKED = 400
"""Combinations of statements that are looked at for a cluster, those that separate it best first."""
_AMOUNT_WEIGHT, _LITTLE_WEIGHT = -0.1, -0.3
"""What it tells that users have much or little of something: less than what they do."""
_HIGH_FROM, _LOW_UP_TO = (0.5, 0.6, 0.7, 0.8), (0.5, 0.4, 0.3, 0.2)
"""Shares of all users below a high value, and up to a low one: the half of all users that has more can be said to have much."""
_COUNTED = (
    FeatureFamily.ACTIVITY,
    FeatureFamily.PROPOSALS,
    FeatureFamily.FEATURE_USAGE,
    FeatureFamily.FEATURE_SHARE,
    FeatureFamily.ACTION_SHARE,
    FeatureFamily.OUTCOME_RATE,
)
"""Families of amounts, of which a user has much or little compared with all users."""
_WEIGHTS = {
    FeatureFamily.FUNNEL_STEP: 0.35,
    FeatureFamily.OUTCOME_HAD: 0.4,
    FeatureFamily.ERROR_MET: 0.3,
    FeatureFamily.LOOP: 0.2,
    FeatureFamily.RETRY: 0.2,
    FeatureFamily.FUNNEL_HOURS: 0.2,
    FeatureFamily.ACTION_SHARE: 0.1,
    FeatureFamily.FEATURE_USED: 0.1,
    FeatureFamily.STOPPED_AT: 0.25,
}
"""How much a statement of a family tells a product manager: where users get to before what they do."""
_BUYING = "payment"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClusterUsers:
    """The users that names are checked on.

    Attributes:
        features: `user_features` with index user_id.
        labels: cluster_id of each user of `features`, in their order; None for those in no cluster.
        columns: Column of `features` by metric as shown to the writer.
    """

    features: pd.DataFrame
    labels: pd.Series
    columns: Mapping[str, str]


@dataclass(frozen=True)
class TrueName:
    """A name, the share of its cluster that fits it, and the largest share of another cluster that does."""

    name: str
    own: float
    other: float


@dataclass(frozen=True)
class _Statement:
    """Something that is true of a user or not, in words, with how much it tells."""

    words: str
    weight: float
    users: Mask
    is_negative: bool = False


def true_names(users: ClusterUsers, cluster_ids: Sequence[str], wording: Wording) -> dict[str, TrueName]:
    """A distinct name of each cluster for which one is true, those with the best first."""
    statements = list(_statements(users, wording))
    labels = users.labels.to_numpy(dtype=object)
    members = {name: np.array(labels == name, dtype=bool) for name in sorted(set(labels[users.labels.notna()]))}
    members = {name: member for name, member in members.items() if member.any()}
    if not statements or len(members) < 2:
        return {}
    matrix = np.column_stack([each.users for each in statements]).astype(np.float32)
    rates = {name: (matrix[member].T @ matrix[member]) / member.sum() for name, member in members.items()}
    found = {name: _ranked(name, rates, statements) for name in cluster_ids if name in rates}
    chosen: dict[str, TrueName] = {}
    taken: set[str] = set()
    for name in sorted(found, key=lambda name: (-found[name][0][0] if found[name] else 0.0, name)):
        for _, candidate in found[name]:
            if candidate.name.casefold() not in taken:
                chosen[name] = candidate
                taken.add(candidate.name.casefold())
                break
    return chosen


def _ranked(
    name: str, rates: Mapping[str, NDArray[np.float32]], statements: Sequence[_Statement]
) -> list[tuple[float, TrueName]]:
    """Names that are true of a cluster, the best first: single statements and pairs."""
    own = rates[name]
    other = np.maximum.reduce([rates[each] for each in rates if each != name])
    fits = np.argwhere(np.triu((own >= MIN_OWN) & (other <= MAX_OTHER)))
    fits = fits[np.argsort(-(own - other)[fits[:, 0], fits[:, 1]], kind="stable")]
    ranked: list[tuple[float, TrueName]] = []
    for one, two in fits:
        if len(ranked) >= _MAX_RANKED:
            break
        if one != two and (_stands_alone(one, own, other, statements) or _stands_alone(two, own, other, statements)):
            continue
        text = _text(statements[one], statements[two], same=one == two)
        if text is None:
            continue
        weight = (statements[one].weight + statements[two].weight) / 2
        score = float(own[one, two] - other[one, two]) + weight - (_PAIR_COST if one != two else 0.0)
        ranked.append((score, TrueName(text, float(own[one, two]), float(other[one, two]))))
    return sorted(ranked, key=lambda each: (-each[0], each[1].name))


def _stands_alone(
    number: int, own: NDArray[np.float32], other: NDArray[np.float32], statements: Sequence[_Statement]
) -> bool:
    """Whether a statement is a name by itself, so that a second one would add nothing."""
    return (
        bool(own[number, number] >= MIN_OWN and other[number, number] <= MAX_OTHER)
        and not statements[number].is_negative
    )


def _text(one: _Statement, two: _Statement, *, same: bool) -> str | None:
    """The name of one statement, or of two with what they do before what they do not; None where it says too little."""
    if same:
        return None if one.is_negative or len(one.words) > MAX_NAME_LENGTH else capitalize(one.words)
    if one.is_negative and two.is_negative:
        return None
    first, second = (two, one) if one.is_negative else (one, two)
    text = f"{first.words}, {second.words}"
    shared = set(first.words.split()) & set(second.words.split())
    return capitalize(text) if len(text) <= MAX_NAME_LENGTH and not shared else None


def _statements(users: ClusterUsers, wording: Wording) -> Iterator[_Statement]:
    for metric in wording.metrics():
        column = users.columns.get(metric)
        if column is None or column not in users.features:
            continue
        entry, steps = wording.entry(metric), wording.steps(metric)
        if UNNAMED in steps or entry.get("event_role") == Role.SYSTEM:
            continue
        values = users.features[column].to_numpy(dtype=np.float64)
        weight = _WEIGHTS.get(entry["family"], 0.0)
        if entry["family"] in _COUNTED:
            yield from _amounts(metric, values, wording)
        if not steps:
            continue
        for words, holds, is_negative in _readings(
            str(entry["family"]), (steps, wording.deed(metric)), values, bool(entry["higher_is_better"])
        ):
            yield _Statement(words, weight, holds, is_negative)


def _amounts(metric: str, values: NDArray[np.float64], wording: Wording) -> Iterator[_Statement]:
    """That a user has much or little of something compared with all users, in the words for names of the metric."""
    known = values[~np.isnan(values)]
    if not len(known):
        return
    templates = wording.find(metric)
    for names, shares, is_high in ((templates.name_high, _HIGH_FROM, True), (templates.name_low, _LOW_UP_TO, False)):
        words = [name for template in names if (name := wording.name(template, metric))]
        for limit in sorted({float(limit) for limit in np.quantile(known, shares)}):
            with np.errstate(invalid="ignore"):
                holds = (values >= limit) & (values > 0) if is_high else values <= limit
            weight = _AMOUNT_WEIGHT if is_high else _LITTLE_WEIGHT
            lacks = not is_high and wording.entry(metric)["source_action"] is not None
            yield from (_Statement(_uncapitalized(name), weight, holds, lacks) for name in words)


def _uncapitalized(name: str) -> str:
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def _readings(
    family: str, named: tuple[Sequence[str], str | None], values: NDArray[np.float64], is_good: bool
) -> list[tuple[str, Mask, bool]]:
    """What a value says of a user: words, for whom it holds, and whether it says what they do not do.

    `named` is the metric's steps in words, and what users do at the last one (see `Wording.deed`).
    """
    steps, does = named
    step = steps[-1]
    place = _place(step)
    get_there = does or f"get to {step}"
    yes, no = values == 1, ~(values == 1)
    readings: list[tuple[str, Mask, bool]] = []
    match family:
        case FeatureFamily.FUNNEL_STEP if len(steps) > 1:
            readings = [
                (f"stop before they {does}" if does else f"lost before {step}", values == 0, False),
                (get_there, yes, False),
                (f"never {get_there}", no, True),
            ]
        case FeatureFamily.OUTCOME_HAD if is_good and step_kind(step) == _BUYING:
            readings = [("buyers", yes, False), ("never buy", no, True)]
        case FeatureFamily.OUTCOME_HAD:
            reach = get_there if is_good else f"end with {step}"
            readings = [(reach, yes, False), (f"never {reach}", no, True)]
        case FeatureFamily.ERROR_MET:
            readings = [(f"meet {step}", yes, False)]
        case FeatureFamily.LOOP:
            readings = [(f"back and forth at {place}", yes, False)]
        case FeatureFamily.RETRY:
            readings = [(f"{does or step} again and again", yes, False)]
        case FeatureFamily.FUNNEL_HOURS:
            readings = [(f"take long to {get_there}", values >= _SLOW_HOURS, False)]
        case FeatureFamily.ACTION_SHARE:
            often, mostly = (f"often {does}", f"mostly {does}") if does else (f"often at {place}", f"mostly at {place}")
            readings = [(mostly, values >= _MOSTLY, False), (often, values >= _OFTEN, False)]
        case FeatureFamily.STOPPED_AT:
            readings = [(f"last seen at {place}", yes, False)]
        case FeatureFamily.PATH if len(steps) > 1:
            readings = [(f"from {steps[0]} straight to {step}", yes, False)]
        case FeatureFamily.ACTION_DONE:
            readings = [(get_there, yes, False), (f"never {get_there}", no, True)]
    return readings


def _place(step: str) -> str:
    """A step as a place: what it is done to, where its name says so (`item opened`: the item)."""
    words = step.split()
    return f"the {' '.join(words[:-1])}" if len(words) > 1 and is_participle(step) else step
