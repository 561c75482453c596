from pathlib import Path

import pytest

from grupa.cli import main
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.storage import audit_log
from tests.dash_app.synthetic import DAYS


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    status = main.main([*words, "--warehouse", str(folder)])
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return status, output.out, output.err


def test_export_writes_to_the_warehouse_unless_a_file_is_named(
    capsys: pytest.CaptureFixture[str], small_folder: Path, tmp_path: Path
) -> None:
    status, text, _ = run(capsys, small_folder, "export", "C01")
    assert status == ExitStatus.DONE and "140 users of C01 (Deal closers)" in text
    assert (small_folder / "exports" / f"C01-{DAYS[1]}.csv").exists()
    status, *_ = run(capsys, small_folder, "export", "C01", "--format", "sql", "--out", str(tmp_path / "q.sql"))
    assert status == ExitStatus.DONE and (tmp_path / "q.sql").read_text().startswith("-- Users of C01")
    status, text, _ = run(capsys, small_folder, "export", "C01", "--since", str(DAYS[0]), "--format", "parquet")
    assert status == ExitStatus.DONE and "0 users who entered or left" in text


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (["C99"], "C01 (Deal closers)"),
        (["C01", "--since", "2020-01-01"], "2026-03-08"),
        (["C01", "--snapshot", "2020-01-01"], "2026-03-08"),
        (["C01", "--since", "yesterday"], "YYYY-MM-DD"),
        (["C01", "--format", "xlsx"], "parquet"),
    ],
)
def test_what_cannot_be_exported_ends_with_status_2_and_lists_what_can(
    capsys: pytest.CaptureFixture[str], small_written: Path, words: list[str], listed: str
) -> None:
    status, _, error = run(capsys, small_written, "export", *words)
    assert status == ExitStatus.UNUSABLE and listed in error


@pytest.mark.parametrize(
    "words",
    [["audit", "--since"], ["export", "C01", "--since"], ["report", "--snapshot"], ["run", "--as-of"]],
    ids=lambda words: words[0],
)
def test_what_is_no_day_is_told_of_its_own_option(
    capsys: pytest.CaptureFixture[str], small_written: Path, words: list[str]
) -> None:
    status, _, error = run(capsys, small_written, *words, "9 March")
    assert status == ExitStatus.UNUSABLE and f"'{words[-1]}': '9 March' is not a day" in error


def test_without_a_warehouse_nothing_is_created(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, error = run(capsys, tmp_path / "none", "export", "C01")
    assert status == ExitStatus.UNUSABLE and "grupa run" in error and not (tmp_path / "none").exists()


def test_an_export_is_in_the_audit_log(capsys: pytest.CaptureFixture[str], small_folder: Path) -> None:
    run(capsys, small_folder, "export", "C01")
    found = audit_log.query(small_folder, "SELECT action, subject, outcome FROM audit_log ORDER BY acted_at").fetchall()
    assert found[-1] == ("export", "C01", "done")
    run(capsys, small_folder, "export", "user_123")
    run(capsys, small_folder, "report", "--cluster", "C01")
    run(capsys, small_folder, "report", "--by-app")
    run(capsys, small_folder, "report", "--cluster", "user_123")
    found = audit_log.query(small_folder, "SELECT action, subject, outcome FROM audit_log ORDER BY acted_at").fetchall()
    assert found[-3:] == [("export", "", "failed"), ("export", "report:C01", "done"), ("export", "report", "failed")]


def test_maintenance_is_recorded_by_what_was_found_and_not_by_what_was_typed(
    capsys: pytest.CaptureFixture[str], small_folder: Path
) -> None:
    run(capsys, small_folder, "withdraw", "ann_smith")
    run(capsys, small_folder, "restore", "ann_smith")
    run(capsys, small_folder, "forget", "ann_smith")
    found = audit_log.query(small_folder, "SELECT action, subject, outcome FROM audit_log ORDER BY acted_at").fetchall()
    assert found[-3:-1] == [("withdraw", "", "failed"), ("restore", "", "failed")]
    assert found[-1][0] == "forget" and len(found[-1][1]) == 16


def test_a_report_is_written_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], small_folder: Path, tmp_path: Path
) -> None:
    status, text, _ = run(capsys, small_folder, "report")
    path = small_folder / "exports" / f"report-snapshot-{DAYS[1]}.html"
    assert status == ExitStatus.DONE and str(path) in text and "Deal closers" in path.read_text()
    status, *_ = run(capsys, small_folder, "report", "--roadmap", "--out", str(tmp_path / "r.html"))
    assert status == ExitStatus.DONE and "Test roadmap" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (["--cluster", "C99"], "C01 (Deal closers)"),
        (["--snapshot", "2020-01-01"], "2026-03-08"),
        (["--roadmap", "--cluster", "C01"], "--roadmap"),
        (["--format", "docx"], "pdf"),
    ],
)
def test_a_report_on_what_is_not_there_ends_with_status_2(
    capsys: pytest.CaptureFixture[str], small_written: Path, words: list[str], listed: str
) -> None:
    status, _, error = run(capsys, small_written, "report", *words)
    assert status == ExitStatus.UNUSABLE and listed in error


def test_insights_of_an_unknown_cluster_end_with_status_2_and_list_the_known_ones(
    capsys: pytest.CaptureFixture[str], small_written: Path
) -> None:
    status, _, error = run(capsys, small_written, "insights", "--cluster", "C99")
    assert status == ExitStatus.UNUSABLE and "no cluster C99" in error and "C01 (Deal closers)" in error


def test_insights_without_a_snapshot_say_what_to_type(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, error = run(capsys, tmp_path / "empty", "insights")
    assert status == ExitStatus.UNUSABLE and "grupa run LOG.csv" in error
