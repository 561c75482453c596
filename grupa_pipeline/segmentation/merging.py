"""Merges the cells of a fine partition until all that is left replicates in other sessions and has a gap around it.

Two groups are told apart when each user's group can be read off half of the user's sessions, and when users are rarer between
the two than at either of them. A continuum that does not bend back on itself fails the second whatever it is cut into; counting
noise ("ever did X") fails the first.
"""

from dataclasses import dataclass

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import Discriminant, fit_discriminant

BETWEEN = np.linspace(0.3, 0.7, 9)
"""Where, on the way from one group to the other, the least density is looked for."""


@dataclass(frozen=True)
class Halves:
    """Landmarks measured on two halves of their sessions: (n, columns) each; `measured` (n,): who has two sessions.

    Without halves both are the whole: then what is told apart is told apart in the same sessions only.
    """

    first: np.ndarray
    second: np.ndarray
    measured: np.ndarray

    def take(self, rows: np.ndarray) -> "Halves":
        """The halves of some of the landmarks."""
        return Halves(self.first[rows], self.second[rows], self.measured[rows])

    def exchanged(self) -> "Halves":
        """The halves of every other landmark exchanged.

        The first session of everybody is in the first half, and what is only done there, such as a registration, would be a
        difference between the halves that is none between users.
        """
        turned = (np.arange(len(self.first)) % 2 == 1)[:, None]
        first, second = np.where(turned, self.second, self.first), np.where(turned, self.first, self.second)
        return Halves(first, second, self.measured)


def merge_cells(
    halves: Halves, cells: np.ndarray, config: SegmentationConfig, regions: int | None = None
) -> np.ndarray:
    """Groups (n,) from the `cells` (n,), both numbered from 0.

    The pair told apart worst is merged first, until every pair is told apart with Cohen's kappa of `min_kappa` and the
    density between them is at most `max_valley` of that at the emptier one. With `regions`, until so many are left that are
    told apart, whatever the density between them: parts of a continuum.
    """
    count = int(cells.max()) + 1
    learnt = fit_discriminant(np.vstack([halves.first, halves.second]), np.tile(cells, 2), count)
    asked = [learnt.scores(halves.first), learnt.scores(halves.second)]
    labels, groups = cells.copy(), list(range(count))
    gaps: dict[tuple[int, int], bool] = {}
    while len(groups) > 1:
        pair = _worst_pair(halves, labels, groups, asked, learnt, gaps, config, regions)
        if pair is None:
            break
        kept, gone = groups[pair[0]], groups[pair[1]]
        labels[labels == gone] = kept
        for number, scores in enumerate(asked):
            scores[:, pair[0]] = np.maximum(scores[:, pair[0]], scores[:, pair[1]])
            asked[number] = np.delete(scores, pair[1], axis=1)
        groups.pop(pair[1])
        gaps = {names: gap for names, gap in gaps.items() if kept not in names and gone not in names}
    return np.unique(labels, return_inverse=True)[1]


def _worst_pair(
    halves: Halves,
    labels: np.ndarray,
    groups: list[int],
    asked: list[np.ndarray],
    learnt: Discriminant,
    gaps: dict[tuple[int, int], bool],
    config: SegmentationConfig,
    regions: int | None,
) -> tuple[int, int] | None:
    """Places in `groups` of the pair to merge next, None where all are told apart; `gaps` remembers what was looked at."""
    kappa = np.mean([pairwise_kappa(scores, labels, groups, halves.measured) for scores in asked], axis=0)
    rows, columns = np.triu_indices(len(groups), 1)
    for place in np.argsort(kappa[rows, columns], kind="stable"):
        i, j = int(rows[place]), int(columns[place])
        if kappa[i, j] < config.min_kappa or (regions is not None and len(groups) > regions):
            return i, j
        if regions is not None:
            return None
        names = groups[i], groups[j]
        if names not in gaps:
            gaps[names] = has_gap(along_difference(halves, labels, *names, learnt), labels, *names, config)
        if not gaps[names]:
            return i, j
    return None


