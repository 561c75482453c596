import json
import re

import pandas as pd
import pytest

from grupa_pipeline import tables
from grupa_pipeline.insights.generate import Insights, Kept
from grupa_pipeline.insights.prompting import PROMPT_VERSION
from grupa_pipeline.insights.templates import PLACEHOLDER, shown
from grupa_pipeline.insights.text_reuse import read_written
from tests.grupa_pipeline.insights import contexts, planted
from tests.grupa_pipeline.insights.model_server import ModelServer, data_of, good_answer, good_draft

MODEL = "openai:stand-in"


def by_model(server: ModelServer, kept: Kept | None = None, **changes: object) -> Insights:
    return contexts.write(llm=MODEL, base_url=server.openai_url, kept=kept, **changes)


def test_rules_fill_the_contract() -> None:
    told = contexts.write()
    assert list(told.names["cluster_id"]) == ["C01", "C02", "C03"]
    for frame, table in ((told.insights, tables.CLUSTER_INSIGHTS), (told.calls, tables.LLM_CALLS)):
        assert list(frame.columns) == [name for name in table.column_names if name != "snapshot_date"]
    assert told.names["fallback_reason"].isna().all()
    assert told.warnings == []
    assert told.calls.empty
    known, evidence = set(planted.catalog()["feature"]), set(contexts.inputs()["evidence"]["evidence_id"])
    pains = told.insights[told.insights["kind"] == "pain_point"]
    for row in told.insights.to_dict("records"):
        assert set(row["evidence_ids"]) <= evidence
        if row["kind"] == "recommendation":
            assert row["target_metric"] in known
            assert row["addresses"]
            assert set(row["addresses"]) <= set(pains["insight_id"])
    assert told.insights["insight_id"].is_unique


def test_rules_are_the_same_every_time() -> None:
    first, second = contexts.write(), contexts.write()
    pd.testing.assert_frame_equal(first.insights, second.insights)
    pd.testing.assert_frame_equal(first.names, second.names)


@pytest.mark.parametrize("llm", [None, MODEL])
def test_every_number_is_one_of_the_evidence(llm: str | None, openai_key: None) -> None:
    given = contexts.inputs()
    with ModelServer() as server:
        told = contexts.write(given, llm=llm, base_url=server.openai_url)
    rows = {row["evidence_id"]: row for row in given["evidence"].to_dict("records")}
    numbers = 0
    for cluster_id, text in read_written(told.names).items():
        part = told.insights[told.insights["cluster_id"] == cluster_id]
        shown_text = " ".join([*told.names.loc[told.names["cluster_id"] == cluster_id, "summary"], *part["body"]])
        assert not re.search(r"[{}]", shown_text)
        for alias, number in PLACEHOLDER.findall(
            text.name.summary + " ".join(pain.body for pain in text.draft.pain_points)
        ):
            assert shown(rows[text.evidence[alias]], number) in shown_text
            numbers += 1
    assert numbers > 6


def test_six_clusters_cost_seven_calls_and_an_identical_log_none(openai_key: None) -> None:
    features = planted.features()
    labels = pd.Series([f"C0{1 + number // 50}" for number in range(len(features))], index=features.index)
    given = contexts.inputs(features, labels=labels)
    with ModelServer() as server:
        first = contexts.write(given, llm=MODEL, base_url=server.openai_url)
        assert len(server.requests) == len(first.calls) == 7
        for kept in (Kept(before=first.names), Kept(same=first.names)):
            again = contexts.write(given, llm=MODEL, base_url=server.openai_url, kept=kept)
            pd.testing.assert_frame_equal(again.insights, first.insights)
        assert len(server.requests) == 7


def test_only_a_models_text_is_kept_from_the_same_snapshot() -> None:
    """The rules write anew, so that making a snapshot again does not depend on what stood there."""
    first = contexts.write()
    edited = first.names.assign(written=first.names["written"].str.replace(first.names["name"].iloc[0], "Another name"))
    assert "Another name" not in list(contexts.write(kept=Kept(same=edited)).names["name"])
    assert "Another name" in list(contexts.write(kept=Kept(before=edited)).names["name"])


