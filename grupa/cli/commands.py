"""Commands of `grupa`, declared with Typer. Each command imports what it runs when it is called, so that `--help` is fast.

A command returns its exit status, or raises `CommandError` or `SettingError`, which `main.py` prints.
"""

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from grupa.cli.exit_status import ExitStatus, exit_with

if TYPE_CHECKING:
    from grupa.cli.run import Summary
    from grupa_pipeline.ingest.reading_options import ReadingOptions
    from grupa_pipeline.settings import Settings
    from grupa_pipeline.storage.audit_log import AuditSubject

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find groups of users who behave alike, find what hurts them, and plan the tests.",
)


def parse_day(text: str) -> date:
    """The day that an option names; Typer says which option it is.

    Raises:
        BadParameter: It is written otherwise.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as YYYY-MM-DD.") from error


WarehouseOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the warehouse (default: GRUPA_WAREHOUSE, or warehouse/).")
]
HostOption = Annotated[str, typer.Option(metavar="H", help="Address that the app listens on.")]
PortOption = Annotated[int, typer.Option(min=1, max=65_535, metavar="PORT", help="Port of the app.")]
DagsterPortOption = Annotated[int, typer.Option(min=1, max=65_535, metavar="PORT", help="Port of Dagster's UI.")]


@app.command("run")
def run_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="LOG",
            help="Logs (CSV, TSV, JSON lines, Parquet; .gz, .zst, .zip or folders); none: segment what is there.",
        ),
    ] = None,
    as_of: Annotated[
        date | None,
        typer.Option(
            parser=parse_day, metavar="YYYY-MM-DD", help="Day of the snapshot (default: the events' last day)."
        ),
    ] = None,
    window_days: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Days of events in a snapshot's window (default: 180).")
    ] = None,
    timestamp_format: Annotated[
        str | None, typer.Option(metavar="F", help="strptime format, such as '%d/%m/%y, %H:%M'.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="F=C,...", help="Columns of the fields: user_id=distinct_id,timestamp=time,action=event."),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Zone of times without one, such as Europe/London (default: UTC)."),
    ] = None,
    repeats: Annotated[
        str | None, typer.Option(metavar="keep|drop", help="Whether equal rows of a log are several events.")
    ] = None,
    accept_rejects: Annotated[
        bool, typer.Option("--accept-rejects", help="Ingest a log although many of its rows are rejected.")
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Encoding of the logs' text, such as cp1250 (default: recognised)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Random seed (default: 42).")] = None,
    warehouse: WarehouseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="End stdout with one JSON object.")] = False,
) -> int:
    """Ingest logs and segment the users of one day's snapshot."""
    settings = _writable_settings(
        GRUPA_WAREHOUSE=warehouse,
        GRUPA_WINDOW_DAYS=window_days,
        GRUPA_TIMESTAMP_FORMAT=timestamp_format,
        GRUPA_SEED=seed,
    )
    reading = {
        "columns": columns,
        "timezone": timezone,
        "repeats": repeats,
        "accept_rejects": accept_rejects or None,
        "encoding": encoding,
    }
    summary = _run(settings, files or [], as_of, _reading_options(reading))
    if as_json:
        print(json.dumps(summary.as_json(), ensure_ascii=False))
    return ExitStatus.DONE


@app.command("insights")
def insights_command(
    cluster: Annotated[
        str | None, typer.Option(metavar="C01", help="Only this cluster's insights (default: all clusters').")
    ] = None,
    warehouse: WarehouseOption = None,
) -> int:
    """Ask for the newest snapshot's insights again, without segmenting."""
    from grupa.cli.insights_again import ask_again
    from grupa.cli.run import RunFailedError, UnusableInputError
    from grupa_pipeline.storage.audit_log import AuditAction, recorded
    from grupa_pipeline.storage.file_modes import prepare

    settings = _writable_settings(GRUPA_WAREHOUSE=warehouse)
    with exit_with(ExitStatus.UNUSABLE, UnusableInputError), exit_with(ExitStatus.FAILED, RunFailedError):
        prepare(settings)
        with recorded(settings.warehouse, AuditAction.RUN, f"insights={cluster or 'all'}"):
            summary = ask_again(settings, cluster)
    print(summary.as_text())
    return ExitStatus.DONE