def pairwise_kappa(scores: np.ndarray, labels: np.ndarray, groups: list[int], measured: np.ndarray) -> np.ndarray:
    """Cohen's kappa (groups, groups) of each pair's users with the group of the two that `scores` (n, groups) prefers."""
    sizes = np.zeros(len(groups))
    wrong = np.zeros((len(groups), len(groups)))
    for place, group in enumerate(groups):
        own = scores[(labels == group) & measured]
        sizes[place] = len(own)
        wrong[place] = (own > own[:, [place]]).sum(axis=0)
    total = np.maximum(sizes[:, None] + sizes[None, :], 1)
    agreed = 1 - (wrong + wrong.T) / total
    truly, said = sizes[None, :] / total, (sizes[None, :] - wrong.T + wrong) / total
    chance = truly * said + (1 - truly) * (1 - said)
    return np.where(chance < 1, (agreed - chance) / np.maximum(1 - chance, 1e-9), 0.0)


def along_difference(halves: Halves, labels: np.ndarray, one: int, other: int, learnt: Discriminant) -> np.ndarray:
    """Place of every landmark (n,) on the way from `one` group to the `other`.

    Each half is measured along the direction that the other half gives, so that noise cannot choose its own direction.
    """
    total = np.zeros(len(labels))
    members = (labels == one) | (labels == other)
    for rows, asked in ((halves.first, halves.second), (halves.second, halves.first)):
        difference = rows[labels == other].mean(axis=0) - rows[labels == one].mean(axis=0)
        place = asked @ (learnt.whitening @ (learnt.whitening.T @ difference))
        total += place / max(float(place[members].std()), 1e-12)
    return total


@dataclass(frozen=True)
class Gap:
    """Three stretches of equal width on the way between two groups: at one, at the emptiest place between, at the other."""

    one: float
    between: float
    other: float
    width: float

    def counts(self, places: np.ndarray) -> tuple[int, int]:
        """How many of `places` lie between, and how many at the emptier group."""
        inside = [int((np.abs(places - at) <= self.width / 2).sum()) for at in (self.one, self.between, self.other)]
        return inside[1], min(inside[0], inside[2])


def find_gap(places: np.ndarray, labels: np.ndarray, one: int, other: int) -> Gap | None:
    """The emptiest stretch between the medians of two groups; None where they lie at one place."""
    start, end = np.median(places[labels == one]), np.median(places[labels == other])
    width = (end - start) / 3
    if width <= 0:
        return None
    inside = np.sort(places[(labels == one) | (labels == other)])
    middles = start + BETWEEN * (end - start)
    counts = np.searchsorted(inside, middles + width / 2) - np.searchsorted(inside, middles - width / 2)
    return Gap(float(start), float(middles[counts.argmin()]), float(end), float(width))


def has_gap(places: np.ndarray, labels: np.ndarray, one: int, other: int, config: SegmentationConfig) -> bool:
    """Whether users are clearly rarer between two groups than at the emptier of them."""
    gap = find_gap(places, labels, one, other)
    if gap is None:
        return False
    between, at = gap.counts(places[(labels == one) | (labels == other)])
    return between <= config.max_valley * at and valley_p_value(between, at) <= config.max_valley_p


def valley_p_value(between: int, at: int) -> float:
    """Chance of so few `between` two places, of `between + at` users, where density does not fall between them.

    In a single-peaked density the middle of three equal stretches holds at least what the emptier end does, so a user of
    either is in the middle with a chance of one half or more: the binomial tail is an upper bound, whatever the density (an
    intersection-union test, Berger 1982, Technometrics 24, 295-300).
    """
    from scipy.stats import binom

    return float(binom.cdf(between, between + at, 0.5)) if between + at else 1.0


def replication(halves: Halves, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """How each group holds in other sessions, and how much the two halves agree.

    Returns Cohen's kappa (groups,) of being in the group or not, learnt on one half of the sessions and asked on the other;
    and the mutual information, in bits, of the users' groups and those read off the other half. Rows of label -1 are left out.
    """
    groups = int(labels.max(initial=-1)) + 1
    used = (labels >= 0) & halves.measured
    if groups < 2 or not used.any():
        return np.zeros(groups), 0.0
    truly = labels[used]
    table = np.zeros((groups, groups))
    for learn, ask in ((halves.first, halves.second), (halves.second, halves.first)):
        said = fit_discriminant(learn, labels, groups).scores(ask[used]).argmax(axis=1)
        np.add.at(table, (truly, said), 0.5)
    table /= table.sum()
    own, row, column = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    agreed = 1 - row - column + 2 * own
    chance = row * column + (1 - row) * (1 - column)
    expected = np.outer(row, column)
    filled = table > 0
    information = float((table[filled] * np.log2(table[filled] / expected[filled])).sum())
    return (agreed - chance) / np.maximum(1 - chance, 1e-9), information
