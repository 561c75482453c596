"""Insights of a shop's log: users are told where they are lost, well-doing ones have a strength, and siblings share."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from grupa_pipeline.features.feature_set import FeatureSet
from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.insight_writer import write_insights
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.privacy import count_users
from grupa_pipeline.insights.remedies import Cause, find_remedies, is_offer, step_kind
from grupa_pipeline.insights.templates import reads_the_same
from tests.grupa_pipeline.features.logs import measure
from tests.grupa_pipeline.features.shop_log import BUYERS, GOAL, REFUSED, USERS, group_of, shop_events

ACTIONS = {
    "item_seen": ("step", "user"),
    "cart_filled": ("step", "user"),
    "card_typed": ("step", "user"),
    "payment_error": ("error", "system"),
    GOAL: ("goal", "user"),
}


def described(groups: pd.Series, **decided: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of `cluster_insights`, of the evidence and of the catalog; `decided` says who decides an action."""
    return described_log(measure(shop_events()), groups, ACTIONS, **decided)


def described_log(
    built: FeatureSet, groups: pd.Series, actions: Mapping[str, tuple[str, str]], **decided: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The same of any log; `actions` has the role of each action, and who decides it."""
    features, catalog = built.features.to_pandas().set_index("user_id"), built.catalog.to_pandas()
    events = pd.DataFrame(
        [
            {"action": name, "role": role, "decided_by": decided.get(name, by), "label": name.replace("_", " ")}
            for name, (role, by) in actions.items()
        ]
    )
    evidence = measure_evidence(features, groups, catalog)
    sizes = groups.value_counts().sort_index()
    clusters = pd.DataFrame(
        {"cluster_id": sizes.index.astype(str), "size": sizes.to_numpy(), "share": sizes.to_numpy() / len(groups)}
    )
    written = write_insights(
        evidence,
        clusters.assign(rule=None, rule_f1=None, stability=None),
        add_event_roles(catalog, events),
        users_with=count_users(features),
        llm=None,
        min_group=5,
        previous=PreviousTexts(),
        now=datetime(2026, 3, 1),
    )
    return written.insights, evidence, catalog


def shop_groups() -> pd.Series:
    groups = [group_of(number) for number in range(USERS)]
    return pd.Series(
        [None if group == "unassigned" else group for group in groups], index=[f"u{n:03d}" for n in range(USERS)]
    )


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return described(shop_groups())


def of(insights: pd.DataFrame, cluster_id: str, kind: str) -> list[dict[str, Any]]:
    rows = insights[(insights["cluster_id"] == cluster_id) & (insights["kind"] == kind)]
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def test_an_error_that_stops_a_payment_is_told_at_its_step(shop: Any) -> None:
    insights, evidence, _ = shop
    [pain, *_] = of(insights, "C02", "pain_point")
    assert pain["step_action"] == GOAL
    assert (pain["reach_users"], pain["severity"]) == (REFUSED, pytest.approx(1.0))
    assert "“card typed”" in pain["body"] and "“payment error”" in pain["body"] and "0%" in pain["body"]
    cited = evidence.set_index("evidence_id").loc[pain["evidence_ids"]]
    assert list(cited["measure"]) == ["step", "error"]
    assert set(cited["cluster_id"]) == {"C02"}


@pytest.mark.slow
def test_an_errors_remedy_does_not_lead_users_to_it(shop: Any) -> None:
    insights, _, _ = shop
    [first, *_] = of(insights, "C02", "recommendation")
    assert first["title"].startswith("Let “order completed” succeed after “payment error”")
    assert first["target_metric"] == "step_order_completed_order_completed"
    assert first["direction"] == "increase"
    assert all(first[name] for name in ("effort", "risk", "guardrail", "cheapest_test", "falsified_by", "confidence"))


def test_going_back_and_forth_is_the_pain_of_those_who_do(shop: Any) -> None:
    insights, evidence, _ = shop
    [pain, *_] = of(insights, "C03", "pain_point")
    assert pain["step_action"] == "card_typed"
    assert list(evidence.set_index("evidence_id").loc[pain["evidence_ids"], "measure"]) == ["step", "loop"]
    assert "payment error" not in " ".join(row["body"] for row in of(insights, "C03", "recommendation"))


def test_who_is_ahead_has_a_strength_and_no_pain(shop: Any) -> None:
    insights, _, _ = shop
    assert not of(insights, "C01", "pain_point")
    [strength] = of(insights, "C01", "strength")
    assert "100% reach “order completed”" in strength["title"]
    [recommendation, *_] = of(insights, "C01", "recommendation")
    assert recommendation["addresses"] == [strength["insight_id"]]
    assert recommendation["target_metric"] == f"had_{GOAL}"


def test_a_step_that_others_decide_is_no_pain() -> None:
    insights, _, _ = described(shop_groups(), **{GOAL: "system"})
    assert GOAL not in {row["step_action"] for row in of(insights, "C02", "pain_point") if "fewer go on" in row["body"]}


def test_siblings_with_the_same_pain_share_a_recommendation_and_repeat_no_other() -> None:
    groups = shop_groups()
    halves = {f"u{n:03d}": "C04" for n in range(BUYERS, BUYERS + REFUSED, 2)}
    insights, _, _ = described(groups.where(~groups.index.isin(list(halves)), "C04"))
    one, other = of(insights, "C02", "recommendation")[0], of(insights, "C04", "recommendation")[0]
    assert (one["title"], one["insight_id"]) != (one["title"], other["insight_id"])
    assert (one["shared_with"], other["shared_with"]) == (["C04"], ["C02"])
    told = insights[insights["kind"] == "recommendation"]
    assert told[told["shared_with"].isna()]["title"].is_unique


@pytest.mark.parametrize(("others_there", "is_told"), [(3, True), (15, False)])
def test_an_error_where_hardly_anybody_else_comes_is_a_pain_of_those_who_meet_it(
    others_there: int, is_told: bool
) -> None:
    """Where more of the others come, and all meet it there, nothing sets the cluster apart but that it comes there."""
    groups = pd.Series({f"u{n:03d}": "C01" if n < 30 else "C02" for n in range(90)})
    events = []
    for number, user in enumerate(groups.index):
        comes = number < 30 + others_there
        story = ["open_app", *(["download_asked", "download_failed"] if comes else ["list_read"]), "play_ended"]
        story += ["subscribed"] if number % 3 == 0 else []
        events += [(user, f"{number % 7} 10:0{place}", action) for place, action in enumerate(story)]
    actions = dict.fromkeys(("open_app", "download_asked", "list_read", "play_ended"), ("step", "user"))
    actions |= {"download_failed": ("error", "system"), "subscribed": ("goal", "user")}
    insights, *_ = described_log(measure(events), groups, actions)
    titles = [row["title"] for row in of(insights, "C01", "pain_point")]
    assert any("meet “download failed” after “download asked”" in title for title in titles) == is_told
    assert not any("download failed" in row["title"] for row in of(insights, "C02", "pain_point"))


STORIES = {
    "C01": ("exercise_logged", "premium_purchased"),
    "C02": ("paywall_shown", "paywall_closed"),
    "C03": ("class_started", "class_completed"),
    "C04": ("route_drawn", "route_drawn"),
}


RUNS = ("run_finished", "premium_purchased")
"""What half of those who buy do: no step leads all of them there."""


@pytest.fixture(scope="module")
def gym() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Insights of users who open an app and then do different things, of which one buys; without steps in between."""
    groups = pd.Series({f"u{n:03d}": list(STORIES)[n % 4] for n in range(100)})
    events = [
        (user, f"{number % 7} 10:0{place}", action)
        for number, (user, group) in enumerate(groups.items())
        for place, action in enumerate(("open_app", *(RUNS if number % 8 == 0 else STORIES[group])))
    ]
    actions = {name: ("step", "user") for story in (["open_app"], RUNS, *STORIES.values()) for name in story}
    insights, *_ = described_log(measure(events), groups, actions | {"premium_purchased": ("goal", "user")})
    return insights[insights["kind"] == "pain_point"], insights[insights["kind"] == "recommendation"]


def test_an_offer_that_is_turned_down_is_the_pain_of_those_who_do(gym: Any) -> None:
    pains, recommendations = gym
    own = pains[pains["cluster_id"] == "C02"]
    assert own["title"].iloc[0] == "All of them turn an offer down (“paywall closed”); of the others 0%"
    assert "“open app”" not in " ".join(own["body"])  # where they turn away is known
    assert not any("turn an offer down" in title for title in pains.loc[pains["cluster_id"] != "C02", "title"])
    [advice] = recommendations.loc[recommendations["cluster_id"] == "C02", "title"]
    assert advice.startswith("Find out what the offer lacks for those who do “paywall closed”")


def test_a_far_goal_is_brought_to_where_each_clusters_users_are(gym: Any) -> None:
    _, recommendations = gym
    titles = recommendations.drop_duplicates("cluster_id").set_index("cluster_id")["title"]
    assert titles["C03"] == "Put “premium purchased” one step away from “class completed”, where these users are"
    assert titles["C04"] == "Put “premium purchased” one step away from “route drawn”, where these users are"
    expected = "Learn how users who do “[a-z ]+” get to “premium purchased”, and lead newcomers the same way"
    assert re.fullmatch(expected, titles["C01"])
    assert recommendations["title"].is_unique and recommendations["body"].is_unique
    assert not any("price" in body or "next “" in body for body in recommendations["body"])


@pytest.mark.parametrize(
    ("name", "refused"),
    [("paywall_closed", True), ("Angebot abgelehnt", True), ("paywall_shown", False), ("menu_closed", False)],
)
def test_a_name_says_whether_an_offer_is_turned_down(name: str, refused: bool) -> None:
    assert is_offer(name, refused=True) is refused


def test_every_target_is_a_metric_of_the_catalog(shop: Any) -> None:
    insights, _, catalog = shop
    assert set(insights["target_metric"].dropna()) <= set(catalog["feature"])


def test_the_second_evidence_of_a_pain_says_something_else(shop: Any) -> None:
    insights, evidence, _ = shop
    rows = {row["evidence_id"]: row for row in evidence.to_dict("records")}
    pains = insights.loc[insights["kind"] == "pain_point", "evidence_ids"]
    assert len(pains) and not any(reads_the_same(rows[one], rows[other]) for one, other in pains)


def test_what_holds_in_one_half_alone_is_tentative() -> None:
    groups = shop_groups()
    _, evidence, _ = described(groups)
    steps = evidence[(evidence["measure"] == "step") & (evidence["cluster_id"] == "C03")]
    assert steps["replicated"].notna().all()
    described_by_none = evidence[evidence["descriptive"]]
    assert described_by_none["replicated"].isna().all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("checkout_started", "payment"),
        ("Zahlung_ausgefuehrt", "payment"),
        ("pago_realizado", "payment"),
        ("formulaire_envoye", "form"),
        ("BasketFilled", "search"),
        ("workspace_created", "onboarding"),
        ("help_opened", "help"),
        ("W_Beoordelen", "waiting"),
        ("paywall_shown", "pricing"),
        ("shop_open", None),
        ("xyzzy", None),
    ],
)
def test_kinds_of_steps_are_known_in_several_languages(name: str, kind: str | None) -> None:
    assert step_kind(name) == kind


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_remedy_for_a_step_of_any_kind(cause: Cause) -> None:
    assert find_remedies(cause, None) if cause is not Cause.WAIT else find_remedies(cause, "waiting")
