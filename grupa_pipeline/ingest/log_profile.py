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
    with con.cursor() as cursor:
        cursor.register("user_counts", users)
        cursor.register("action_counts", actions)
        notes = [*_far_events(files), *_user_notes(cursor), *_action_notes(cursor)]
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


def _user_notes(con: duckdb.DuckDBPyConnection) -> list[str]:
    no_ids = ", ".join(map(quoted, _NO_IDS))
    [row] = _rows(
        con,
        f"""WITH users AS (SELECT text AS user_id, n FROM user_counts),
            cases AS (SELECT list(user_id ORDER BY user_id) AS ids FROM users GROUP BY lower(user_id) HAVING count(*) > 1)
        SELECT count(*) AS users, CAST(sum(n) AS BIGINT) AS events, arg_max(user_id, n) AS most_id, max(n) AS most,
            list(user_id ORDER BY n DESC) FILTER (lower(user_id) IN ({no_ids})) AS no_ids,
            CAST(sum(n) FILTER (lower(user_id) IN ({no_ids})) AS BIGINT) AS no_id_events,
            (SELECT count(*) FROM cases) AS cases, (SELECT min(ids) FROM cases) AS example
        FROM users""",
    )
    notes = []
    share = row["most"] / row["events"]
    if row["users"] >= _FEWEST_USERS and row["events"] >= _FEWEST_EVENTS and share >= _MOST_SHARE:
        notes.append(
            f"the user id {row['most_id'][:60]!r} has {row['most']:,} of the {row['events']:,} events ({share:.0%}); a bot, a "
            "test or an id that many share? It counts as one user; leave it out of the log if it is none."
        )
    if row["no_ids"]:
        shown = ", ".join(map(repr, row["no_ids"][:_SHOWN]))
        notes.append(
            f"the user ids {shown} look like words for no id; their {row['no_id_events']:,} events count as those of one user each."
        )
    if row["cases"]:
        shown = " and ".join(map(repr, row["example"][:_SHOWN]))
        what = "1 user id is" if row["cases"] == 1 else f"{row['cases']:,} user ids are"
        notes.append(f"{what} written in several cases, such as {shown}; each counts as a user of its own.")
    return notes


def _action_notes(con: duckdb.DuckDBPyConnection) -> list[str]:
    """A note on actions that are many because their names hold ids, with the patterns that fold them."""
    rows = _rows(
        con,
        f"""WITH folded AS (SELECT n, regexp_replace(text, {quoted(ID_IN_NAME)}, '*', 'g') AS pattern FROM action_counts)
        SELECT pattern, count(*) AS actions, CAST(sum(n) AS BIGINT) AS events,
            CAST(sum(count(*)) OVER () AS BIGINT) AS all_actions, CAST(sum(sum(n)) OVER () AS BIGINT) AS all_events,
            count(*) OVER () AS patterns
        FROM folded GROUP BY pattern ORDER BY actions DESC, pattern LIMIT 20""",
    )
    found = [row for row in rows if row["actions"] >= _PATTERN_ACTIONS and "*" in row["pattern"]]
    found = [row for row in found if any(map(str.isalpha, row["pattern"]))]
    if not found:
        return []
    actions, times = rows[0]["all_actions"], rows[0]["all_events"] / rows[0]["all_actions"]
    if actions < _MANY_ACTIONS or times > _FEW_TIMES or rows[0]["patterns"] > _FOLDED_SHARE * actions:
        return []
    patterns = [row["pattern"] for row in found]
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    return [
        f"{actions:,} actions occur {times:.1f} times each on average, since their names hold ids, such as "
        f"{patterns[0]!r} with {found[0]['actions']:,}. To count those as one action, add to roles.toml in the warehouse: "
        f"[fold] patterns = [{listed}]"
    ]


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = con.sql(query).to_arrow_table().to_pylist()
    return result
