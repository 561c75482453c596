"""The package as a whole: outcomes never affect clustering features, results are repeatable, and real logs."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grupa_pipeline import tables
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import FeatureSet, build_features
from grupa_pipeline.vocabulary.feature_families import JOURNEY_MEASURES
from tests.grupa_pipeline.features.logs import END, START, Event, columns, connect, entry, measure, real_log, values

NAMES = ("login", "search", "proposal_create", "proposal_submit", "feature_use", "deal_complete", "drop_off")
OUTCOMES = ("deal_complete", "drop_off")

events_strategy = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cat", "dan"]),
        st.builds(
            lambda day, minute: f"{day} {minute // 60:02}:{minute % 60:02}", st.integers(0, 27), st.integers(0, 1439)
        ),
        st.sampled_from(NAMES),
        st.dictionaries(st.sampled_from(["feature", "proposal_id"]), st.sampled_from(["x", "y"])),
    ),
    max_size=40,
)
few_examples = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def base_log() -> list[Event]:
    """Four users over the window, with proposals and feature use, and outcomes among them."""
    return [
        (
            user,
            f"{day} {8 + hour:02}:{5 * number:02}",
            NAMES[(number + day * hour) % len(NAMES)],
            {"feature": f"f{day % 3}"},
        )
        for number, user in enumerate(("ann", "bob", "cat", "dan"))
        for day in range(number, 20, 2 + number)
        for hour in range(3)
    ]


def clustering(result: FeatureSet) -> pa.Table:
    """The part of the features that makes clusters, with the users it is of."""
    return result.features.select(["user_id", *columns(result, "clustering")])


def users_with_enough(result: FeatureSet) -> list[tuple[str, int]]:
    rows = result.users.select(["user_id", "clustering_events"]).to_pylist()
    return [(row["user_id"], row["clustering_events"]) for row in rows if row["clustering_events"]]


@pytest.mark.parametrize("min_events", [1, 20])
@pytest.mark.slow
def test_outcome_events_touch_nothing_that_makes_clusters(min_events: int) -> None:
    log = base_log()
    behaviour = [event for event in log if event[2] not in OUTCOMES]
    added = [(user, f"{day} 23:59", outcome) for user in ("ann", "eve") for day in range(28) for outcome in OUTCOMES]
    moved = [(event[0], "27 23:59:59", *event[2:]) if event[2] in OUTCOMES else event for event in log]
    whole = measure(log, min_events=min_events)
    assert len(whole.features)
    for other in (behaviour, log + added, moved):
        result = measure(other, min_events=min_events)
        assert clustering(result).equals(clustering(whole))
        assert users_with_enough(result) == users_with_enough(whole)


@given(events_strategy)
@few_examples
@pytest.mark.slow
def test_a_log_without_its_outcomes_has_the_same_clustering_columns(events: list[Event]) -> None:
    without = measure([event for event in events if event[2] not in OUTCOMES], min_events=2)
    assert clustering(measure(events, min_events=2)).equals(clustering(without))


@given(events_strategy, st.randoms(use_true_random=False))
@few_examples
@pytest.mark.slow
def test_results_do_not_depend_on_row_order_or_threads(events: list[Event], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    con = connect(shuffled)
    con.execute("SET threads = 1")
    again = build_features(con, "events", window_start=START, window_end=END, roles=Roles(), min_events=1)
    result = measure(events)
    assert again.features.equals(result.features)
    assert again.catalog.equals(result.catalog)
    assert again.users.equals(result.users)


@given(events_strategy)
@few_examples
@pytest.mark.slow
def test_values_are_finite_and_within_their_bounds(events: list[Event]) -> None:
    result = measure(events)
    check_sound(result)
    assert result.events == len(events)
    assert result.users["user_id"].to_pylist() == sorted({event[0] for event in events})
    shares = [row["feature"] for row in result.catalog.to_pylist() if row["unit"] == "share"]
    for name in shares:
        assert all(0 <= value <= 1 for value in result.features[name].to_pylist() if value is not None), name


def check_sound(result: FeatureSet) -> None:
    """What holds of any log: the shape that the catalog says, finite values, yes-or-no features of zeros and ones."""
    catalog = result.catalog.to_pylist()
    assert result.catalog.column_names == list(tables.FEATURE_CATALOG.column_names)
    assert result.features.column_names == ["user_id", *(row["feature"] for row in catalog)]
    assert len({row["feature"].lower() for row in catalog}) == len(catalog)
    assert result.features["user_id"].to_pylist() == sorted(result.features["user_id"].to_pylist())
    for row in catalog:
        column = result.features[row["feature"]]
        assert column.type == pa.float64()
        present = [value for value in column.to_pylist() if value is not None]
        assert present
        assert all(math.isfinite(value) for value in present), row["feature"]
        if row["metric_kind"] == "proportion":
            assert set(present) <= {0.0, 1.0}
            assert column.null_count == 0 or row["family"] in JOURNEY_MEASURES, row["feature"]
        if row["metric_kind"] != "mean":
            assert row["numerator"]
            assert row["denominator"]
        assert row["label"] and row["description"] and row["unit"]


@pytest.mark.slow
def test_users_with_outcomes_alone_are_users() -> None:
    result = measure([*base_log(), ("zoe", "1 10:00", "deal_complete")])
    assert result.users.to_pylist()[-1] == {"user_id": "zoe", "events": 1, "clustering_events": 0}
    assert "zoe" not in result.features["user_id"].to_pylist()


def test_too_few_events_give_no_row() -> None:
    log: list[Event] = [("ann", f"{day} 10:00", "search") for day in range(4)] + [("bob", "1 10:00", "search")]
    result = measure(log, min_events=5)
    assert len(result.users) == 2
    assert result.features.column_names == ["user_id"]
    assert len(result.features) == len(result.catalog) == 0
    assert result.catalog.column_names == list(tables.FEATURE_CATALOG.column_names)


def test_an_empty_window_has_no_users() -> None:
    result = measure([])
    assert (result.events, len(result.users), len(result.features), len(result.catalog)) == (0, 0, 0, 0)


@pytest.mark.slow
def test_a_duplicate_clustering_column_becomes_context() -> None:
    twins = [(event[0], event[1], "search_result") for event in base_log() if event[2] == "search"]
    result = measure(base_log() + twins)
    assert [entry(result, name)["role"] for name in ("share_search", "share_search_result")] == [
        "clustering",
        "context",
    ]


BUILT_IN_RATES = (
    "sessions",
    "feature_uses",
    *(f"proposals_{done}" for done in ("created", "submitted", "revised", "withdrawn", "abandoned")),
)


def with_outcomes(names: Sequence[str], more: Sequence[Event] = ()) -> FeatureSet:
    """The base log with every step of a proposal and `more`, and with outcomes called `names`: ann has each twice."""
    log: list[Event] = [
        *base_log(),
        ("bob", "1 9:00", "proposal_revise"),
        ("cat", "2 9:00", "proposal_withdraw"),
        *[
            ("ann", f"{day} 10:00", action, {"proposal_id": "p"})
            for day in (3, 4)
            for action in ["proposal_submit", *names]
        ],
        *more,
    ]
    return measure(log, roles=Roles(goal=tuple(names)))


@pytest.mark.slow
def test_an_outcome_may_have_the_name_of_a_built_in_feature() -> None:
    without, result = with_outcomes([]), with_outcomes(BUILT_IN_RATES)
    check_sound(result)
    for name in BUILT_IN_RATES:
        rate = f"{name}_per_week"
        assert result.features[rate].equals(without.features[rate])
        assert entry(result, f"{rate}_2")["source_action"] == entry(result, f"had_{name}")["source_action"] == name
        assert values(result, f"{rate}_2") == pytest.approx({"ann": 2 / 4, "bob": 0, "cat": 0, "dan": 0})


@pytest.mark.slow
def test_an_outcome_may_start_with_the_prefix_of_a_family() -> None:
    kinds = [("share", "x"), ("did", "x"), ("used", "x"), ("feature_share", "x"), ("had", "y")]
    rates = ("per_week", "per_proposal")
    outcomes = [f"{prefix}_{name}" for prefix, name in kinds] + [f"y_{rate}" for rate in rates]
    more: list[Event] = [("bob", f"{day} 11:00", f"x_{rate}") for day in (3, 4) for rate in rates]
    more += [("bob", "5 11:00", "feature_use", {"feature": f"x_{rate}"}) for rate in rates]
    result = with_outcomes(outcomes, more)
    check_sound(result)
    for prefix, name in kinds:
        for rate in rates:
            assert entry(result, f"{prefix}_{name}_{rate}")["source_action"] != f"{prefix}_{name}"
            assert entry(result, f"{prefix}_{name}_{rate}_2")["source_action"] == f"{prefix}_{name}"


@pytest.mark.slow
def test_nothing_is_left_on_the_connection() -> None:
    con = connect(base_log())
    build_features(con, "events", window_start=START, window_end=END, roles=Roles(), min_events=1)
    assert [row[2] for row in con.execute("SHOW ALL TABLES").fetchall()] == ["events"]


def test_a_failure_leaves_nothing_on_the_connection() -> None:
    con = connect(base_log())
    con.execute("CREATE VIEW broken AS SELECT * REPLACE (error('no such day')::JSON AS metadata) FROM events")
    with pytest.raises(duckdb.Error, match="no such day"):
        build_features(con, "broken", window_start=START, window_end=END, roles=Roles(), min_events=1)
    assert {row[2] for row in con.execute("SHOW ALL TABLES").fetchall()} == {"events", "broken"}


@pytest.mark.slow
def test_an_action_that_is_a_sentence_or_a_quote_does_no_harm() -> None:
    odd = 'it\'s "odd"; DROP TABLE events; --'
    result = measure([*base_log(), ("ann", "3 10:00", odd), ("bob", "3 10:00", odd), ("bob", "3 11:00", "оплата")])
    assert entry(result, "share_it_s_odd_drop_table_events")["source_action"] == odd
    assert entry(result, "share_unnamed")["source_action"] == "оплата"


@pytest.mark.slow
def test_thousands_of_different_names_give_no_more_columns() -> None:
    names = [name for number in range(2000) for name in (f"order_{number}_cancelled", f"page_{number}")]
    log: list[Event] = [("ann", f"{number % 28} {number % 24:02}:00", name) for number, name in enumerate(names)]
    result = measure([*log, *base_log()])
    assert len(columns(result, "outcome")) <= 60
    assert len(columns(result, "clustering")) <= 60


@pytest.fixture(scope="module")
def bpi2012() -> FeatureSet:
    end = datetime(2012, 3, 15)
    return build_features(
        real_log("bpi2012_loans"),
        "events",
        window_start=end - timedelta(days=180),
        window_end=end,
        roles=Roles(),
        min_events=5,
    )


@pytest.mark.slow
def test_real_loans(bpi2012: FeatureSet) -> None:
    check_sound(bpi2012)
    assert (bpi2012.events, len(bpi2012.users)) == (262_200, 13_087)
    assert len(bpi2012.features) == pc.sum(pc.greater_equal(bpi2012.users["clustering_events"], 5)).as_py()
    of_journeys = {row["feature"] for row in bpi2012.catalog.to_pylist() if row["family"] in JOURNEY_MEASURES}
    assert [name for name in columns(bpi2012, "outcome") if name not in of_journeys] == [
        "had_a_accepted",
        "had_a_activated",
        "had_a_approved",
        "had_a_cancelled",
        "had_a_declined",
        "had_a_registered",
        "had_o_accepted",
        "had_o_cancelled",
        "had_o_declined",
    ]
    assert entry(bpi2012, "share_w_completeren_aanvraag")["source_action"] == "W_Completeren aanvraag"
    # Counted by hand in the log: 2,246 of its applications were approved, each with five or more other events.
    assert pc.sum(bpi2012.features["had_a_approved"]).as_py() == 2_246


@pytest.mark.slow
def test_real_loans_equal_plain_sql(bpi2012: FeatureSet) -> None:
    rows = real_log("bpi2012_loans").execute(
        """WITH behaviour AS (
            SELECT *, lag(timestamp) OVER (PARTITION BY user_id ORDER BY timestamp) AS before FROM events
            WHERE NOT regexp_matches(action, '^(A_(ACCEPTED|ACTIVATED|APPROVED|CANCELLED|DECLINED|REGISTERED))$')
            AND NOT regexp_matches(action, '^(O_(ACCEPTED|CANCELLED|DECLINED))$'))
        SELECT user_id, count(*) / count(*) FILTER (before IS NULL OR timestamp - before > INTERVAL 30 MINUTE) AS per_session,
            count(DISTINCT timestamp::DATE) / greatest(7, DATE '2012-03-15' - min(timestamp)::DATE) AS active
        FROM behaviour GROUP BY user_id HAVING count(*) >= 5 ORDER BY user_id"""
    )
    users, per_session, active = zip(*rows.fetchall(), strict=True)
    assert list(users) == bpi2012.features["user_id"].to_pylist()
    assert list(per_session) == pytest.approx(bpi2012.features["events_per_session"].to_pylist())
    assert list(active) == pytest.approx(bpi2012.features["active_days_share"].to_pylist())


@pytest.mark.slow
def test_real_github_events() -> None:
    end = datetime(2015, 1, 2)
    result = build_features(
        real_log("gharchive_2h"),
        "events",
        window_start=end - timedelta(days=180),
        window_end=end,
        roles=Roles(),
        min_events=5,
    )
    check_sound(result)
    assert len(result.users) == 6_208
    assert len(result.features) < 0.2 * len(result.users)
    assert not columns(result, "outcome")
    assert "share_push_event" in columns(result, "clustering")
