"""What a log is like that people should know before they trust a snapshot of it, in sentences.

Events far from all others, one id with most of the events, ids that are words for none, ids that differ by case alone, and ids
inside the names of actions. Nothing is changed: a person decides.
"""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline.ingest.event_files import EventFile
from grupa_pipeline.sql import quoted

_FAR_DAYS, _FAR_SHARE = 30, 0.01
"""Events are far from the others when so many days without any lie between, and when they are so few."""
_MOST_SHARE, _FEWEST_USERS, _FEWEST_EVENTS = 0.3, 5, 100
_FEW_TIMES, _MANY_ACTIONS, _FOLDED_SHARE = 10, 100, 0.5
"""Actions are folded when so many occur so few times on average, and when folding leaves less than this share of them."""
_PATTERN_ACTIONS = 10
_SHOWN = 3
_NO_IDS = (
    *("null", "none", "nil", "nan", "undefined", "unknown", "n/a", "na", "#n/a", "(null)", "(none)", "(not set)"),
    *("<null>", "\\n", "-", "0", "-1", "anonymous", "guest", "00000000-0000-0000-0000-000000000000"),
)
ID_IN_NAME = (
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|\b[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}\b|[0-9]+"
)
"""An id inside the name of an action: a UUID, a long hexadecimal number, a number."""


def profile_notes(
    con: duckdb.DuckDBPyConnection, name: str, files: Mapping[date, EventFile], users: pa.Table, actions: pa.Table
) -> tuple[str, ...]:
    """Sentences about a log; none about one that is like most.

    Args:
        con: A DuckDB session.
        name: The log's name.
        files: Its events by UTC day.
        users: Its user ids with how often each occurs, as `TextCounts.table` returns them.
        actions: Its actions, likewise.
    """
    if not files:
        return ()
    notes = [*_far_events(files), *_user_notes(users), *_action_notes(con, actions)]
    return tuple(f"{name}: {note}" for note in notes)


def _far_events(files: Mapping[date, EventFile]) -> list[str]:
    """Notes on few events long after or long before all others."""
    days = sorted(files)
    total = sum(file.rows for file in files.values())
    gaps = [(after - before).days for before, after in pairwise(days)]
    notes = []
    for place, gap in enumerate(gaps):
        early, late = days[: place + 1], days[place + 1 :]
        few = late if len(late) < len(early) else early
        count = sum(files[day].rows for day in few)
        if gap < _FAR_DAYS or count > max(1, _FAR_SHARE * total) or total < _SHOWN * count:
            continue
        events = "1 event is" if count == 1 else f"{count:,} events are"
        when = f"of {few[0]}" if len(few) == 1 else f"of {few[0]} to {few[-1]}"
        if few is late:
            notes.append(
                f"{events} {when}, {gap:,} days after all others; a snapshot of that day may see none of those. "
                f"For the day of the last other one: --as-of {early[-1]}."
            )
            break  # what is later still is part of it
        notes.append(f"{events} {when}, {gap:,} days before all others; are these times meant?")
    return notes


def _user_notes(users: pa.Table) -> list[str]:
    """Notes on one id with most of the events, words for no id, and ids that differ by case alone."""
    ids, counts = users["text"], users["n"]
    events, most = pc.sum(counts).as_py(), pc.max(counts).as_py()
    lower = pc.utf8_lower(ids)
    no_ids = users.filter(pc.is_in(lower, value_set=pa.array(_NO_IDS))).sort_by(
        [("n", "descending"), ("text", "ascending")]
    )
    notes = []
    share = most / events
    if len(users) >= _FEWEST_USERS and events >= _FEWEST_EVENTS and share >= _MOST_SHARE:
        busiest = ids[pc.index(counts, most).as_py()].as_py()
        notes.append(
            f"the user id {busiest[:60]!r} has {most:,} of the {events:,} events ({share:.0%}); a bot, a "
            "test or an id that many share? It counts as one user; leave it out of the log if it is none."
        )
    if len(no_ids):
        shown = ", ".join(map(repr, no_ids["text"].slice(0, _SHOWN).to_pylist()))
        notes.append(
            f"the user ids {shown} look like words for no id; their {pc.sum(no_ids['n']).as_py():,} events count as those of "
            "one user each."
        )
    if pc.count_distinct(lower).as_py() < len(users):
        same = (
            pa.table({"lower": lower, "id": ids}).group_by("lower").aggregate([("id", "list")])["id_list"].to_pylist()
        )
        cases = [sorted(group) for group in same if len(group) > 1]
        shown = " and ".join(map(repr, min(cases)[:_SHOWN]))
        what = "1 user id is" if len(cases) == 1 else f"{len(cases):,} user ids are"
        notes.append(f"{what} written in several cases, such as {shown}; each counts as a user of its own.")
    return notes


def _action_notes(con: duckdb.DuckDBPyConnection, actions: pa.Table) -> list[str]:
    """A note on actions that are many because their names hold ids, with the patterns that fold them."""
    if len(actions) < _MANY_ACTIONS:
        return []
    with con.cursor() as cursor:
        cursor.register("action_counts", actions)
        rows: list[dict[str, Any]] = (
            cursor.sql(f"""
            WITH folded AS (SELECT n, regexp_replace(text, {quoted(ID_IN_NAME)}, '*', 'g') AS pattern FROM action_counts)
            SELECT pattern, count(*) AS actions, CAST(sum(n) AS BIGINT) AS events, count(*) OVER () AS patterns
            FROM folded GROUP BY pattern ORDER BY actions DESC, pattern LIMIT 20""")
            .to_arrow_table()
            .to_pylist()
        )
    found = [row for row in rows if row["actions"] >= _PATTERN_ACTIONS and "*" in row["pattern"]]
    found = [row for row in found if any(map(str.isalpha, row["pattern"]))]
    if not found:
        return []
    times = pc.sum(actions["n"]).as_py() / len(actions)
    if times > _FEW_TIMES or rows[0]["patterns"] > _FOLDED_SHARE * len(actions):
        return []
    patterns = [row["pattern"] for row in found]
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    return [
        f"{len(actions):,} actions occur {times:.1f} times each on average, since their names hold ids, such as "
        f"{patterns[0]!r} with {found[0]['actions']:,}. To count those as one action, add to roles.toml in the warehouse: "
        f"[fold] patterns = [{listed}]"
    ]
