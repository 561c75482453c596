"""Feature views: in which order, at which hours, on which weekdays and over what life users act, beside what they do.

A view takes part in a segmentation when it says the same of both halves of the users' sessions; else it is counting noise,
and would blur who is near to whom.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.prepare import CLIP
from grupa_pipeline.vocabulary.enums import FeatureView

MOVES = 80
"""The commonest moves from one action to another that make the view of order."""
NAMED = 0.5
"""How far apart a view must show two groups, in parts of the clearest view, to be named."""
LIFE_KNOTS = 9
"""Places along the window, evenly spaced, that the view of life knows."""
PRIOR = 2.0
"""Events of the average user that each user's shares are mixed with, so that two events are no habit."""


@dataclass(frozen=True)
class ViewValues:
    """One view of users, scaled alike: `whole` (users, columns), and each half of their sessions."""

    whole: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def signal(self) -> float:
        """Share of the variance of a half that the other half has too, 0 to 1: the view's reliability, split-half."""
        one, other = (half - half.mean(axis=0) for half in (self.first, self.second))
        variance = np.sqrt((one**2).mean(axis=0) * (other**2).mean(axis=0)).sum()
        return float((one * other).mean(axis=0).sum() / variance) if variance > 0 else 0.0


def view_values(view: FeatureView, counts: pd.DataFrame, users: pd.Index) -> ViewValues | None:
    """Values of a view from its `counts` (user_id, half 0 or 1, key, n; for order key is `before` and `action`).

    None where all users do the same.
    """
    if view is FeatureView.ORDER:
        keys = pd.MultiIndex.from_product([sorted({*counts["before"], *counts["action"]})] * 2)
        found = pd.MultiIndex.from_frame(counts[["before", "action"]])
    else:
        keys = pd.Index(sorted(counts["key"].unique()))
        found = pd.Index(counts["key"])
    if len(keys) < 2:
        return None
    tables = np.zeros((2, len(users), len(keys)))
    place = users.get_indexer(counts["user_id"])
    known = place >= 0
    half, column = counts["half"].to_numpy()[known], keys.get_indexer(found)[known]
    np.add.at(tables, (half, place[known], column), counts["n"].to_numpy()[known])
    if view is FeatureView.ORDER:
        return _scaled(_moves(tables))
    return _scaled(_shares(_near_knots(tables, keys) if view is FeatureView.LIFE else tables))


def _near_knots(tables: np.ndarray, parts: pd.Index) -> np.ndarray:
    """Counts (2, users, knots) of events near each knot, from those in the `parts` of the window (2, users, parts).

    An event between two knots counts in part for both, so that users who come a little later each are a little further each:
    counted in few separate parts, they would fall into as many groups, by nothing but when they came. The weights are squared
    cosines, which the arcsine of the root makes distances in time.
    """
    place = (parts.to_numpy() + 0.5) / (parts.max() + 1) * (LIFE_KNOTS - 1)
    away = np.minimum(np.abs(place[:, None] - np.arange(LIFE_KNOTS)), 1)
    return np.asarray(tables @ np.cos(away * np.pi / 2) ** 2)


def _shares(tables: np.ndarray) -> np.ndarray:
    """The arcsine of the root of each user's shares (3, users, keys): of both halves together, and of each."""
    whole = tables.sum(axis=0)
    average = (whole.sum(axis=0) + 1) / (whole.sum() + whole.shape[1])
    counted = np.stack([whole, *tables])
    shares = (counted + PRIOR * average) / (counted.sum(axis=2, keepdims=True) + PRIOR)
    return np.asarray(np.arcsin(np.sqrt(shares)))


def _moves(tables: np.ndarray) -> np.ndarray:
    """How much oftener than by chance a user goes from one action to another: Pearson residuals (3, users, moves).

    Chance is what follows from how often the user does each, so users who do the same in another order differ, and users who
    do other things do not.
    """
    actions = round(np.sqrt(tables.shape[2]))
    whole = tables.sum(axis=0)
    common = np.sort(np.argsort(-(whole > 0).sum(axis=0), kind="stable")[:MOVES])
    residuals = []
    for counted in (whole, *tables):
        moves = counted.reshape(len(counted), actions, actions)
        before, after, total = moves.sum(axis=2), moves.sum(axis=1), moves.sum(axis=(1, 2))
        expected = before[:, common // actions] * after[:, common % actions] / np.maximum(total, 1)[:, None]
        residuals.append((counted[:, common] - expected) / np.sqrt(expected + 0.5))
    return np.stack(residuals)


def _scaled(values: np.ndarray) -> ViewValues | None:
    """`values` (3, users, columns) in unit spreads of the whole, without the columns that do not vary."""
    centre, spread = values[0].mean(axis=0), values[0].std(axis=0)
    varying = spread > 1e-9
    if not varying.any():
        return None
    scaled = np.clip((values[:, :, varying] - centre[varying]) / spread[varying], -CLIP, CLIP)
    return ViewValues(*scaled)


def admitted_views(views: Mapping[FeatureView, ViewValues], min_signal: float) -> list[FeatureView]:
    """Those of the `views` whose halves agree, in the order of their names."""
    return sorted(view for view, values in views.items() if values.signal >= min_signal)


def views_of_groups(
    rows: np.ndarray, labels: np.ndarray, features: int, views: Mapping[FeatureView, ViewValues]
) -> list[list[str]]:
    """By which views each group is told from the group nearest to it, the clearest first.

    `rows` (n, columns) are the landmarks': the first `features` columns say what users do, those of the `views` follow in their
    order. A view is named when its groups lie at least half as far apart, in spreads within groups, as by the clearest one.
    """
    groups = int(labels.max(initial=-1)) + 1
    if groups < 2:
        return [[FeatureView.WHAT.value]] * groups
    widths = {FeatureView.WHAT: features, **{view: values.whole.shape[1] for view, values in views.items()}}
    apart, begin = [], 0
    for width in widths.values():
        centres = fit_discriminant(rows[:, begin : begin + width], labels, groups).centres
        squared = ((centres[:, None] - centres[None, :]) ** 2).sum(axis=2)
        apart.append(np.sqrt(squared))
        begin += width
    distances = np.stack(apart)
    total = (distances**2).sum(axis=0)
    np.fill_diagonal(total, np.inf)
    nearest = total.argmin(axis=1)
    named = []
    for group in range(groups):
        own = distances[:, group, nearest[group]]
        order = np.argsort(-own, kind="stable")
        named.append([list(widths)[view].value for view in order if own[view] >= NAMED * own.max()])
    return named
