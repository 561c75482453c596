from dataclasses import replace

from dash_app.planning.calendar import look_days, to_ics
from dash_app.planning.sequential import design_looks
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.plan_parts import Spending
from tests.dash_app.planning.plans import Steady, a_plan


def test_a_dated_plan_has_its_days_its_looks_and_its_decision():
    plan = size_plan(replace(a_plan(), looks=design_looks(3, Spending.POCOCK)), Steady(500)).plan
    text = to_ics([plan, replace(plan, plan_id="undated", start_date=None, end_date=None)])
    assert text.startswith("BEGIN:VCALENDAR\r\n")
    assert text.endswith("END:VCALENDAR\r\n")
    assert text.count("BEGIN:VEVENT") == 4  # the test, two looks, the decision
    assert f"DTSTART;VALUE=DATE:{plan.start_date:%Y%m%d}" in text
    assert all(plan.start_date < day < plan.end_date for day in look_days(plan))
    assert "undated" not in text


def test_text_cannot_end_a_line_or_a_value():
    plan = size_plan(a_plan(name="A; b, c\r\nBEGIN:VALARM é" + "x" * 90), Steady(500)).plan
    text = to_ics([plan])
    assert "\r\nBEGIN:VALARM" not in text
    assert "A\\; b\\, c\\nBEGIN:VALARM" in text.replace("\r\n ", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
