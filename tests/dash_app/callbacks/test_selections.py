import pytest
from dash import no_update

from dash_app.callbacks import dialog, selections
from dash_app.components import segment_form
from grupa_pipeline.exports.formats import SegmentFormat
from grupa_pipeline.exports.saved_segments import load_saved
from grupa_pipeline.exports.segment_files import export_segment
from grupa_pipeline.exports.segments import UnknownSegmentError
from grupa_pipeline.vocabulary.segment_rules import SegmentRuleError
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import ids, of_class, text

WHERE = {"path": "/", "snapshot": DAYS[1].isoformat()}
CLOSED = {"what": "rule", "fields": {"did": ["deal_complete"], "clusters": ["C01"]}}
AREA = {"what": "area", "x": [-4, 4, 4, -4], "y": [-4, -4, 4, 4]}


def save(services, asked, name, what="save", search="?snapshot=2026-03-09&cluster=C01"):
    with triggered_by({"type": "save-segment", "what": what}, "n_clicks"):
        return selections.save_segment(services, [1], [name], [asked], WHERE, 0, search)


def test_a_filter_opens_with_its_size_mix_and_differences(services, shown):
    card = selections.open_segment(services, CLOSED, WHERE)
    with services.database.connect() as con:
        [(users,)] = con.execute(
            "SELECT count(DISTINCT user_id) FROM events JOIN user_clusters USING (user_id) WHERE cluster_id = 'C01'"
            " AND action = 'deal_complete' AND snapshot_date = ?",
            [DAYS[1]],
        ).fetchall()
    words = text(card)
    assert f"{users} users" in words and f"{users / shown.users:.0%} of all" in words
    assert f"reach “deal complete”, {shown.goal_rates.everyone:.0%} of everyone" in words
    assert of_class(card, "facts-table") and "Deal closers 100%" in words
    assert "Completed a deal" not in text(of_class(card, "facts-table"))  # the filter asks for it
    assert {"type": "segment-field", "name": "did"} in ids(card)


def test_an_area_opens_without_a_form(services):
    card = selections.open_segment(services, AREA, WHERE)
    assert "selected on the map" in text(card) and "Deal closers" in text(card)
    assert {"type": "segment-field", "name": "did"} not in ids(card)
    nobody = selections.open_segment(services, {"what": "area", "x": [90, 91, 91], "y": [90, 90, 91]}, WHERE)
    assert "0 users" in text(nobody)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"what": "rule", "fields": {}}, "Say at least one thing"),
        ({"what": "rule", "fields": {"fields": ["plan"]}}, "with = between them"),
        ({"what": "rule", "fields": {"from": "soon"}}, "Nobody was selected"),
        ({"what": "saved", "of": "S77"}, "no segment S77 any more"),
    ],
)
def test_what_cannot_be_selected_says_why_beside_the_form(services, asked, problem):
    card = selections.open_segment(services, asked, WHERE)
    assert problem in text(card) and {"type": "segment-field", "name": "did"} in ids(card)


def test_nothing_is_shown_where_nothing_was_asked(services):
    assert selections.open_segment(services, None, WHERE) is None
    assert selections.open_segment(services, CLOSED, {"snapshot": "2020-01-01"}) is None


def test_a_segment_is_saved_shared_compared_exported_and_deleted(services, folder):
    search, changed, toast = save(services, CLOSED, "  Deals  of C01 ")
    assert (search, changed) == ("?snapshot=2026-03-09&segment=S01", 1) and "“Deals of C01” is saved" in text(toast)
    [saved] = services.segments()
    assert (saved.segment_id, saved.revision, saved.saved_by) == ("S01", 1, "local user")
    assert load_saved(folder) == (saved,)
    opened = selections.open_segment(services, {"what": "saved", "of": "S01"}, WHERE)
    assert text(of_class(opened, "number")) == text(
        of_class(selections.open_segment(services, CLOSED, WHERE), "number")
    )
    title, compared = dialog.CONTENTS["compare"](services, services.snapshot(DAYS[1]), "S01 C02")
    assert title == "Deals of C01 and Careful drafters" and of_class(compared, "facts-table")
    written = export_segment(folder, "deals OF c01", day=DAYS[1])
    assert written.rows and f"{written.rows} users" in text(opened)
    search, _, toast = save(services, {"what": "saved", "of": "S01"}, "", "delete", "?segment=S01")
    assert search == "" and "is deleted" in text(toast) and services.segments() == ()
    with pytest.raises(UnknownSegmentError):
        export_segment(folder, "S01")
    save(services, AREA, "Area")
    assert [each.segment_id for each in services.segments()] == ["S02"]  # ids are never issued again


def test_an_opened_segment_is_saved_again_as_its_next_revision(services):
    save(services, CLOSED, "One")
    save(services, {**CLOSED, "of": "S01", "fields": {"did": ["login"]}}, "Two")
    [saved] = services.segments()
    assert (saved.revision, saved.name) == (2, "Two") and saved.rule.actions == {"login"}


def test_a_lasso_is_saved_as_a_list_that_no_sql_exports(services, folder):
    save(services, AREA, "Around")
    [saved] = services.segments()
    assert saved.rule.users and saved.rule.conditions == ()
    with pytest.raises(UnknownSegmentError, match="list of users"):
        export_segment(folder, "S01", file_format=SegmentFormat.SQL)


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_a_name_is_needed(services, name):
    search, _, toast = save(services, CLOSED, name)
    assert search is no_update and "name" in text(toast) and services.segments() == ()


def test_a_name_is_given_once(services):
    save(services, CLOSED, "One")
    assert "already (S01)" in text(save(services, AREA, "one")[2])


def test_fields_and_rules_are_the_same_thing():
    fields = {
        "did": ["pay", "browse"],
        "did_not": ["leave"],
        "gone_after": ["pay"],
        "fields": ["payment plan = “pro_max”"],
        "clusters": ["C01", "unassigned"],
        "from": "2026-03-01",
        "to": "2026-03-07",
        "seen_from": "2026-02-01",
    }
    named = {"payment plan": "payment_plan"}
    rule = segment_form.rule_of(fields, named)
    assert [each.subjects for each in rule.conditions if each.value] == [("payment_plan",)]
    assert segment_form.fields_of(rule, named) == fields
    assert (
        segment_form.rule_of(segment_form.fields_of(rule)) == rule
    )  # a field that is not proposed is written as it is
    assert segment_form.fields_of(segment_form.rule_of({"from": "2026-03-01"})) == {"from": "2026-03-01"}
    with pytest.raises(SegmentRuleError):
        segment_form.rule_of({"from": "2026-03-02", "to": "2026-03-01"})


def test_paid_but_never_came_back_in_words(shown):
    words = segment_form.rule_text(segment_form.rule_of({"gone_after": ["deal_complete"]}), shown)
    assert words == "did “deal complete” and never came back: nothing later than a day after the first time"
