"""The dates of plans as a calendar (iCalendar, RFC 5545): first and last day, decision and looks. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from dash_app.planning.brief import NOTHING_LIVE
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import PlanStatus

_LINE = 75


def to_ics(plans: Iterable[Plan]) -> str:
    """Plans with dates as a calendar to subscribe to or import: the test as one event of whole days, its looks as others."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Grupa//Test roadmap//EN", "CALSCALE:GREGORIAN"]
    for plan in plans:
        if plan.start_date and plan.end_date and plan.status != PlanStatus.ARCHIVED and plan.deleted_at is None:
            lines += _events(plan, plan.start_date, plan.end_date)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def look_days(plan: Plan) -> list[date]:
    """The days of the looks before the last, after equal shares of the users; none for a test that is read once."""
    if not (plan.looks and plan.start_date and plan.duration_days):
        return []
    enrolment = max(plan.duration_days - plan.exposure_days, 1)
    return [
        plan.start_date + timedelta(days=round(enrolment * look / plan.looks.number) + plan.exposure_days)
        for look in range(1, plan.looks.number)
    ]


def _events(plan: Plan, first: date, last: date) -> Iterator[str]:
    description = f"{plan.hypothesis} {NOTHING_LIVE}"
    yield from _event(f"{plan.plan_id}@grupa", first, last, plan.name, description, plan)
    for number, day in enumerate(look_days(plan), start=1):
        yield from _event(f"{plan.plan_id}-look-{number}@grupa", day, day, f"Look {number}: {plan.name}", "", plan)
    yield from _event(f"{plan.plan_id}-decision@grupa", last, last, f"Decide: {plan.name}", plan.decision_rule, plan)


def _event(uid: str, first: date, last: date, title: str, description: str, plan: Plan) -> Iterator[str]:
    stamp = (plan.updated_at or datetime.combine(first, datetime.min.time())).replace(tzinfo=UTC)
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(uid)}"
    yield f"DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{first:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{last + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{_text(title)}"
    if description.strip():
        yield f"DESCRIPTION:{_text(description)}"
    yield "END:VEVENT"


def _text(text: str) -> str:
    """A value in which nothing is read as syntax."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(escaped.splitlines())


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 bytes, as the standard asks; no character is cut."""
    piece, used = "", 0
    for letter in line:
        width = len(letter.encode())
        if used + width > _LINE:
            yield piece
            piece, used = " ", 1
        piece, used = piece + letter, used + width
    yield piece
