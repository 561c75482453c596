"""Words for actions and metrics in logs of any vocabulary; and that every template of the rules can be rendered."""

import re

import pandas as pd
import pytest

from grupa_pipeline.insights.metric_vocabulary import metric_wordings
from grupa_pipeline.insights.pain_points import find_pattern, pain_patterns
from grupa_pipeline.insights.templates import PLACEHOLDER
from grupa_pipeline.insights.wording import UNNAMED, Wording, action_words
from tests.grupa_pipeline.insights import planted

ROW = {
    "cluster_value": 0.41,
    "rest_value": 0.18,
    "lift": 0.41 / 0.18,
    "effect_size": 0.23,
    "unit": "share",
    "measure": "proportion",
}


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("PushEvent", "push"),
        ("proposal_create", "proposal create"),
        ("W_Completeren aanvraag", "completeren aanvraag"),
        ("A_SUBMITTED", "submitted"),
        ("step2_verify", "step two verify"),
        ("X", "x"),
        ("other_3", UNNAMED),
    ],
)
def test_actions_are_put_into_words(action: str, words: str):
    assert action_words(action) == words


def _catalog(actions: dict[str, str]) -> pd.DataFrame:
    entry = planted.catalog().set_index("feature").loc[["share_search"]].reset_index()
    rows = [entry.assign(feature=feature, source_action=action) for feature, action in actions.items()]
    return planted.with_family(pd.concat(rows, ignore_index=True))


def test_actions_that_only_differ_in_their_prefix_keep_it():
    wording = Wording(_catalog({"share_a_sent": "A_SENT", "share_o_sent": "O_SENT", "share_a_new": "A_NEW"}))
    assert wording.steps("share_a_sent") == ["A sent"]
    assert wording.steps("share_o_sent") == ["O sent"]
    assert wording.steps("share_a_new") == ["new"]


def test_known_verbs_name_people_and_hidden_actions_give_no_name():
    wording = Wording(_catalog({"share_message_send": "message_send", "share_push": "PushEvent", "other_1": "other_1"}))
    assert wording.name("<Agents>", "share_message_send") == "Message senders"
    assert wording.name("<Agents>", "share_push") is None
    assert wording.name("Often at <step>", "share_push") == "Often at push"
    assert wording.name("Often at <step>", "other_1") is None


def test_a_step_in_the_past_form_names_what_users_do_and_is_no_noun():
    wording = Wording(_catalog({"share_slot_chosen": "slot_chosen", "share_kurs": "kurs_gebucht"}))
    assert wording.name("Often <do>", "share_slot_chosen") == "Often choose a slot"
    assert wording.name("Often at <step>", "share_slot_chosen") is None
    assert wording.name("Often <do>", "share_kurs") is None
    assert wording.name("Often at <step>", "share_kurs") == "Often at kurs gebucht"


def test_nobody_is_named_after_what_others_decide():
    catalog = _catalog({"share_sent": "order_shipped", "share_placed": "order_placed"})
    wording = Wording(catalog.assign(decided_by=["system", "user"]))
    assert wording.deed("share_sent") is None
    assert wording.deed("share_placed") == "place an order"


def test_a_lift_is_given_where_it_is_informative():
    wording = Wording(planted.catalog())
    row = ROW | {"metric": "had_drop_off"}
    assert ", {E1.lift} the others ({E1.cluster} against {E1.rest})" in wording.clause(row, "E1")
    for lift in (0.4, 1.1, 50.0, float("nan")):
        assert "lift" not in wording.clause(row | {"lift": lift}, "E1")


def test_every_metric_of_a_catalog_can_be_put_into_words_and_matches_a_pattern():
    wording = Wording(planted.catalog())
    for metric in planted.catalog()["feature"]:
        for size in (0.3, -0.3):
            row = ROW | {"metric": metric, "effect_size": size}
            pattern = find_pattern(row, wording.entry(metric))
            for text in (
                wording.clause(row, "E1"),
                *(wording.render(text, row, "E1") for text in pattern.title + pattern.lead),
            ):
                assert not re.search(r"[<>\d]", PLACEHOLDER.sub("", text)), text


@pytest.mark.parametrize("size", [0.4, -0.4])
def test_a_share_of_users_is_never_described_as_a_share_of_activity(size: float):
    wording = Wording(planted.catalog())
    texts = {}
    for metric in ("did_search", "share_search"):
        row = ROW | {"metric": metric, "effect_size": size}
        texts[metric] = wording.clause(row, "E1")
    assert "likely to have done" in texts["did_search"] and "activity" not in texts["did_search"]
    assert re.search(r"\b(activity|what they do)\b", texts["share_search"])


def test_a_median_is_marked_as_typical():
    wording = Wording(planted.catalog())
    row = ROW | {"metric": "share_search", "measure": "count", "lift": float("nan")}
    assert "(typically {E1.cluster}, against {E1.rest} for the others)" in wording.clause(row, "E1")
    assert "typically" not in wording.clause(row | {"metric": "did_search", "measure": "proportion"}, "E1")


def test_patterns_and_vocabulary_end_with_an_entry_that_matches_anything():
    assert (pain_patterns()[-1].metric, pain_patterns()[-1].worse) == (".", "either")
    assert metric_wordings()[-1].metric == "."


def test_no_pain_point_is_on_the_better_side():
    wording = Wording(planted.catalog())
    for metric, size in (("had_deal", 0.3), ("had_drop_off", -0.3), ("days_since_last_event", -0.3)):
        assert find_pattern(ROW | {"metric": metric, "effect_size": size}, wording.entry(metric)).kind == "habit"
