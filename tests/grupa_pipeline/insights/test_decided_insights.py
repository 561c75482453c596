from datetime import date

import pandas as pd

from grupa_pipeline.insights.decided_insights import MAX_REASON_LENGTH, decisions_on, rank_decided
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback

DAY = date(2026, 3, 2)
ROWS = [
    {"insight_id": name, "kind": kind, "rank": rank, "body": f"{name}."}
    for kind, names in (("pain_point", ("P1", "P2", "P3")), ("recommendation", ("R1", "R2")))
    for rank, name in enumerate(names, start=1)
]
EVIDENCE = pd.DataFrame({"evidence_id": ["E1"], "effect_size": [0.2]})


def decided(insight_id, verdict, *, low=0.1, high=0.3, why=None, day=DAY):
    return InsightFeedback(insight_id, day, "C01", f"Title of {insight_id}", verdict, why, "E1", low, high)


def ranked(*decisions):
    rows = rank_decided(ROWS, EVIDENCE, {each.insight_id: each for each in decisions})
    return [(row["insight_id"], row["rank"]) for row in rows], {row["insight_id"]: row["body"] for row in rows}


def test_a_dismissed_insight_is_ranked_last_of_its_kind_and_a_planned_one_before_it():
    order, bodies = ranked(decided("P1", FeedbackVerdict.DISMISSED), decided("P2", FeedbackVerdict.PLANNED))
    assert order == [("P3", 1), ("P2", 2), ("P1", 3), ("R1", 1), ("R2", 2)]
    assert bodies["P1"] == "P1."


def test_an_insight_that_is_useful_or_known_keeps_its_rank():
    order, _ = ranked(decided("P2", FeedbackVerdict.USEFUL), decided("R1", FeedbackVerdict.KNOWN))
    assert order == [("P1", 1), ("P2", 2), ("P3", 3), ("R1", 1), ("R2", 2)]


def test_a_dismissed_insight_returns_and_says_so_when_its_effect_leaves_the_interval_of_then():
    order, bodies = ranked(decided("P1", FeedbackVerdict.DISMISSED, low=0.25))
    assert order[0] == ("P1", 1)
    expected = "It was dismissed as of 2 March 2026; since then the difference has left the range it had."
    assert bodies["P1"] == f"P1. {expected}"


def test_a_model_is_told_the_decisions_on_its_cluster_the_latest_first():
    other = InsightFeedback("P9", DAY, "C02", "Another", FeedbackVerdict.USEFUL)
    early = decided("P1", FeedbackVerdict.DISMISSED, why="x" * 300)
    late = decided("R1", FeedbackVerdict.PLANNED, day=date(2026, 3, 9))
    assert decisions_on("C01", {each.insight_id: each for each in (early, late, other)}) == [
        {"insight": "Title of R1", "decided": "planned"},
        {"insight": "Title of P1", "decided": "dismissed", "why": "x" * MAX_REASON_LENGTH},
    ]