@app.command("serve")
def serve_command(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8050,
    dagster_port: DagsterPortOption = 3000,
    warehouse: WarehouseOption = None,
) -> int:
    """Serve the app and Dagster together."""
    from grupa.cli.serve import serve

    settings = _writable_settings(GRUPA_WAREHOUSE=warehouse)
    _check_roles(settings)
    return serve(settings, host, port, dagster_port)


@app.command("demo")
def demo_command(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8050,
    dagster_port: DagsterPortOption = 3000,
    warehouse: WarehouseOption = None,
) -> int:
    """Write a sample log, then `run` on it and `serve`."""
    from grupa_pipeline.storage.file_modes import prepare
    from sample_data.generate import write_log

    settings = _writable_settings(GRUPA_WAREHOUSE=warehouse)
    prepare(settings)
    log = settings.warehouse / "sample_log.csv.gz"
    print(f"Writing a sample log to {log}", file=sys.stderr)
    write_log(log)
    _run(settings, [log])
    words = ["serve", "--host", host, "--port", str(port), "--dagster-port", str(dagster_port)]
    _become([*words, "--warehouse", str(settings.warehouse)])


@app.command("status")
def status_command(
    warehouse: WarehouseOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read all of every published file, and compare it with what was published.")
    ] = False,
) -> int:
    """Show what the warehouse holds, how old and large it is, whether it is sound, and whether runs wait in vain."""
    from grupa_pipeline.defs.queue_report import queue_report
    from grupa_pipeline.maintenance.status import status
    from grupa_pipeline.settings import require_folder

    settings = read_settings(GRUPA_WAREHOUSE=warehouse)
    if not settings.warehouse.is_dir():
        require_folder(settings.warehouse)
    text, is_sound = status(settings, deep=deep)
    print(text)
    lines, goes_on = queue_report(settings)
    for line in lines:
        print(line)
    return ExitStatus.DONE if is_sound and goes_on else ExitStatus.FAILED


@app.command("restore")
def restore_command(
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="Such as grupa-00000012 (default: the one before the published)."),
    ] = None,
    warehouse: WarehouseOption = None,
) -> int:
    """Publish an earlier version of a database file again."""
    from grupa_pipeline.maintenance.status import restore
    from grupa_pipeline.storage.warehouse import NoWarehouseError

    def work(settings: "Settings", subject: "AuditSubject") -> str:
        said = restore(settings, version)
        subject.of = version or ""
        return said

    return _maintain(NoWarehouseError, work, warehouse, "restore")


@app.command("withdraw")
def withdraw_command(
    file_sha256: Annotated[
        str, typer.Argument(metavar="FILE_SHA256", help="SHA-256 of the log, or its first 8 digits.")
    ],
    warehouse: WarehouseOption = None,
) -> int:
    """Remove an ingested log and its events."""
    from grupa_pipeline.maintenance.withdrawal import UnknownFileError, ingested_sha256, withdraw

    def work(settings: "Settings", subject: "AuditSubject") -> str:
        subject.of = ingested_sha256(settings, file_sha256)
        return withdraw(settings, subject.of)

    return _maintain(UnknownFileError, work, warehouse, "withdraw")


@app.command("forget")
def forget_command(
    user_id: Annotated[str, typer.Argument(metavar="USER_ID", help="The user, as named in the logs.")],
    warehouse: WarehouseOption = None,
) -> int:
    """Erase a user from events, snapshots and plans."""
    from grupa_pipeline.auth.sessions import keyed_hash
    from grupa_pipeline.maintenance.erasure import UnknownPersonError, forget

    def work(settings: "Settings", subject: "AuditSubject") -> str:
        subject.of = keyed_hash(settings.warehouse, user_id)
        return forget(settings, user_id)

    return _maintain(UnknownPersonError, work, warehouse, "forget")


