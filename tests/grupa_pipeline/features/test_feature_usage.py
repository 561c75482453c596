import pytest

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_usage import MAX_FEATURES
from tests.grupa_pipeline.features.logs import Event, entry, measure, values


def use(user: str, when: str, feature: object) -> Event:
    return (user, when, "feature_use", {"feature": feature, "device": "web"})


LOG: list[Event] = [
    use("ann", "1 10:00", "export"),
    use("ann", "1 10:01", "export"),
    use("ann", "1 10:02", "Export!"),
    use("ann", "1 10:03", 7),
    use("bob", "14 10:00", "export"),
    ("bob", "14 10:01", "feature_use"),
    ("cat", "1 10:00", "login"),
]


def test_uses_a_week_and_different_features() -> None:
    result = measure(LOG)
    assert values(result, "feature_uses_per_week") == pytest.approx({"ann": 4 / (27 / 7), "bob": 1.0, "cat": 0.0})
    assert values(result, "features_used") == {"ann": 3.0, "bob": 1.0, "cat": 0.0}


@pytest.mark.slow
def test_concentration_is_the_chance_of_the_same_feature_twice() -> None:
    assert values(measure(LOG), "feature_concentration") == {"ann": (4 + 1 + 1) / 16, "bob": 1.0, "cat": None}


@pytest.mark.slow
def test_shares_and_use_of_each_feature() -> None:
    result = measure(LOG)
    assert values(result, "feature_share_export_2") == {"ann": 0.5, "bob": 1.0, "cat": None}
    assert values(result, "feature_share_export") == {"ann": 0.25, "bob": 0.0, "cat": None}
    assert values(result, "used_7") == {"ann": 1.0, "bob": 0.0, "cat": 0.0}
    assert entry(result, "used_7")["metric_kind"] == "proportion"
    assert entry(result, "used_7")["source_action"] == "feature_use"


@pytest.mark.slow
def test_at_most_eight_features_the_commonest() -> None:
    many = [use(user, "2 10:00", f"f{number}") for number in range(20) for user in ("ann", "bob")[: 1 + (number < 3)]]
    shares = [name for name in measure(LOG + many).features.column_names if name.startswith("feature_share_")]
    assert len(shares) == MAX_FEATURES
    assert {f"feature_share_{slug}" for slug in ("f0", "f1", "f2", "export")} <= set(shares)


@pytest.mark.slow
def test_another_key_may_name_the_feature() -> None:
    result = measure(
        [*LOG, ("bob", "15 10:00", "feature_use", {"device": 'a "quoted" one'})], roles=Roles(feature_key="device")
    )
    assert values(result, "features_used") == {"ann": 1.0, "bob": 2.0, "cat": 0.0}


@pytest.mark.slow
def test_a_log_without_feature_use_has_no_column_of_it() -> None:
    result = measure([("ann", "1 10:00", "login"), ("bob", "1 10:00", "search"), ("bob", "9 10:00", "search")])
    assert not [name for name in result.features.column_names if "feature" in name or name.startswith("used_")]
