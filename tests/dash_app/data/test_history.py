"""History of a year of snapshots: what is read of it stays bounded."""

from datetime import date
from pathlib import Path

import pytest

from dash_app.data import history, loading
from dash_app.data.database import Database
from dash_app.data.snapshot import TREND_SNAPSHOTS
from dash_app.pages import history as page
from dash_app.services import Services
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from tests.dash_app.components.test_choice import of_class

EARLIER = 400


@pytest.fixture
def year(folder: Path) -> Database:
    """The synthetic warehouse with its newest snapshot again on each of the 400 days before it."""
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        newest = con.execute("SELECT max(snapshot_date) FROM segmentations").fetchone()
        con.execute(f"CREATE TEMP TABLE ages AS SELECT unnest(range(1, {EARLIER + 1}))::INT AS age")
        for table, column in (("segmentations", "snapshot_date"), ("clusters", "snapshot_date")):
            con.execute(f"DELETE FROM {table} WHERE {column} <> ?", newest)
            con.execute(f"INSERT INTO {table} SELECT t.* REPLACE ({column} - age AS {column}) FROM {table} t, ages")
        con.execute("DELETE FROM cluster_transitions")
        con.execute(
            "INSERT INTO cluster_transitions BY NAME SELECT (? - age - 1)::DATE AS from_snapshot, (? - age)::DATE AS to_snapshot,"
            " 'C01' AS from_cluster_id, NULL AS to_cluster_id, 5 AS users, 'death' AS kind FROM ages",
            [*newest, *newest],
        )
    return Database(folder / PIPELINE_FILE)


@pytest.mark.slow
def test_sizes_of_a_year_are_those_of_the_newest_days_and_of_some_before(year: Database) -> None:
    days = sorted({size.day for size in year.query(history.load_sizes)})
    newest = year.query(loading.list_snapshots)[: history.NEWEST]
    assert days[-history.NEWEST :] == sorted(newest)
    assert 20 <= len(days) - history.NEWEST <= history.OLDER
    assert (newest[-1] - days[0]).days > EARLIER * 0.9 - history.NEWEST


def test_all_snapshots_are_drawn_while_they_are_few(database: Database) -> None:
    days = {size.day for size in database.query(history.load_sizes)}
    assert days == set(database.query(loading.list_snapshots))


def test_only_the_newest_changes_are_read_and_all_are_counted(year: Database) -> None:
    total, turns = year.query(history.load_turns, 50)
    assert (total, len(turns)) == (EARLIER, 50)
    assert turns[0][0] > turns[-1][0]


@pytest.mark.slow
def test_a_trend_holds_the_last_snapshots(year: Database) -> None:
    day: date = year.query(loading.list_snapshots)[0]
    snapshot = year.query(loading.load_snapshot, day)
    assert snapshot
    assert {len(cluster.trend) for cluster in snapshot.clusters} == {TREND_SNAPSHOTS}
    assert all(cluster.trend[-1][0] == day for cluster in snapshot.clusters)


@pytest.mark.slow
def test_the_page_says_what_it_leaves_out(year: Database, services: Services) -> None:
    days = sorted(year.query(loading.list_snapshots))
    shown = page.page(
        days,
        year.query(history.load_sizes),
        year.query(history.load_turns, page.SHOWN_TURNS),
        services.cluster_labels(),
        page.moves((("C01", "C02", 3),), services.cluster_labels(), days[-2], days[-1]),
    )
    quiet = [part.children for part in of_class(shown, "quiet")]
    assert f"The newest 30 of {EARLIER + 1} snapshots, and" in quiet[0]
    assert f"And {EARLIER - page.SHOWN_TURNS} before." in quiet
