"""One byte changed in each of many published files: named by the deep check, and never read with other values."""

import random
from pathlib import Path

from grupa_pipeline.maintenance.status import status
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.file_integrity import DamagedFileError, PublishedFile
from grupa_pipeline.storage.publication import Publication


def flip(settings: Settings, files: int, seed: int) -> tuple[int, int, int]:
    """Change a byte of each of so many files, one after the other; returns files changed, named, and read all the same."""
    rng, publication = random.Random(seed), Publication(settings.warehouse)
    published = publication.published_files()
    chosen = rng.sample(published, min(files, len(published)))
    named = read = 0
    for file in chosen:
        content = file.path.read_bytes()
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        file.path.write_bytes(changed)
        text, sound = status(settings, deep=True)
        named += not sound and str(file.path) in text
        read += _is_read(publication, file)
        file.path.write_bytes(content)
    return len(chosen), named, read


def _is_read(publication: Publication, file: PublishedFile) -> bool:
    try:
        publication.query(f"SELECT * FROM {file.table}")
    except DamagedFileError:
        return False
    return True


def prepare(folder: Path, log: Path) -> Settings:
    """A warehouse with the snapshot of a log's last day."""
    from grupa.cli.run import run

    settings = Settings.from_env({"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(folder / "warehouse")})
    run(settings, [log])
    return settings
