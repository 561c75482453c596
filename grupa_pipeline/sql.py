"""Texts and names of files as DuckDB takes them. Asks no question of any table."""

import re
from pathlib import Path


def quoted(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def pattern(path: Path) -> str:
    """The pattern that only `path` fits: DuckDB takes `*`, `?` and `[` in the name of a file to read for one."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def from_pattern(text: str) -> Path:
    """The path that `pattern` made `text` of."""
    return Path(re.sub(r"\[([*?\[])\]", r"\1", text))


def exactly(path: Path) -> str:
    """`path` as an SQL literal that names this file alone, for reading it."""
    return quoted(pattern(path))
