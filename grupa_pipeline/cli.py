"""`grupa`: the command line. Reads arguments and prints; what it runs are the assets that Dagster's UI shows."""

import argparse
import dataclasses
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from grupa_pipeline.settings import SettingError, Settings

EXIT_DONE, EXIT_FAILED, EXIT_UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 unusable input or options, 1 anything else."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("grupa").setLevel(logging.INFO)
    warnings.simplefilter("ignore")  # those of libraries speak to developers; ours are logged
    try:
        return arguments.command(arguments)
    except SettingError as error:
        print(f"grupa: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        print("grupa: stopped", file=sys.stderr)
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grupa", description="Find groups of users who behave alike, say what hurts them, plan the tests."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--warehouse",
        type=Path,
        metavar="DIR",
        help="folder of the warehouse (default: GRUPA_WAREHOUSE, or warehouse/)",
    )

    run = commands.add_parser("run", parents=[common], help="take logs in and make the snapshot of one day")
    run.add_argument(
        "files", nargs="*", type=Path, metavar="LOG.csv", help=".csv or .csv.gz; none: segment what is there"
    )
    run.add_argument(
        "--as-of", type=_day, metavar="YYYY-MM-DD", help="day of the snapshot (default: the last day of the events)"
    )
    run.add_argument(
        "--window-days", type=_positive, metavar="N", help="days of events that a snapshot sees (default: 180)"
    )
    run.add_argument("--timestamp-format", metavar="F", help="strptime format, such as '%%d/%%m/%%y, %%H:%%M'")
    run.add_argument("--seed", type=_natural, metavar="N", help="random seed (default: 42)")
    run.add_argument("--json", action="store_true", help="end stdout with one JSON object")
    run.set_defaults(command=_run)

    for name, text in (("serve", "the app and Dagster together"), ("demo", "a sample log, `run`, then `serve`")):
        serve = commands.add_parser(name, parents=[common], help=text)
        serve.add_argument("--host", default="127.0.0.1", metavar="H", help="address of the app (default: 127.0.0.1)")
        serve.add_argument("--port", type=_positive, default=8050, help="port of the app (default: 8050)")
        serve.add_argument("--dagster-port", type=_positive, default=3000, help="port of Dagster's UI (default: 3000)")
        serve.set_defaults(command=_serve if name == "serve" else _demo)

    user = commands.add_parser(
        "user", parents=[common], help="let a user sign in, or change their password (GRUPA_USERS_FILE)"
    )
    user.add_argument("name", metavar="NAME", help="as it will stand in plans")
    user.set_defaults(command=_user)
    status = commands.add_parser(
        "status", parents=[common], help="what is there, how old, how big, and whether it is sound"
    )
    status.set_defaults(command=_status)
    restore = commands.add_parser("restore", parents=[common], help="bring an earlier version of a file back")
    restore.add_argument(
        "version", nargs="?", metavar="VERSION", help="such as grupa-00000012 (default: the one before the published)"
    )
    restore.set_defaults(command=_restore)
    withdraw = commands.add_parser("withdraw", parents=[common], help="take a file that was taken in out again")
    withdraw.add_argument("file_sha256", metavar="FILE_SHA256", help="of the file, or its first 8 digits or more")
    withdraw.set_defaults(command=_withdraw)
    forget = commands.add_parser("forget", parents=[common], help="erase a person from events, snapshots and plans")
    forget.add_argument("user_id", metavar="USER_ID", help="the person, as the logs name them")
    forget.set_defaults(command=_forget)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.running import RunFailedError, UnusableInputError, run

    settings = _settings(arguments)
    try:
        summary = run(settings, arguments.files, as_of=arguments.as_of)
    except UnusableInputError as error:
        return _fail(arguments, str(error), EXIT_UNUSABLE, error.file, error.line)
    except RunFailedError as error:
        return _fail(arguments, str(error), EXIT_FAILED)
    print(summary.as_text())
    if arguments.json:
        print(json.dumps(summary.as_json(), ensure_ascii=False))
    return EXIT_DONE


def _serve(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.serving import serve
    from grupa_pipeline.upkeep import mend
    from grupa_pipeline.warehouse import DamagedWarehouseError

    settings = _settings(arguments)
    try:
        mend(settings)
    except DamagedWarehouseError as error:  # the app and Dagster's UI tell it too, and are of use without the tables
        print(f"grupa: {error}", file=sys.stderr)
    return serve(settings, arguments.host, arguments.port, arguments.dagster_port)


def _demo(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.running import run
    from grupa_pipeline.segmentation.trials import release_workers
    from grupa_pipeline.serving import serve
    from sample_data.generate import write_log

    settings = _settings(arguments)
    log = settings.warehouse / "sample_log.csv.gz"
    print(f"Writing a sample log to {log}", file=sys.stderr)
    write_log(log)
    print(run(settings, [log]).as_text())
    release_workers()
    return serve(settings, arguments.host, arguments.port, arguments.dagster_port)


def _user(arguments: argparse.Namespace) -> int:
    from getpass import getpass

    from grupa_pipeline.accounts import keep_account

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
    from grupa_pipeline.upkeep import status

    text, sound = status(_settings(arguments))
    print(text)
    return EXIT_DONE if sound else EXIT_FAILED


def _restore(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.upkeep import restore
    from grupa_pipeline.warehouse import NoWarehouseError

    return _tell(lambda: restore(_settings(arguments), arguments.version), NoWarehouseError)


def _withdraw(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.withdrawal import UnknownFileError, withdraw

    return _tell(lambda: withdraw(_settings(arguments), arguments.file_sha256), UnknownFileError)


def _forget(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.erasure import UnknownPersonError, forget

    return _tell(lambda: forget(_settings(arguments), arguments.user_id), UnknownPersonError)


def _tell(does: Callable[[], str], unusable: type[Exception]) -> int:
    """Print what was done, or in a sentence why it could not be."""
    from grupa_pipeline.warehouse import DamagedWarehouseError

    try:
        print(does())
    except (unusable, DamagedWarehouseError, OSError) as error:
        print(f"grupa: {error}", file=sys.stderr)
        return EXIT_UNUSABLE if isinstance(error, unusable) else EXIT_FAILED
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


def _fail(
    arguments: argparse.Namespace, message: str, status: int, file: str | None = None, line: int | None = None
) -> int:
    print(f"grupa: {message}", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"error": message, "file": file, "line": line}, ensure_ascii=False))
    return status


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write it as YYYY-MM-DD") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
