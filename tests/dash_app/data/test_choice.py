from datetime import date

from dash_app.data.choice import load_choice
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from tests.dash_app.synthetic import DAYS


def test_the_grid_is_read_with_what_each_candidate_was_given(database):
    found = database.query(load_choice, DAYS[1])
    assert [each.number for each in found.candidates] == [1, 2, 3, 4, 5]
    last = found.candidates[-1]
    assert (last.neighbors, last.smallest_cluster, last.min_samples, last.selection) == (40, 12, 5, "leaf")
    assert (last.stability, last.verdict, last.chosen) == (None, "unstable", False)
    assert found.chosen.number == 2
    assert [each.number for each in found.passed] == [2, 4]


def test_what_it_was_tried_on_and_held_against(database):
    found = database.query(load_choice, DAYS[1])
    assert (found.users, found.tried_on, found.method["keep_margin"]) == (330, 300, 0.05)
    assert (found.null.scores, found.null.made_on, found.null.real_score) == ((0.31, 0.05, 0.12), DAYS[0], 0.74)


def test_a_snapshot_in_which_nothing_was_tried(folder):
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        con.execute("DELETE FROM segmentation_candidates")
        con.execute("""UPDATE segmentations SET parameters = '{"users": 12, "method": {}}'""")
    with warehouse.read(folder / PIPELINE_FILE) as con:
        found = load_choice(con, DAYS[1])
    assert (found.candidates, found.chosen, found.passed, found.null, found.users) == ((), None, (), None, 12)


def test_no_such_snapshot(database):
    assert database.query(load_choice, date(2000, 1, 1)) is None
