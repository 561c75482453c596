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
def kept_in(services):
    """The folder of the tables, which tests share, with nothing kept."""
    folder = services.database.path.parent
    aggregate_cache.clear(folder, keep_days=0)
    return folder


@pytest.fixture
def ask(kept_in):
    """Asks as a process that has just started does."""
    return lambda: MeasuredTables(Database(kept_in / "grupa.duckdb"))(enrolments.load_eligible_days, DAYS[1], ROLES, 5)


def files(folder):
    return sorted(aggregate_cache.cache_folder(folder).glob("*.arrow"))


def test_the_next_process_reads_what_was_measured(ask, kept_in, monkeypatch):
    first = ask()
    (kept,) = files(kept_in)
    assert kept.stat().st_mode & 0o077 == 0

    def fail(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(enrolments, "load_window", fail)
    again = ask()
    assert isinstance(again, enrolments.EligibleDays)
    assert [each.to_pydict() for each in again] == [each.to_pydict() for each in first]


def test_one_process_measures_and_reads_once(kept_in, monkeypatch):
    database = Database(kept_in / "grupa.duckdb")
    first = MeasuredTables(database)(enrolments.load_eligible_days, DAYS[1], ROLES, 5)
    monkeypatch.setattr(Database, "connect", lambda self: pytest.fail("read again"))
    assert MeasuredTables(database)(enrolments.load_eligible_days, DAYS[1], ROLES, 5) is first


@pytest.mark.parametrize("content", [b"", b"no Arrow"])
def test_a_damaged_file_is_measured_again(ask, kept_in, content):
    first = ask()
    (kept,) = files(kept_in)
    kept.write_bytes(content)
    assert [each.num_rows for each in ask()] == [each.num_rows for each in first]
    assert kept.stat().st_size > len(content)


def test_what_was_published_before_gives_way(ask, kept_in):
    old = aggregate_cache.cache_folder(kept_in) / "0123456789abcdef-0123456789abcdef.arrow"
    old.parent.mkdir(exist_ok=True)
    old.touch()
    for path in files(kept_in):
        if path != old:
            path.unlink()
    ask()
    assert old not in files(kept_in)
    assert len(files(kept_in)) == 1


def test_it_goes_with_the_sums_when_somebody_is_forgotten(ask, kept_in):
    ask()
    aggregate_cache.clear(kept_in, keep_days=0)
    assert files(kept_in) == []
