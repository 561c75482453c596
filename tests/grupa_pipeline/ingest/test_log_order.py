"""The order of events at one instant: kept from the log, reversed with it, or not known."""

import random

import numpy as np
import pyarrow as pa
import pytest

from grupa_pipeline.ingest.log_order import LogDirection, LogOrder, sequences
from tests.grupa_pipeline.ingest.conftest import HEADER, events_of

WAYS = (("open", "edit", "save", "quit"), ("open", "find", "open", "quit"), ("sign_in", "find", "edit", "save"))
Row = tuple[str, int, str]


def tied_log(users: int = 60) -> list[Row]:
    """User, minute and action in the order in which things happened: each way within a minute."""
    rng = random.Random(1)
    return [
        (f"u{user}", minute, action)
        for minute in range(20)
        for user in rng.sample(range(users), users // 2)
        for action in rng.choice(WAYS)
    ]


def shuffled_within_ties(log: list[Row]) -> list[Row]:
    rng = random.Random(2)
    return sorted(rng.sample(log, len(log)), key=lambda row: row[1])


def direction_of(log: list[Row]) -> LogDirection:
    names = sorted({action for _, _, action in log})
    users = np.array([int(user[1:]) for user, _, _ in log])
    order = LogOrder()
    instants = np.array([minute for _, minute, _ in log])
    order.add(users, instants, np.array([names.index(action) for _, _, action in log]), pa.array(names))
    return order.direction()


@pytest.mark.parametrize(
    ("log", "direction"),
    [
        (tied_log(), LogDirection.FORWARD),
        (tied_log()[::-1], LogDirection.BACKWARD),
        (sorted(tied_log(), key=lambda row: row[0]), LogDirection.FORWARD),
        (shuffled_within_ties(tied_log()), LogDirection.UNKNOWN),
        (random.Random(3).sample(tied_log(), 2_400), LogDirection.UNKNOWN),
        (sorted(tied_log(), key=lambda row: row[1:]), LogDirection.UNKNOWN),
        (tied_log()[:3], LogDirection.FORWARD),
    ],
    ids=["ascending", "descending", "by user", "shuffled within ties", "shuffled", "sorted by action", "few"],
)
def test_the_direction_of_a_log_follows_from_its_order(log, direction):
    assert direction_of(log) is direction


def test_places_count_from_the_first_event_of_an_instant():
    instants, actions, rows = np.array([1, 2, 2, 2, 5, 5]), np.array([0, 0, 1, 2, 3, 3]), np.array([9, 4, 2, 7, 1, 3])
    assert sequences(instants, actions, rows, LogDirection.FORWARD).to_pylist() == [0, 1, 0, 2, 0, 1]
    assert sequences(instants, actions, rows, LogDirection.BACKWARD).to_pylist() == [0, 1, 2, 0, 1, 0]
    assert sequences(instants, actions, rows, LogDirection.UNKNOWN).to_pylist() == [0, None, None, None, 0, 1]


def placed_events(file) -> list[dict]:
    return events_of(file, without=("file_sha256",))


def as_csv(log: list[Row]) -> str:
    return HEADER + "".join(f"{user},2025-01-01 10:{minute:02},{action},{{}}\n" for user, minute, action in log)


def ways(file) -> set[tuple[str, ...]]:
    """The actions of each user and minute in the order of their sequence."""
    groups: dict[tuple[str, object], list[tuple[int, str]]] = {}
    for event in placed_events(file):
        groups.setdefault((event["user_id"], event["timestamp"]), []).append((event["sequence"], event["action"]))
    return {tuple(action for _, action in sorted(group)) for group in groups.values()}


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, -1])
def test_events_of_one_minute_keep_the_order_in_which_they_happened(step, ingest_text):
    found = ways(ingest_text(as_csv(tied_log()[::step]), repeats="keep"))
    assert {way for way in found if len(set(way)) == 4} == {WAYS[0], WAYS[2]}


@pytest.mark.slow
def test_where_the_order_is_not_known_events_of_one_minute_have_no_place(ingest_text):
    file = ingest_text(as_csv(shuffled_within_ties(tied_log())), repeats="keep")
    assert {event["sequence"] for event in placed_events(file)} == {None}


@pytest.mark.slow
def test_the_order_is_kept_where_a_day_does_not_fit_into_memory(ingest_text, monkeypatch):
    log = as_csv(tied_log())
    expected = placed_events(ingest_text(log))
    monkeypatch.setattr("grupa_pipeline.ingest.event_files.PART_BYTES", 10_000)
    assert placed_events(ingest_text(log)) == expected


@pytest.mark.slow
def test_events_that_were_not_stored_before_keep_their_place(ingest_text):
    first = ingest_text(HEADER + "u1,2025-01-01 10:00,open,\n")
    second = ingest_text(
        HEADER + "".join(f"u1,2025-01-01 10:00,{name},\n" for name in ("open", "save", "edit")), earlier=(first,)
    )
    assert [(event["action"], event["sequence"]) for event in placed_events(second)] == [("edit", 2), ("save", 1)]
