"""Writes the users of a segment, or who entered and left it, to a file, and records that it was written."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from grupa_pipeline.exports import export_log, segments
from grupa_pipeline.exports.csv_cells import defused
from grupa_pipeline.exports.export_log import ExportEntry, ExportPlace
from grupa_pipeline.exports.formats import SegmentFormat
from grupa_pipeline.exports.replacement import replace_file
from grupa_pipeline.exports.saved_segments import load_saved
from grupa_pipeline.exports.segments import Segment, UnknownSegmentError
from grupa_pipeline.storage import warehouse as storage
from grupa_pipeline.storage.file_integrity import VerifiedConnection


@dataclass(frozen=True)
class ExportedSegment:
    """What was written.

    Attributes:
        path: The file.
        segment: What it holds.
        day: The snapshot.
        since: The earlier snapshot, for who entered and left.
        rows: Users in it; None for SQL.
    """

    path: Path
    segment: Segment
    day: date
    since: date | None
    rows: int | None


def export_segment(
    folder: Path,
    segment_id: str,
    *,
    file_format: SegmentFormat = SegmentFormat.CSV,
    since: date | None = None,
    out: Path | None = None,
    day: date | None = None,
) -> ExportedSegment:
    """Write a segment to `out`, or to a file of its own in the warehouse's exports.

    Args:
        folder: The warehouse.
        segment_id: Id of a cluster, `unassigned`, or id or name of a saved segment.
        file_format: What to write.
        since: Write who entered and who left since the snapshot that was in force on that day.
        out: The file; an existing one is replaced.
        day: The snapshot; None: the newest.

    Raises:
        NoWarehouseError: Nothing has been published.
        UnknownSegmentError: There is no such segment, or it is a list of users and SQL was asked for.
        UnknownSnapshotError: There is no snapshot of that day.
        OSError: The file cannot be written.
    """
    with export_log.hold(folder, "grupa export"), storage.read(folder / storage.PIPELINE_FILE) as plain:
        con = VerifiedConnection.of(plain, folder)
        at = segments.day_of(con, day)
        segment = segments.find_segment(con, segment_id, at, load_saved(folder))
        if segment.is_list and file_format is SegmentFormat.SQL:
            raise UnknownSegmentError(
                f"{segment.segment_id} is a list of users, which no SQL picks; write csv or parquet"
            )
        earlier = segments.day_before(con, since) if since else None
        path = out or export_log.folder_of(folder) / _file_name(segment, at, earlier, file_format)
        rows = _write(con, segment, at, earlier, file_format, path)
        inside = path.resolve().is_relative_to(export_log.folder_of(folder).resolve())
        kind = ExportPlace.FOLDER if inside else ExportPlace.FILE
        place = str(path.resolve().relative_to(export_log.folder_of(folder).resolve()) if inside else path.resolve())
        export_log.add(folder, ExportEntry(segment.segment_id, at, earlier, file_format, rows, kind, place))
    return ExportedSegment(path, segment, at, earlier, rows)


def _file_name(segment: Segment, day: date, since: date | None, file_format: SegmentFormat) -> str:
    name = "".join(each if each.isalnum() or each in "-_" else "_" for each in segment.segment_id)
    return f"{name}-{day}{f'-since-{since}' if since else ''}.{file_format}"


def _write(
    con: duckdb.DuckDBPyConnection,
    segment: Segment,
    day: date,
    since: date | None,
    file_format: SegmentFormat,
    path: Path,
) -> int | None:
    query = segment.change_query if since else segment.query
    values = segment.values | {"day": day} | ({"since": since} if since else {})
    if file_format is SegmentFormat.SQL:
        what = f"Who entered and left {segment.segment_id} since {since}" if since else f"Users of {segment.segment_id}"
        title = f"-- {what} ({' '.join(segment.name.split())}) on {day}; run it on grupa.duckdb.\n"
        with replace_file(path) as part:
            part.write_text(title + segments.as_text(query, **values) + ";\n", encoding="utf-8")
        return None
    rows = con.sql(query, params=values).to_arrow_table()
    if file_format is SegmentFormat.PARQUET:
        with replace_file(path) as part:
            pq.write_table(rows, part, compression="zstd")
    else:
        write_csv(path, rows.column_names, zip(*(each.to_pylist() for each in rows.columns), strict=True))
    return int(rows.num_rows)


def write_csv(path: Path, heading: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV in which no spreadsheet reads text as a formula, in place of one that is there."""
    with replace_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        for row in rows:
            writer.writerow([defused(each) if isinstance(each, str) else each for each in row])
