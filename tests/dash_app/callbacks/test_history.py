import pytest
from dash import no_update

from dash_app.callbacks import history
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import parts, text

EARLY, LATE = (day.isoformat() for day in DAYS)


def test_moves_run_from_the_earlier_day_to_the_later_whichever_was_picked_where(services):
    one, other = (history.show_moves(services, *days) for days in ((EARLY, LATE), (LATE, EARLY)))
    assert text(one) == text(other)
    assert [each._type for each in parts(one)].count("Graph") == 2


def test_nothing_changes_until_both_days_are_picked(services):
    assert history.show_moves(services, None, LATE) is no_update
    assert history.show_moves(services, EARLY, None) is no_update


@pytest.mark.slow
def test_days_without_moves_have_no_graph(services):
    tree = history.show_moves(services, "2020-01-01", "2020-01-02")
    assert "Graph" not in [each._type for each in parts(tree)]
