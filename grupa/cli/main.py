"""`grupa`: the command line. Reads arguments and prints; what it runs are the assets that Dagster's UI shows."""

import argparse
import atexit
import dataclasses
import gc
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from grupa.cli.arguments import UsageError, asks_for_json, read_words
from grupa_pipeline.logging_config import configure_logs
from grupa_pipeline.settings import SettingError, Settings, read_log_format, require_folder

if TYPE_CHECKING:
    from grupa.cli.run import Summary

EXIT_DONE, EXIT_FAILED, EXIT_UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 unusable input or options, 1 anything else.

    Whatever fails ends in one sentence on stderr, and `run --json` in one object on stdout too.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    warnings.simplefilter("ignore")  # those of libraries speak to developers; ours are logged
    told: Callable[..., int] = partial(_fail, asks_for_json(words))
    try:
        arguments = read_words(words)
        configure_logs(read_log_format())
        return _COMMANDS[arguments.command](arguments)
    except UsageError as error:
        print(error.usage, end="", file=sys.stderr)
        return told(str(error), EXIT_UNUSABLE)
    except SettingError as error:
        return told(str(error), EXIT_UNUSABLE)
    except _StoppedError as error:
        return told(str(error), error.status, error.file, error.line)
    except OSError as error:
        return told(f"stopped: {error}", EXIT_FAILED)
    except KeyboardInterrupt:
        return told("stopped", EXIT_FAILED)
    except Exception as error:  # a mistake of ours: its traceback is for whoever mends it
        told(f"stopped by an error of its own: {error!r}", EXIT_FAILED)
        raise


class _StoppedError(Exception):
    """A command that could not do what it was asked; the message says why."""

    def __init__(self, error: Exception, status: int, file: str | None = None, line: int | None = None) -> None:
        super().__init__(str(error))
        self.status, self.file, self.line = status, file, line


def _run(arguments: argparse.Namespace) -> int:
    summary = _made(_writable(arguments), arguments.files, arguments.as_of)
    if arguments.json:
        print(json.dumps(summary.as_json(), ensure_ascii=False))
    return EXIT_DONE


def _made(settings: Settings, files: Sequence[Path], as_of: date | None = None) -> "Summary":
    """Run, and print what came out."""
    from grupa.cli.run import RunFailedError, UnusableInputError, run

    gc.freeze()  # what was loaded stays: each search for garbage would go through all of it
    try:
        summary = run(settings, files, as_of=as_of)
    except UnusableInputError as error:
        raise _StoppedError(error, EXIT_UNUSABLE, error.file, error.line) from error
    except RunFailedError as error:
        raise _StoppedError(error, EXIT_FAILED) from error
    print(summary.as_text())
    return summary


def _serve(arguments: argparse.Namespace) -> int:
    from dash_app.roadmap.store import Roadmap
    from grupa.cli.serve import serve
    from grupa_pipeline.event_catalog.roles import Roles, RolesError
    from grupa_pipeline.storage.migrations import NewerFileError
    from grupa_pipeline.storage.repair import repair
    from grupa_pipeline.storage.warehouse import DamagedWarehouseError

    settings = _writable(arguments)
    try:
        Roles.load(settings.roles_file)  # told now, not by each run and each plan
        Roadmap(settings.warehouse).ensure()
        repair(settings)
    except RolesError as error:
        raise _StoppedError(error, EXIT_UNUSABLE, error.file, error.line) from error
    except NewerFileError as error:
        raise _StoppedError(error, EXIT_FAILED) from error
    except DamagedWarehouseError as error:  # the app and Dagster's UI tell it too, and are of use without the tables
        print(f"grupa: {error}", file=sys.stderr)
    return serve(settings, arguments.host, arguments.port, arguments.dagster_port)


