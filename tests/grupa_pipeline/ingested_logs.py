"""Logs of a few lines, and the events of a warehouse, for tests."""

from datetime import datetime
from pathlib import Path

from grupa_pipeline.storage.publication import Publication

NOW = datetime(2025, 7, 1)


def log(path: Path, *lines: str, header: str = "user_id,timestamp,action") -> Path:
    """Write a log."""
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def held(publication: Publication) -> set[tuple[str, str]]:
    """Users and actions of the events in the warehouse."""
    rows = publication.query("SELECT user_id, action FROM events").to_pylist()
    return {(row["user_id"], row["action"]) for row in rows}
