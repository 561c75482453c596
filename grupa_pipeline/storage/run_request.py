"""A request to segment again, which the app leaves in the warehouse and the inbox sensor takes up at its next tick."""

import os
from pathlib import Path

from grupa_pipeline.storage.audit_log import AuditAction, record

_FILE = ".segment-again"


def request_run(folder: Path) -> None:
    """Ask for a new snapshot of the last day of the events."""
    (folder / _FILE).touch()
    os.utime(folder / _FILE)
    record(folder, AuditAction.RUN)


def requested_at(folder: Path) -> int | None:
    """When a run was asked for, in nanoseconds since 1970; None where no request waits."""
    try:
        return (folder / _FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def take_request(folder: Path) -> int | None:
    """`requested_at`, and the request is taken off: its run is asked of Dagster now, or is not needed."""
    at = requested_at(folder)
    (folder / _FILE).unlink(missing_ok=True)
    return at
