"""Plans as files that people take away: CSV that no spreadsheet runs, JSON, Markdown. Pure text.

Payloads for experiment platforms are in `payloads.py`.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from dash_app.planning.brief import NOTHING_LIVE
from dash_app.planning.plan import Plan
from grupa_pipeline.tables import TEST_ROADMAP

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_AFTER_A_SEPARATOR = re.compile(r"((?:;|(?<=.)\t) *)(?=[=+\-@＝＋－＠])", re.DOTALL)
"""Where commas are decimal points, spreadsheets split cells at semicolons, quoted or not."""


def to_csv(plans: Iterable[Plan]) -> str:
    """The plans as CSV, columns as in `test_roadmap`; text that a spreadsheet would run starts with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(TEST_ROADMAP.column_names)
    for plan in plans:
        row = plan.to_row()
        writer.writerow([_cell(row[name]) for name in TEST_ROADMAP.column_names])
    return out.getvalue()


def defused(text: str) -> str:
    """Text for a CSV cell that no spreadsheet takes for a formula (OWASP, CSV injection), wherever it splits cells."""
    text = _AFTER_A_SEPARATOR.sub(r"\1'", text)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def to_json(plans: Iterable[Plan]) -> str:
    """The plans as a JSON array of objects with the columns of `test_roadmap`; times are ISO 8601, UTC."""
    return json.dumps([_object(plan) for plan in plans], ensure_ascii=False, indent=2)


def to_markdown(plans: Iterable[Plan]) -> str:
    """The briefs of the plans, one after the other."""
    briefs = [plan.brief for plan in plans]
    return "\n---\n\n".join(briefs) if briefs else f"No plans.\n\n*{NOTHING_LIVE}*\n"


def _object(plan: Plan) -> dict[str, Any]:
    row = plan.to_row()
    for name in ("variants", "guardrails"):
        row[name] = json.loads(row[name])
    return {name: _plain(row[name]) for name in TEST_ROADMAP.column_names}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ", ".join(value)
    value = _plain(value)
    return defused(value) if isinstance(value, str) else value
