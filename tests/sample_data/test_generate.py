"""The generated log: its format, seed and blocks."""

import gzip
import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from sample_data import generate as generate_module
from sample_data.behaviour import ACTIONS, FEATURES
from sample_data.generate import END, write_log, write_truth

pytestmark = pytest.mark.slow


def test_the_sample_log_has_the_expected_size(log: duckdb.DuckDBPyConnection) -> None:
    users, events, first, last, days = log.execute(
        """SELECT count(DISTINCT user_id), count(*), min(timestamp)::DATE, max(timestamp)::DATE,
        count(DISTINCT timestamp::DATE) FROM event"""
    ).fetchone()
    assert users == 3_000
    assert 200_000 < events < 400_000
    assert (first, last, days) == (date(2025, 4, 21), END, 70)


def test_every_action_and_feature_occurs(log: duckdb.DuckDBPyConnection) -> None:
    assert {row[0] for row in log.execute("SELECT DISTINCT action FROM event").fetchall()} == set(ACTIONS)
    assert {
        row[0] for row in log.execute("SELECT DISTINCT feature FROM event WHERE feature IS NOT NULL").fetchall()
    } == set(FEATURES)


def test_every_user_has_one_kind_and_at_least_two_events(sample: Path, log: duckdb.DuckDBPyConnection) -> None:
    query = f"SELECT count(*), count(DISTINCT user_id) FROM '{sample}/labels.csv'"
    assert log.execute(query).fetchone() == (3_000, 3_000)
    assert log.execute("SELECT min(events) FROM person").fetchone()[0] >= 2


def test_no_two_events_are_equal(log: duckdb.DuckDBPyConnection) -> None:
    assert (
        log.execute("SELECT 1 FROM event GROUP BY user_id, timestamp, action, metadata HAVING count(*) > 1").fetchall()
        == []
    )


def test_metadata_has_the_keys_of_each_action(log: duckdb.DuckDBPyConnection) -> None:
    rows = log.execute("SELECT action, metadata FROM event USING SAMPLE 3000 ROWS (reservoir, 1)").fetchall()
    for action, text in rows:
        metadata = json.loads(text)
        assert metadata["device"] in ("desktop", "mobile")
        assert metadata["plan"] in ("free", "pro")
        assert ("feature" in metadata) == (action in ("feature_use", "support_ticket"))
        assert ("proposal_id" in metadata) or not (action.startswith("proposal_") and action != "proposal_view")
        assert ("stage" in metadata) == (action == "drop_off" and "proposal_id" not in metadata)


def test_a_proposal_has_one_user_and_starts_with_its_creation(log: duckdb.DuckDBPyConnection) -> None:
    wrong = log.execute(
        """SELECT proposal FROM event WHERE proposal IS NOT NULL GROUP BY proposal
        HAVING count(DISTINCT user_id) > 1 OR count(*) FILTER (action = 'proposal_create') <> 1
            OR count(*) FILTER (action = 'proposal_submit') > 1
            OR min(timestamp) < min(timestamp) FILTER (action = 'proposal_create')
            OR max(timestamp) FILTER (action = 'proposal_revise') > min(timestamp) FILTER (action = 'proposal_submit')
            OR (count(*) FILTER (action = 'deal_complete') > 0 AND (count(*) FILTER (action = 'proposal_submit') = 0
                OR count(*) FILTER (action = 'proposal_withdraw') > 0))"""
    ).fetchall()
    assert wrong == []


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_log(tmp_path / name, users=200, days=14, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_the_first_users_do_not_depend_on_how_many_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_module, "BLOCK_USERS", 100)
    for name, users in (("small", 150), ("large", 320)):
        write_log(tmp_path / f"{name}.csv", users=users, days=14, labels=tmp_path / f"{name}.labels.csv")
    first_150 = "SELECT * FROM '{}' WHERE user_id < 'user_0000150' ORDER BY ALL"
    for kind in ("csv", "labels.csv"):
        small, large = (
            duckdb.connect().execute(first_150.format(tmp_path / f"{name}.{kind}")).fetchall()
            for name in ("small", "large")
        )
        assert small == large
    assert duckdb.connect().execute(f"SELECT count(DISTINCT user_id) FROM '{tmp_path}/large.csv'").fetchone() == (320,)


def test_more_activity_means_more_events_of_the_same_users(tmp_path: Path) -> None:
    calm = write_log(tmp_path / "calm.csv", users=300, activity=0.5, labels=tmp_path / "calm.labels")
    busy = write_log(tmp_path / "busy.csv", users=300, activity=2.0, labels=tmp_path / "busy.labels")
    assert 3 < busy / calm < 5
    assert (tmp_path / "calm.labels").read_bytes() == (tmp_path / "busy.labels").read_bytes()


def test_the_log_ends_on_the_given_day(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", users=300, days=7, end=date(2024, 3, 3))
    assert duckdb.connect().execute(
        f"SELECT min(timestamp)::DATE, max(timestamp)::DATE FROM '{tmp_path}/log.csv'"
    ).fetchone() == (
        date(2024, 2, 26),
        date(2024, 3, 3),
    )


def test_gz_is_compressed_and_holds_the_same_log(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", users=50, days=7)
    write_log(tmp_path / "log.csv.gz", users=50, days=7)
    assert gzip.decompress((tmp_path / "log.csv.gz").read_bytes()) == (tmp_path / "log.csv").read_bytes()


def test_the_truth_alone_equals_the_truth_written_with_the_log(sample: Path, tmp_path: Path) -> None:
    write_truth(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_bytes() == (sample / "labels.csv").read_bytes()
