"""A log whose columns must be confirmed: exit status 2, and the whole command to type."""

import json
import shlex
from pathlib import Path

import pytest

from grupa.cli import main
from grupa.cli.exit_status import CommandError, ExitStatus


@pytest.mark.parametrize("said", [[], ["--columns", "user_id=x,timestamp=y,action=z"], ["--columns=user_id=x"]])
def test_the_command_keeps_what_was_typed(said: list[str]) -> None:
    failure = CommandError("asked", ExitStatus.UNUSABLE, "log.csv", 1, "--columns 'user_id=a b,timestamp=t,action=e'")
    words = ["run", "my log.csv", *said, "--seed", "3"]
    text = str(main._with_command(failure, words))
    command = shlex.split(text.partition("Type: ")[2])
    assert command == ["grupa", "run", "--columns", "user_id=a b,timestamp=t,action=e", "my log.csv", "--seed", "3"]


@pytest.mark.slow
def test_the_command_that_is_proposed_reads_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "visitor,occurred_at,page\n"
        + "".join(f"v{n},2025-03-0{1 + n % 9} 10:00:0{n % 9},p{n % 3}\n" for n in range(40))
    )
    words = ["run", str(log), "--warehouse", str(tmp_path / "w"), "--json"]
    assert main.main(words) == 2
    shown = capsys.readouterr()
    command = shlex.split(shown.err.partition("Type: ")[2].splitlines()[0])
    assert "Type: grupa run" in json.loads(shown.out.splitlines()[-1])["error"]
    assert main.main(command[1:]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["files"][0]["rows_accepted"] == 40
    again = tmp_path / "again.csv"
    again.write_text("page,visitor,occurred_at\np9,v9,2025-03-10 10:00:00\n")
    assert main.main(["run", str(again), "--warehouse", str(tmp_path / "w"), "--json"]) == 0
    assert any(
        "as you said before" in warning for warning in json.loads(capsys.readouterr().out.splitlines()[-1])["warnings"]
    )


def test_the_command_replaces_each_option_that_it_says() -> None:
    said = "--columns user_id=a,timestamp=t,action=e --timestamp-format '%d.%m.%Y %H:%M'"
    failure = CommandError("asked", ExitStatus.UNUSABLE, "log.csv", 1, said)
    words = ["run", "log.csv", "--timestamp-format=%m", "--columns", "user_id=x", "--json"]
    command = shlex.split(str(main._with_command(failure, words)).partition("Type: ")[2])
    assert command == ["grupa", "run", *shlex.split(said), "log.csv", "--json"]
