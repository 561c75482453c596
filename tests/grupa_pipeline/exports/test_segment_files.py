import csv
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.exports import export_log
from grupa_pipeline.exports.export_log import ExportPlace
from grupa_pipeline.exports.formats import SegmentFormat
from grupa_pipeline.exports.segment_files import export_segment, write_csv
from tests.dash_app.synthetic import DAYS, KINDS, write_warehouse

pytestmark = pytest.mark.slow


def test_a_cluster_as_csv_parquet_and_sql_is_the_same_users(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    files = {each: export_segment(tmp_path, "C02", file_format=each) for each in SegmentFormat}
    assert {file.path.parent for file in files.values()} == {tmp_path / "exports"}
    with files[SegmentFormat.CSV].path.open(newline="") as file:
        listed = [row["user_id"] for row in csv.DictReader(file)]
    assert len(listed) == KINDS["C02"][1] == files[SegmentFormat.CSV].rows
    assert pq.read_table(files[SegmentFormat.PARQUET].path)["user_id"].to_pylist() == listed
    with duckdb.connect(str((tmp_path / "grupa.duckdb").resolve()), read_only=True) as con:
        assert [row[0] for row in con.sql(files[SegmentFormat.SQL].path.read_text()).fetchall()] == listed


def test_who_entered_and_left_is_a_file_of_its_own(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    written = export_segment(tmp_path, "C01", since=DAYS[0])
    assert written.path.name == f"C01-{DAYS[1]}-since-{DAYS[0]}.csv"
    assert written.path.read_text().splitlines() == ["user_id,change"]


def test_every_export_is_recorded_with_its_place(tmp_path: Path) -> None:
    write_warehouse(tmp_path / "warehouse")
    export_segment(tmp_path / "warehouse", "unassigned")
    export_segment(tmp_path / "warehouse", "C01", out=tmp_path / "away.csv")
    (inside, outside), unreadable = export_log.entries(tmp_path / "warehouse")
    assert unreadable == []
    assert (inside.place, inside.segment_id, inside.rows) == (f"unassigned-{DAYS[1]}.csv", "unassigned", 40)
    assert outside.place == str((tmp_path / "away.csv").resolve())
    assert (inside.kind, outside.kind) == (ExportPlace.FOLDER, ExportPlace.FILE)
    assert inside.at is not None


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    write_csv(tmp_path / "out.csv", ["user_id"], [["=1+1"], ["plain"]])
    assert (tmp_path / "out.csv").read_text().splitlines() == ["user_id", "'=1+1", "plain"]
