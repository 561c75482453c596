"""Plans as files to download: CSV safe to open in a spreadsheet, JSON, and Markdown.

Payloads for experiment platforms are in `payloads.py`.
"""

import csv
import io
import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from dash_app.planning.brief import NOTHING_LIVE
from dash_app.planning.plan import Plan
from grupa_pipeline.exports.csv_cells import defused
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS


def to_csv(plans: Iterable[Plan]) -> str:
    """The plans as CSV, columns as in `test_roadmap`; text that a spreadsheet would evaluate starts with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(PLAN_FIELDS)
    for plan in plans:
        row = plan.to_row()
        writer.writerow([_cell(row[name]) for name in PLAN_FIELDS])
    return out.getvalue()


def to_json(plans: Iterable[Plan]) -> str:
    """The plans as a JSON array of objects with the columns of `test_roadmap`; times are ISO 8601, UTC."""
    return json.dumps([_object(plan) for plan in plans], ensure_ascii=False, indent=2)


def to_markdown(plans: Iterable[Plan]) -> str:
    """The briefs of the plans, one after the other."""
    briefs = [plan.brief for plan in plans]
    return "\n---\n\n".join(briefs) if briefs else f"No plans.\n\n*{NOTHING_LIVE}*\n"


def _object(plan: Plan) -> dict[str, Any]:
    row = plan.to_row()
    return {
        name: json.loads(row[name]) if field.sql_type == "JSON" and row[name] is not None else _plain(row[name])
        for name, field in PLAN_FIELDS.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ", ".join(value)
    value = _plain(value)
    return defused(value) if isinstance(value, str) else value
