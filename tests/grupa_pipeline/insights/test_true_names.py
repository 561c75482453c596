"""Names are true of most users of their cluster and of few of any other."""

import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.true_names import MAX_OTHER, MIN_OWN, ClusterUsers, true_names
from grupa_pipeline.insights.wording import Wording
from tests.grupa_pipeline.features.logs import measure
from tests.grupa_pipeline.features.shop_log import USERS, shop_events
from tests.grupa_pipeline.insights.test_journey_based import ACTIONS, shop_groups


@pytest.fixture(scope="module")
def users() -> ClusterUsers:
    features = measure(shop_events()).features.to_pandas().set_index("user_id")
    return ClusterUsers(features, shop_groups().reindex(features.index), {name: name for name in features})


@pytest.fixture(scope="module")
def wording() -> Wording:
    events = pd.DataFrame(
        [
            {"action": name, "role": role, "decided_by": by, "label": name.replace("_", " ")}
            for name, (role, by) in ACTIONS.items()
        ]
    )
    return Wording(add_event_roles(measure(shop_events()).catalog.to_pandas(), events))


def test_a_name_says_where_users_get_to(users: ClusterUsers, wording: Wording) -> None:
    names = true_names(users, ["C01", "C02", "C03"], wording)
    assert names["C01"].name == "Buyers"
    assert names["C02"].name in ("Meet payment error", "Stop before they complete an order")
    assert names["C03"].name in ("Stop before they type a card", "Back and forth at the item")


def test_every_name_is_true_and_distinct(users: ClusterUsers, wording: Wording) -> None:
    names = true_names(users, ["C01", "C02", "C03"], wording)
    assert all(name.own >= MIN_OWN and name.other <= MAX_OTHER for name in names.values())
    assert len({name.name for name in names.values()}) == len(names) == 3


@pytest.mark.slow
def test_clusters_that_do_not_differ_get_no_name(users: ClusterUsers, wording: Wording) -> None:
    labels = pd.Series(np.where(np.arange(USERS) % 2, "C01", "C02"), index=users.features.index)
    assert not true_names(ClusterUsers(users.features, labels, users.columns), ["C01", "C02"], wording)


def test_a_name_that_is_withheld_is_no_part_of_one(users: ClusterUsers, wording: Wording) -> None:
    columns = {name: column for name, column in users.columns.items() if "payment_error" not in name}
    names = true_names(ClusterUsers(users.features, users.labels, columns), ["C01", "C02", "C03"], wording)
    assert not any("payment error" in name.name for name in names.values())


def test_a_cluster_that_only_differs_in_amounts_is_named_by_them(wording: Wording) -> None:
    catalog = pd.DataFrame(
        [
            {"feature": "sessions_per_week", "description": "Sessions a week", "family": "activity", "subject": None,
             "source_action": None, "higher_is_better": None, "event_role": None, "first_role": None, "decided_by": None,
             "step_labels": None}
        ]
    )  # fmt: skip
    features = pd.DataFrame(
        {"sessions_per_week": [1.0] * 50 + [9.0] * 50}, index=[f"u{number}" for number in range(100)]
    )
    labels = pd.Series(["C01"] * 50 + ["C02"] * 50, index=features.index)
    names = true_names(
        ClusterUsers(features, labels, {"sessions_per_week": "sessions_per_week"}), ["C01", "C02"], Wording(catalog)
    )
    assert set(names) == {"C01", "C02"} and all(each.own == 1 and each.other == 0 for each in names.values())


def test_hardly_doing_something_is_no_name_by_itself() -> None:
    about = {"family": "action_share", "higher_is_better": None, "event_role": "step", "first_role": "step",
             "decided_by": "user", "step_labels": None}  # fmt: skip
    catalog = pd.DataFrame(
        [
            {"feature": f"share_{name}", "description": name, "subject": name, "source_action": name, **about}
            for name in ("wiki_edited", "code_pushed")
        ]
    )
    features = pd.DataFrame(
        {
            "share_wiki_edited": [0.0] * 60 + [0.9] * 40,
            "share_code_pushed": [0.25] * 48 + [0.0] * 12 + [0.25] * 9 + [0.0] * 31,
        },
        index=[f"u{number}" for number in range(100)],
    )
    labels = pd.Series(["C01"] * 60 + ["C02"] * 40, index=features.index)
    names = true_names(
        ClusterUsers(features, labels, {name: name for name in features}), ["C01", "C02"], Wording(catalog)
    )
    assert "wiki" not in names["C01"].name and "code" in names["C01"].name
