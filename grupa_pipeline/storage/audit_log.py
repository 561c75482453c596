"""The audit log: who did what to what, from where and when, one JSON object a line in `audit/YYYY-MM-DD.jsonl` of the warehouse.

Whichever process acts appends under a lock; nothing is ever rewritten. Entries hold ids, never what people typed or what a log
says of its users; `grupa forget` leaves a keyed hash of the user's id.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from grupa_pipeline.sql import exactly

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

COLUMNS = {
    "acted_at": "TIMESTAMP",
    "user_name": "VARCHAR",
    "role": "VARCHAR",
    "action": "VARCHAR",
    "subject": "VARCHAR",
    "outcome": "VARCHAR",
    "address": "VARCHAR",
    "through": "VARCHAR",
}
"""Columns of `audit_log` and their types in DuckDB."""
_PATTERN = "????-??-??.jsonl"
_ID = re.compile(r"[\w.:/?=-]{1,100}")


class AuditAction(StrEnum):
    """What was done."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    PASSWORD = "password"  # noqa: S105 - an action
    ROLE = "role"
    TOKEN = "token"  # noqa: S105 - an action
    """A token was created or revoked, or a forged, expired or revoked one came in."""
    UPLOAD = "upload"
    INGEST = "ingest"
    DISCARD = "discard"
    RUN = "run"
    NAME = "name"
    PLAN = "plan"
    COMMENT = "comment"
    APPROVE = "approve"
    SEGMENT = "segment"
    FEEDBACK = "feedback"
    EVENT_ROLES = "event_roles"
    EXPORT = "export"
    FORGET = "forget"
    WITHDRAW = "withdraw"
    RESTORE = "restore"
    SERVE = "serve"
    DAGSTER = "dagster"
    """A change by Dagster's UI; the subject names the mutation."""
    ASK = "ask"
    """A request that was refused for want of a role; the subject names what was asked for."""


class AuditOutcome(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Actor:
    """Who acts.

    Attributes:
        user: Name of the user; of the account of this machine on the command line.
        role: What they may do; empty on the command line and before the sign-in.
        address: IP address; empty on the command line.
        through: `app`, `dagster`, `command line`, or `agent:NAME` by a token of that name.
    """

    user: str
    role: str = ""
    address: str = ""
    through: str = "command line"


@dataclass
class AuditSubject:
    """What `recorded` records an action on.

    Attributes:
        of: Its id; empty until it is known that what somebody named is one.
    """

    of: str = ""


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


def act_as(actor: Actor | None) -> None:
    """Name who acts from now on in this request; None: the account of this machine, on the command line."""
    _actor.set(actor)


def record(
    warehouse: Path,
    action: AuditAction,
    of: str | Sequence[str] = "",
    outcome: AuditOutcome = AuditOutcome.DONE,
    *,
    by: Actor | None = None,
) -> None:
    """Append an entry; that it could not be written is logged as an error, and the action stays done.

    Args:
        warehouse: The warehouse's folder.
        action: What was done.
        of: To what: an id or several, never a value that somebody typed. What cannot be an id is left out.
        outcome: How it ended.
        by: Who did it; default whom `act_as` named.
    """
    actor = by or _actor.get() or Actor(_machine_account())
    now = datetime.now(UTC)
    # Ids come back from browsers, which may send anything.
    ids = ",".join(each for each in ([of] if isinstance(of, str) else of) if _ID.fullmatch(each))
    values = (now.replace(tzinfo=None).isoformat(timespec="milliseconds"), actor.user, actor.role, action.value, ids)
    entry = dict(zip(COLUMNS, (*values, outcome.value, actor.address, actor.through), strict=True))
    try:
        _append(warehouse / "audit" / f"{now:%Y-%m-%d}.jsonl", json.dumps(entry, ensure_ascii=False) + "\n")
    except OSError:
        log.exception("the audit log could not be written: %s", entry)


@contextmanager
def recorded(warehouse: Path, action: AuditAction, of: str = "") -> Iterator[AuditSubject]:
    """Record what happens inside as done, or as failed where it raises; inside, the subject may be named."""
    subject = AuditSubject(of)
    try:
        yield subject
    except BaseException:
        record(warehouse, action, subject.of, AuditOutcome.FAILED)
        raise
    record(warehouse, action, subject.of)


def delete_old(warehouse: Path, keep_days: int) -> None:
    """Delete the files of days that are older than `keep_days`."""
    first = datetime.now(UTC).date() - timedelta(days=keep_days)
    for path in (warehouse / "audit").glob(_PATTERN):
        if date.fromisoformat(path.stem) < first:
            path.unlink(missing_ok=True)


def query(warehouse: Path, sql: str, parameters: list[object] | None = None) -> duckdb.DuckDBPyRelation:
    """The result of a query on the view `audit_log`; see `COLUMNS`.

    Example: `query(folder, "SELECT user_name, count(*) FROM audit_log GROUP BY ALL")`.
    """
    import duckdb  # only readers of the log need it, and every process of the service writes to it

    con = duckdb.connect()
    files = sorted((warehouse / "audit").glob(_PATTERN))
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    names = ", ".join(exactly(path) for path in files)
    empty = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in COLUMNS.items())
    source = f"read_json([{names}], format = 'newline_delimited', columns = {{{columns}}})" if files else ""
    con.execute(f"CREATE VIEW audit_log AS {f'FROM {source}' if files else f'SELECT {empty} LIMIT 0'}")
    return con.sql(sql, params=parameters)


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o700)  # of a warehouse that was moved away, no empty one takes the place
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _machine_account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return f"uid {os.getuid()}"
