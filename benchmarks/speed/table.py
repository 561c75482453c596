"""The tables of results: each figure with its goal, and the cost of each stage."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GIB = 1 << 30
Results = Mapping[str, Mapping[str, Any]]
"""Measurements of each run, by `PART-USERS`."""


@dataclass(frozen=True)
class SpeedFigure:
    """One measured number beside its goal."""

    name: str
    goal: str
    value: str
    met: bool


def figures(results: Results) -> Iterator[SpeedFigure]:
    """Every figure that the results allow."""
    for users, goal in ((10_000, 5), (100_000, 8)):
        pair = _pair(results, f"notebook-{users}", f"grupa-{users}")
        if pair:
            notebook, ours = (run["whole"]["wall"] for run in pair)
            yield _at_least(
                f"notebook time / `grupa run` time, {users:,} users",
                goal,
                notebook / ours,
                f"{notebook:.0f} s / {ours:.0f} s",
            )
    pair = _pair(results, "notebook-100000", "grupa-100000")
    if pair:
        notebook, ours = (run["whole"]["memory"] for run in pair)
        yield _at_least(
            "peak memory, notebook / ours, 100,000 users",
            4,
            notebook / ours,
            f"{notebook / GIB:.1f} GiB / {ours / GIB:.1f} GiB",
        )
    yield from _growth(results)
    yield from _parse(results)
    yield from _new_day(results)


def _growth(results: Results) -> Iterator[SpeedFigure]:
    pair = _pair(results, "grupa-1000000", "grupa-100000")
    if pair:
        many, fewer = (run["whole"] for run in pair)
        events = " / ".join(f"{run['events'] / 1e6:.1f} M" for run in pair)
        yield _at_most(
            f"time at 1,000,000 users / at 100,000 ({events} events)",
            2.5,
            many["wall"] / fewer["wall"],
            f"{many['wall']:.0f} s / {fewer['wall']:.0f} s",
        )
    if "grupa-1000000" in results:
        memory = results["grupa-1000000"]["whole"]["memory"] / GIB
        yield _at_most("peak memory at 1,000,000 users, GiB", 4, memory, "")


def _parse(results: Results) -> Iterator[SpeedFigure]:
    for users in (10_000, 100_000, 1_000_000):
        pair = _pair(results, f"grupa-{users}", f"parse-{users}")
        if pair:
            ours, parse = _ingest_and_features(pair[0]), pair[1]["stages"]["parse"]["wall"]
            yield _at_most(
                f"ingest and features / DuckDB's parse, {users:,} users",
                5,
                ours / parse,
                f"{ours:.1f} s / {parse:.1f} s",
            )


def _new_day(results: Results) -> Iterator[SpeedFigure]:
    if "day-100000" not in results:
        return
    runs = results["day-100000"]
    full, stored, fresh = runs["full"], runs["kept"], runs["fresh"]
    about = f"a new day of 1/{full['events'] / stored['events']:.0f} of the events / the full run, 100,000 users"
    for null, run, goal in (("fresh", fresh, 0.6), ("stored", stored, 0.25)):
        if run["fresh_null"] != (null == "fresh"):
            raise ValueError(f"the new day with a {null} null did not have one")
        ours, whole = run["whole"]["wall"], full["whole"]["wall"]
        yield _at_most(f"{about}: the whole, {null} null", goal, ours / whole, f"{ours:.1f} s / {whole:.1f} s")
    ours, whole = _ingest_and_features(stored), _ingest_and_features(full)
    yield _at_most(f"{about}: ingest and features", 0.1, ours / whole, f"{ours:.1f} s / {whole:.1f} s")


def stage_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """One row a run and stage: run, users, events, stage, wall, CPU, memory."""
    for key in sorted(results, key=lambda key: (int(key.split("-")[1]), key)):
        part, users = key.split("-")
        runs = {part: results[key]} if "whole" in results[key] else {f"{part}, {n}": r for n, r in results[key].items()}
        for name, run in runs.items():
            costs = {"whole": run["whole"]} | dict(run["stages"])
            for stage, cost in costs.items():
                memory = f"{cost['memory'] / GIB:.2f}" if cost["memory"] else ""
                yield (
                    name,
                    f"{int(users):,}",
                    f"{run['events'] / 1e6:.1f} M",
                    stage,
                    f"{cost['wall']:.1f}",
                    f"{cost['cpu']:.1f}",
                    memory,
                )


def print_table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table in Markdown."""
    heading = list(heading)
    print(f"| {' | '.join(heading)} |\n|{'---|' * len(heading)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def _ingest_and_features(run: Mapping[str, Any]) -> float:
    return float(run["stages"]["ingest"]["wall"] + run["stages"]["features"]["wall"])


def _pair(results: Results, one: str, other: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    return (results[one], results[other]) if one in results and other in results else None


def _at_least(name: str, goal: float, value: float, how: str) -> SpeedFigure:
    return SpeedFigure(name, f"at least {goal:g}", f"{value:.2f} ({how})" if how else f"{value:.2f}", value >= goal)


def _at_most(name: str, goal: float, value: float, how: str) -> SpeedFigure:
    return SpeedFigure(name, f"at most {goal:g}", f"{value:.2f} ({how})" if how else f"{value:.2f}", value <= goal)