@app.command("audit")
def audit_command(
    since: Annotated[
        date | None,
        typer.Option(parser=parse_day, metavar="YYYY-MM-DD", help="First day (default: all that is kept)."),
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this user did.")] = None,
    action: Annotated[str | None, typer.Option(metavar="ACTION", help="Only one action, such as sign_in.")] = None,
    sql: Annotated[str | None, typer.Option(metavar="QUERY", help="A query on audit_log instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    warehouse: WarehouseOption = None,
) -> int:
    """Show the audit log: who did what to what, from where and when."""
    from grupa.cli.audit import show_audit_log

    choice = {"since": since, "user": user, "action": action}
    for line in show_audit_log(read_settings(GRUPA_WAREHOUSE=warehouse), choice, sql, as_json=as_json):
        print(line)
    return ExitStatus.DONE


def read_settings(**variables: Path | int | str | None) -> "Settings":
    """The settings of the environment, overridden by the `variables` that options gave; configures logging by them too."""
    from grupa_pipeline.logging_config import configure_logs
    from grupa_pipeline.settings import Settings

    overrides = {name: str(value) for name, value in variables.items() if value is not None}
    settings = Settings.from_env(os.environ | overrides)
    configure_logs(settings.log_format)
    return settings


def _writable_settings(**variables: Path | int | str | None) -> "Settings":
    from grupa_pipeline.settings import require_folder

    settings = read_settings(**variables)
    require_folder(settings.warehouse)
    return settings


def _reading_options(values: Mapping[str, str | bool | None]) -> "ReadingOptions":
    from grupa_pipeline.ingest.reading_options import ReadingOptionError, ReadingOptions

    try:
        return ReadingOptions.of(values)
    except ReadingOptionError as error:
        raise typer.BadParameter(str(error), param_hint=f"'--{error.option.replace('_', '-')}'") from error


def _run(
    settings: "Settings", files: list[Path], as_of: date | None = None, reading: "ReadingOptions | None" = None
) -> "Summary":
    """Run the pipeline and print its summary."""
    from grupa.cli.run import RunFailedError, UnusableInputError, run
    from grupa_pipeline.ingest.reading_options import ReadingOptions
    from grupa_pipeline.storage.audit_log import AuditAction, delete_old, recorded
    from grupa_pipeline.storage.file_modes import prepare

    gc.freeze()  # imported modules stay: without this each garbage collection would walk through all of them
    with exit_with(ExitStatus.UNUSABLE, UnusableInputError), exit_with(ExitStatus.FAILED, RunFailedError):
        prepare(settings)
        delete_old(settings.warehouse, settings.keep_audit_days)
        with recorded(settings.warehouse, AuditAction.RUN, f"logs={len(files)}"):
            summary = run(settings, files, as_of=as_of, reading=reading or ReadingOptions())
    print(summary.as_text())
    return summary


def _become(words: list[str]) -> NoReturn:
    """Go on as another command of `grupa`, in place of this one: what this one has loaded is freed."""
    command = [sys.executable, "-m", "grupa.cli.main", *words]
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - ours


def _check_roles(settings: "Settings") -> None:
    """Check the roles file, before any process starts."""
    from grupa_pipeline.event_catalog.roles_file import RolesError
    from grupa_pipeline.storage.roles_store import load_roles

    with exit_with(ExitStatus.UNUSABLE, RolesError):
        load_roles(settings)


def _maintain(
    unusable: type[Exception], work: Callable[["Settings", "AuditSubject"], str], folder: Path | None, action: str
) -> int:
    """Do maintenance `work` on an existing warehouse and print its result; `unusable` is its error for bad arguments.

    `work` names the subject of the audit log's entry once it knows that there is such a thing.
    """
    from grupa_pipeline.settings import SettingError
    from grupa_pipeline.storage.audit_log import AuditAction, recorded
    from grupa_pipeline.storage.file_modes import prepare
    from grupa_pipeline.storage.migrations import NewerFileError
    from grupa_pipeline.storage.warehouse import DamagedWarehouseError

    settings = _writable_settings(GRUPA_WAREHOUSE=folder)
    if not settings.warehouse.is_dir():
        raise SettingError(f"There is no warehouse in {settings.warehouse}; name its folder with --warehouse.")
    prepare(settings)
    with (
        exit_with(ExitStatus.UNUSABLE, unusable),
        exit_with(ExitStatus.FAILED, DamagedWarehouseError, NewerFileError),
        recorded(settings.warehouse, AuditAction(action)) as subject,
    ):
        print(work(settings, subject))
    return ExitStatus.DONE
