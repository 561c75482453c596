"""Fuzzing of ingestion: logs with random damage are ingested, refused in a sentence, or cause a traceback."""

import csv
import gzip
import io
import json
import random
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from grupa_pipeline.ingest.errors import REASONS, UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files

NOW = datetime(2025, 6, 1)
COLUMNS = ("user_id", "timestamp", "action", "metadata")
STAMPS = (
    "2025-01-{d:02}T{h:02}:00:00Z",
    "2025-01-{d:02} {h:02}:00",
    "{d}/{h}/25 10:00",
    "17356{h:02}{d:03}",
    "17356{h:02}{d:03}000",
    "1.7356{h:02}{d:03}E+09",
    "202501{d:02}{h:02}00",
    "2025-01-{d:02} 10:{h:02}:00 AM",
    "2025-01-{d:02} {h:02}:00:00 EST",
    "Thu, {d} Jan 2025 {h:02}:00:00 +0100",
    "2025-01-{d:02}T{h:02}:00:00+01:00[Europe/Berlin]",
    "2025-01-{d:02}\u202f{h:02}:00\u00a0",
    "45{h:03}.{d}",
    "6384488{h:02}{d:03}000000",
    "x",
    "",
)
FRAGMENTS = (
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b";",
    b"\t",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b" ",
    b"9" * 40,
)


def good_log(rng: random.Random) -> bytes:
    stamp = STAMPS[0] if rng.random() < 0.6 else rng.choice(STAMPS)
    lines = ["user_id,timestamp,action,metadata"]
    for _ in range(rng.randint(0, 60)):
        when = (stamp if rng.random() < 0.95 else rng.choice(STAMPS)).format(d=rng.randint(1, 28), h=rng.randint(0, 23))
        data = rng.choice(['"{""a"": 1}"', "text", "", '"two\nlines"', '"[1, 2]"'])
        lines.append(f"u{rng.randint(1, 9)},{when},{rng.choice(['login', 'búsqueda', '検索', ''])},{data}")
    return "\n".join(lines).encode()


def in_some_format(rng: random.Random, log: bytes) -> bytes:
    """The log as it is, as JSON lines or Parquet, or with the columns of a tool; some of them compressed or in an archive."""
    rows = list(csv.DictReader(io.StringIO(log.decode())))
    columns = rng.choice(
        (COLUMNS, COLUMNS, ("distinct_id", "time", "event", "$insert_id"), ("who", "when", "what", "note"))
    )
    rows = [dict(zip(columns, row.values(), strict=False)) for row in rows]
    match rng.randint(0, 3):
        case 0:
            log = "\n".join(json.dumps(row, ensure_ascii=rng.random() < 0.5) for row in rows).encode()
        case 1:
            nested = ({columns[2]: row.pop(columns[2], None), "properties": row} for row in rows)
            log = "\n".join(map(json.dumps, nested)).encode()
        case 2 if rows:
            sink = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(rows), sink)
            log = sink.getvalue()
    match rng.randint(0, 5):
        case 0:
            return pa.compress(log, codec="zstd", asbytes=True) if log else log
        case 1:
            sink = io.BytesIO()
            with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a/log.csv", log)
                archive.writestr("b.jsonl", log[: len(log) // 2])
            return sink.getvalue()
    return log


def insert(rng: random.Random, log: bytes) -> bytes:
    at = rng.randint(0, len(log))
    return log[:at] + rng.choice(FRAGMENTS) * rng.choice((1, 1, 1, 50)) + log[at:]


def delete(rng: random.Random, log: bytes) -> bytes:
    at = rng.randint(0, len(log))
    return log[:at] + log[at + rng.randint(1, 30) :]


def flip(rng: random.Random, log: bytes) -> bytes:
    changed = bytearray(log)
    for _ in range(rng.randint(1, 20)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def splice(rng: random.Random, log: bytes) -> bytes:
    return log + rng.choice((b"\n", b"\n\n", b"")) + good_log(rng)


def recode(rng: random.Random, log: bytes) -> bytes:
    text = log.decode(errors="replace")
    return text.encode(rng.choice(("utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig")), errors="replace")


def replace_all(rng: random.Random, log: bytes) -> bytes:
    old, new = rng.choice(
        ((b"\n", b"\r\n"), (b"\n", b"\r"), (b",", b";"), (b",", b"\t"), (b'"', b"'"), (b'""', b'\\"'))
    )
    return log.replace(old, new)


def compress(rng: random.Random, log: bytes) -> bytes:
    packed = gzip.compress(log, mtime=0)
    return (
        packed
        if rng.random() < 0.5
        else flip(rng, packed)
        if rng.random() < 0.5
        else packed[: rng.randint(0, len(packed))]
    )


def noise(rng: random.Random, log: bytes) -> bytes:
    return log[: rng.randint(0, 60)] + rng.randbytes(rng.randint(0, 400))


MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    insert,
    insert,
    delete,
    flip,
    splice,
    recode,
    replace_all,
    compress,
    noise,
)


def broken_log(rng: random.Random) -> bytes:
    log = in_some_format(rng, good_log(rng)) if rng.random() < 0.5 else good_log(rng)
    for _ in range(rng.randint(1, 5)):
        log = rng.choice(MUTATIONS)(rng, log)
    return log


class FileOutcome(StrEnum):
    """What ingestion did with a file."""

    INGESTED = "ingested"
    REFUSED = "refused"
    REFUSED_AT_LENGTH = "refused in more than a sentence"
    TRACEBACK = "traceback"


def outcome(path: Path, out: Path) -> tuple[FileOutcome, int]:
    """What ingestion did with the file, and its unaccounted rows."""
    try:
        files = ingest_files([path], out, known=lambda day: [], known_sha256=frozenset(), now=NOW)
    except UnusableFileError as refusal:
        return FileOutcome.REFUSED_AT_LENGTH if "\n" in str(refusal) else FileOutcome.REFUSED, 0
    except Exception:  # noqa: BLE001 - a traceback is what is being counted
        traceback.print_exc()
        return FileOutcome.TRACEBACK, 0
    return FileOutcome.INGESTED, sum(map(_unaccounted, files))


def _unaccounted(file: IngestedFile) -> int:
    if file.already_ingested:
        return file.rows_read - file.rows_rejected - file.rows_duplicate
    events = sum(pq.read_metadata(events).num_rows for events in file.event_files.values())
    listed = sum(reason in REASONS for reason in file.rejected["reason"].to_pylist())
    return int(abs(file.rows_read - events - listed - file.rows_duplicate))


def fuzz(files: int, seed: int) -> tuple[Counter[FileOutcome], int, list[str]]:
    """Damage and ingest so many logs: number of files by outcome, unaccounted rows, and a line for each fault."""
    outcomes: Counter[FileOutcome] = Counter()
    unaccounted = 0
    faults: list[str] = []
    for number in range(files):
        rng = random.Random(f"{seed}-{number}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log.csv"
            path.write_bytes(broken_log(rng))
            kind, rows = outcome(path, Path(folder) / "out")
        outcomes[kind] += 1
        unaccounted += rows
        if kind not in (FileOutcome.INGESTED, FileOutcome.REFUSED) or rows:
            faults.append(f"file {number} of seed {seed}: {kind}, {rows} rows unaccounted for")
    return outcomes, unaccounted, faults
