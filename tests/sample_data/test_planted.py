"""The shares of planted kinds match the plan, and every planted pain point is measurable in the log."""

from pathlib import Path

import duckdb
import pytest

from sample_data.kinds import PLANTED_FILE, Pain, load_kinds

pytestmark = pytest.mark.slow

KINDS = load_kinds()
PLANTED = [(kind.name, pain) for kind in KINDS for pain in kind.pains]

# One value per user for each planted measure; NULL where it does not apply.
MEASURES = {
    "feature_use events a session": """SELECT user_id, count(*) FILTER (action = 'feature_use') /
        count(*) FILTER (action = 'login') FROM event GROUP BY user_id""",
    "share of proposals never submitted": """SELECT user_id, avg(unsent) FROM (SELECT user_id,
        (count(*) FILTER (action = 'proposal_submit') = 0)::INT AS unsent FROM event WHERE proposal IS NOT NULL
        GROUP BY user_id, proposal) GROUP BY user_id""",
    "hours from proposal_create to proposal_submit": """SELECT user_id, median(epoch(sent - created) / 3600) FROM (
        SELECT user_id, min(timestamp) FILTER (action = 'proposal_create') AS created,
        min(timestamp) FILTER (action = 'proposal_submit') AS sent FROM event WHERE proposal IS NOT NULL
        GROUP BY user_id, proposal) GROUP BY user_id""",
    "days from first event to first proposal_create": """SELECT user_id,
        epoch(min(timestamp) FILTER (action = 'proposal_create') - min(timestamp)) / 86400
        FROM event GROUP BY user_id""",
    "drop_off events a session": """SELECT user_id, count(*) FILTER (action = 'drop_off') /
        count(*) FILTER (action = 'login') FROM event GROUP BY user_id""",
    "support_ticket events a session": """SELECT user_id, count(*) FILTER (action = 'support_ticket') /
        count(*) FILTER (action = 'login') FROM event GROUP BY user_id""",
    "different features used a feature_use event": """SELECT user_id, count(DISTINCT feature) / count(*) FROM event
        WHERE action = 'feature_use' GROUP BY user_id HAVING count(*) >= 5""",
    "deals a submitted proposal": """SELECT user_id, count(*) FILTER (action = 'deal_complete') /
        nullif(count(*) FILTER (action = 'proposal_submit'), 0) FROM event GROUP BY user_id""",
    "days from last event to the end of the log": """SELECT user_id,
        epoch(TIMESTAMPTZ '2025-06-30' - max(timestamp)) / 86400 FROM event GROUP BY user_id""",
}


def test_kinds_are_as_common_as_planned(log: duckdb.DuckDBPyConnection) -> None:
    shares = dict(log.execute("SELECT kind, count(*) / sum(count(*)) OVER () FROM person GROUP BY kind").fetchall())
    assert shares == pytest.approx({kind.name: kind.share for kind in KINDS}, abs=0.025)


def test_there_are_six_kinds_and_a_few_users_outside_them() -> None:
    assert sum(kind.cluster for kind in KINDS) == 6
    assert 0.05 < sum(kind.share for kind in KINDS if not kind.cluster) < 0.15
    assert all(bool(kind.pains) == kind.cluster for kind in KINDS)


def test_visitors_have_too_few_events_and_the_kinds_have_enough(log: duckdb.DuckDBPyConnection) -> None:
    few = dict(log.execute("SELECT kind, avg((events < 5)::INT) FROM person GROUP BY kind").fetchall())
    assert few["visitor"] > 0.9
    assert all(few[kind.name] < 0.01 for kind in KINDS if kind.cluster)


@pytest.mark.parametrize(("kind", "pain"), PLANTED, ids=lambda value: getattr(value, "pain", value))
def test_a_planted_pain_is_worse_than_among_everyone_else(
    log: duckdb.DuckDBPyConnection, kind: str, pain: Pain
) -> None:
    """Cliff's delta between the kind and all others is large (Romano 2006: .474) in the direction planted."""
    over, under = log.execute(
        f"""WITH measured(user_id, value) AS ({MEASURES[pain.measure]}),
        valued AS (SELECT value, kind = '{kind}' AS inside FROM measured JOIN person USING (user_id)
            WHERE value IS NOT NULL AND events >= 5)
        SELECT avg((a.value > b.value)::INT), avg((a.value < b.value)::INT)
        FROM valued a JOIN valued b ON a.inside AND NOT b.inside"""
    ).fetchone()
    delta = over - under
    assert (delta if pain.worse == "higher" else -delta) > 0.474


def test_shares_that_do_not_sum_to_one_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "planted.toml"
    wrong.write_text(PLANTED_FILE.read_text().replace("share = 0.15\n", "share = 0.25\n", 1))
    with pytest.raises(ValueError, match=r"planted.toml: the shares of the kinds sum to 1\.100"):
        load_kinds(wrong)
