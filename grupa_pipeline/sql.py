"""DuckDB sessions, and SQL literals of texts and file names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most processes of the service quote names, and open nothing
    import duckdb


def open_duckdb(
    path: Path | str = ":memory:", *, read_only: bool = False, config: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB session that writes nothing to the terminal.

    By itself DuckDB draws a progress bar where it takes a process for a notebook or a prompt: where its main module is no
    file, as in those that Dagster starts for runs.

    Example:
        >>> with open_duckdb() as con:
        ...     con.sql("SELECT 1").fetchall()
        [(1,)]
    """
    import duckdb

    con = duckdb.connect(str(path), read_only=read_only, config=dict(config or {}))
    con.execute("SET enable_progress_bar = false")
    return con


def quoted(text: str) -> str:
    """`text` as an SQL literal.

    Example:
        >>> quoted("it's")
        "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """`name` as an SQL identifier.

    Example:
        >>> identifier("order")
        '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def pattern(path: Path) -> str:
    """A glob pattern that matches `path` only: DuckDB reads `*`, `?` and `[` in file names as wildcards."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def from_pattern(text: str) -> Path:
    """The path of which `pattern` returned `text`."""
    return Path(re.sub(r"\[([*?\[])\]", r"\1", text))


def exactly(path: Path) -> str:
    """`path` as an SQL literal for reading exactly this file."""
    return quoted(pattern(path))
