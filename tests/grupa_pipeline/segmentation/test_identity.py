from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

from grupa_pipeline.segmentation.identity import Identities, identify
from grupa_pipeline.segmentation.results import EarlierSnapshot
from grupa_pipeline.storage.staging import conform
from grupa_pipeline.tables import CLUSTER_IDENTITIES

TODAY = date(2026, 5, 20)


def _users(*sizes: int) -> pd.Series:
    """Cluster numbers 0, 1, ... of the given sizes, users named in order."""
    numbers = [number for number, size in enumerate(sizes) for _ in range(size)]
    return pd.Series(numbers, index=[f"u{i:03d}" for i in range(len(numbers))])


def _snapshot(
    labels: Sequence[str | None], days_ago: int, slots: dict[str, int], first: date = date(2026, 5, 1)
) -> EarlierSnapshot:
    index = [f"u{i:03d}" for i in range(len(labels))]
    table = pd.DataFrame({"cluster_id": list(slots), "first_seen": first, "color_slot": list(slots.values())})
    xy = pd.DataFrame({"x": 0.0, "y": 0.0}, index=index)
    return EarlierSnapshot(TODAY - timedelta(days=days_ago), pd.Series(labels, index=index, dtype=object), xy, table)


def _identify(
    labels: pd.Series, history: list[EarlierSnapshot], issued: tuple[str, ...] = (), reissue: tuple[str, ...] = ()
) -> Identities:
    return identify(labels, history, today=TODAY, issued_ids=issued, reissue_ids=reissue, match_jaccard=0.3)


def test_first_ids_go_by_size() -> None:
    identities = _identify(_users(5, 20, 10), [])
    assert identities.ids == ["C03", "C01", "C02"]
    assert sorted(identities.table["color_slot"]) == [0, 1, 2]
    assert set(identities.table["first_seen"]) == {TODAY}


def test_ids_colours_and_first_days_follow_the_users_not_the_numbers() -> None:
    before = _snapshot(["C07"] * 10 + ["C02"] * 10, 1, {"C02": 4, "C07": 1})
    identities = _identify(_users(10, 10), [before], issued=("C02", "C07"))
    assert identities.ids == ["C07", "C02"]
    assert list(identities.table["color_slot"]) == [1, 4]
    assert set(identities.table["first_seen"]) == {date(2026, 5, 1)}


def test_the_assignment_is_optimal_not_greedy() -> None:
    before = _snapshot(["C01"] * 12 + ["C02"] * 8, 1, {"C01": 0, "C02": 1})
    labels = pd.Series([0] * 6 + [1] * 6 + [0] * 8, index=before.labels.index)
    assert _identify(labels, [before]).ids == ["C02", "C01"]


def test_a_new_cluster_gets_an_id_above_every_one_ever_issued() -> None:
    before = _snapshot(["C03"] * 10 + [None] * 10, 1, {"C03": 0})
    identities = _identify(_users(10, 10), [before], issued=("C03", "C41"))
    assert identities.ids == ["C03", "C42"]
    assert identities.table["color_slot"].is_unique
    assert list(identities.table["first_seen"]) == [date(2026, 5, 1), TODAY]


def test_a_returning_cluster_gets_its_id_and_colour_back() -> None:
    long_ago = _snapshot(["C01"] * 10 + ["C02"] * 10, 9, {"C01": 0, "C02": 5})
    yesterday = _snapshot(["C01"] * 10 + [None] * 10, 1, {"C01": 0})
    identities = _identify(_users(10, 10), [long_ago, yesterday], issued=("C01", "C02"))
    assert identities.ids == ["C01", "C02"]
    assert list(identities.table["color_slot"]) == [0, 5]


def test_a_returning_cluster_does_not_get_an_id_in_use() -> None:
    long_ago = _snapshot(["C01"] * 20, 9, {"C01": 0})
    yesterday = _snapshot(["C01"] * 10 + [None] * 10, 1, {"C01": 0})
    assert _identify(_users(10, 10), [long_ago, yesterday], issued=("C01",)).ids == ["C01", "C02"]


def test_births_take_the_ids_issued_before_for_the_same_input_first() -> None:
    assert _identify(_users(20, 10, 5), [], issued=("C01", "C05", "C06"), reissue=("C05", "C06")).ids == [
        "C05",
        "C06",
        "C07",
    ]


def test_clusters_without_shared_users_are_not_matched() -> None:
    before = _snapshot(["C01"] * 10, 1, {"C01": 0})
    strangers = pd.Series([0] * 10, index=[f"x{i}" for i in range(10)])
    assert _identify(strangers, [before], issued=("C01",)).ids == ["C02"]


def test_nobody_assigned_gives_no_identities() -> None:
    identities = _identify(pd.Series([-1, -1], index=["a", "b"]), [])
    assert identities.ids == []
    assert len(identities.table) == 0
    # An empty table must have the column types of the published table.
    known = identities.table.assign(stability=1.0, replication=1.0, snapshot_date=TODAY)
    rows = pa.Table.from_pandas(known, preserve_index=False).append_column(
        "found_by", pa.array([], pa.list_(pa.string()))
    )
    assert conform(CLUSTER_IDENTITIES, rows).num_rows == 0
