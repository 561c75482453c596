"""Whole runs of `write_insights`, by rules and by a stand-in model: who writes what, what is reused, what is stored."""

import json
import re
from datetime import date

import pandas as pd
import pytest

from grupa_pipeline import tables
from grupa_pipeline.insights.call_limits import CallLimits
from grupa_pipeline.insights.insight_writer import Insights
from grupa_pipeline.insights.previous_texts import PreviousTexts, WrittenAgain
from grupa_pipeline.insights.rule_based import RULES_VERSION
from grupa_pipeline.insights.templates import PLACEHOLDER, format_part
from grupa_pipeline.insights.text_reuse import PROMPT_VERSION, parse_texts
from grupa_pipeline.vocabulary.enums import CallOutcome, FeedbackVerdict, InsightKind, InsightSource
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback
from tests.grupa_pipeline.insights import contexts, planted
from tests.grupa_pipeline.insights.model_server import ModelServer, data_of, good_answer, good_draft

MODEL = "openai:stand-in"


def by_model(server: ModelServer, previous: PreviousTexts | None = None) -> Insights:
    return contexts.write(llm=MODEL, base_url=server.openai_url, previous=previous or PreviousTexts())


@pytest.mark.slow
def test_texts_by_rules_have_the_columns_and_references_of_the_tables() -> None:
    insights = contexts.write()
    assert list(insights.names["cluster_id"]) == ["C01", "C02", "C03"]
    for frame, table in ((insights.insights, tables.CLUSTER_INSIGHTS), (insights.calls, tables.LLM_CALLS)):
        assert list(frame.columns) == [name for name in table.column_names if name != "snapshot_date"]
    assert insights.names["fallback_reason"].isna().all()
    assert insights.warnings == []
    assert insights.calls.empty
    known, evidence = set(planted.catalog()["feature"]), set(contexts.inputs()["evidence"]["evidence_id"])
    cited = insights.insights[insights.insights["kind"] != InsightKind.RECOMMENDATION]
    for row in insights.insights.to_dict("records"):
        assert set(row["evidence_ids"]) <= evidence
        if row["kind"] == InsightKind.RECOMMENDATION:
            assert row["target_metric"] in known
            assert row["addresses"]
            assert set(row["addresses"]) <= set(cited["insight_id"])
    assert insights.insights["insight_id"].is_unique


@pytest.mark.slow
def test_rules_are_the_same_every_time() -> None:
    first, second = contexts.write(), contexts.write()
    pd.testing.assert_frame_equal(first.insights, second.insights)
    pd.testing.assert_frame_equal(first.names, second.names)


@pytest.mark.parametrize("llm", [None, MODEL])
@pytest.mark.slow
def test_every_number_is_one_of_the_evidence(llm: str | None, openai_key: None) -> None:
    arguments = contexts.inputs()
    with ModelServer() as server:
        insights = contexts.write(arguments, llm=llm, base_url=server.openai_url)
    rows = {row["evidence_id"]: row for row in arguments["evidence"].to_dict("records")}
    numbers = 0
    for cluster_id, text in parse_texts(insights.names).items():
        part = insights.insights[insights.insights["cluster_id"] == cluster_id]
        shown_text = " ".join(
            [*insights.names.loc[insights.names["cluster_id"] == cluster_id, "summary"], *part["body"]]
        )
        assert not re.search(r"[{}]", shown_text)
        for alias, number in PLACEHOLDER.findall(
            text.name.summary + " ".join(pain.body for pain in text.draft.pain_points)
        ):
            assert format_part(rows[text.evidence[alias]], number) in shown_text
            numbers += 1
    assert numbers > 6


@pytest.mark.slow
def test_six_clusters_cost_seven_calls_and_an_identical_log_none(openai_key: None) -> None:
    features = planted.features()
    labels = pd.Series([f"C0{1 + number // 50}" for number in range(len(features))], index=features.index)
    arguments = contexts.inputs(features, labels=labels)
    with ModelServer() as server:
        first = contexts.write(arguments, llm=MODEL, base_url=server.openai_url)
        assert len(server.requests) == len(first.calls) == 7
        for previous in (PreviousTexts(earlier_snapshot=first.names), PreviousTexts(same_snapshot=first.names)):
            again = contexts.write(arguments, llm=MODEL, base_url=server.openai_url, previous=previous)
            pd.testing.assert_frame_equal(again.insights, first.insights)
        assert len(server.requests) == 7


