"""Leaves out who is in no group: members far from their group, and groups that are a crowd rather than a kind."""

from dataclasses import dataclass

import numpy as np

from grupa_pipeline.segmentation.discriminant import Discriminant, fit_discriminant

FAR = 2.5
"""Interquartile ranges above the third quartile of the distances to a group's centre beyond which a member is far off (after
Tukey 1977, who takes 1.5 for outliers and 3 for extreme ones)."""
CROWD = 1.5
"""A group whose members lie so many times as far from its centre as is usual for groups is no kind."""


@dataclass(frozen=True)
class FilteredLabels:
    """Labels (n,) after the checks, renumbered from 0, -1 unassigned; the discriminant of the groups that are left, and how far
    from its centre a member of each may be (groups,), in spreads within groups."""

    labels: np.ndarray
    discriminant: Discriminant
    reach: np.ndarray


def filter_outliers(rows: np.ndarray, labels: np.ndarray) -> FilteredLabels:
    """Dissolve crowds among the groups of `rows` (n, columns) and leave out members that are far off.

    Users who belong nowhere share no centre: they are told apart from every kind, and are no kind. Where there are three groups
    or more, one whose median distance from its centre is `CROWD` times the median group's is dissolved; those of its members
    who are within reach of another group join it.
    """
    groups = int(labels.max()) + 1
    discriminant = fit_discriminant(rows, labels, groups)
    while groups >= 3:
        own = discriminant.distances(rows, np.maximum(labels, 0))
        medians = np.array([np.median(own[labels == group]) for group in range(groups)])
        crowds = medians > CROWD * np.median(medians)
        if not crowds.any():
            break
        numbers = np.append(np.where(crowds, -1, np.cumsum(~crowds) - 1), -1)
        labels, groups = numbers[labels], int((~crowds).sum())
        discriminant = fit_discriminant(rows, labels, groups)
    nearest = discriminant.scores(rows).argmax(axis=1)
    reach = reach_of_groups(discriminant, rows, labels)
    inside = discriminant.distances(rows, nearest) <= reach[nearest]
    return FilteredLabels(np.where(inside, nearest, -1), discriminant, reach)


def reach_of_groups(discriminant: Discriminant, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far from its centre a member of each group may be (groups,), by the members that are likeliest in their own group."""
    nearest = discriminant.scores(rows).argmax(axis=1)
    distances = discriminant.distances(rows, nearest)
    reach = np.zeros(len(discriminant.centres))
    for group in range(len(reach)):
        own = distances[(labels == group) & (nearest == group)]
        if len(own):
            low, high = np.quantile(own, [0.25, 0.75])
            reach[group] = high + FAR * (high - low)
    return reach
