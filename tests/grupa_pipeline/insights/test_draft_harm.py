"""No draft leads users to what nobody should be led to, or rests a pain on what is none."""

from typing import Any

import pytest

from grupa_pipeline.insights.draft_harm import is_no_pain, offered_harm
from grupa_pipeline.insights.models import RequestedRecommendation

ENTRIES: dict[str, dict[str, Any]] = {
    "had_order": {"family": "outcome_had", "subject": "order", "source_action": "order", "higher_is_better": True},
    "step_order_pay": {"family": "funnel_step", "subject": "order", "source_action": "card\npay", "higher_is_better": True},
    "did_card_refused": {"family": "action_done", "event_role": "error", "source_action": "card_refused", "higher_is_better": None},
    "had_approved": {"family": "outcome_had", "decided_by": "system", "source_action": "approved", "higher_is_better": True},
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "E1": {"metric": "had_order", "measure": "proportion", "effect_size": -0.3, "ci_high": -0.2},
    "E2": {"metric": "step_order_pay", "measure": "step", "effect_size": -0.4, "ci_high": -0.3},
}


def recommendation(**changes: Any) -> RequestedRecommendation:
    given: dict[str, Any] = {
        "title": "Keep what was typed",
        "body": "After a refused card, keep what was typed and say what else can be tried.",
        "addresses": [1],
        "evidence_ids": ["E2"],
        "target_metric": "step_order_pay",
        "direction": "increase",
        "change": "The form keeps the card.",
        "hypothesis": "If the form keeps the card, then payments increase, because less is typed.",
    }
    return RequestedRecommendation.model_validate(given | changes)


def test_a_step_can_be_aimed_at() -> None:
    assert list(offered_harm(recommendation(), ROWS, ENTRIES)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"target_metric": "did_card_refused"},
        {"target_metric": "had_approved"},
        {"target_metric": "had_order", "evidence_ids": ["E1"]},
        {"title": "Bring card refused to more of them"},
    ],
)
def test_nobody_is_led_to_errors_decisions_of_others_or_past_a_lost_step(changes: dict[str, Any]) -> None:
    assert list(offered_harm(recommendation(**changes), ROWS, ENTRIES))


def test_what_others_decide_and_a_rarer_error_are_no_pain() -> None:
    assert is_no_pain(ROWS["E2"], ENTRIES["step_order_pay"] | {"decided_by": "system"})
    assert is_no_pain({"measure": "proportion", "effect_size": -0.2}, ENTRIES["did_card_refused"])
    assert not is_no_pain(ROWS["E2"], ENTRIES["step_order_pay"])