def test_another_model_is_asked_anew_and_rules_do_not_keep_a_models_text(openai_key: None) -> None:
    with ModelServer() as server:
        first = by_model(server)
        by_model(server, Kept(before=first.names))
        assert len(server.requests) == 4
        contexts.write(llm="openai:other", base_url=server.openai_url, kept=Kept(before=first.names))
        assert len(server.requests) == 8
    assert set(contexts.write(kept=Kept(before=first.names)).insights["source"]) == {"rules"}


def test_new_numbers_are_filled_into_a_kept_text(openai_key: None) -> None:
    with ModelServer() as server:
        first = by_model(server)
        moved = contexts.inputs(planted.features(seed=2))
        second = contexts.write(moved, llm=MODEL, base_url=server.openai_url, kept=Kept(before=first.names))
    kept = set(first.names["written"]) & set(second.names["written"])
    assert kept
    same = first.names["written"].isin(kept).to_numpy()
    assert (first.names["summary"][same] != second.names["summary"][same]).any()
    clusters = set(first.names["cluster_id"][same])
    ids = [set(rows["insight_id"][rows["cluster_id"].isin(clusters)]) for rows in (first.insights, second.insights)]
    assert ids[0] == ids[1]


def test_one_bad_draft_leaves_that_cluster_alone_to_the_rules(openai_key: None) -> None:
    def answer(prompt: str) -> str:
        if "Name exactly" in prompt or data_of(prompt)[0]["cluster_id"] != "C02":
            return good_answer(prompt)
        draft = good_draft(prompt)
        draft["pain_points"][0]["body"] += " That is 99 percent."
        return json.dumps(draft)

    with ModelServer(otherwise=answer) as server:
        told = by_model(server)
        repairs = [prompt for prompt in server.prompts if "states a number of its own" in prompt]
    assert len(repairs) == 1
    sources = told.insights.groupby("cluster_id")["source"].unique().str[0].to_dict()
    assert sources == {"C01": "llm", "C02": "rules", "C03": "llm"}
    reasons = told.names.set_index("cluster_id")["fallback_reason"]
    assert "number of its own" in reasons["C02"]
    assert reasons[["C01", "C03"]].isna().all()
    assert "99" not in told.insights.to_csv()
    assert sorted(told.calls["outcome"]) == ["invalid", "invalid", "ok", "ok", "ok"]


def test_bad_names_are_the_rules_and_drafts_the_models(openai_key: None) -> None:
    def answer(prompt: str) -> str:
        return good_answer(prompt).replace("gardens", "falcons").replace("bridges", "falcons").replace("Birch", "Amber")

    with ModelServer(otherwise=answer) as server:
        told = by_model(server)
    assert set(told.insights["source"]) == {"llm"}
    assert told.names["name"].is_unique
    assert told.names["fallback_reason"].notna().any()


def test_a_small_group_is_not_described_and_not_asked_about(openai_key: None) -> None:
    labels = planted.labels()
    labels[labels[labels == "C03"].index[9:]] = None
    given = contexts.inputs(labels=labels)
    with ModelServer() as server:
        told = contexts.write(given, llm=MODEL, base_url=server.openai_url)
        assert not any('"C03"' in prompt for prompt in server.prompts)
    names = told.names.set_index("cluster_id")
    assert "fewer than 10 users" in names.loc["C03", "fallback_reason"]
    assert "C03" not in set(told.insights["cluster_id"])
    assert len(told.calls) == 3


def test_no_clusters_at_all(openai_key: None) -> None:
    given = contexts.inputs(labels=pd.Series(None, index=planted.features().index, dtype=object))
    told = contexts.write(given, llm=MODEL, base_url="http://127.0.0.1:9")
    assert told.names.empty
    assert told.insights.empty
    assert told.calls.empty


def test_calls_say_what_was_sent_and_what_came_back(openai_key: None) -> None:
    with ModelServer() as server:
        told = by_model(server)
    calls = told.calls.to_dict("records")
    assert [call["cluster_id"] for call in calls[1:]] == ["C01", "C02", "C03"]
    assert calls[0]["cluster_id"] is None or pd.isna(calls[0]["cluster_id"])
    for call in calls:
        assert (call["provider"], call["model"], call["prompt_version"]) == ("openai", "stand-in", PROMPT_VERSION)
        assert "BEGIN DATA" in call["prompt"]
        assert json.loads(call["response"])
        assert (call["input_tokens"], call["output_tokens"], call["outcome"]) == (100, 20, "ok")
