"""Commands of `grupa` by which something leaves the warehouse, declared with Typer as those of `commands.py`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grupa.cli.commands import WarehouseOption, app, parse_day, read_settings
from grupa.cli.exit_status import CommandError, ExitStatus, exit_with
from grupa_pipeline.exports.formats import ReportFormat, SegmentFormat

if TYPE_CHECKING:
    from grupa_pipeline.settings import Settings

__all__ = [
    "WarehouseOption",
    "app",
    "read_settings",
]  # app with the commands of this module, which user_commands.py adds to

SinceOption = Annotated[
    date | None, typer.Option(parser=parse_day, metavar="YYYY-MM-DD", help="What changed since that day.")
]
SnapshotOption = Annotated[
    date | None,
    typer.Option(parser=parse_day, metavar="YYYY-MM-DD", help="Day of the snapshot (default: the newest)."),
]
OutOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File to write (default: one in exports/ of the warehouse).")
]


@app.command("export")
def export_command(
    segment: Annotated[
        str, typer.Argument(metavar="CLUSTER_OR_SEGMENT", help="Such as C01, or `unassigned` for users in no cluster.")
    ],
    file_format: Annotated[
        SegmentFormat, typer.Option("--format", help="Its users as CSV or Parquet, or the SQL that picks them.")
    ] = SegmentFormat.CSV,
    since: Annotated[
        date | None,
        typer.Option(parser=parse_day, metavar="YYYY-MM-DD", help="Only who entered and who left since that day."),
    ] = None,
    snapshot: SnapshotOption = None,
    out: OutOption = None,
    warehouse: WarehouseOption = None,
) -> int:
    """Write the users of a cluster or segment to a file."""
    from grupa_pipeline.exports.segment_files import export_segment
    from grupa_pipeline.exports.segments import UnknownSegmentError, UnknownSnapshotError
    from grupa_pipeline.storage.audit_log import AuditAction, recorded

    settings = existing_warehouse(warehouse)
    exported = recorded(settings.warehouse, AuditAction.EXPORT)
    with unusable(UnknownSegmentError, UnknownSnapshotError), exported as subject:
        written = export_segment(
            settings.warehouse, segment, file_format=file_format, since=since, out=out, day=snapshot
        )
        subject.of = written.segment.segment_id
    name = f"{written.segment.segment_id} ({written.segment.name}) on {written.day}"
    if written.rows is None:
        print(f"Wrote the SQL of {name} to {written.path}")
    elif written.since:
        print(f"Wrote {written.rows:,} users who entered or left {name}, since {written.since}, to {written.path}")
    else:
        print(f"Wrote {written.rows:,} users of {name} to {written.path}")
    return ExitStatus.DONE


@app.command("report")
def report_command(
    snapshot: SnapshotOption = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="C01", help="Only this cluster (default: the whole snapshot).")
    ] = None,
    roadmap: Annotated[bool, typer.Option("--roadmap", help="Only the plans of the roadmap.")] = False,
    file_format: Annotated[
        ReportFormat, typer.Option("--format", help="One HTML file that holds everything, or a PDF.")
    ] = ReportFormat.HTML,
    out: OutOption = None,
    warehouse: WarehouseOption = None,
    by_app: Annotated[bool, typer.Option("--by-app", hidden=True, help="The app records it.")] = False,
) -> int:
    """Write a report on a snapshot, a cluster or the roadmap, to be shown in a meeting."""
    from grupa.report.write import PdfUnavailableError, write_report
    from grupa_pipeline.exports.segments import UnknownSegmentError, UnknownSnapshotError
    from grupa_pipeline.storage.audit_log import AuditAction, AuditSubject, recorded

    settings = existing_warehouse(warehouse)
    if roadmap and (cluster or snapshot):
        raise CommandError("--roadmap is of no cluster and no snapshot; give one of them.", ExitStatus.UNUSABLE)
    exported = nullcontext(AuditSubject()) if by_app else recorded(settings.warehouse, AuditAction.EXPORT, "report")
    with unusable(UnknownSegmentError, UnknownSnapshotError), exported as subject:
        try:
            path = write_report(
                settings, day=snapshot, cluster_id=cluster, roadmap_only=roadmap, file_format=file_format, out=out
            )
        except PdfUnavailableError as error:
            raise CommandError(str(error), ExitStatus.FAILED) from error
        subject.of = f"report:{cluster or ('roadmap' if roadmap else 'snapshot')}"
    print(f"Wrote {path}")
    return ExitStatus.DONE


@app.command("digest")
def digest_command(
    since: Annotated[
        date | None,
        typer.Option(parser=parse_day, metavar="YYYY-MM-DD", help="Since that day (default: since the last one sent)."),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Also send it to the addresses in GRUPA_DIGEST_URLS.")] = False,
    warehouse: WarehouseOption = None,
) -> int:
    """Tell what changed: clusters, movements, goal rates and tests that are due."""
    from grupa_pipeline.digest.delivery import DigestNotSentError, send_digest, write_digest
    from grupa_pipeline.settings import SettingError
    from grupa_pipeline.storage.warehouse import NoWarehouseError

    settings = existing_warehouse(warehouse)
    with unusable(NoWarehouseError, SettingError), exit_with(ExitStatus.FAILED, DigestNotSentError):
        digest = write_digest(settings, since)
        print(digest.text)
        if send:
            taken = send_digest(settings, digest)
            print(f"Sent to {taken} address{'' if taken == 1 else 'es'}.")
    return ExitStatus.DONE


@app.command("mcp")
def mcp_command(warehouse: WarehouseOption = None) -> int:
    """Serve the warehouse to an agent on standard input and output (Model Context Protocol).

    With GRUPA_TOKEN it can propose tests to the running app (GRUPA_APP_URL); without, it is read-only.
    """
    from grupa.app_client import AppAddressError, AppClient
    from grupa.mcp import create_server

    settings = existing_warehouse(warehouse)
    with unusable(AppAddressError):
        client = AppClient(settings.app_url, settings.token) if settings.token else None
    create_server(settings.warehouse, client).run("stdio")
    return ExitStatus.DONE


def existing_warehouse(folder: Path | None) -> "Settings":
    """The settings, with a warehouse in which something has been published.

    Raises:
        CommandError: There is none.
    """
    from grupa_pipeline.storage.warehouse import PIPELINE_FILE, version

    settings = read_settings(GRUPA_WAREHOUSE=folder)
    if version(settings.warehouse / PIPELINE_FILE) is None:
        problem = f"There is no warehouse in {settings.warehouse}; name its folder with --warehouse, or make one"
        raise CommandError(f"{problem}: grupa run LOG.csv", ExitStatus.UNUSABLE)
    return settings


@contextmanager
def unusable(*errors: type[Exception]) -> Iterator[None]:
    """End the command with status 2 where one of `errors` says that an argument cannot be used."""
    from grupa_pipeline.storage.warehouse import DamagedWarehouseError

    with exit_with(ExitStatus.UNUSABLE, *errors), exit_with(ExitStatus.FAILED, DamagedWarehouseError):
        yield
