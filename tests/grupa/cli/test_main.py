"""What the command line says to words, settings and folders that it cannot use: one sentence, and an object for programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grupa.cli import main, run, serve
from grupa_pipeline.storage.publication import Publication
from tests.grupa_pipeline.ingested_logs import log

EVENT = "a,2025-06-01T10:00:00,login"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GRUPA_ROLES_FILE", "GRUPA_WAREHOUSE", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRUPA_LLM", "none")


def refused(capsys: pytest.CaptureFixture[str], words: list[str], status: int = main.EXIT_UNUSABLE) -> str:
    """The sentence that a command ends in."""
    assert main.main(words) == status
    said = capsys.readouterr()
    [sentence] = [line for line in said.err.splitlines() if line.startswith("grupa: ")]
    assert "Traceback" not in said.err and "Error" not in sentence
    if "--json" in words:
        told = json.loads(said.out.splitlines()[-1])
        assert list(told) == ["error", "file", "line"]
        assert sentence == f"grupa: {told['error']}"
    return sentence


@pytest.mark.parametrize(
    ("words", "said"),
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
def test_options_that_cannot_be_used(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, ["run", *words, "--json"])


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


def test_only_an_asked_for_object_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "--bogus"]) == main.EXIT_UNUSABLE
    assert capsys.readouterr().out == ""
    assert main.main(["run", "--", "--json"]) == main.EXIT_UNUSABLE
    assert capsys.readouterr().out == ""


def test_an_error_of_its_own_is_told_to_programs_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "run", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main.main(["run", "--json"])
    assert "division" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]


@pytest.mark.parametrize(
    ("text", "line"), [(None, None), ("[outcomes]\ngood = 3\n", 2), ("[outcomes\n", 1), ("[outcomes]\n# \xff\n", 2)]
)
def test_a_roles_file_is_refused_before_anything_is_taken_in(
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
    assert main.main(["run", str(log(tmp_path / "a.csv", EVENT)), "--json"]) == main.EXIT_UNUSABLE
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["file"], told["line"]) == ("my_roles.toml", line)
    assert "my_roles.toml" in told["error"] and "Error" not in told["error"]
    assert not Publication(tmp_path / "warehouse").database.exists()


def test_nothing_is_served_with_a_roles_file_that_each_run_would_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_roles.toml").write_text("[outcomes]\ngood = 3\n")
    monkeypatch.setenv("GRUPA_ROLES_FILE", str(tmp_path / "my_roles.toml"))
    monkeypatch.setattr(serve, "_start", lambda *_: pytest.fail("something was started"))
    assert "my_roles.toml, line 2" in refused(capsys, ["serve"])


def test_a_log_that_ends_before_1970_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = log(tmp_path / "old.csv", "a,1969-12-31T10:00:00,login")
    assert "old.csv" in refused(capsys, ["run", str(old), "--json"])
    assert not Publication(tmp_path / "warehouse").database.exists()


def test_an_object_has_the_fields_of_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = log(tmp_path / "a.csv", EVENT, "b,1969-12-31T10:00:00,login")
    assert main.main(["run", str(some), "--json"]) == main.EXIT_DONE
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == [
        *("snapshot_date", "status", "reason", "window_start", "window_end", "users", "events", "users_outside_window"),
        *("cluster_count", "unassigned_share", "insight_source", "warnings", "files"),
    ]
    assert told["snapshot_date"] == "2025-06-01"


COMMANDS = (["run", "--json"], ["serve"], ["demo"], ["forget", "a"], ["status"], ["restore"], ["withdraw", "12345678"])


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("folder", ["a_file", "a_file/below", "/proc/x"])
def test_a_warehouse_that_cannot_be(words: list[str], folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a_file").touch()
    sentence = refused(capsys, [*words, "--warehouse", folder])
    assert folder in sentence and "--warehouse" in sentence


@pytest.mark.parametrize("words", COMMANDS[:4], ids=lambda words: words[0])
def test_a_warehouse_in_which_nothing_can_be_written(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "/proc" in refused(capsys, [*words, "--warehouse", "/proc"])


def test_what_is_not_there_is_neither_made_nor_called_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--warehouse", str(tmp_path / "new")]
    assert main.main(["status", *there]) == main.EXIT_DONE
    assert "no warehouse" in capsys.readouterr().out
    assert "no warehouse" in refused(capsys, ["forget", "a", *there])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize("option", ["--port", "--dagster-port"])
def test_a_port_that_is_none(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "'99999' is not a port" in refused(capsys, [command, option, "99999"])


def test_a_demo_whose_run_fails_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise run.RunFailedError("The run stopped: No space left on device")

    monkeypatch.setattr(run, "run", full)
    monkeypatch.setattr("sample_data.generate.write_log", lambda _: None)
    assert "No space left" in refused(capsys, ["demo"], main.EXIT_FAILED)


def test_a_process_ends_with_the_status_of_its_command_and_all_that_it_printed(tmp_path: Path) -> None:
    """It ends before Python has searched for garbage; what it said is through a pipe by then."""
    command = [sys.executable, "-m", "grupa.cli.main", "run", "--as-of", "never", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == main.EXIT_UNUSABLE
    assert "--as-of" in json.loads(ended.stdout.splitlines()[-1])["error"]
    assert "grupa: " in ended.stderr
