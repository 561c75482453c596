"""Writes a report to a file, as HTML or as PDF."""

import logging
from datetime import UTC, date, datetime
from pathlib import Path

from grupa.report.content import read_content
from grupa.report.page import Letterhead, write_page
from grupa_pipeline.exports.export_log import folder_of
from grupa_pipeline.exports.formats import ReportFormat
from grupa_pipeline.exports.replacement import replace_file
from grupa_pipeline.settings import Settings

_NO_PANGO = (
    "A PDF needs the Pango library, which is not on this machine (on Debian: apt install libpango-1.0-0 libpangoft2-1.0-0 "
    "libharfbuzz-subset0). --format html needs nothing, and every browser prints it."
)


class PdfUnavailableError(RuntimeError):
    """A library of the system that PDF needs is missing; the message says which."""


def write_report(
    settings: Settings,
    *,
    day: date | None = None,
    cluster_id: str | None = None,
    roadmap_only: bool = False,
    file_format: ReportFormat = ReportFormat.HTML,
    out: Path | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the report on a snapshot (None: the newest), on one of its clusters, or on the roadmap; returns the file.

    Raises:
        NoWarehouseError: Nothing has been published.
        UnknownSnapshotError: There is no snapshot of `day`.
        UnknownSegmentError: It has no such cluster.
        SettingError: The logo cannot be used.
        PdfUnavailableError: The system lacks what PDF needs.
    """
    content = read_content(settings.warehouse, day=day, cluster_id=cluster_id, roadmap_only=roadmap_only)
    letterhead = Letterhead.of(settings.report_logo, settings.report_color)
    page = write_page(content, letterhead, now or datetime.now(UTC).replace(tzinfo=None))
    shown = content.snapshot.day if content.snapshot else datetime.now(UTC).date()
    what = cluster_id or ("roadmap" if roadmap_only else "snapshot")
    path = out or folder_of(settings.warehouse) / f"report-{what}-{shown}.{file_format}"
    with replace_file(path) as part:
        part.write_bytes(to_pdf(page) if file_format is ReportFormat.PDF else page.encode())
    return path


def to_pdf(page: str) -> bytes:
    """A page that holds everything as PDF.

    Raises:
        PdfUnavailableError: The system lacks a library.
    """
    try:
        import weasyprint
    except OSError as error:  # it loads Pango when it is imported
        raise PdfUnavailableError(_NO_PANGO) from error
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it tells of every rule of the style sheet for screens
    # What the page holds itself, and nothing from disk or network, whatever a text or a logo names.
    document = weasyprint.HTML(string=page, url_fetcher=weasyprint.URLFetcher(allowed_protocols=["data"]))
    return bytes(document.write_pdf())
