"""Errors, help and what the system decides are never something that users are led to."""

from typing import Any

import pandas as pd
import pytest

from grupa_pipeline.insights.event_roles import add_event_roles, can_be_offered, is_unwanted
from grupa_pipeline.insights.pain_points import find_pattern
from grupa_pipeline.insights.wording import Wording, action_words

EVENTS = pd.DataFrame(
    [
        ("pay", "goal", "user", "pay"),
        ("payment_error", "error", "system", "payment error"),
        ("help_open", "help", "user", "help open"),
        ("approved", "goal", "system", "approved"),
        ("stamp", "step", "system", "stamp"),
        ("search", "step", "user", "Looks for something"),
    ],
    columns=["action", "role", "decided_by", "label"],
)


def entry_of(source: str, family: str, better: bool | None = None) -> dict[str, Any]:
    role = "outcome" if family == "outcome_had" else "context"
    row = {"feature": "x", "family": family, "role": role, "source_action": source, "higher_is_better": better}
    return {
        str(key): value for key, value in add_event_roles(pd.DataFrame([row]), EVENTS).to_dict("records")[0].items()
    }


def row_of(effect: float, measure: str = "proportion") -> dict[str, Any]:
    return {"metric": "x", "effect_size": effect, "measure": measure}


@pytest.mark.parametrize("action", ["payment_error", "help_open", "stamp"])
@pytest.mark.parametrize("family", ["action_done", "action_share", "path"])
def test_no_pattern_leads_users_to_what_is_no_step_of_theirs(action: str, family: str) -> None:
    source = f"search\n{action}" if family == "path" else action
    better = None if action == "stamp" or family == "path" else False
    for effect in (-0.4, 0.4):
        pattern = find_pattern(row_of(effect), entry_of(source, family, better))
        assert pattern.leads_to is None, pattern.kind
    assert find_pattern(row_of(-0.4), entry_of("search", "action_done")).kind == "habit"


def test_errors_and_help_are_pain_points_of_their_own() -> None:
    assert find_pattern(row_of(0.4), entry_of("payment_error", "action_done", better=False)).kind == "errors"
    # What comes before an error is no error.
    assert find_pattern(row_of(0.4), entry_of("search\npayment_error", "path")).kind != "errors"
    assert find_pattern(row_of(0.4), entry_of("help_open", "action_share", better=False)).kind == "support_load"


def test_a_goal_that_the_company_decides_is_no_next_step() -> None:
    decided = find_pattern(row_of(-0.4), entry_of("approved", "outcome_had", better=True))
    own = find_pattern(row_of(-0.4), entry_of("pay", "outcome_had", better=True))
    assert decided.kind == own.kind == "low_conversion"
    assert not any("next step" in title for title in decided.fix.title)
    assert any("next step" in title for title in own.fix.title)


def test_of_a_path_the_second_action_counts() -> None:
    assert is_unwanted(entry_of("search\npayment_error", "path")) and not is_unwanted(
        entry_of("payment_error\npay", "path")
    )
    assert not can_be_offered(entry_of("search\nstamp", "path")) and can_be_offered(entry_of("stamp\nsearch", "path"))
    assert entry_of("a\nb\nc", "proposals")["event_role"] is None


def test_a_label_replaces_the_name_in_texts() -> None:
    entry = entry_of("search", "action_share")
    assert Wording(pd.DataFrame([entry])).steps("x") == ["Looks for something"]


@pytest.mark.parametrize(
    ("action", "words"),
    [("$pageview", "$pageview"), ("[Shop] Item Viewed", "[Shop] item viewed"), ("/cart", "/cart"), ("$", "$")],
)
def test_a_prefix_is_part_of_the_name(action: str, words: str) -> None:
    assert action_words(action) == words
