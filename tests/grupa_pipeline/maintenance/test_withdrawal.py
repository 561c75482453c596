from pathlib import Path

import pytest

from grupa.cli import main
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.maintenance.withdrawal import UnknownFileError, ingested_sha256, withdraw
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.publication import Publication
from sample_data.generate import END
from tests.grupa_pipeline.ingested_logs import NOW, held, log


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    """Two files of which the second repeats an event of the first, and has a row that cannot be used."""
    publication = Publication(tmp_path / "warehouse")
    first = log(tmp_path / "first.csv", "a,2025-06-01T10:00:00,login", "b,2025-06-02T10:00:00,login", ",2025-06-02,x")
    second = log(tmp_path / "second.csv", "a,2025-06-01T10:00:00,login", "c,2025-06-01T11:00:00,login")
    for path in (first, second):
        ingest_logs(publication, [path], None, NOW)
    return publication


def sha256_of(publication: Publication, name: str) -> str:
    [row] = publication.query("SELECT file_sha256 FROM ingested_files WHERE file_name = ?", [name]).to_pylist()
    return row["file_sha256"]


@pytest.mark.slow
def test_a_withdrawn_file_leaves_no_row_and_the_others_stay(publication: Publication) -> None:
    settings, sha256 = Settings(warehouse=publication.folder), sha256_of(publication, "first.csv")
    assert ingested_sha256(settings, f" {sha256[:8].upper()}") == sha256
    report = withdraw(settings, sha256[:8])
    assert held(publication) == {("c", "login")}
    assert publication.query("SELECT * FROM rejected_rows").num_rows == 0
    assert publication.query("SELECT file_name FROM ingested_files").to_pydict() == {"file_name": ["second.csv"]}
    assert "2 events and 1 rejected rows" in report
    assert f"second.csv ({sha256_of(publication, 'second.csv')[:12]}): 1 duplicates" in report


@pytest.mark.slow
def test_copies_of_the_log_itself_are_named_and_not_deleted(publication: Publication) -> None:
    done = publication.folder / "inbox" / "done"
    done.mkdir(parents=True)
    given = publication.folder.with_name("first.csv").read_bytes()
    (done / "20250701-first.csv").write_bytes(given)
    (done / "first.csv").write_bytes(given + b"d,2025-06-03T10:00:00,login\n")
    report = withdraw(Settings(warehouse=publication.folder), sha256_of(publication, "first.csv"))
    assert "  inbox/done/20250701-first.csv\n" in report and "  inbox/done/first.csv" not in report
    assert (done / "20250701-first.csv").exists()


@pytest.mark.slow
def test_lost_duplicates_return_when_the_other_file_is_ingested_again(publication: Publication) -> None:
    settings, second = Settings(warehouse=publication.folder), publication.folder.with_name("second.csv")
    withdraw(settings, sha256_of(publication, "first.csv"))
    withdraw(settings, sha256_of(publication, "second.csv"))
    assert publication.last_day() is None
    ingest_logs(publication, [second], None, NOW)
    assert held(publication) == {("a", "login"), ("c", "login")}


@pytest.mark.slow
@pytest.mark.parametrize(("given", "report"), [("deadbeef", "No file"), ("abc", "first 8"), ("x" * 64, "first 8")])
def test_a_file_that_was_never_ingested_is_an_error(publication: Publication, given: str, report: str) -> None:
    before = publication.database.resolve()
    with pytest.raises(UnknownFileError, match=report):
        withdraw(Settings(warehouse=publication.folder), given)
    assert publication.database.resolve() == before


@pytest.mark.slow
def test_a_prefix_that_fits_two_files_is_refused(publication: Publication) -> None:
    with warehouse.publish(publication.database) as con:
        con.execute("UPDATE ingested_files SET file_sha256 = 'abcdef01' || file_name")
    with pytest.raises(UnknownFileError, match=r"first\.csv .*second\.csv"):
        withdraw(Settings(warehouse=publication.folder), "abcdef01")


def test_the_command_exits_with_2_for_an_unknown_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["withdraw", "deadbeef", "--warehouse", str(tmp_path)]) == ExitStatus.UNUSABLE
    assert "deadbeef" in capsys.readouterr().err


def test_snapshots_computed_with_the_file_are_named(sample_copy: Path) -> None:
    publication = Publication(sample_copy)
    report = withdraw(Settings(warehouse=sample_copy), sha256_of(publication, "log.csv"))
    assert f"Snapshots of {END} were computed with it" in report
    assert publication.query("SELECT count(*) AS n FROM events").to_pylist() == [{"n": 0}]
    assert publication.query("SELECT count(*) AS n FROM user_clusters").to_pylist()[0]["n"] > 0
