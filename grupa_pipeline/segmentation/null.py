"""The null test: are the groups found among one half of the users separate among the other half?

A group that is only a clump of the users at hand is not separate among others. What is tested is a gap in density, not a
difference: a continuum has differences and no gaps. Gaps are looked for along straight lines, so a continuum that bends back on
itself (by some 150 degrees or more) is the exception: its ends look denser than its middle.
"""

import numpy as np

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.fine_partition import kmeans_cells
from grupa_pipeline.segmentation.merging import Halves, find_gap, merge_cells, replication, valley_p_value


def null_p_value(rows: np.ndarray, halves: Halves, config: SegmentationConfig, seed: int) -> float:
    """Chance that users who differ by degree alone show `min_clusters` separate groups as clearly as these, 0 to 1.

    The `rows` (n, columns) are split in two at random. Groups, directions and gaps are found on one part; how many users of the
    other part lie in those gaps is tested (`valley_p_value`). A group's p-value is that against the group it is least apart
    from; that of the whole is the one reached by `min_clusters` groups, times the number of groups (Bonferroni). Both parts
    take both roles, and the smaller p-value is doubled.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    parts = np.sort(order[: len(rows) // 2]), np.sort(order[len(rows) // 2 :])
    found = [_p_value(rows, halves, learn, ask, config, seed) for learn, ask in (parts, parts[::-1])]
    return min(1.0, 2 * min(found))


def _p_value(
    rows: np.ndarray, halves: Halves, learn: np.ndarray, ask: np.ndarray, config: SegmentationConfig, seed: int
) -> float:
    """The p-value of the groups found in the rows `learn` among the rows `ask`."""
    own = halves.take(learn)
    partitions = (kmeans_cells(rows[learn], cells, seed) for cells in config.fine_cells)
    labels = max(
        (merge_cells(own, cells, config) for cells in partitions), key=lambda groups: replication(own, groups)[1]
    )
    groups = int(labels.max()) + 1
    if groups < config.min_clusters:
        return 1.0
    discriminant = fit_discriminant(rows[learn], labels, groups)
    others = discriminant.scores(rows[ask]).argmax(axis=1)
    against = np.zeros((groups, groups))
    for one in range(groups):
        for other in range(one + 1, groups):
            direction = discriminant.direction(one, other)
            gap = find_gap(rows[learn] @ direction, labels, one, other)
            members = ask[(others == one) | (others == other)]
            p_value = 1.0 if gap is None else valley_p_value(*gap.counts(rows[members] @ direction))
            against[one, other] = against[other, one] = p_value
    return min(1.0, groups * float(np.sort(against.max(axis=1))[config.min_clusters - 1]))
