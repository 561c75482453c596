from dataclasses import replace

import pytest

from dash_app.callbacks import dialog
from dash_app.components import overview
from dash_app.components.choice import how_chosen
from dash_app.data.choice import load_choice
from dash_app.data.database import Database
from dash_app.data.loading import load_snapshot
from grupa_pipeline.segmentation.grid_labels import COLUMNS, EARLIER_COLUMNS
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from tests.dash_app.synthetic import DAYS, write_earlier_release
from tests.dash_app.trees import ids, of_class, parts, text


@pytest.fixture
def found(database):
    return database.query(load_choice, DAYS[1])


def lines(tree):
    """The rows of the table below its heads, each as the texts of its cells."""
    return [[text(cell) for cell in row.children] for row in parts(tree) if row._type == "Tr"][1:]


def test_the_overview_opens_it_and_does_not_carry_it(services, shown):
    tree = overview.overview(shown)
    button = {"type": "show", "what": "choice", "of": "2026-03-09", "at": "overview"}
    assert button in ids(tree)
    assert "DBCV" not in text(tree)
    asked = {name: button[name] for name in ("what", "of")}
    is_open, title, content = dialog.show(services, asked, {"snapshot": None})
    assert (is_open, title) == (True, "How these clusters were chosen")
    assert "5 ways of grouping were tried" in text(content)


def test_the_tests_are_told_in_words(found, shown):
    words = text(how_chosen(found, shown))
    for expected in (
        "The clusters passed every check. Their users could be told from the others in sessions we had not looked at.",
        "This was checked for 280 users who could be measured in both halves.",
        "Deal closers : these users could be told from the others (0.95)",
        "The gaps between groups that were found among one half were there among the other half",
        "show such gaps 0.4% of the time; it takes less than 1% to call groups separate.",
        "repeated 5 times on part of the users. The stability of the clusters shown is 0.90",
        "compared by what they do and the hours of the day at which they come (0.43). The number is how much",
        "it takes 0.2 to take part. Left out, because they say too little about a user that is not chance:"
        " the order in which they do it, the days of the week on which they come and the weeks in which they are there.",
        "Each was tried on 300 users who stand for all 330. 2 passed, and of those the chosen one says most of other sessions.",
        "an agreement of 0.72, of 1",
        "came out again (a stability of 0.6 or more) and held in other sessions (0.6 or more)",
        "at most 65% as many users stood between two groups as at the emptier of them",
    ):
        assert expected in words
    assert "less than 0.1% of the time" in text(how_chosen(found, replace(shown, null_p_value=0.00002)))


def test_what_failed_is_said_so(found, shown):
    chance = replace(shown, status="weak_structure", reason="The gaps could be chance.", null_p_value=0.23)
    words = text(how_chosen(found, chance))
    assert "were not clearly there among the other half" in words
    assert "such gaps 23% of the time" in words
    lost = replace(shown.cluster("C03"), replication=0.4)
    words = text(how_chosen(found, replace(shown, clusters=(lost,))))
    assert "Window shoppers : these users could not be told from the others well enough (0.40)" in words
    continuum = tuple(replace(each, chosen=each.verdict == "too_few_clusters") for each in found.candidates)
    words = text(how_chosen(replace(found, candidates=continuum), replace(chance, null_p_value=1.0)))
    assert "There was nothing to test: no gap was found between groups of these users." in words


def test_without_other_sessions_nothing_is_said_of_them(found, shown):
    clusters = tuple(replace(each, replication=None) for each in shown.clusters)
    words = text(how_chosen(replace(found, measured_twice=None, views={}), replace(shown, clusters=clusters)))
    assert "The clusters passed every check. The gaps between them" in words
    assert "hold in other sessions?" not in words
    assert "Users were compared by what they do. " in words
    assert "Left out" not in words


@pytest.mark.slow
def test_a_snapshot_of_an_earlier_release_is_shown_as_it_was_tested(folder):
    write_earlier_release(folder)
    database = Database(folder / PIPELINE_FILE)
    found, shown = (database.query(load, DAYS[1]) for load in (load_choice, load_snapshot))
    tree = how_chosen(found, shown)
    words = text(tree)
    assert "the same search in 3 sets of made-up users without groups. They would look as grouped" in words
    assert "in other sessions was not asked" in words
    assert "repeated 8 times" in words
    assert "What the columns mean" not in words
    heads, first, *_ = [row for row in parts(tree) if row._type == "Tr"]
    assert [text(each) for each in heads.children] == ["No.", *EARLIER_COLUMNS]
    assert [text(each) for each in first.children][:3] == ["2 chosen", "HDBSCAN", "–"]


def test_all_candidates_stand_with_the_chosen_one_first(found, shown):
    tree = how_chosen(found, shown)
    [heads] = [row for row in parts(tree) if row._type == "Tr"][:1]
    assert [text(each) for each in heads.children] == ["No.", *COLUMNS]
    first, *others = lines(tree)
    assert first == ["2 chosen", "equal cells (k-means)", "40", "3", "45%", "8.0%", "0.60", "0.90", "1.32", "passed"]
    assert [row[0] for row in others] == ["4", "1", "5", "3"]
    unstable = ["the clusters of the day before", "7", "7", "30%", "20%", "0.40", "–", "0.20"]
    assert others[2] == ["5", *unstable, "does not hold when checked again"]
    assert (others[3][-1], others[1][-1], others[1][6]) == (
        "no gaps between users",
        "leaves too many users out",
        "−0.21",
    )


def test_the_chosen_one_is_not_told_by_colour_alone_and_the_keyboard_scrolls(found, shown):
    tree = how_chosen(found, shown)
    [row] = of_class(tree, "chosen")
    assert getattr(row, "aria-current") == "true"
    assert [each for each in parts(tree) if getattr(each, "aria-current", None)] == [row]
    [box] = of_class(tree, "scroll-x")
    assert (box.tabIndex, box.role) == ("0", "region")
    assert "the chosen one first" in getattr(box, "aria-label")


def test_why_the_chosen_one_was(found, shown):
    kept = [replace(each, chosen=each.number == 4) for each in found.candidates]
    words = text(how_chosen(replace(found, candidates=tuple(kept)), shown))
    assert "2 passed. The chosen one starts from the clusters of the day before" in words
    assert "no other way says over 5% more of other sessions" in words
    assert "Of its 4 clusters 3 are shown; the others did not hold up when checked" in words
    none = tuple(replace(each, verdict="unstable") for each in found.candidates)
    assert "None passed every check, so the best that was found is shown" in text(
        how_chosen(replace(found, candidates=none, tried_on=330), shown)
    )
    assert "Each was tried on all 330 users with enough events." in text(
        how_chosen(replace(found, tried_on=330), shown)
    )


def test_weak_structure_gives_its_reason(found, shown):
    words = text(how_chosen(found, replace(shown, status="weak_structure", reason="No clearer than chance.")))
    assert "Weak structure" in words
    assert "No clearer than chance." in words
    assert "passed every check." not in words


def test_nothing_tried_is_no_error(found, shown):
    none = replace(
        shown, status="too_few_users", reason="Only 12 users.", clusters=(), stability=None, null_p_value=None
    )
    tree = how_chosen(replace(found, candidates=(), users=12, tried_on=0, method={}), none)
    assert text(tree) == (
        "Too few users to look for groups Only 12 users. Are the gaps between them real?"
        " It was not tested: there was too little to look for groups in."
    )
    assert overview.choice_title(none) == "How clusters were looked for"
