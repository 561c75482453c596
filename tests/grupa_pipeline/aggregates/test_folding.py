"""Actions whose names hold ids are one action to a snapshot, and stay what they are in the events."""

from pathlib import Path

import pytest

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.event_catalog.roles_file import RolesError
from grupa_pipeline.features.feature_set import build_features
from tests.grupa_pipeline.features.logs import END, START, Event, connect, entry, measure, values

LOG: list[Event] = [
    *(("ann", f"2 10:{number:02}", f"/product/{number}") for number in range(6)),
    *(("bob", f"3 11:{number:02}", f"order_{number}_paid") for number in range(4)),
    ("bob", "3 12:00", "/product/1/edit"),
    *((user, f"4 12:0{number}", "search") for user in ("ann", "bob", "cat") for number in range(3)),
]


@pytest.mark.slow
def test_actions_that_match_a_pattern_are_measured_as_one_and_come_back_without_it() -> None:
    roles = Roles(fold=("/product/*", "order_*_paid"))
    con = connect(LOG)
    result = build_features(con, "events", window_start=START, window_end=END, roles=roles, min_events=1)
    assert entry(result, "share_product")["source_action"] == "/product/*"
    assert values(result, "share_product")["ann"] == pytest.approx(6 / 9)
    assert con.execute("SELECT count(DISTINCT action) FROM events").fetchall() == [(12,)]
    unfolded = build_features(con, "events", window_start=START, window_end=END, roles=Roles(), min_events=1)
    assert unfolded.features.equals(measure(LOG).features)
    assert roles.assignment_sha256() != Roles().assignment_sha256()
    assert roles.sha256() != Roles().sha256()


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["a.b[*]", "^x*$", "(a|b)*", "\\d*"])
def test_a_pattern_means_its_own_characters(pattern: str) -> None:
    name = pattern.replace("*", "7")
    result = measure(
        [("ann", "2 10:00", name), ("ann", "2 10:01", "a"), ("bob", "2 10:00", "a")], roles=Roles(fold=(pattern,))
    )
    assert pattern in {row["source_action"] for row in result.catalog.to_pylist()}


def test_patterns_are_read_from_the_roles_file(tmp_path: Path) -> None:
    path = tmp_path / "roles.toml"
    path.write_text('[fold]\npatterns = ["/product/*"]\n')
    assert Roles.load(path).fold == ("/product/*",)
    for wrong in ('[fold]\npatterns = ["/product/"]\n', '[fold]\n"/product/*" = true\n'):
        path.write_text(wrong)
        with pytest.raises(RolesError, match="fold") as error:
            Roles.load(path)
        assert error.value.line == 2
