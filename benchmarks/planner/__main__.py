"""Prints every figure of the planner, in Markdown."""

import os
import platform
from importlib.metadata import version

import numpy as np

from benchmarks.planner import durations, formulas, overlaps, power


def main() -> None:
    """Measure and print."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels", "duckdb"))
    print(f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {packages}.\n")
    _print_formulas()
    _print_power()
    _print_durations()
    _print_overlaps()


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
    print(f"| log | forecasts | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
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
    print(f"| {name} | {len(errors['ours'])} | {cells} |", flush=True)


def _print_overlaps() -> None:
    generated, planted = overlaps.plans(50)
    detected = overlaps.detected_pairs(generated)
    many, _ = overlaps.plans(200)
    print("\n## Overlaps\n")
    print("| planted among 50 plans | found | false | 200 plans checked in |\n|---|---|---|---|")
    print(
        f"| {len(planted)} | {len(detected & planted)} | {len(detected - planted)} | {overlaps.check_time(many):.1f} ms |"
    )


main()
