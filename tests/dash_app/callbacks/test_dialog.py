import pytest
from dash import no_update

from dash_app.callbacks import dialog
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import ids, of_class

WHERE = {"path": "/", "snapshot": DAYS[1].isoformat()}
UNCHANGED = (no_update,) * 3
SHOWN = {
    "evidence": "C01 E-C01-hours_to_submit",
    "differences": "C01",
    "model": "C01",
    "user": "user-00001",
    "timeline": "1 user-00001",
    "typical": "C01 0",
    "step": "C01 1 deal_complete",
    "rename": "C01",
    "feedback": "P-C01",
    "compare": "C01 C02",
    "choice": DAYS[1].isoformat(),
}


def test_every_kind_of_content_is_tried_below():
    assert set(SHOWN) == set(dialog.CONTENTS)


@pytest.mark.parametrize(("what", "of"), SHOWN.items())
def test_the_dialog_opens_with_a_title_and_content(services, what, of):
    opened, title, content = dialog.show(services, {"what": what, "of": of}, WHERE)
    assert opened is True
    assert title
    assert content is not None


@pytest.mark.parametrize(
    ("what", "of"),
    [
        ("evidence", "C01 E-gone"),
        ("evidence", "C99 E-gone"),
        ("differences", "C99"),
        ("model", "C99"),
        ("user", "nobody"),
        ("typical", "C99 0"),
        ("step", "C99 1 deal_complete"),
        ("step", "C01 2 deal_complete"),
        ("step", "C01 1 no_goal"),
        ("rename", "C99"),
        ("feedback", "P-C99"),
        ("compare", "C01 C99"),
        ("no such kind", "C01"),
    ],
)
def test_the_dialog_stays_closed_for_what_is_not_there(services, what, of):
    assert dialog.show(services, {"what": what, "of": of}, WHERE) == UNCHANGED


def test_the_dialog_stays_closed_without_a_snapshot(services):
    nowhere = {"path": "/", "snapshot": "2020-01-01"}
    assert dialog.show(services, {"what": "choice", "of": ""}, nowhere) == UNCHANGED


def test_the_rename_dialog_has_a_field_for_the_name(services):
    *_, content = dialog.show(services, {"what": "rename", "of": "C01"}, WHERE)
    assert {"type": "new-name", "cluster": "C01"} in ids(content)


def test_a_cluster_is_renamed_and_gets_its_own_name_back(services):
    with triggered_by({"type": "rename", "cluster": "C01"}):
        changed, opened, toast = dialog.rename(services, [1], ["Sellers"], 4)
    assert (changed, opened) == (5, False)
    assert of_class(toast, "toast")
    assert services.snapshot(None).cluster("C01").name == "Sellers"
    assert services.roadmap.cluster_name_history("C01")[0].edited_by == "local user"
    with triggered_by({"type": "rename", "cluster": "C01"}):
        dialog.rename(services, [2], [" "], 5)
    assert services.snapshot(None).cluster("C01").name == "Deal closers"


def test_a_dialog_that_only_appears_renames_nothing(services):
    with triggered_by({"type": "rename", "cluster": "C01"}):
        assert dialog.rename(services, [0], ["Sellers"], 4) == UNCHANGED
    assert services.names() == {}
