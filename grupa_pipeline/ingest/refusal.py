"""Refuses a log as a whole of which too much cannot be used: half a log would pass for a whole one.

The refusal says how much, why and where, and what to do; with `ReadingOptions.accept_rejects` only a log without any usable
record is refused.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline.ingest.errors import ACCEPT_ADVICE, REASONS, RejectionReason, TimestampProblem, UnusableFileError
from grupa_pipeline.ingest.header import HeaderLayout
from grupa_pipeline.ingest.json_records import read_json_records
from grupa_pipeline.ingest.parquet_records import parquet_field
from grupa_pipeline.ingest.reading_options import ReadingOptions
from grupa_pipeline.ingest.records import read_records
from grupa_pipeline.ingest.timestamp_inference import misfit_problem, unread_problem
from grupa_pipeline.ingest.timestamps import Style

REFUSED_SHARE = 0.2
REFUSED_RECORDS = 10
"""A log is refused when more than this share of its records, and at least so many, are rejected for one reason."""
_REFUSED_BYTES_SHARE = 0.01
"""The same for records with damaged characters, which are a sign of a wrong encoding."""
_SHOWN = 3
_LONGEST_VALUE = 80
_TEXTS = 5_000
_OF_TIME = (RejectionReason.BAD_TIMESTAMP, RejectionReason.UNKNOWN_ZONE)
_ADVICE = {
    RejectionReason.MISSING_USER_ID: (
        "Name the column that says who it was, or, where it is empty, another: --columns user_id=COLUMN|OTHER"
    ),
    RejectionReason.TIMESTAMP_IN_FUTURE: "Check the clock of what wrote the log, and --timestamp-format where you gave one",
}
_DEFAULT_ADVICE = "Mend the export and ingest it again"


def refusal(
    name: str,
    rows: int,
    rejected: pa.Table,
    layout: HeaderLayout,
    style: Style,
    timestamps: list[str],
    options: ReadingOptions,
) -> UnusableFileError | None:
    """The error that refuses a log; None for one that is accepted.

    Args:
        name: The file's name.
        rows: Number of records read.
        rejected: The rejected ones, columns of tables.REJECTED_ROWS.
        layout: The file's columns.
        style: How its timestamps were read.
        timestamps: Timestamps of its first records.
        options: What a person said about the file.
    """
    if not rows:
        empty = "it holds a header but no record; export it again."
        return UnusableFileError(name, empty, layout.header_line or None)
    if not len(rejected):
        return None
    most_common = max(rejected["reason"].value_counts().to_pylist(), key=lambda row: row["counts"])
    reason, count = RejectionReason(most_common["values"]), most_common["counts"]
    none_usable = len(rejected) == rows
    share = _REFUSED_BYTES_SHARE if reason is RejectionReason.BAD_ENCODING else REFUSED_SHARE
    many = count >= REFUSED_RECORDS and count > share * rows
    if not none_usable and (options.accept_rejects or not many):
        return None
    lines = rejected.filter(pc.equal(rejected["reason"], reason))
    problem = _timestamp_problem(lines, layout, style, timestamps) if reason in _OF_TIME else None
    first = lines["line_number"][0].as_py()
    if none_usable:
        why = problem or REASONS[reason]
        text = f"none of its {rows:,} records can be used; {count:,} for one reason ({reason}): {why}"
        return UnusableFileError(name, text, first, timestamps=problem)
    why = problem or f"{REASONS[reason]} {_ADVICE.get(reason, _DEFAULT_ADVICE)}."
    text = (
        f"{count:,} of its {rows:,} records ({count / rows:.0%}) cannot be used, for one reason ({reason}): {why} "
        f"For example, {_examples(lines)} {ACCEPT_ADVICE}"
    )
    return UnusableFileError(name, text, first, timestamps=problem, rejects=True)


def _examples(rejected: pa.Table) -> str:
    rows = rejected.slice(0, _SHOWN).to_pylist()
    return "; ".join(f"line {row['line_number']}: {row['raw'][:_LONGEST_VALUE]!r}" for row in rows) + "."


def _timestamp_problem(
    rejected: pa.Table, layout: HeaderLayout, style: Style, timestamps: list[str]
) -> TimestampProblem | None:
    """What is wrong with the rejected timestamps, with a form that reads them and the others."""
    texts = _timestamps_of(rejected, layout)
    if not texts:
        return None
    if style.format is not None:
        return misfit_problem([*texts, *timestamps], style)
    return unread_problem(texts, style.timezone, others=timestamps)


def _timestamps_of(rejected: pa.Table, layout: HeaderLayout) -> list[str]:
    """The timestamps in the texts of rejected records, as far as those can be split; at most `_TEXTS`."""
    rejected = rejected.take(np.arange(0, len(rejected), max(1, len(rejected) // _TEXTS)))
    texts = rejected["raw"].to_pylist()
    if not layout.delimiter and not layout.is_json:
        return [text for raw in texts if (text := parquet_field(raw, layout.timestamp))]
    read = read_json_records if layout.is_json else read_records
    batches = read([f"{raw}\n".encode() for raw in texts], replace(layout, header_line=0), b"\n")
    return [text for batch in batches for text in batch.column(f"c{layout.timestamp}").to_pylist() if text]