@pytest.mark.slow
def test_only_a_models_text_is_reused_from_the_same_snapshot() -> None:
    """The rules write again, so that a snapshot does not depend on its own previous version."""
    first = contexts.write()
    edited = first.names.assign(written=first.names["written"].str.replace(first.names["name"].iloc[0], "Another name"))
    assert "Another name" not in list(contexts.write(previous=PreviousTexts(same_snapshot=edited)).names["name"])
    assert "Another name" in list(contexts.write(previous=PreviousTexts(earlier_snapshot=edited)).names["name"])


@pytest.mark.slow
def test_texts_of_another_model_are_not_reused_by_a_model_or_by_rules(openai_key: None) -> None:
    with ModelServer() as server:
        first = by_model(server)
        by_model(server, PreviousTexts(earlier_snapshot=first.names))
        assert len(server.requests) == 4
        contexts.write(
            llm="openai:other", base_url=server.openai_url, previous=PreviousTexts(earlier_snapshot=first.names)
        )
        assert len(server.requests) == 8
    assert set(contexts.write(previous=PreviousTexts(earlier_snapshot=first.names)).insights["source"]) == {
        InsightSource.RULES
    }


@pytest.mark.slow
def test_new_numbers_are_filled_into_a_reused_text(openai_key: None) -> None:
    with ModelServer() as server:
        first = by_model(server)
        moved = contexts.inputs(planted.features(seed=2))
        second = contexts.write(
            moved, llm=MODEL, base_url=server.openai_url, previous=PreviousTexts(earlier_snapshot=first.names)
        )
    reused = set(first.names["written"]) & set(second.names["written"])
    assert reused
    same = first.names["written"].isin(reused).to_numpy()
    assert (first.names["summary"][same] != second.names["summary"][same]).any()
    clusters = set(first.names["cluster_id"][same])
    ids = [set(rows["insight_id"][rows["cluster_id"].isin(clusters)]) for rows in (first.insights, second.insights)]
    assert ids[0] == ids[1]


@pytest.mark.slow
def test_rules_write_only_for_the_cluster_with_an_invalid_draft(openai_key: None) -> None:
    def answer(prompt: str) -> str:
        if "Name exactly" in prompt or data_of(prompt)[0]["cluster_id"] != "C02":
            return good_answer(prompt)
        draft = good_draft(prompt)
        for part in (*draft["pain_points"], *draft["recommendations"]):
            part["body"] += " That is 99 percent."
        return json.dumps(draft)

    with ModelServer(otherwise=answer) as server:
        insights = by_model(server)
    [error] = set(insights.calls.loc[insights.calls["outcome"] == CallOutcome.INVALID, "error"])
    told = {fault: sum(fault in prompt for prompt in server.prompts) for fault in error.split("; ")}
    assert set(told.values()) == {1}, "it is asked to repair once"
    sources = insights.insights.groupby("cluster_id")["source"].unique().str[0].to_dict()
    assert sources == {"C01": InsightSource.LLM, "C02": InsightSource.RULES, "C03": InsightSource.LLM}
    reasons = insights.names.set_index("cluster_id")["fallback_reason"]
    assert error.startswith(reasons["C02"].removeprefix("no usable text from the model: "))
    assert reasons["C02"].startswith("no usable text from the model: pain point 1 ")
    assert reasons[["C01", "C03"]].isna().all()
    assert "99" not in insights.insights.to_csv()
    assert sorted(insights.calls["outcome"]) == [CallOutcome.INVALID] * 2 + [CallOutcome.OK] * 3


@pytest.mark.slow
def test_a_faulty_pain_point_costs_only_itself(openai_key: None) -> None:
    def answer(prompt: str) -> str:
        if "Name exactly" in prompt or data_of(prompt)[0]["cluster_id"] != "C02":
            return good_answer(prompt)
        draft = good_draft(prompt)
        draft["pain_points"][0]["body"] += " That is 99 percent."
        return json.dumps(draft)

    with ModelServer(otherwise=answer) as server:
        insights = by_model(server)
    own = insights.insights[insights.insights["cluster_id"] == "C02"]
    assert not own["title"].str.startswith("First measured gap").any()
    assert (own.loc[own["kind"] == "recommendation", "source"] == InsightSource.LLM).all()
    by_rules = own[own["source"] == InsightSource.RULES]
    assert by_rules["model"].isna().all() and (by_rules["prompt_version"] == RULES_VERSION).all()
    reason = insights.names.set_index("cluster_id")["fallback_reason"]["C02"]
    assert (reason is not None and "completed" in reason) == bool(len(by_rules))
    assert insights.calls["error"].str.contains("pain point 1").sum() == 2


