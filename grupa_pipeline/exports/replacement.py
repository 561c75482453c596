"""Files that are replaced as a whole, so that a reader never finds half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """The file to write, which takes the place of `path` when the block ends; where it raises, `path` stays as it was.

    Example:
        >>> with replace_file(Path("report.html")) as part:
        ...     part.write_text("<!doctype html>")
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)  # it may list users, and nothing else would delete it
        raise
