"""What explains a difference is no pain: having come further, having come once, or a decision of others."""

import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.insights.cluster_facts import ClusterFacts, comes_once, read_facts
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.journey_based import diagnose, is_pain
from grupa_pipeline.insights.rule_based import write_draft
from grupa_pipeline.insights.templates import rows_by_alias
from grupa_pipeline.insights.true_names import ClusterUsers
from grupa_pipeline.insights.wording import Wording

COLUMNS = {
    "step_order_quote": ("funnel_step", "order", "start\nquote", True),
    "step_order_order": ("funnel_step", "order", "quote\norder", True),
    "had_order": ("outcome_had", "order", "order", True),
    "had_withdrawn": ("outcome_had", "withdrawn", "withdrawn", False),
}


def catalog(decided_by: str = "user") -> pd.DataFrame:
    rows = [
        {
            "feature": name,
            "description": name,
            "unit": "share",
            "role": "outcome",
            "metric_kind": "proportion",
            "higher_is_better": better,
            "source_action": source,
            "family": family,
            "subject": subject,
            "event_role": None,
            "first_role": None,
            "decided_by": decided_by if name == "step_order_quote" else "user",
            "step_labels": None,
        }
        for name, (family, subject, source, better) in COLUMNS.items()
    ]
    return pd.DataFrame(rows)


def users(withdrawn_of_the_far: float, withdrawn_of_the_others: float) -> tuple[pd.DataFrame, pd.Series]:
    """A hundred users who all get to the quote, and two hundred of whom a fourth do; the shares of these withdraw."""
    quote = np.r_[np.ones(100), np.tile([1.0, 0, 0, 0], 50)]
    far = np.flatnonzero(quote[100:]) + 100
    withdrawn = np.zeros(300)
    withdrawn[: round(100 * withdrawn_of_the_far)] = 1
    withdrawn[far[: round(50 * withdrawn_of_the_others)]] = 1
    order = np.where(quote == 1, (np.arange(300) // 4 % 2 == 0) * 1.0, 0.0)
    features = pd.DataFrame(
        {
            "step_order_quote": quote,
            "step_order_order": np.where(quote == 1, order, np.nan),
            "had_order": order,
            "had_withdrawn": withdrawn,
        },
        index=[f"u{number}" for number in range(300)],
    )
    return features, pd.Series(["C01"] * 100 + ["C02"] * 200, index=features.index)


def cluster_users(features: pd.DataFrame, labels: pd.Series) -> ClusterUsers:
    return ClusterUsers(features, labels, {name: name for name in features.columns})


@pytest.mark.parametrize(("of_the_others", "is_explained"), [(0.5, True), (0.1, False)])
def test_a_bad_end_is_explained_where_it_is_as_common_among_the_others_who_got_as_far(
    of_the_others: float, is_explained: bool
) -> None:
    features, labels = users(0.5, of_the_others)
    wording = Wording(catalog())
    facts = read_facts(cluster_users(features, labels), "C01", wording)
    assert ("had_withdrawn" in facts.explained) is is_explained
    evidence = measure_evidence(features, labels, catalog())
    rows = rows_by_alias(evidence[evidence["cluster_id"] == "C01"])
    row = next(row for row in rows.values() if row["metric"] == "had_withdrawn")
    assert is_pain("bad_outcome", row, diagnose(rows, wording, facts), wording) is not is_explained


def test_nothing_is_explained_without_users() -> None:
    assert read_facts(None, "C01", Wording(catalog())) == ClusterFacts()


@pytest.mark.parametrize(("sessions", "once"), [(1, True), (2, False)])
def test_who_came_once_has_no_pause(sessions: int, once: bool) -> None:
    features = pd.DataFrame({"events_total": [6.0, 12.0], "events_per_session": [6.0 / sessions, 12.0 / sessions]})
    assert comes_once(features) is once


def test_users_whom_others_turn_down_are_advised_on_the_decision_and_have_no_pain() -> None:
    features, labels = users(0.5, 0.5)
    decided = catalog("system")
    evidence = measure_evidence(features, labels, decided)
    own = evidence[evidence["cluster_id"] == "C02"]
    draft = write_draft(own, "C02", decided, cluster_users(features, labels))
    assert draft is not None
    assert not draft.pain_points
    assert "Who gets from “start” to “quote” is decided for them" in draft.strengths[0].body
    assert draft.recommendations[0].title == "Ask at “start” for what decides on “quote”"
    assert draft.recommendations[0].target_metric == "step_order_quote"
