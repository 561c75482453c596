"""Erases a person from the lists of users in the warehouse's exports, and finds the lists that left it."""

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from grupa_pipeline.exports import export_log
from grupa_pipeline.exports.csv_cells import defused
from grupa_pipeline.exports.export_log import ExportEntry, ExportPlace
from grupa_pipeline.exports.replacement import replace_file
from grupa_pipeline.maintenance.original_logs import mentions
from grupa_pipeline.maintenance.person import Person
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP
from grupa_pipeline.vocabulary.segment_rules import is_saved_segment_id

Memberships = Mapping[date, str | None]
"""The person's cluster by snapshot; None where they are unassigned."""


def erase_from_exports(folder: Path, person: Person) -> list[str]:
    """Write the CSV and Parquet files of the warehouse's exports again without the person; returns lines of the report."""
    erased = []
    for path in sorted(export_log.folder_of(folder).rglob("*")):
        removed = 0
        if path.suffix == ".csv":
            removed = _erase_csv(path, person)
        elif path.suffix == ".parquet":
            removed = _erase_parquet(path, person)
        if removed:
            erased.append(path.relative_to(folder).as_posix())
    return [f"  {len(erased)} exported lists: {', '.join(erased)}"] if erased else []


def lists_that_left(
    folder: Path, person: Person, clusters: Memberships, held: frozenset[date], *, is_known: bool = True
) -> list[str]:
    """Lists outside the warehouse that hold the person, or may, as lines of the report.

    A file that is still at its place is searched; of others, and of downloads, the snapshots tell: `clusters` are the
    person's, `held` the days of which the users are known. Of other days any list may hold a person who `is_known`.
    """
    lines = []
    exported, unreadable = export_log.entries(folder)
    for entry in exported:
        if entry.kind is ExportPlace.FOLDER or not entry.lists_users:
            continue
        there = entry.kind is ExportPlace.FILE and Path(entry.place).is_file()
        holds = mentions(Path(entry.place), person) if there else _may_hold(entry, clusters, held, is_known)
        if holds:
            place = f"downloaded by {entry.by}" if entry.kind is ExportPlace.DOWNLOAD else entry.place
            lines.append(f"  {place} ({entry.segment_id} of {entry.day}, exported {entry.at:%Y-%m-%d})")
    told = ["These lists left the warehouse with them, and are yours to delete or to edit:", *lines] if lines else []
    if unreadable and (is_known or lines):
        told += [
            f"{export_log.FOLDER}/{export_log.LOG} cannot be read at line {', '.join(map(str, unreadable))}: a list that left the"
            " warehouse with them may be missing here."
        ]
    return told


def _may_hold(entry: ExportEntry, clusters: Memberships, held: frozenset[date], is_known: bool) -> bool:
    """Whether the person was in the segment on one of the days of an export, or that is not known any more."""
    days = [day for day in (entry.day, entry.since) if day]
    if not held.issuperset(days):
        return is_known
    if is_saved_segment_id(
        entry.segment_id
    ):  # its rule may have changed since: anyone of the snapshot may be in the list
        return any(day in clusters for day in days)
    return entry.segment_id in {clusters[day] or UNASSIGNED_GROUP for day in days if day in clusters}


def _erase_csv(path: Path, person: Person) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or "user_id" not in rows[0]:
        return 0
    place = rows[0].index("user_id")
    theirs = {person.user_id, defused(person.user_id)}
    kept = [row for row in rows if len(row) <= place or row[place] not in theirs]
    if len(kept) < len(rows):
        with replace_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(kept)  # its cells are as they were: defused when they were written
    return len(rows) - len(kept)


def _erase_parquet(path: Path, person: Person) -> int:
    if "user_id" not in pq.read_schema(path).names:
        return 0
    rows = pq.read_table(path)
    kept = rows.filter(pc.invert(pc.equal(rows["user_id"], person.user_id)))
    if kept.num_rows < rows.num_rows:
        with replace_file(path) as part:
            pq.write_table(kept, part, compression="zstd")
    return int(rows.num_rows - kept.num_rows)
