"""`grupa`: the process of the command line. Reads the words, runs one command and prints what failed."""

import atexit
import json
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import typer

from grupa.cli.exit_status import CommandError, ExitStatus
from grupa.cli.user_commands import app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; for example `main(["run", "log.csv", "--json"])`.

    A command that fails prints one sentence on stderr, and with `run --json` one JSON object as the last line of stdout,
    also where the options themselves are wrong.

    Args:
        argv: The words after `grupa`; default those of the process.

    Returns:
        The exit status: 0 done, 2 unusable input or options, 1 anything else.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    warnings.simplefilter("ignore")  # libraries' warnings are for developers; ours are log lines
    try:
        return _run_command(words)
    except typer.Exit as end:  # after --help
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:
        failure = _known_failure(error)
        if context := getattr(error, "ctx", None):
            print(context.get_usage(), file=sys.stderr)
        if failure and failure.options:
            failure = _with_command(failure, words)
        _report(
            failure or CommandError(f"stopped by an internal error: {error!r}", ExitStatus.FAILED), _wants_json(words)
        )
        if failure is None:
            raise  # a bug: developers need its traceback
        return failure.status


def _run_command(words: list[str]) -> int:
    """Parse and run without Typer's own error handling, which knows neither our exit statuses nor `--json`."""
    command = typer.main.get_command(app)
    with command.make_context("grupa", words) as context:
        status: int = command.invoke(context)
        return status


def _wants_json(words: Sequence[str]) -> bool:
    """Whether `run --json` was given; read from the plain words, since the options may be wrong."""
    options = words[: words.index("--")] if "--" in words else words
    return words[:1] == ["run"] and "--json" in options


def _with_command(failure: CommandError, words: Sequence[str]) -> CommandError:
    """The failure of a log whose columns must be confirmed, with the whole command that does so."""
    said = shlex.split(failure.options or "")
    names, options = {word for word in said if word.startswith("--")}, list(words)
    for name in names & {*options}:
        del options[options.index(name) : options.index(name) + 2]
    options = [word for word in options if word.partition("=")[0] not in names]
    command = shlex.join(["grupa", *options[:1], *said, *options[1:]])
    return CommandError(f"{failure}\nType: {command}", failure.status, failure.file, failure.line)


def _known_failure(error: BaseException) -> CommandError | None:
    """The sentence and the exit status of an error that users can do something about; None for a bug."""
    from grupa_pipeline.settings import SettingError

    match error:
        case CommandError():
            return error
        case typer.TyperException():
            return CommandError(error.format_message(), ExitStatus.UNUSABLE)
        case SettingError():
            return CommandError(str(error), ExitStatus.UNUSABLE)
        case OSError():
            return CommandError(f"stopped: {error}", ExitStatus.FAILED)
        case KeyboardInterrupt() | EOFError():
            return CommandError("stopped", ExitStatus.FAILED)
    return None


def _report(failure: CommandError, as_json: bool) -> None:
    print(f"grupa: {failure}", file=sys.stderr)
    if as_json:
        fields = {"error": str(failure), "file": failure.file, "line": failure.line}
        print(json.dumps(fields, ensure_ascii=False))


def process() -> NoReturn:
    """Run `main` and end the process at once.

    Python's own exit would first search everything loaded for garbage, which takes a second. Exit handlers run and the
    workers are released; no thread is waited for.
    """
    status = main()
    worker_pool = sys.modules.get("grupa_pipeline.segmentation.worker_pool")
    if worker_pool is not None:
        worker_pool.release_workers()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader of a pipe has gone
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    process()
