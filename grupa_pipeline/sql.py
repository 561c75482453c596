"""SQL literals of texts and file names for DuckDB."""

import re
from pathlib import Path


def quoted(text: str) -> str:
    """`text` as an SQL literal.

    Example:
        >>> quoted("it's")
        "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def pattern(path: Path) -> str:
    """A glob pattern that matches `path` only: DuckDB reads `*`, `?` and `[` in file names as wildcards."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def from_pattern(text: str) -> Path:
    """The path of which `pattern` returned `text`."""
    return Path(re.sub(r"\[([*?\[])\]", r"\1", text))


def exactly(path: Path) -> str:
    """`path` as an SQL literal for reading exactly this file."""
    return quoted(pattern(path))
