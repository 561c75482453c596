"""What may be typed after `grupa`: commands, options and what each of them may be. Runs nothing, and loads nothing that would."""

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn

_LAST_PORT = 65_535


class UsageError(ValueError):
    """Words that cannot be understood; the message says why, in one sentence.

    Attributes:
        usage: How the command is typed.
    """

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    """Leaves it to the caller how a mistake is told, and to end the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self.format_usage())


def read_words(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command and its options; `command` is its name.

    Raises:
        UsageError: They are none.
        SystemExit: Help was asked for, and printed.
    """
    return _parser().parse_args(argv)


def asks_for_json(argv: Sequence[str]) -> bool:
    """Whether `argv` asks `run` for its JSON object; of words that may be wrong, hence by themselves."""
    options = argv[: argv.index("--")] if "--" in argv else argv
    return argv[:1] == ["run"] and any(len(word) > len("--") and "--json".startswith(word) for word in options)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="grupa", description="Find groups of users who behave alike, say what hurts them, plan the tests."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    common = _Parser(add_help=False)
    common.add_argument(
        "--warehouse",
        type=Path,
        metavar="DIR",
        help="folder of the warehouse (default: GRUPA_WAREHOUSE, or warehouse/)",
    )
    _add_run(commands.add_parser("run", parents=[common], help="take logs in and make the snapshot of one day"))
    for name, text in (("serve", "the app and Dagster together"), ("demo", "a sample log, `run`, then `serve`")):
        _add_addresses(commands.add_parser(name, parents=[common], help=text))
    user = commands.add_parser(
        "user", parents=[common], help="let a user sign in, or change their password (GRUPA_USERS_FILE)"
    )
    user.add_argument("name", metavar="NAME", help="as it will stand in plans")
    commands.add_parser("status", parents=[common], help="what is there, how old, how big, and whether it is sound")
    restore = commands.add_parser("restore", parents=[common], help="bring an earlier version of a file back")
    restore.add_argument(
        "version", nargs="?", metavar="VERSION", help="such as grupa-00000012 (default: the one before the published)"
    )
    withdraw = commands.add_parser("withdraw", parents=[common], help="take a file that was taken in out again")
    withdraw.add_argument("file_sha256", metavar="FILE_SHA256", help="of the file, or its first 8 digits or more")
    forget = commands.add_parser("forget", parents=[common], help="erase a person from events, snapshots and plans")
    forget.add_argument("user_id", metavar="USER_ID", help="the person, as the logs name them")
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
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


def _add_addresses(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--host", default="127.0.0.1", metavar="H", help="address of the app (default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8050, help="port of the app (default: 8050)")
    serve.add_argument("--dagster-port", type=_port, default=3000, help="port of Dagster's UI (default: 3000)")


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


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a whole number from 1 to {_LAST_PORT}")
    return int(text)
