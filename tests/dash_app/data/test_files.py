"""Queries on ingested logs and their rejected rows, and the download of those rows."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.data.database import Database
from dash_app.data.files import load_files, load_hashes
from dash_app.data.inbox_files import load_refused, load_waiting
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse

SHA = "a" * 64


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    return create_app(Settings(warehouse=folder)).server.test_client()


def test_counts_of_each_log_add_up(database: Database) -> None:
    [file] = database.query(load_files, 5)
    assert file.file_name == "log.csv"
    assert file.rows_read == file.rows_accepted + file.rows_rejected + file.rows_duplicate


def test_only_the_newest_logs_are_listed_and_all_can_be_downloaded(folder: Path, client: FlaskClient) -> None:
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute(
            "INSERT INTO ingested_files SELECT f.* REPLACE (file_sha256 || n AS file_sha256,"
            " 'old' || n || '.csv' AS file_name, ingested_at - INTERVAL (n) DAY AS ingested_at)"
            " FROM ingested_files f, range(1, 31) r(n)"
        )
    database = Database(folder / "grupa.duckdb")
    assert [file.file_name for file in database.query(load_files, 2)] == ["log.csv", "old1.csv"]
    assert len(database.query(load_hashes)) == 31
    lines = client.get("/export/logs.csv").text.splitlines()
    assert len(lines) == 32 and lines[0].startswith("file_sha256,file_name") and "old30.csv" in lines[-1]


def test_rejected_rows_come_in_line_order_and_no_spreadsheet_runs_them(folder: Path, client: FlaskClient) -> None:
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("INSERT INTO rejected_rows VALUES (?, 2, 'bad_quotes', '=cmd|''/C calc''!A0')", [SHA])
        con.execute("INSERT INTO rejected_rows VALUES (?, 1, 'bad_quotes', 'of another log')", ["b" * 64])
    lines = client.get(f"/export/rejected/{SHA}.csv").get_data(as_text=True).splitlines()
    assert [line.split(",")[0] for line in lines] == ["line_number", "2", "3"]
    assert ",'=cmd|'/C calc'!A0" in lines[1]


@pytest.mark.parametrize("sha256", ["b" * 64, "..", "%27 OR 1=1", "a"])
def test_rejected_rows_of_no_log_are_not_found(client: FlaskClient, sha256: str) -> None:
    assert client.get(f"/export/rejected/{sha256}.csv").status_code == 404


def test_the_inbox_says_what_waits_and_what_was_refused(tmp_path: Path) -> None:
    assert (load_waiting(tmp_path), load_refused(tmp_path, 5)) == ([], [])
    (tmp_path / "refused").mkdir()
    for name in ("log.csv", "log.csv.part", ".log.csv.timestamp-format"):
        (tmp_path / name).write_text("x")
    (tmp_path / "refused" / "20260101-101010-ab12-bad.csv.why.txt").write_text("bad.csv: no header.\n")
    assert [each.name for each in load_waiting(tmp_path)] == ["log.csv"]
    [refused] = load_refused(tmp_path, 5)
    assert (refused.name, refused.why) == ("bad.csv", "bad.csv: no header.")
