"""What was measured of everyone is read again by the next process, and goes where it must."""

import pytest

from dash_app.data import enrolments
from dash_app.data.database import Database
from dash_app.data.measured_tables import MeasuredTables
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.storage import aggregate_cache
from tests.dash_app.synthetic import DAYS

ROLES = Roles()


@pytest.fixture
def folder(services):
    return services.database.path.parent


@pytest.fixture
def ask(folder):
    """Asks as a process that has just started does."""
    return lambda: MeasuredTables(Database(folder / "grupa.duckdb")).query(
        enrolments.load_eligible_days, DAYS[1], ROLES, 5
    )


def files(folder):
    return sorted(aggregate_cache.cache_folder(folder).glob("*.arrow"))


def test_the_next_process_reads_what_was_measured(ask, folder, monkeypatch):
    first = ask()
    (kept,) = files(folder)
    assert kept.stat().st_mode & 0o077 == 0

    def fail(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(enrolments, "load_window", fail)
    again = ask()
    assert isinstance(again, enrolments.EligibleDays)
    assert [each.to_pydict() for each in again] == [each.to_pydict() for each in first]


@pytest.mark.parametrize("content", [b"", b"no Arrow"])
def test_a_damaged_file_is_measured_again(ask, folder, content):
    first = ask()
    (kept,) = files(folder)
    kept.write_bytes(content)
    assert [each.num_rows for each in ask()] == [each.num_rows for each in first]
    assert kept.stat().st_size > len(content)


def test_what_was_published_before_gives_way(ask, folder):
    old = aggregate_cache.cache_folder(folder) / "0123456789abcdef-0123456789abcdef.arrow"
    old.parent.mkdir(exist_ok=True)
    old.touch()
    for path in files(folder):
        if path != old:
            path.unlink()
    ask()
    assert old not in files(folder)
    assert len(files(folder)) == 1


def test_it_goes_with_the_sums_when_somebody_is_forgotten(ask, folder):
    ask()
    aggregate_cache.clear(folder, keep_days=0)
    assert files(folder) == []
