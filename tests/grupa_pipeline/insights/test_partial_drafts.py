"""A faulty part of a reply costs that part: the others are kept, mechanical faults are mended, and the rules complete."""

import copy
import json
from typing import Any

import pytest

from grupa_pipeline.insights.claims import unsupported_claims
from grupa_pipeline.insights.draft_validation import CitableFacts, draft_faults
from grupa_pipeline.insights.partial_drafts import NOT_THE_SHAPE, PartialDraft, complete, read_parts
from grupa_pipeline.insights.quantities import without_true_quantities
from grupa_pipeline.insights.rule_based import write_draft
from tests.grupa_pipeline.insights import planted
from tests.grupa_pipeline.insights.test_draft_validation import analysis_context, good, worst_and_other


@pytest.fixture(scope="module")
def facts() -> CitableFacts:
    return CitableFacts.of(analysis_context().citable_of("C01"), planted.catalog())


def read(answer: object, facts: CitableFacts) -> PartialDraft:
    return read_parts(answer if isinstance(answer, str) else json.dumps(answer), facts)


def changed(facts: CitableFacts, part: str, **changes: object) -> dict[str, Any]:
    answer = copy.deepcopy(good(facts))
    answer[part][0] |= changes
    return answer


def test_a_good_reply_is_taken_whole_also_within_a_fence(facts: CitableFacts) -> None:
    for answer in (good(facts), f"```json\n{json.dumps(good(facts))}\n```"):
        found = read(answer, facts)
        assert found.is_complete and not found.faults and not found.mended and len(found) == 2


def test_a_faulty_recommendation_costs_only_itself(facts: CitableFacts) -> None:
    answer = changed(facts, "recommendations", target_metric="made_up")
    answer["recommendations"].append(good(facts)["recommendations"][0] | {"title": "Another way back"})
    found = read(answer, facts)
    assert [part.title for part, _ in found.recommendations] == ["Another way back"]
    assert len(found.cited) == 1 and "made_up" in found.faults[0] and found.faults[0].startswith("recommendation 1")


@pytest.mark.parametrize("field", ["direction", "title", "addresses"])
def test_a_part_in_another_shape_costs_only_itself(field: str, facts: CitableFacts) -> None:
    answer = changed(facts, "recommendations", **{field: {"no": "text"}, "evidence_ids": ["E99"]})
    found = read(answer, facts)
    assert len(found.cited) == 1 and not found.recommendations and found.faults


def test_the_rules_complete_what_is_missing_and_say_so(facts: CitableFacts) -> None:
    by_rules = write_draft(analysis_context().citable_of("C01"), "C01", planted.catalog())
    no_recommendation = read(changed(facts, "recommendations", target_metric="made_up"), facts)
    completed = complete(no_recommendation, by_rules)
    assert completed is not None and completed.draft.pain_points[0].title == "Drop off comes often"
    assert {part[0] for part in completed.rule_parts} >= {"R"} and "P1" not in completed.rule_parts
    no_pain = read(changed(facts, "pain_points", body="They bought an iPhone."), facts)
    completed = complete(no_pain, by_rules)
    assert completed is not None and "P1" in completed.rule_parts and "R1" not in completed.rule_parts
    assert draft_faults(completed.draft, facts) == []
    assert complete(PartialDraft(), None) is None


def test_a_reply_without_a_recommendation_has_that_fault(facts: CitableFacts) -> None:
    found = read(good(facts) | {"recommendations": []}, facts)
    assert found.faults == ["gives no recommendation"] and len(found.cited) == 1


def test_the_second_part_of_one_title_is_refused_and_parts_beyond_the_limit_are_left_out(facts: CitableFacts) -> None:
    pain = good(facts)["pain_points"][0]
    twice = read(good(facts) | {"pain_points": [pain, pain]}, facts)
    assert twice.faults == ["pain point 2 has a title that is given twice"] and len(twice.cited) == 1
    many = read(good(facts) | {"pain_points": [pain | {"title": f"Gap {letter}"} for letter in "abcdefgh"]}, facts)
    assert "pain points: the first 5 of 8 are kept" in many.mended and len(many.cited) == 5


def test_mechanical_faults_are_mended_and_told(facts: CitableFacts) -> None:
    worst, other = worst_and_other(facts)
    way = "more" if facts.rows[worst]["effect_size"] > 0 else "less"
    body = f"They meet it {way} often: **{{{worst}.cluster}}%** against {{ {worst}.rest }} percent of the others."
    found = read(changed(facts, "pain_points", body=body, evidence_ids=[other]), facts)
    assert found.faults == [] and len(found.mended) == 2
    assert (
        found.cited[0].body == f"They meet it {way} often: {{{worst}.cluster}} against {{{worst}.rest}} of the others."
    )
    assert set(found.cited[0].evidence_ids) == {worst, other}


def test_what_is_no_reply_is_one_fault(facts: CitableFacts) -> None:
    for answer in ("", "[]", '{"answer": 42}', "I cannot do that."):
        found = read(answer, facts)
        assert len(found) == 0 and found.faults[0].startswith(NOT_THE_SHAPE)


@pytest.mark.parametrize(
    "sentence",
    [
        "They shop on an iPhone.",
        "Most of them are students.",
        "The page crashes.",
        "They find it too expensive.",
        "They are frustrated.",
        "They buy at a competitor instead.",
        "Lawyers in Vienna forbid it.",
    ],
)
def test_what_no_log_shows_is_claimed_as_a_guess_or_not_at_all(sentence: str) -> None:
    assert unsupported_claims(sentence, ("item_seen",))
    assert not unsupported_claims(f"Perhaps {sentence[0].lower()}{sentence[1:]}", ("item_seen",))


def test_the_logs_own_words_can_be_spoken_of() -> None:
    assert unsupported_claims("They open a coupon.", ()) and not unsupported_claims(
        "They open a coupon.", ("coupon_opened",)
    )


def test_quantities_in_words_are_compared_with_the_number_beside_them() -> None:
    row = {"unit": "share", "cluster_value": 0.58, "rest_value": 0.9}
    assert "half" not in without_true_quantities("More than half do ({E1.cluster}).", {"E1": row})
    assert "half" in without_true_quantities("Less than half do ({E1.cluster}).", {"E1": row | {"rest_value": 0.8}})
    assert "half" in without_true_quantities("More than half do.", {"E1": row})