def _demo(arguments: argparse.Namespace) -> int:
    from grupa.cli.serve import serve
    from grupa_pipeline.segmentation.worker_pool import release_workers
    from sample_data.generate import write_log

    settings = _writable(arguments)
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    log = settings.warehouse / "sample_log.csv.gz"
    print(f"Writing a sample log to {log}", file=sys.stderr)
    write_log(log)
    _made(settings, [log])
    release_workers()
    return serve(settings, arguments.host, arguments.port, arguments.dagster_port)


def _user(arguments: argparse.Namespace) -> int:
    from getpass import getpass

    from grupa_pipeline.auth.accounts import keep_account

    path = _settings(arguments).users_file
    if path is None:
        raise SettingError("GRUPA_USERS_FILE is not set: say which file holds the users, here and for `grupa serve`.")
    if sys.stdin.isatty():
        password = getpass("Password: ")
        if getpass("Again: ") != password:
            raise SettingError("The two passwords differ; nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    is_new = keep_account(path, arguments.name, password)
    print(f"{arguments.name} {'may sign in' if is_new else 'has a new password and is signed out'} ({path}).")
    return EXIT_DONE


def _status(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.maintenance.status import status

    settings = _settings(arguments)
    if not settings.warehouse.is_dir():
        require_folder(settings.warehouse)
    text, sound = status(settings)
    print(text)
    return EXIT_DONE if sound else EXIT_FAILED


def _restore(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.maintenance.status import restore
    from grupa_pipeline.storage.warehouse import NoWarehouseError

    return _tell(restore, _writable(arguments, made=True), arguments.version, NoWarehouseError)


def _withdraw(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.maintenance.withdrawal import UnknownFileError, withdraw

    return _tell(withdraw, _writable(arguments, made=True), arguments.file_sha256, UnknownFileError)


def _forget(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.maintenance.erasure import UnknownPersonError, forget

    return _tell(forget, _writable(arguments, made=True), arguments.user_id, UnknownPersonError)


def _tell(does: Callable[[Settings, Any], str], settings: Settings, what: str | None, unusable: type[Exception]) -> int:
    """Print what was done, or in a sentence why it could not be."""
    from grupa_pipeline.storage.migrations import NewerFileError
    from grupa_pipeline.storage.warehouse import DamagedWarehouseError

    try:
        print(does(settings, what))
    except unusable as error:
        raise _StoppedError(error, EXIT_UNUSABLE) from error
    except (DamagedWarehouseError, NewerFileError) as error:
        raise _StoppedError(error, EXIT_FAILED) from error
    return EXIT_DONE


def _settings(arguments: argparse.Namespace) -> Settings:
    given = {
        name: value
        for name in ("window_days", "timestamp_format", "seed")
        if (value := getattr(arguments, name, None)) is not None
    }
    env = dict(os.environ)
    if arguments.warehouse:
        env["GRUPA_WAREHOUSE"] = str(arguments.warehouse)
    return dataclasses.replace(Settings.from_env(env), **given)


def _writable(arguments: argparse.Namespace, *, made: bool = False) -> Settings:
    """The settings of a warehouse that can be worked on; with `made`, of one that is there already."""
    settings = _settings(arguments)
    require_folder(settings.warehouse)
    if made and not settings.warehouse.is_dir():
        raise SettingError(f"There is no warehouse in {settings.warehouse}; say where it is (--warehouse).")
    return settings


def _fail(as_json: bool, message: str, status: int, file: str | None = None, line: int | None = None) -> int:
    print(f"grupa: {message}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": message, "file": file, "line": line}, ensure_ascii=False))
    return status


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "serve": _serve,
    "demo": _demo,
    "user": _user,
    "status": _status,
    "restore": _restore,
    "withdraw": _withdraw,
    "forget": _forget,
}


def process() -> NoReturn:
    """`main` as a process of its own, which then ends at once: Python would search all that is left for garbage first, for
    a second. What is to be done at its end is done, and no thread is waited for."""
    status = main()
    trials = sys.modules.get("grupa_pipeline.segmentation.worker_pool")
    if trials is not None:
        trials.release_workers()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # who was to read it has gone
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    process()
