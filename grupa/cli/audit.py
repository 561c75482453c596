"""`grupa audit`: the entries of the audit log as lines of text or JSON, or the result of a query on it."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import duckdb

from grupa.cli.exit_status import CommandError, ExitStatus
from grupa_pipeline.storage.audit_log import query

if TYPE_CHECKING:
    from grupa_pipeline.settings import Settings

_CONDITIONS = {"since": "acted_at >= ?", "user": "user_name = ?", "action": "action = ?"}


def show_audit_log(
    settings: "Settings", choice: Mapping[str, object], sql: str | None = None, *, as_json: bool = False
) -> Iterator[str]:
    """Lines that show the audit log, the oldest entry first.

    Args:
        settings: Which warehouse.
        choice: Values by `since`, `user` and `action`; None chooses all.
        sql: A query on `audit_log` instead.
        as_json: One JSON object a line.

    Raises:
        CommandError: The query cannot be run.
    """
    given = {name: value for name, value in choice.items() if value is not None and not sql}
    where = " AND ".join(_CONDITIONS[name] for name in given) or "true"
    statement = sql or f"SELECT * FROM audit_log WHERE {where} ORDER BY acted_at"
    try:
        found = query(settings.warehouse, statement, list(given.values()))
        names, rows = found.columns, found.fetchall()
    except duckdb.Error as error:
        raise CommandError(f"The query cannot be run: {error}", ExitStatus.UNUSABLE) from error
    for row in rows:
        fields = dict(zip(names, row, strict=True))
        yield json.dumps(fields, default=str, ensure_ascii=False) if as_json else _line(fields)


def _line(fields: Mapping[str, object]) -> str:
    return "  ".join(str(value) for value in fields.values() if value not in (None, ""))
