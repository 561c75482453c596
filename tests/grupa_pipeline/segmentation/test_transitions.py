from datetime import date

import pandas as pd

from grupa_pipeline.segmentation.transitions import transitions_between

MONDAY, TUESDAY = date(2026, 5, 4), date(2026, 5, 5)


def _labels(**blocks: int) -> pd.Series:
    """Users named in order, cluster by cluster; `none` is unassigned."""
    names = [None if name.startswith("none") else name[:3] for name, size in blocks.items() for _ in range(size)]
    return pd.Series(names, index=[f"u{i:03d}" for i in range(len(names))], dtype=object)


def _kinds(before: pd.Series, now: pd.Series) -> dict[tuple[object, object], tuple[int, object]]:
    table = transitions_between(before, now, MONDAY, TUESDAY)
    table = table.astype(object).where(table.notna(), None)
    return {(row.from_cluster_id, row.to_cluster_id): (row.users, row.kind) for row in table.itertuples()}


def test_a_cluster_that_lives_on_continues_and_moves_are_counted() -> None:
    links = _kinds(_labels(C01=10, C02=5), _labels(C01=8, C02=7))
    assert links == {("C01", "C01"): (8, "continue"), ("C01", "C02"): (2, None), ("C02", "C02"): (5, "continue")}


def test_a_split_is_detected() -> None:
    links = _kinds(_labels(C01=20), _labels(C01=12, C02=8))
    assert links == {("C01", "C01"): (12, "continue"), ("C01", "C02"): (8, "split")}


def test_a_merge_is_detected() -> None:
    links = _kinds(_labels(C01=12, C02=8), _labels(C01=20))
    assert links == {("C01", "C01"): (12, "continue"), ("C02", "C01"): (8, "merge")}


def test_a_birth_from_the_unassigned_and_a_death_into_them() -> None:
    assert _kinds(_labels(C01=5, none=5), _labels(C01=5, C02=5))[(None, "C02")] == (5, "birth")
    assert _kinds(_labels(C01=5, C02=5), _labels(C01=5, none=5))[("C02", None)] == (5, "death")


def test_a_cluster_of_users_from_everywhere_is_born_though_nobody_came_from_null() -> None:
    links = _kinds(_labels(C01=10, C02=10, C03=10), _labels(C01=7, C04a=3, C02=7, C04b=3, C03=7, C04c=3))
    assert links[(None, "C04")] == (0, "birth")
    assert links[("C02", "C04")] == (3, None)


def test_a_handful_of_users_does_not_make_a_split_or_a_merge_when_most_were_in_no_cluster() -> None:
    before = _labels(C01=50, C02=50, C03=93, none=97)
    now = before.copy()
    now.iloc[-97:] = "C04"
    now.iloc[:3] = "C04"
    now[before == "C03"] = [None] * 90 + ["C02"] * 3
    links = _kinds(before, now)
    assert links[("C01", "C04")] == (3, None)
    assert links[(None, "C04")] == (97, "birth")
    assert links[("C03", "C02")] == (3, None)
    assert links[("C03", None)] == (90, "death")


def test_new_and_lost_users_do_not_affect_splits_and_merges() -> None:
    before, now = _labels(C01=20, C02=30), _labels(C01=12, C03=8, none=30)
    now = now.iloc[:20]
    assert _kinds(before, now)[("C01", "C03")] == (8, "split")
    came = pd.concat([now, pd.Series(["C03"] * 50, index=[f"v{i}" for i in range(50)], dtype=object)])
    assert _kinds(before, came)[("C01", "C03")] == (8, "split")


def test_every_user_of_either_day_is_counted_once() -> None:
    before, now = _labels(C01=30, C02=10), _labels(C02=9, none=4, C03=12)
    now.index = [f"u{i + 20:03d}" for i in range(len(now))]
    table = transitions_between(before, now, MONDAY, TUESDAY)
    assert table["users"].sum() == 45
    assert not table.duplicated(["from_cluster_id", "to_cluster_id"]).any()
    assert set(table["from_snapshot"]) == {MONDAY}
    assert set(table["to_snapshot"]) == {TUESDAY}
