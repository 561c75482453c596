"""Prints every figure of the planner, in Markdown; arguments are warehouses whose drafts are opened and counted."""

import os
import platform
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.planner import (
    degenerate,
    drafts,
    durations,
    formulas,
    interleaved,
    mathematics,
    overlaps,
    power,
    programmes,
)
from grupa_pipeline.vocabulary.plan_fields import Arm


def main() -> None:
    """Measure and print."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels", "duckdb"))
    print(f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {packages}.\n")
    _print_formulas()
    _print_power()
    _print_durations()
    _print_overlaps()
    _print_mathematics()
    _print_programmes()
    _print_degenerate()
    _print_interleaved()
    _print_drafts([Path(each) for each in sys.argv[1:]])


def _print_formulas() -> None:
    print(f"## Formulas against statsmodels, {formulas.CASES:,} random cases each\n")
    print("| formula | largest difference in users | goal |\n|---|---|---|")
    for kind, worst in formulas.compare().items():
        print(f"| {kind} | {worst:.2e} | at most 1e-3 |")


def _print_power() -> None:
    print(f"\n## {power.TESTS:,} simulated tests a case\n")
    print("| case | users | power planned | achieved | alpha | false alarms (any arm) |\n|---|---|---|---|---|---|")
    for case in power.cases():
        result = power.simulate(case)
        design = case.design
        print(
            f"| {case.name} | {result.users:,} | {design.power:.3f} | {result.power:.3f} | {design.alpha:.3f} "
            f"| {result.false_alarms:.3f} |",
            flush=True,
        )


def _print_durations() -> None:
    print("\n## Median relative error of predicted days, before rounding\n")
    columns = [f"{rule}{suffix}" for suffix in ("", ", exposed") for rule in durations.RULES]
    heads = ["log", "forecasts", *columns, "shown", "shown, exposed", "range held"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    everything: dict[str, list[float]] = {}
    for title, logs in (("planted", durations.planted()), ("real", durations.real())):
        together: dict[str, list[float]] = {}
        for name, log in logs.items():
            errors = durations.errors(log)
            _print_errors(name, errors, columns)
            for total in (together, everything):
                for rule, values in errors.items():
                    total.setdefault(rule, []).extend(values)
        if together:
            _print_errors(f"**{title}**", together, columns)
    _print_errors("**all**", everything, columns)


def _print_errors(name: str, errors: dict[str, list[float]], columns: list[str]) -> None:
    cells = " | ".join(f"{np.median(errors[column]):.1%}" for column in columns)
    shown, held = errors.get("shown", []), errors.get("held", [])
    quality = f"{np.median(shown):.1%}" if shown else "–", f"{np.mean(held):.0%} of {len(held)}" if held else "–"
    print(f"| {name} | {len(errors['ours'])} | {cells} | {len(shown)} | {' | '.join(quality)} |", flush=True)


def _print_overlaps() -> None:
    generated, planted = overlaps.plans(50)
    detected = overlaps.detected_pairs(generated)
    many, _ = overlaps.plans(200)
    print("\n## Overlaps\n")
    print("| planted among 50 plans | found | false | 200 plans checked in |\n|---|---|---|---|")
    print(
        f"| {len(planted)} | {len(detected & planted)} | {len(detected - planted)} | {overlaps.check_time(many):.1f} ms |"
    )


def _print_mathematics() -> None:
    rows = mathematics.sequential()
    powers, off = [row.power for row in rows], [row.off for row in rows if row.off is not None]
    print("\n## Early looks, CUPED, replay, results\n")
    print("| figure | measured |\n|---|---|")
    print(f"| looks: largest type I error | {max(row.type_1 for row in rows):.4f} |")
    print(f"| looks: power, planned .8 | {min(powers):.4f} to {max(powers):.4f} |")
    print(
        f"| looks: largest difference of a boundary to gsdesign's | {f'{max(off):.1e}' if off else 'not installed'} |"
    )
    for correlation in (0.0, 0.3, 0.5, 0.7):
        claimed, error = mathematics.cuped(correlation)
        print(
            f"| CUPED, planted correlation {correlation:g}: claimed of 40, mean error of the ratio | {claimed}, {error:.3f} |"
        )
    low, high, largest, heavy, light = mathematics.replays()
    print(f"| replay of 40 shares: false alarms at 5% | {low:.1%} to {high:.1%} |")
    print(f"| replay of 40 shares: largest difference of power to the formula | {largest:.3f} |")
    print(f"| replay: Pareto tails flagged, normal metrics flagged | {heavy:.0%}, {light:.0%} |")
    plan = replace(overlaps.plans(3)[0][0], variants=(Arm("control"), Arm("treatment")))
    print(f"| results: intervals that cover the planted change, of 500 | {mathematics.coverage(plan):.1%} |")
    for most in (1.0, 2.0):
        _, recall, false, unsure = mathematics.fading(plan, most)
        size = "the smallest planned" if most == 1 else f"up to {most:g} times the smallest planned"
        print(
            f"| after ship, 500 planted changes of {size}: faded found, held called faded, not told "
            f"| {recall:.1%}, {false:.1%}, {unsure:.1%} |"
        )


def _print_programmes() -> None:
    print(f"\n## {programmes.PROGRAMMES:,} simulated programmes\n")
    print(
        "| effects | within the 90% interval | after ten results | before | naive sum over what came | expected over what came |"
    )
    print("|---|---|---|---|---|---|")
    for name, found in (
        ("as the forecast takes them", programmes.simulate()),
        ("half-normal", programmes.simulate("half-normal")),
        ("one change in ten works", programmes.simulate(works=0.1)),
        ("one change in two works", programmes.simulate(works=0.5)),
    ):
        print(
            f"| {name} | {found.every:.1%} | {found.own:.1%} | {found.usual:.1%} | {found.naive:.1f} | {found.expected:.2f} |",
            flush=True,
        )


def _print_degenerate() -> None:
    print("\n## Degenerate drafts\n")
    print("| kind | drafts | told in words | invalid numbers shown |\n|---|---|---|---|")
    for row in degenerate.count_degenerate():
        print(f"| {row.kind} | {row.drafts} | {row.told} | {row.numbers} |", flush=True)


def _print_interleaved() -> None:
    with TemporaryDirectory() as folder:
        found = interleaved.interleave(Path(folder))
    print(f"\n## Two browsers, {interleaved.STEPS} steps\n")
    print("| accepted | refused | lost | stale accepted |\n|---|---|---|---|")
    print(f"| {found.accepted} | {found.refused} | {found.lost} | {found.stale} |", flush=True)


def _print_drafts(folders: list[Path]) -> None:
    if not folders:
        return
    print("\n## Drafts as opened\n")
    print(
        "| warehouse | drafts | runnable on a rate | on a count or time alone | not on a rate, and told so first | untold | failed "
        "| 10% reachable on a rate | first | median |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for folder in folders:
        found = drafts.count_drafts(folder)
        print(
            f"| {folder.name} | {found.drafts} | {found.runnable} | {found.other} | {found.told} | {found.untold} | {found.failed} "
            f"| {found.reachable} | {found.first_s:.1f} s | {found.median_s:.1f} s |",
            flush=True,
        )


main()
