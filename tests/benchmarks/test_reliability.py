"""The invariants of the reliability benchmarks detect faults."""

from pathlib import Path

import pytest

from benchmarks.reliability import invariants
from dash_app.roadmap.store import Roadmap
from grupa_pipeline.storage import schema, warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import PIPELINE_TABLES
from tests.dash_app.planning.plans import a_plan
from tests.grupa_pipeline.ingested_logs import NOW, log

pytestmark = pytest.mark.slow


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    publication = Publication(tmp_path / "house")
    ingest_logs(publication, [log(tmp_path / "a.csv", "a,2025-06-01T10:00:00,login", ",x,y")], None, NOW)
    return publication


def faults(publication: Publication) -> list[str]:
    [sha256] = publication.query("SELECT file_sha256 FROM ingested_files").to_pydict()["file_sha256"]
    return invariants.pipeline_faults(publication.folder, [sha256])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["published_files", "rejected_rows"])
def test_lost_rows_are_detected(publication: Publication, loss: str) -> None:
    assert faults(publication) == []
    with warehouse.publish(publication.database) as con:
        con.execute(f"DELETE FROM {loss}")
        schema.show_published_files(con, publication.folder, PIPELINE_TABLES)
    assert len(faults(publication)) == 1


def test_a_lost_file_is_detected(publication: Publication) -> None:
    assert invariants.pipeline_faults(publication.folder, ["0" * 64]) == ["file 00000000 is gone"]
    assert invariants.pipeline_faults(publication.folder / "nothing", ["0" * 64]) == ["nothing is published"]


def test_a_damaged_published_file_is_detected(publication: Publication) -> None:
    shown = publication.database.resolve()
    shown.chmod(0o644)
    shown.write_bytes(b"x" * 5000)
    assert "does not open" in invariants.pipeline_faults(publication.folder, [])[0]


def test_a_mixed_snapshot_is_detected(sample_copy: Path) -> None:
    publication = Publication(sample_copy)
    with warehouse.publish(publication.database) as con:
        schema.show_published_files(con, sample_copy, PIPELINE_TABLES)
        con.execute("UPDATE published_files SET content_key = 'another' WHERE table_name = 'user_features'")
    with invariants.opened(publication.database) as con:
        found = invariants.mixed_snapshots(con)
    assert any("segmentations was computed from another user_features" in fault for fault in found)


def test_a_lost_plan_is_detected(tmp_path: Path) -> None:
    roadmap = Roadmap(tmp_path)
    roadmap.ensure()
    plan = roadmap.add(a_plan(), "ann")
    assert invariants.plan_faults(tmp_path, [(plan.plan_id, 1)]) == []
    assert invariants.plan_faults(tmp_path, [(plan.plan_id, 2)]) == [f"{plan.plan_id} revision 2 is lost"]
