"""Writes the sample log: `python -m sample_data.generate --out log.csv --labels labels.csv`.

Adds names, ids and metadata and writes files; `behaviour.py` simulates the users, `planted.toml` defines their kinds. Users
are drawn in blocks of fixed size with one seed each, so that memory is bounded and the first users of a large log are those
of a small one.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sample_data.behaviour import ACTIONS, FEATURES, Block, simulate
from sample_data.kinds import load_kinds

USERS, DAYS, SEED = 3_000, 70, 7
END = date(2025, 6, 29)
"""Last day of the sample log, a Sunday in the past, so that no event is rejected as being in the future."""
BLOCK_USERS = 5_000

STAGES = ("search", "onboarding", "pricing")


def write_log(
    out: Path,
    *,
    users: int = USERS,
    days: int = DAYS,
    seed: int = SEED,
    end: date = END,
    activity: float = 1.0,
    labels: Path | None = None,
) -> int:
    """Write a log of `users` users over the `days` days up to and including `end`, and return its number of events.

    Args:
        out: CSV to write (`.gz` compresses): user_id, timestamp, action, metadata; in time order within blocks of
            5,000 users.
        users: Users in the log; each has at least two events.
        days: Length of the log in days; weekdays are true to the calendar when it is whole weeks and `end` is a Sunday.
        seed: Random seed; equal arguments give equal bytes.
        end: Last day of the log (UTC).
        activity: Factor on the rates of sessions and proposals (1.0 gives about 90 events per user in ten weeks).
        labels: CSV to write with the true kinds: user_id, kind.
    """
    written = 0
    with pa.output_stream(out) as stream:
        for number, block in enumerate(blocks(users=users, days=days, seed=seed, activity=activity)):
            table = event_table(block, first_user=number * BLOCK_USERS, start=end - timedelta(days=days - 1))
            csv.write_csv(table, stream, csv.WriteOptions(include_header=number == 0))
            written += table.num_rows
    if labels:
        write_truth(labels, users=users, days=days, seed=seed)
    return written


def write_truth(path: Path, *, users: int = USERS, days: int = DAYS, seed: int = SEED) -> None:
    """Write the kind of each user of the log with the same arguments: user_id, kind."""
    names = pa.array([kind.name for kind in load_kinds()])
    kind = np.concatenate([block.kind for block in blocks(users=users, days=days, seed=seed)])
    csv.write_csv(pa.table({"user_id": _user_ids(np.arange(users)), "kind": names.take(pa.array(kind))}), path)


def blocks(*, users: int = USERS, days: int = DAYS, seed: int = SEED, activity: float = 1.0) -> Iterator[Block]:
    """Simulate the users and events of the log, block by block."""
    for first in range(0, users, BLOCK_USERS):
        rng = np.random.default_rng([seed, first // BLOCK_USERS])
        # Simulate a whole block and truncate it, so that users do not depend on the number of users.
        yield _first_users(
            simulate(load_kinds(), users=BLOCK_USERS, days=days, activity=activity, rng=rng), users - first
        )


def _first_users(block: Block, users: int) -> Block:
    if users >= BLOCK_USERS:
        return block
    mask = block.events.user < users
    events = type(block.events)(*(values[mask] for values in vars(block.events).values()))
    return Block(block.kind[:users], block.mobile[:users], block.paid[:users], events)


def event_table(block: Block, *, first_user: int, start: date) -> pa.Table:
    """The events of a block as text columns: user_id, timestamp (UTC, milliseconds), action, metadata (JSON)."""
    events = block.events
    midnight = np.datetime64(start, "ms")
    timestamp = pa.array(midnight + np.round(events.time * 1000).astype("timedelta64[ms]"))
    return pa.table(
        {
            "user_id": _user_ids(events.user + first_user),
            "timestamp": pc.strftime(timestamp, format="%Y-%m-%dT%H:%M:%SZ"),
            "action": pa.array(ACTIONS).take(pa.array(events.action)),
            "metadata": _metadata(block, first_user // BLOCK_USERS),
        }
    )


def _user_ids(users: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise("user_", pc.utf8_lpad(pc.cast(pa.array(users), pa.string()), 7, "0"), "")


def _metadata(block: Block, block_number: int) -> pa.Array:
    """One JSON object per event: device and plan; feature, proposal_id or stage where the event has one."""
    events = block.events
    device = pa.array(["desktop", "mobile"]).take(pa.array(block.mobile[events.user].astype(int)))
    plan = pa.array(["free", "pro"]).take(pa.array(block.paid[events.user].astype(int)))
    feature = pa.array([f', "feature": "{name}"' for name in FEATURES] + [""]).take(
        _or_last(events.feature, len(FEATURES))
    )
    proposals = [f', "proposal_id": "P{block_number}-{n}"' for n in range(events.proposal.max(initial=-1) + 1)] + [""]
    proposal = pa.array(proposals).take(_or_last(events.proposal, len(proposals) - 1))
    dropped = (events.action == ACTIONS.index("drop_off")) & (events.proposal < 0)
    where = np.where(dropped, np.floor(events.time).astype(np.int64) % len(STAGES), -1)
    stage = pa.array([f', "stage": "{name}"' for name in STAGES] + [""]).take(_or_last(where, len(STAGES)))
    return pc.binary_join_element_wise(
        '{"device": "', device, '", "plan": "', plan, '"', feature, proposal, stage, "}", ""
    )


def _or_last(codes: np.ndarray, last: int) -> pa.Array:
    return pa.array(np.where(codes < 0, last, codes))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sample_data.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="CSV to write; .gz compresses")
    parser.add_argument("--labels", type=Path, help="CSV to write with each user's planted kind")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--end", type=date.fromisoformat, default=END, help="last day, YYYY-MM-DD (default: %(default)s)"
    )
    parser.add_argument("--activity", type=float, default=1.0, help="factor on the rates of sessions and proposals")
    return parser


def main() -> None:
    """Write a log with the options of the command line."""
    options = vars(_arguments().parse_args())
    begun = datetime.now(UTC)
    events = write_log(options.pop("out"), **options)
    print(f"{events:,} events of {options['users']:,} users in {(datetime.now(UTC) - begun).total_seconds():.1f} s")


if __name__ == "__main__":
    main()
