import csv
import io
import json
import re

import pytest

from dash_app.planning.export import defused, to_csv, to_json, to_markdown
from dash_app.planning.sizing import size_plan
from grupa_pipeline.tables import TEST_ROADMAP
from grupa_pipeline.vocabulary.plan_fields import Arm
from tests.dash_app.planning.plans import Steady, a_plan


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_holds_every_column():
    plan = size_plan(a_plan(), Steady(500)).plan
    (row,) = _rows(to_csv([plan]))
    assert tuple(row) == TEST_ROADMAP.column_names
    assert (row["n_per_arm"], row["evidence_ids"]) == (str(plan.n_per_arm), "ev-1, ev-2")
    assert row["baseline_from"] == "2026-04-03T00:00:00Z"
    assert json.loads(row["variants"])[1]["description"] == "Three fields."


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "  =", "＝"])
def test_no_text_cell_is_a_formula(start):
    nasty = f"{start}HYPERLINK(1)"
    texts = ("name", "owner", "hypothesis", "population", "updated_by", "decision_rule", "primary_metric", "brief")
    plan = a_plan(**dict.fromkeys(texts, nasty), evidence_ids=(nasty,), variants=(Arm(nasty), Arm("b")))
    (row,) = _rows(to_csv([plan]))
    for name, cell in row.items():
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝")), name
    assert row["name"] == "'" + nasty


def test_numbers_stay_numbers():
    (row,) = _rows(to_csv([a_plan(position=-1.5)]))
    assert row["position"] == "-1.5"
    assert defused("fine") == "fine"


@pytest.mark.parametrize("text", ["u;=1+1", "u; @SUM(1)", 'u;x;+cmd|"/C calc"!A0', "u\t-2"])
def test_a_formula_after_another_separator_is_text_too(text):
    assert not re.search(r"[;\t] *[=+@-]", defused(text))
    assert defused(text).replace("'", "") == text


def test_json_is_typed():
    (found,) = json.loads(to_json([a_plan()]))
    assert tuple(found) == TEST_ROADMAP.column_names
    assert found["variants"][0]["name"] == "control"
    assert found["guardrails"][0]["metric"] == "tickets"
    assert found["snapshot_date"] == "2026-04-30"
    assert found["baseline_unseen"] is True


def test_markdown_holds_every_brief():
    plans = [size_plan(a_plan(name=name), Steady(500)).plan for name in ("One", "Two")]
    text = to_markdown(plans)
    assert text.index("# One") < text.index("# Two")
    assert "No plans" in to_markdown([])
