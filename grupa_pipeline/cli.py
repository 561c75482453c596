"""`grupa`: the command line. Reads arguments and prints; what it runs are the assets that Dagster's UI shows."""

import argparse
import dataclasses
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
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

    status = commands.add_parser(
        "status", parents=[common], help="what is there, how old, how big, and whether it is sound"
    )
    status.set_defaults(command=_status)
    restore = commands.add_parser("restore", parents=[common], help="bring an earlier version of a file back")
    restore.add_argument(
        "version", nargs="?", metavar="VERSION", help="such as grupa-00000012 (default: the one before the published)"
    )
    restore.set_defaults(command=_restore)
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

    return serve(_settings(arguments), arguments.host, arguments.port, arguments.dagster_port)


def _demo(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.running import run
    from grupa_pipeline.serving import serve
    from sample_data.generate import write_log

    settings = _settings(arguments)
    log = settings.warehouse / "sample_log.csv.gz"
    print(f"Writing a sample log to {log}", file=sys.stderr)
    write_log(log)
    print(run(settings, [log]).as_text())
    return serve(settings, arguments.host, arguments.port, arguments.dagster_port)


def _status(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.upkeep import status

    text, sound = status(_settings(arguments))
    print(text)
    return EXIT_DONE if sound else EXIT_FAILED


def _restore(arguments: argparse.Namespace) -> int:
    from grupa_pipeline.upkeep import restore
    from grupa_pipeline.warehouse import NoWarehouseError

    try:
        print(restore(_settings(arguments), arguments.version))
    except NoWarehouseError as error:
        print(f"grupa: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
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
