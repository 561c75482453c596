"""Stable cluster ids and colours: clusters are matched to earlier snapshots by the users they share.

Works on labels only; the map is aligned in `map_alignment.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from grupa_pipeline.segmentation.results import EarlierSnapshot


@dataclass(frozen=True)
class Identities:
    """The id of each cluster number, and the table of cluster_id, first_seen and color_slot in the same order."""

    ids: list[str]
    table: pd.DataFrame


def identify(
    labels: pd.Series,
    history: Sequence[EarlierSnapshot],
    *,
    today: date,
    issued_ids: Collection[str],
    reissue_ids: Sequence[str],
    match_jaccard: float,
) -> Identities:
    """Assign ids to the clusters of `labels` (user_id -> number, -1 unassigned).

    Clusters are matched to the last snapshot of `history`, then those left over to earlier ones, newest first, so that
    a cluster that was away for some days gets its id back. What is left is born: it takes the next of `reissue_ids`,
    then ids above every one of `issued_ids`.
    """
    count = int(labels.max()) + 1 if len(labels) else 0
    known: dict[int, str] = {}
    for snapshot in reversed(history):
        known |= _match_ids(labels, snapshot.labels, set(range(count)) - set(known), set(known.values()), match_jaccard)
    sizes = np.bincount(labels[labels >= 0], minlength=count)
    births = [number for number in np.argsort(-sizes, kind="stable") if number not in known]
    fresh = _fresh_ids({*issued_ids, *_ids_in(history), *known.values()}, reissue_ids, set(known.values()))
    known |= {int(number): next(fresh) for number in births}
    ids = [known[number] for number in range(count)]
    return Identities(ids, _identity_table(ids, history, today))


def _match_ids(
    labels: pd.Series, before: pd.Series, free: set[int], taken: set[str], match_jaccard: float
) -> dict[int, str]:
    """Optimal assignment of `free` clusters to earlier ids not `taken`, on the Jaccard overlap of the users in both."""
    from scipy.optimize import linear_sum_assignment

    if not free:
        return {}  # most days; intersecting a million users takes seconds and memory
    shared = labels.index.intersection(before.index)
    now, then = labels.loc[shared].to_numpy(), before.loc[shared].to_numpy(dtype=object)
    numbers = sorted(free)
    names = sorted({name for name in then if isinstance(name, str)} - taken)
    if not names:
        return {}
    jaccard = np.zeros((len(numbers), len(names)))
    for column, name in enumerate(names):
        was = then == name
        for row, number in enumerate(numbers):
            is_now = now == number
            jaccard[row, column] = (is_now & was).sum() / max((is_now | was).sum(), 1)
    pairs = zip(*linear_sum_assignment(-jaccard), strict=True)
    return {numbers[row]: names[column] for row, column in pairs if jaccard[row, column] >= match_jaccard}


def _ids_in(history: Iterable[EarlierSnapshot]) -> set[str]:
    return {name for snapshot in history for name in snapshot.identities["cluster_id"]}


def _fresh_ids(issued: set[str], reissue_ids: Sequence[str], taken: set[str]) -> Iterator[str]:
    """Ids for births, in order: those to be issued again, then numbers above every one ever issued."""
    yield from (name for name in reissue_ids if name not in taken)
    number = max((int(name[1:]) for name in {*issued, *reissue_ids}), default=0)
    while True:
        number += 1
        yield f"C{number:02d}"


def _identity_table(ids: Sequence[str], history: Sequence[EarlierSnapshot], today: date) -> pd.DataFrame:
    """First days and colour slots: kept from the newest snapshot that knows an id; births take the lowest free slot."""
    remembered: dict[str, tuple[date, int]] = {}
    for snapshot in history:
        for row in snapshot.identities.itertuples():
            remembered[str(row.cluster_id)] = (row.first_seen, int(row.color_slot))
    slots: dict[str, int] = {}
    for name in ids:
        if name in remembered and remembered[name][1] not in slots.values():
            slots[name] = remembered[name][1]
    reserved = {slot for name, (_, slot) in remembered.items()}
    for name in ids:
        if name not in slots:
            used = {*slots.values(), *(reserved if len(reserved) < 12 else ())}
            slots[name] = next(slot for slot in range(len(used) + 1) if slot not in used)
    first = [remembered[name][0] if name in remembered else today for name in ids]
    table = pd.DataFrame({"cluster_id": ids, "first_seen": first, "color_slot": [slots[name] for name in ids]})
    return table.astype({"cluster_id": object, "first_seen": object})  # empty columns would be numbers
