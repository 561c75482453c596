"""Aligns a map with the previous one: its start coordinates, and a Procrustes fit afterwards."""

import numpy as np
import pandas as pd

FEWEST_SHARED = 10


def can_continue(ids: pd.Index, before: pd.DataFrame | None) -> bool:
    """Whether enough of the users `ids` are on the earlier map to go on from it."""
    return before is not None and len(ids.intersection(before.index)) >= FEWEST_SHARED


def map_start(own: np.ndarray, ids: pd.Index, before: pd.DataFrame | None) -> np.ndarray:
    """Start coordinates (n, 2): the earlier map's for users on it, `own` coordinates fitted to it for the others."""
    if before is None or not can_continue(ids, before):
        return own
    shared = ids.intersection(before.index)
    start = align(own, ids, before)
    start[ids.get_indexer(shared)] = before.loc[shared].to_numpy()
    return start - start.mean(axis=0)


def align(xy: np.ndarray, ids: pd.Index, before: pd.DataFrame | None) -> np.ndarray:
    """Shift, turn or mirror, and scale `xy` (n, 2) so that users on the earlier map come closest to where they were.

    Ordinary Procrustes analysis with scaling (Gower 1975; Schönemann 1966). With fewer than `FEWEST_SHARED` users on
    both maps `xy` is returned unchanged.
    """
    if before is None or not can_continue(ids, before):
        return xy
    shared = ids.intersection(before.index)
    source, target = xy[ids.get_indexer(shared)], before.loc[shared].to_numpy()
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    left, singular, right = np.linalg.svd((source - source_mean).T @ (target - target_mean))
    scale = singular.sum() / max(float(((source - source_mean) ** 2).sum()), 1e-12)
    return (xy - source_mean) @ (left @ right) * scale + target_mean
