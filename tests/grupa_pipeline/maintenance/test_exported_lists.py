import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from grupa_pipeline.exports import export_log
from grupa_pipeline.exports.export_log import ExportEntry, ExportPlace
from grupa_pipeline.exports.formats import SegmentFormat
from grupa_pipeline.exports.segment_files import export_segment
from grupa_pipeline.maintenance.exported_lists import erase_from_exports, lists_that_left
from grupa_pipeline.maintenance.person import Person
from tests.dash_app.synthetic import DAYS, write_warehouse

pytestmark = pytest.mark.slow

ANN = Person("user-00003")
"""Of C01."""
CLUSTERS = dict.fromkeys(DAYS, "C01")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_warehouse(tmp_path / "warehouse")
    return tmp_path / "warehouse"


def test_lists_in_the_warehouse_hold_the_person_no_longer(folder: Path) -> None:
    table = export_segment(folder, "C01").path
    parquet = export_segment(folder, "C01", file_format=SegmentFormat.PARQUET).path
    others = export_segment(folder, "C02").path.read_bytes()
    [line] = erase_from_exports(folder, ANN)
    assert "2 exported lists" in line and "C01" in line and "C02" not in line
    with table.open(newline="") as file:
        left = [row["user_id"] for row in csv.DictReader(file)]
    assert len(left) == 139 and ANN.user_id not in left
    assert pq.read_table(parquet)["user_id"].to_pylist() == left
    assert export_log.folder_of(folder).joinpath(f"C02-{DAYS[1]}.csv").read_bytes() == others
    assert erase_from_exports(folder, ANN) == []


def test_an_id_that_looks_like_a_formula_is_found(folder: Path) -> None:
    path = export_log.folder_of(folder) / "own.csv"
    path.parent.mkdir()
    path.write_text("user_id\n'=cmd\nother\n")
    assert erase_from_exports(folder, Person("=cmd"))
    assert path.read_text().split() == ["user_id", "other"]


def test_lists_that_left_the_warehouse_are_told(folder: Path, tmp_path: Path) -> None:
    export_segment(folder, "C01", out=tmp_path / "still-there.csv")
    export_segment(folder, "C01", out=tmp_path / "moved.csv").path.unlink()
    export_segment(folder, "C02", out=tmp_path / "of-others.csv")
    export_segment(folder, "C01", file_format=SegmentFormat.SQL, out=tmp_path / "query.sql")
    export_log.add(folder, ExportEntry("C01", DAYS[1], None, "csv", None, ExportPlace.DOWNLOAD, by="bob"))
    head, *lines = lists_that_left(folder, ANN, CLUSTERS, frozenset(DAYS))
    assert "yours to delete" in head
    assert [line.split(" (")[0].strip().rsplit("/", 1)[-1] for line in lines] == [
        "still-there.csv",
        "moved.csv",
        "downloaded by bob",
    ]
    (tmp_path / "still-there.csv").write_text("user_id\nuser-00004\n")
    assert len(lists_that_left(folder, ANN, CLUSTERS, frozenset(DAYS))) == 3
    assert lists_that_left(folder, Person("nobody"), {}, frozenset(DAYS)) == []
    assert len(lists_that_left(folder, Person("nobody"), {}, frozenset())) == 3  # days whose users are no longer held
    assert lists_that_left(folder, Person("nobody"), {}, frozenset(), is_known=False) == []


def test_a_segment_is_what_its_id_says_and_not_what_it_begins_with(folder: Path) -> None:
    export_log.add(folder, ExportEntry("unassigned", DAYS[1], None, "csv", None, ExportPlace.DOWNLOAD, by="C"))
    assert lists_that_left(folder, ANN, CLUSTERS, frozenset(DAYS)) == []
    [_, line] = lists_that_left(folder, ANN, dict.fromkeys(DAYS), frozenset(DAYS))
    assert line.startswith(f"  downloaded by C (unassigned of {DAYS[1]}")


def test_a_file_whose_name_reads_like_a_download_stays_a_file_of_the_folder(folder: Path) -> None:
    export_segment(folder, "C01", out=export_log.folder_of(folder) / "downloaded by bob.csv")
    assert lists_that_left(folder, ANN, CLUSTERS, frozenset(DAYS)) == []


def test_a_line_of_the_log_that_cannot_be_read_is_told(folder: Path) -> None:
    export_segment(folder, "C01")
    path = export_log.folder_of(folder) / export_log.LOG
    path.write_bytes(path.read_bytes() + b'{"segment_id": "C01", "da')
    [line] = lists_that_left(folder, ANN, CLUSTERS, frozenset(DAYS))
    assert "exports/exports.jsonl cannot be read at line 2" in line
    assert lists_that_left(folder, Person("nobody"), {}, frozenset(DAYS), is_known=False) == []


def test_a_list_of_a_saved_segment_may_hold_anyone_of_its_snapshot(folder: Path, tmp_path: Path) -> None:
    entry = ExportEntry("S01", DAYS[1], None, "csv", None, ExportPlace.DOWNLOAD, by="bob")
    export_log.add(folder, entry)
    assert len(lists_that_left(folder, ANN, CLUSTERS, frozenset(DAYS))) == 2
    assert lists_that_left(folder, ANN, {}, frozenset(DAYS)) == []
