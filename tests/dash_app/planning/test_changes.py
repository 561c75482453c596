from dataclasses import replace
from datetime import date, datetime

from dash_app.planning.changes import Change, changes, cluster_since
from tests.dash_app.planning.plans import a_plan


def test_changes_name_the_field_and_both_values():
    before = a_plan()
    after = replace(before, name="New", alpha=0.1, revision=7, updated_by="bob", updated_at=datetime(2026, 5, 2))
    assert changes(before, after) == (
        Change("name", before.name, "New"),
        Change("alpha", 0.05, 0.1),
    )
    assert changes(before, before) == ()


def _link(day, came, went, kind):
    return {
        "from_snapshot": date(2026, 5, day - 1),
        "to_snapshot": date(2026, 5, day),
        "from_cluster_id": came,
        "to_cluster_id": went,
        "users": 5,
        "kind": kind,
    }


def test_what_became_of_the_cluster():
    links = [
        _link(5, "C03", None, "death"),
        _link(2, "C03", "C03", "continue"),
        _link(3, "C03", "C07", "split"),
        _link(4, "C05", "C03", "merge"),
        _link(4, "C03", "C01", None),
        _link(4, "C01", "C09", "split"),
        _link(2, "C03", "C06", "split"),
    ]
    assert cluster_since("C03", date(2026, 5, 2), links) == (
        "C07 split from C03 on 2026-05-03; check who the test is for.",
        "C05 merged into C03 on 2026-05-04; check who the test is for.",
        "C03 is gone since 2026-05-05: its users no longer make a group.",
    )
    assert cluster_since("C03", date(2026, 5, 5), links) == ()
    assert cluster_since("C05", date(2026, 5, 1), links) == (
        "C05 merged into C03 on 2026-05-04; check who the test is for.",
    )
