"""No page shows the name of a column, or of an action as the log writes it, but where it is quoted or stands in code."""

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import flask
import pytest
from dash.development.base_component import Component

from dash_app.callbacks import dialog
from dash_app.data.database import Database
from dash_app.pages import PAGES
from dash_app.roadmap.store import Roadmap
from dash_app.services import Services
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from grupa_pipeline.vocabulary.enums import Measure
from tests.dash_app.synthetic import DAYS

SNAKE = re.compile(r"(?<![“\w])\w+_\w+(?!\w*”)")
NOT_READ = {"id", "className", "style", "href", "type", "figure", "columnDefs", "config", "key", "value", "data-key"}
"""Properties that hold names for the browser, not words for a person."""


def words_read(tree: Any) -> Iterator[str]:
    """Every text of a tree that a person may read or hear, code left out."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, (list, tuple)):
        for each in tree:
            yield from words_read(each)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name not in NOT_READ:
                yield from words_read(value)
    elif isinstance(tree, Component) and tree._type not in ("Code", "Pre"):
        yield from words_read(tree.to_plotly_json()["props"])


def names_of_the_log(tree: Any) -> list[str]:
    return [text for text in words_read(tree) if SNAKE.search(text)]


def _add_raw_names(con: duckdb.DuckDBPyConnection) -> None:
    """Text as the pipeline writes it where the log joins words: in the catalogue, in labels, and in prose."""
    actions = ("sign_in", "proposal_create", "proposal_view", "deal_complete", "drop_off")
    for number, action in enumerate(actions):
        role = "goal" if action == "deal_complete" else "step"
        con.execute(
            "INSERT INTO event_catalog BY NAME SELECT ? AS action, ? AS label, ? AS role, 'neutral' AS polarity,"
            " 'user' AS decided_by, 'name' AS source, 'its name' AS reason, 9 AS users, ? AS events",
            [action, action.replace("_", " "), role, number],
        )
    con.execute(
        "UPDATE feature_catalog SET label = 'had deal_complete', description = 'users with deal_complete'"
        " WHERE feature = 'had_deal_complete'"
    )
    con.execute(
        "UPDATE feature_catalog SET family = 'action_share', subject = 'proposal_view', source_action = 'proposal_view',"
        " label = 'share of proposal_view',"
        " description = 'share of a user''s events that are proposal_view (outcomes not counted)'"
        " WHERE feature = 'submitted_share'"
    )
    con.execute("UPDATE clusters SET summary = 'They stand higher on deal_complete. They proposal_create less.'")
    con.execute("UPDATE cluster_insights SET body = 'Few get from proposal_create to deal_complete.'")
    con.execute("UPDATE cluster_evidence SET measure = 'last_action' WHERE metric = 'had_deal_complete'")


@pytest.fixture
def raw(folder) -> Iterator[Services]:
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        _add_raw_names(con)
    with flask.Flask("test").test_request_context():
        yield Services(Settings(warehouse=folder), Database(folder / PIPELINE_FILE), Roadmap(folder), lambda: "me")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_names_as_the_log_writes_them(raw, path):
    snapshot = raw.snapshot(DAYS[1])
    assert names_of_the_log(PAGES[path](raw, snapshot, None)) == []


def test_no_dialog_shows_names_as_the_log_writes_them(raw):
    snapshot = raw.snapshot(DAYS[1])
    cluster = snapshot.cluster("C01")
    asked = [
        ("differences", "C01"),
        ("compare", "C01 C02"),
        ("choice", ""),
        ("user", "user-00001"),
        ("user", "user-00300"),
    ]
    asked += [("evidence", f"C01 {each.evidence_id}") for each in cluster.evidence]
    for what, of in asked:
        _, content = dialog.CONTENTS[what](raw, snapshot, of)
        assert names_of_the_log(content) == [], what


def test_every_measure_has_words(raw):
    for measure in Measure:
        with warehouse.publish(raw.database.path) as con:
            con.execute("UPDATE cluster_evidence SET measure = ? WHERE metric = 'had_deal_complete'", [measure.value])
        evidence = raw.snapshot(DAYS[1]).cluster("C01").evidence
        found = next(each for each in evidence if each.metric == "had_deal_complete")
        assert dialog.CONTENTS["evidence"](raw, raw.snapshot(DAYS[1]), f"C01 {found.evidence_id}")


def test_that_outcomes_are_not_counted_is_said_once(raw):
    words = " ".join(words_read(PAGES["/"](raw, raw.snapshot(DAYS[1]), "C01")))
    assert "(outcomes not counted)" not in words
    assert "Shares of a user's events do not count outcomes." in words
