import duckdb
import numpy as np
import pytest

from dash_app.data import enrolments
from dash_app.planning.calibration import ReplayedForecasts
from dash_app.planning.duration import DurationError
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.vocabulary.plan_parts import Audience
from tests.dash_app.synthetic import DAYS, FIRST_EVENT

DAY = DAYS[1]


def test_enrolment_counts_different_users(services):
    forecast = enrolment(services, "C02")
    assert forecast.users_by(0.5) < 90
    assert forecast.users_by(60) == pytest.approx(90, rel=0.1)
    assert np.all(np.diff([forecast.users_by(day) for day in range(60)]) >= 0)


@pytest.mark.slow
def test_a_user_is_eligible_from_their_fifth_event_on_outcomes_not_counted(services, monkeypatch):
    seen: list[tuple[np.ndarray, np.ndarray, int]] = []
    real = enrolments.checked_forecast
    monkeypatch.setattr(enrolments, "checked_forecast", lambda *given: seen.append(given) or real(*given))
    enrolments.load_enrolment(_con(services), DAY, Audience.of_cluster("C02"), Roles(), 5)
    user, day, log_days = seen[0]
    expected: dict[str, set[int]] = {}
    logins: dict[str, int] = {}
    for name, at, action in (
        _con(services)
        .execute(
            "SELECT user_id, timestamp, action FROM events WHERE user_id IN (SELECT user_id FROM user_clusters"
            " WHERE snapshot_date = ? AND cluster_id = 'C02') ORDER BY timestamp",
            [DAY],
        )
        .fetchall()
    ):
        logins[name] = logins.get(name, 0) + (action == "login")
        if logins[name] >= 5:
            expected.setdefault(name, set()).add((at - FIRST_EVENT).days)
    found = [set(day[user == each]) for each in np.unique(user)]
    assert found == [expected[name] for name in sorted(expected)]
    assert log_days == 68


def test_a_cluster_of_users_with_too_few_events_never_fills(services):
    with pytest.raises(DurationError, match="never fill"):
        enrolments.load_enrolment(_con(services), DAY, Audience.of_cluster("C02"), Roles(), 10_000)


def enrolment(services, cluster_id):
    return services.database.query(enrolments.load_enrolment, DAY, Audience.of_cluster(cluster_id), Roles(), 5)


@pytest.mark.slow
def test_the_past_of_everyone_is_replayed(services):
    con = _con(services)

    def replayed(fewest):
        return enrolments.find_replayed(lambda load, *given: load(con, *given), DAY, Roles(), fewest)

    assert replayed(5).errors
    assert all(0 <= error < 1 for error in replayed(5).errors)
    assert replayed(10_000) == ReplayedForecasts()


def _con(services) -> duckdb.DuckDBPyConnection:
    from pathlib import Path

    own = Path(services.database.path).parent / "versions" / f"{services.database.version()}.duckdb"
    return duckdb.connect(str(own), read_only=True)
