import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import grupa
from dash_app.data.database import Database
from dash_app.data.loading import load_snapshot
from dash_app.data.segment_facts import compare_segments
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.exports.segments import UnknownSegmentError, UnknownSnapshotError, cluster_segment
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.segment_rules import SegmentCondition, SegmentConditionKind, SegmentRule
from tests.dash_app.synthetic import DAYS, KINDS, UNASSIGNED
from tests.grupa.conftest import FUNNEL

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


def test_importing_grupa_imports_nothing_heavy() -> None:
    code = (
        "import grupa, sys; print([m for m in ('duckdb', 'pandas', 'dash', 'plotly', 'pydantic') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_numbers_are_those_of_the_page(small_written: Path) -> None:
    warehouse, database = grupa.open(small_written), Database(small_written / "grupa.duckdb")
    shown = database.query(load_snapshot, DAYS[1])
    assert shown is not None
    rows = warehouse.clusters()
    assert [tuple(row) for row in rows[["cluster_id", "name", "size", "share"]].itertuples(index=False)] == [
        (each.cluster_id, each.name, each.size, each.share) for each in shown.clusters
    ]
    evidence = warehouse.evidence("C02")
    assert list(evidence["evidence_id"]) == [each.evidence_id for each in shown.cluster("C02").evidence]
    assert list(evidence["cluster_value"]) == [each.cluster_value for each in shown.cluster("C02").evidence]
    assert list(warehouse.insights("C01", kind="pain_point")["title"]) == [
        each.title for each in shown.cluster("C01").pain_points
    ]
    differences = database.query(compare_segments, DAYS[1], cluster_segment("C01", ""), cluster_segment("C02", ""))
    assert list(warehouse.compare("C01", "C02")["distance"]) == [each.distance for each in differences]
    assert warehouse.snapshots()["users"].iloc[0] == shown.users
    assert warehouse.days() == [DAYS[1], DAYS[0]]


def test_a_funnel_is_of_everyone_a_cluster_or_the_unassigned(small_written: Path) -> None:
    warehouse = grupa.open(small_written)
    for group, reached in FUNNEL.items():
        steps = warehouse.funnel(group)
        assert tuple(steps["users_reached"]) == reached
        assert tuple(warehouse.plot_funnel(group).data[0].x) == reached
    assert len(warehouse.funnel("C01", goal="nothing")) == 0
    assert list(warehouse.paths("C01", kind="typical")["users"]) == [30]
    assert len(warehouse.outcomes("C01")) == len(warehouse.trends("C01")) == 0


def test_a_segment_is_a_cluster_the_unassigned_or_conditions(small_written: Path) -> None:
    warehouse = grupa.open(small_written)
    assert len(warehouse.segment("C03")) == KINDS["C03"][1]
    assert len(warehouse.segment("unassigned")) == sum(UNASSIGNED.values())
    features = warehouse.sql("SELECT * FROM user_features WHERE snapshot_date = ?", [DAYS[1]])
    both = (features["sessions_per_week"] > 4) & (features["had_deal_complete"] <= 0)
    found = warehouse.segment([("sessions_per_week", ">", 4), ("had_deal_complete", "<=", 0)])
    assert list(found["user_id"]) == sorted(features["user_id"][both])
    assert list(warehouse.segment("C01", since=DAYS[0]).columns) == ["user_id", "change"]


def test_tables_come_as_pandas_or_arrow(small_written: Path) -> None:
    assert isinstance(grupa.open(small_written).clusters(), pd.DataFrame)
    arrow = grupa.open(small_written, arrow=True)
    assert isinstance(arrow.clusters(), pa.Table) and isinstance(arrow.segment("C01"), pa.Table)
    assert "plan_id" in arrow.plans().column_names


def test_a_person_s_name_for_a_cluster_counts(small_folder: Path) -> None:
    Roadmap(small_folder).rename_cluster("C01", "Big spenders", "ann")
    warehouse = grupa.open(small_folder)
    assert "Big spenders" in set(warehouse.clusters()["name"])
    assert warehouse.plot_map(cluster="C01").data[-3].name


def test_the_map_shows_every_user_once(small_written: Path) -> None:
    warehouse = grupa.open(small_written)
    for figure in (warehouse.plot_map(), warehouse.plot_map(feature="sessions_per_week")):
        assert (
            sum(len(trace.x) for trace in figure.data)
            == sum(len(warehouse.segment(each)) for each in KINDS) + UNASSIGNED["noise"]
        )


def test_what_is_not_there_is_an_error_that_lists_what_is(small_written: Path, tmp_path: Path) -> None:
    warehouse = grupa.open(small_written)
    for call in (warehouse.funnel, warehouse.segment, warehouse.evidence, warehouse.compare):
        with pytest.raises(UnknownSegmentError, match=r"C01 \(Deal closers\)"):
            call("C99")
    with pytest.raises(UnknownSnapshotError, match="2026-03-09, 2026-03-08"):
        warehouse.clusters("2020-01-01")
    with pytest.raises(UnknownSegmentError, match="no feature"):
        warehouse.segment([("bogus", ">", 1)])
    with pytest.raises(UnknownSegmentError, match="no feature"):
        warehouse.plot_map(feature="bogus")
    with pytest.raises(NoWarehouseError, match="grupa run"):
        grupa.open(tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_run(path: Path, small_written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRUPA_WAREHOUSE", str(small_written))
    cells = [each for each in json.loads(path.read_text())["cells"] if each["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in cells:
        exec("".join(cell["source"]), names)
    assert cells and names["cluster"] in KINDS


def test_a_saved_segment_is_one_call(small_folder: Path) -> None:
    rule = SegmentRule((SegmentCondition(SegmentConditionKind.DID, ("deal_complete",)),))
    Roadmap(small_folder).save_segment("Closers", rule, "ann")
    opened = grupa.open(small_folder)
    assert list(opened.segments()["segment_id"]) == ["S01"]
    by_id, by_name = opened.segment("S01"), opened.segment("closers")
    assert len(by_id) == len(by_name) > 0
    [(users,)] = opened.sql("SELECT count(DISTINCT user_id) AS n FROM events WHERE action = 'deal_complete'").to_numpy()
    assert len(by_id) == users
    assert len(opened.compare("S01", "C03")) == len(opened.compare("C03", "S01")) > 0
    assert len(opened.funnel("S01")) == 0  # its steps were not measured for each user here
