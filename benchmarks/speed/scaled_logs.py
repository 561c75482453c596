"""The logs of the benchmark: planted kinds of users at three sizes, and one split into a past and a new day.

An existing log is used again; a new one is written under another name first, so that an incomplete one is never used.
"""

from datetime import date, timedelta
from pathlib import Path

import duckdb

from sample_data.generate import END, write_log

SIZES = (10_000, 100_000, 1_000_000)
ACTIVITY = {10_000: 1.9, 100_000: 1.9, 1_000_000: 0.165}
"""About 178 events a user for the first two sizes, about 20 for the last."""
NEW_DAY = END - timedelta(days=2)
"""A Friday; the weekend after it is left out. The log grows, so this day has more than a sixtieth of the earlier events."""


def whole_log(folder: Path, users: int) -> Path:
    """The log of `users` users."""
    path = folder / f"log-{users}.csv"
    if not path.exists():
        draft = path.with_suffix(".draft")
        write_log(draft, users=users, activity=ACTIVITY[users])
        draft.rename(path)
    return path


def cut_log(folder: Path, users: int) -> tuple[Path, Path]:
    """The events of a log before `NEW_DAY`, and those of that day."""
    past, day = folder / f"log-{users}-past.csv", folder / f"log-{users}-{NEW_DAY}.csv"
    log = whole_log(folder, users)
    for path, first, end in ((past, date.min, NEW_DAY), (day, NEW_DAY, NEW_DAY + timedelta(days=1))):
        if path.exists():
            continue
        draft = path.with_suffix(".draft")
        with duckdb.connect() as con:
            con.execute(
                f"""COPY (SELECT * FROM read_csv('{log}', header = true, all_varchar = true)
                          WHERE "timestamp" >= '{first}' AND "timestamp" < '{end}')
                    TO '{draft}' (HEADER, FORMAT csv)"""
            )
        draft.rename(path)
    return past, day


def count_rows(log: Path) -> int:
    """Lines of `log` without its header; no value of these logs has a line break."""
    with log.open("rb") as lines:
        return sum(block.count(b"\n") for block in iter(lambda: lines.read(1 << 22), b"")) - 1
