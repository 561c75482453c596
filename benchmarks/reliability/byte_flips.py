"""One bit changed in each of many published files: named by the deep check, and never read with other values.

Of a catalogue the database holds the rows as well, which SQL reads, so that a query does not touch the damaged file.
"""

import random
from functools import partial
from pathlib import Path

import pyarrow as pa

from grupa_pipeline.maintenance.status import status
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.file_integrity import DamagedFileError, PublishedFile
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import EVENTS, PIPELINE_TABLES


def flip(settings: Settings, files: int, seed: int) -> tuple[int, int, int]:
    """Change a bit of each of so many files, one after the other; returns files changed, named, and read with other values."""
    rng, publication = random.Random(seed), Publication(settings.warehouse)
    published = publication.published_files()
    chosen = rng.sample(published, min(files, len(published)))
    named = read = 0
    for file in chosen:
        content, rows = file.path.read_bytes(), _read(publication, file)
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        file.path.write_bytes(changed)
        text, sound = status(settings, deep=True)
        named += not sound and str(file.path) in text
        read += any(
            now is not None and not now.equals(before)
            for now, before in zip(_read(publication, file), rows, strict=True)
        )
        file.path.write_bytes(content)
    return len(chosen), named, read


def _read(publication: Publication, file: PublishedFile) -> list[pa.Table | None]:
    """The rows of its table as SQL and as the next run's steps read them; None where reading is refused."""
    table = next(each for each in PIPELINE_TABLES if each.name == file.table)
    readers = [partial(publication.query, f"SELECT * FROM {file.table} ORDER BY ALL")]
    if table is not EVENTS:
        readers.append(partial(publication.load_published, table, file.day))
    found: list[pa.Table | None] = []
    for read in readers:
        try:
            found.append(read())
        except DamagedFileError:
            found.append(None)
    return found


def prepare(folder: Path, log: Path) -> Settings:
    """A warehouse with the snapshot of a log's last day."""
    from grupa.cli.run import run

    settings = Settings.from_env({"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(folder / "warehouse")})
    run(settings, [log])
    return settings
