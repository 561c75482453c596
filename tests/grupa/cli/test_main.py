"""Unusable options, settings and folders end a command with one sentence, and with `--json` in one object."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grupa.cli import main, run, serve
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.storage.publication import Publication
from tests.grupa_pipeline.ingested_logs import log

EVENT = "a,2025-06-01T10:00:00,login"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GRUPA_ROLES_FILE", "GRUPA_WAREHOUSE", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRUPA_LLM", "none")


def refused(capsys: pytest.CaptureFixture[str], words: list[str], status: int = ExitStatus.UNUSABLE) -> str:
    """The sentence with which a command fails."""
    assert main.main(words) == status
    output = capsys.readouterr()
    [sentence] = [line for line in output.err.splitlines() if line.startswith("grupa: ")]
    assert "Traceback" not in output.err and "Error" not in sentence
    if "--json" in words:
        failure = json.loads(output.out.splitlines()[-1])
        assert list(failure) == ["error", "file", "line"]
        assert sentence == f"grupa: {failure['error']}"
    return sentence


@pytest.mark.parametrize(
    ("words", "mentioned"),
    [
        (["--as-of", "2026-13-01"], "--as-of"),
        (["--window-days", "0"], "--window-days"),
        (["--seed", "x"], "--seed"),
        (["--seed", "4294967296"], "--seed"),
        (["--bogus"], "--bogus"),
        ([], "no events yet"),
        (["nowhere.csv"], "nowhere.csv"),
    ],
)
@pytest.mark.slow
def test_options_that_cannot_be_used(words: list[str], mentioned: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert mentioned in refused(capsys, ["run", *words, "--json"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRUPA_MIN_EVENTS", "abc"),
        ("GRUPA_ENGINE", "bogus"),
        ("GRUPA_KEEP_SNAPSHOTS", "-3"),
        ("GRUPA_LOG_FORMAT", "xml"),
    ],
)
def test_settings_that_cannot_be_used(
    name: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert name in refused(capsys, ["run", "--json"])


@pytest.mark.slow
def test_without_the_json_option_no_object_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "--bogus"]) == ExitStatus.UNUSABLE
    assert capsys.readouterr().out == ""
    assert main.main(["run", "--", "--json"]) == ExitStatus.UNUSABLE
    assert capsys.readouterr().out == ""


def test_an_internal_error_is_in_the_object_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "run", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main.main(["run", "--json"])
    assert "division" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]


@pytest.mark.parametrize(
    ("text", "line"), [(None, None), ("[outcomes]\ngood = 3\n", 2), ("[outcomes\n", 1), ("[outcomes]\n# \xff\n", 2)]
)
def test_a_roles_file_is_refused_before_anything_is_ingested(
    tmp_path: Path,
    text: str | None,
    line: int | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roles = tmp_path / "my_roles.toml"
    if text is not None:
        roles.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("GRUPA_ROLES_FILE", str(roles))
    assert main.main(["run", str(log(tmp_path / "a.csv", EVENT)), "--json"]) == ExitStatus.UNUSABLE
    failure = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (failure["file"], failure["line"]) == ("my_roles.toml", line)
    assert "my_roles.toml" in failure["error"] and "Error" not in failure["error"]
    assert not Publication(tmp_path / "warehouse").database.exists()


def test_nothing_is_served_with_an_unusable_roles_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_roles.toml").write_text("[outcomes]\ngood = 3\n")
    monkeypatch.setenv("GRUPA_ROLES_FILE", str(tmp_path / "my_roles.toml"))
    monkeypatch.setattr(serve, "serve", lambda *_: pytest.fail("something was started"))
    assert "my_roles.toml, line 2" in refused(capsys, ["serve"])


@pytest.mark.slow
def test_a_log_that_ends_before_1970_is_refused_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = log(tmp_path / "old.csv", "a,1969-12-31T10:00:00,login")
    assert "old.csv" in refused(capsys, ["run", str(old), "--json"])
    assert not Publication(tmp_path / "warehouse").database.exists()


@pytest.mark.slow
def test_the_object_has_the_fields_of_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path / "a.csv", EVENT, "b,1969-12-31T10:00:00,login")
    assert main.main(["run", str(path), "--json"]) == ExitStatus.DONE
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(summary) == [
        *("snapshot_date", "status", "reason", "window_start", "window_end", "users", "events", "users_outside_window"),
        *("cluster_count", "unassigned_share", "insight_source", "warnings", "files"),
    ]
    assert summary["snapshot_date"] == "2025-06-01"


COMMANDS = (["run", "--json"], ["serve"], ["demo"], ["forget", "a"], ["status"], ["restore"], ["withdraw", "12345678"])


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("folder", ["a_file", "a_file/below", "/proc/x"])
def test_a_warehouse_folder_that_cannot_be_created(
    words: list[str], folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a_file").touch()
    sentence = refused(capsys, [*words, "--warehouse", folder])
    assert folder in sentence and "--warehouse" in sentence


@pytest.mark.parametrize("words", COMMANDS[:4], ids=lambda words: words[0])
def test_a_warehouse_folder_that_is_read_only(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "/proc" in refused(capsys, [*words, "--warehouse", "/proc"])


def test_a_missing_warehouse_is_reported_and_not_created(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = ["--warehouse", str(tmp_path / "new")]
    assert main.main(["status", *missing]) == ExitStatus.DONE
    assert "no warehouse" in capsys.readouterr().out
    assert "no warehouse" in refused(capsys, ["forget", "a", *missing])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize("option", ["--port", "--dagster-port"])
def test_a_port_out_of_range(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"'{option}'" in refused(capsys, [command, option, "99999"])


def test_a_demo_whose_run_fails_ends_with_its_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object, **__: object) -> None:
        raise run.RunFailedError("The run stopped: No space left on device")

    monkeypatch.setattr(run, "run", disk_full)
    monkeypatch.setattr("sample_data.generate.write_log", lambda _: None)
    assert "No space left" in refused(capsys, ["demo"], ExitStatus.FAILED)


@pytest.mark.slow
def test_a_process_ends_with_the_status_of_its_command_and_its_whole_output(tmp_path: Path) -> None:
    """It ends without Python's own shutdown, which would flush the streams."""
    command = [sys.executable, "-m", "grupa.cli.main", "run", "--as-of", "never", "--json"]
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert process.returncode == ExitStatus.UNUSABLE
    assert "--as-of" in json.loads(process.stdout.splitlines()[-1])["error"]
    assert "grupa: " in process.stderr