@pytest.mark.slow
def test_invalid_names_are_replaced_by_rules_and_drafts_stay_the_models(openai_key: None) -> None:
    def answer(prompt: str) -> str:
        return good_answer(prompt).replace("gardens", "falcons").replace("bridges", "falcons").replace("Birch", "Amber")

    with ModelServer(otherwise=answer) as server:
        insights = by_model(server)
    assert set(insights.insights["source"]) == {InsightSource.LLM}
    assert insights.names["name"].is_unique
    assert insights.names["fallback_reason"].notna().any()


@pytest.mark.slow
def test_a_small_group_is_not_described_and_not_asked_about(openai_key: None) -> None:
    labels = planted.labels()
    labels[labels[labels == "C03"].index[9:]] = None
    arguments = contexts.inputs(labels=labels)
    with ModelServer() as server:
        insights = contexts.write(arguments, llm=MODEL, base_url=server.openai_url)
        assert not any('"C03"' in prompt for prompt in server.prompts)
    names = insights.names.set_index("cluster_id")
    assert names["fallback_reason"].notna().to_dict() == {"C01": False, "C02": False, "C03": True}
    assert "C03" not in set(insights.insights["cluster_id"])
    assert len(insights.calls) == 3


def test_no_clusters_at_all(openai_key: None) -> None:
    arguments = contexts.inputs(labels=pd.Series(None, index=planted.features().index, dtype=object))
    insights = contexts.write(arguments, llm=MODEL, base_url="http://127.0.0.1:9")
    assert insights.names.empty
    assert insights.insights.empty
    assert insights.calls.empty


@pytest.mark.slow
def test_calls_record_what_was_sent_and_what_came_back(openai_key: None) -> None:
    with ModelServer() as server:
        insights = by_model(server)
    calls = insights.calls.to_dict("records")
    assert [call["cluster_id"] for call in calls[1:]] == ["C01", "C02", "C03"]
    assert calls[0]["cluster_id"] is None or pd.isna(calls[0]["cluster_id"])
    for call in calls:
        assert (call["provider"], call["model"], call["prompt_version"]) == ("openai", "stand-in", PROMPT_VERSION)
        assert "BEGIN DATA" in call["prompt"]
        assert json.loads(call["response"])
        assert (call["input_tokens"], call["output_tokens"], call["outcome"]) == (100, 20, CallOutcome.OK)


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "is_down"), [("503", True), ("drop", True), ("401", False), ("good", False)])
def test_a_provider_that_answers_nothing_for_now_is_told_apart(answer: str, is_down: bool, openai_key: None) -> None:
    with ModelServer(otherwise=answer) as server:
        insights = contexts.write(llm=MODEL, base_url=server.openai_url, limits=CallLimits(attempts=1))
    assert insights.provider_is_down is is_down
    assert not insights.insights.empty


def test_texts_that_are_asked_for_again_are_not_reused_and_the_others_stay() -> None:
    first = contexts.write()
    edited = first.names.assign(written=first.names["written"].str.replace('"name":"', '"name":"Kept ', regex=False))
    for again, kept in ((WrittenAgain(), []), (WrittenAgain("C02"), ["C01", "C03"])):
        names = contexts.write(previous=PreviousTexts(edited, edited, again)).names.set_index("cluster_id")["name"]
        assert [cluster_id for cluster_id, name in names.items() if name.startswith("Kept ")] == kept


@pytest.mark.slow
def test_what_people_decided_is_in_the_rows_and_a_model_is_told(openai_key: None) -> None:
    gone = contexts.write().insights.iloc[0]
    cluster_id, title, evidence_id = gone["cluster_id"], gone["title"], gone["evidence_ids"][0]
    said = InsightFeedback(
        gone["insight_id"], date(2026, 2, 1), cluster_id, title, FeedbackVerdict.DISMISSED, "no", evidence_id, 8.0, 9.0
    )
    decisions = {said.insight_id: said}
    rows = contexts.write(decisions=decisions).insights.set_index("insight_id")
    assert "It was dismissed as of 1 February 2026" in rows.loc[said.insight_id, "body"]
    with ModelServer() as server:
        contexts.write(llm=MODEL, base_url=server.openai_url, decisions=decisions)
    [told] = [data_of(each)[0] for each in server.prompts if '"decisions": [' in each]
    decision = {"insight": title, "decided": "dismissed", "why": "no"}
    assert (told["cluster_id"], told["decisions"]) == (cluster_id, [decision])
