from dataclasses import replace

import pytest

from dash_app.callbacks import dialog
from dash_app.components import overview
from dash_app.components.choice import how_chosen
from dash_app.data.choice import load_choice
from grupa_pipeline.segmentation.grid_labels import COLUMNS
from tests.dash_app.synthetic import DAYS
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
        "The clusters passed every check.",
        "The same search was made in 3 sets of made-up users",
        "They were made for the snapshot of 8 Mar 2026 and still serve.",
        "as grouped as the real users 1.0% of the time; it takes less than 1% to call clusters clear.",
        "the real users score 0.74, the made-up ones 0.05 to 0.31.",
        "repeated 8 times on part of the users. The stability of the clusters shown is 0.90",
        "Each was tried on 300 users who stand for all 330. 2 passed, and of those the chosen one scores best.",
        "below 0.6 is out",
    ):
        assert expected in words
    fresh = replace(found, null=replace(found.null, made_on=shown.day))
    assert "still serve" not in text(how_chosen(fresh, replace(shown, null_p_value=0.00002)))
    assert "less than 0.1% of the time" in text(how_chosen(fresh, replace(shown, null_p_value=0.00002)))


def test_the_whole_grid_stands_with_the_chosen_one_first(found, shown):
    tree = how_chosen(found, shown)
    [heads] = [row for row in parts(tree) if row._type == "Tr"][:1]
    assert [text(each) for each in heads.children] == ["No.", *COLUMNS]
    first, *others = lines(tree)
    assert first == [
        "2 chosen",
        "15",
        "15",
        "5",
        "longest-lived (eom)",
        "3",
        "45%",
        "8.0%",
        "0.60",
        "0.90",
        "0.80",
        "passed",
    ]
    assert [row[0] for row in others] == ["3", "4", "1", "5"]
    assert others[-1] == [
        "5",
        "40",
        "12",
        "5",
        "finest (leaf)",
        "7",
        "30%",
        "20%",
        "0.40",
        "–",
        "0.20",
        "too unstable",
    ]
    assert (others[0][-1], others[2][-1], others[2][8]) == ("too few clusters", "leaves too many users out", "−0.21")


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
    assert "2 passed. The chosen one is that of the snapshot before" in words
    assert "better by more than 0.05" in words
    assert "Of its 4 clusters 3 are shown; the others did not come out again" in words
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
    tree = how_chosen(replace(found, candidates=(), null=None, users=12, tried_on=0, method={}), none)
    assert text(tree) == (
        "Too few users to look for groups Only 12 users. Is there anything to find?"
        " It was not tested: there was too little to look for groups in."
    )
    assert overview.choice_title(none) == "How clusters were looked for"
