from datetime import date

from dash_app.data.choice import load_choice
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from tests.dash_app.synthetic import DAYS, write_earlier_release


def test_the_grid_is_read_with_what_each_candidate_was_given(database):
    found = database.query(load_choice, DAYS[1])
    assert [each.number for each in found.candidates] == [1, 2, 3, 4, 5]
    last = found.candidates[-1]
    assert (last.labels.source, last.labels.cells) == ("the clusters of the day before", "7")
    assert (last.stability, last.verdict, last.chosen) == (None, "unstable", False)
    assert found.chosen.number == 2
    assert [each.number for each in found.passed] == [2, 4]


def test_what_it_was_tried_on_and_held_against(database):
    found = database.query(load_choice, DAYS[1])
    assert (found.users, found.tried_on, found.method["keep_margin"]) == (330, 300, 0.05)
    assert (found.measured_twice, found.views, found.null_sets) == (280, {"hour": 0.43}, None)


def test_a_snapshot_of_an_earlier_release(folder):
    write_earlier_release(folder)
    with warehouse.read(folder / PIPELINE_FILE) as con:
        found = load_choice(con, DAYS[1])
    assert (found.null_sets, found.measured_twice, found.views, found.tried_on) == (3, None, {}, 300)
    labels = found.candidates[-1].labels
    assert (labels.source, labels.cells, labels.verdict) == ("HDBSCAN", "–", "too unstable")


def test_a_snapshot_in_which_nothing_was_tried(folder):
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        con.execute("DELETE FROM segmentation_candidates")
        con.execute("""UPDATE segmentations SET parameters = '{"users": 12, "method": {}}'""")
    with warehouse.read(folder / PIPELINE_FILE) as con:
        found = load_choice(con, DAYS[1])
    assert (found.candidates, found.chosen, found.passed, found.null_sets, found.users) == ((), None, (), None, 12)


def test_no_such_snapshot(database):
    assert database.query(load_choice, date(2000, 1, 1)) is None
