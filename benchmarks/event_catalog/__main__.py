"""Print the benchmark: `python -m benchmarks.event_catalog [--wrong] [--tuned-on]`.

Precision and recall of the roles that names are given, on action names of public schemas labelled by hand
(`schemas.toml`). The schemas that were set aside before the vocabulary was tuned are reported apart.
"""

import argparse
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from grupa_pipeline.event_catalog.name_rules import read_name
from grupa_pipeline.vocabulary.enums import Role

LABELLED = (Role.GOAL, Role.BAD_END, Role.ERROR, Role.HELP)
GOALS = {"precision": 0.9, "recall": 0.8}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_catalog")
    parser.add_argument("--wrong", action="store_true", help="list the names that are read wrongly")
    parser.add_argument("--tuned-on", action="store_true", help="leave the schemas set aside alone")
    options = parser.parse_args()
    schemas = read_schemas()
    for title, part in (
        ("set aside", [schema for schema in schemas if schema.get("set_aside")]),
        ("tuned on", [schema for schema in schemas if not schema.get("set_aside")]),
    ):
        if options.tuned_on and title == "set aside":
            continue
        names = sum(len(schema[role]) for schema in part for role in (*LABELLED, "other"))
        print(f"{title}: {len(part)} schemas, {names} names")
        print("| role | labelled | precision (goal .9) | recall (goal .8) |\n|---|---|---|---|")
        for role, (labelled, precision, recall) in score(part).items():
            print(f"| {role} | {labelled} | {precision:.2f} | {recall:.2f} |")
        if options.wrong:
            for schema, name, label, read in wrong_names(part):
                print(f"  {schema}: {name!r} is {label}, read as {read}")


def read_schemas() -> list[dict[str, Any]]:
    """The labelled schemas, in the order of the file."""
    with Path(__file__).with_name("schemas.toml").open("rb") as file:
        schemas: list[dict[str, Any]] = tomllib.load(file)["schema"]
    return schemas


def wrong_names(schemas: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Schema, name, label and role of each name that is read otherwise than it is labelled."""
    return [
        (schema["name"], name, label, read)
        for schema in schemas
        for label in (*LABELLED, "other")
        for name in schema[label]
        if (read := _read(name)) != label
    ]


def score(schemas: list[dict[str, Any]]) -> dict[str, tuple[int, float, float]]:
    """By role: names labelled with it, precision and recall."""
    right: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for schema in schemas:
        for label in (*LABELLED, "other"):
            for name in schema[label]:
                found = _read(name)
                labelled[label] += 1
                read[found] += 1
                right[label] += found == label
    return {
        role.value: (
            labelled[role],
            right[role] / read[role] if read[role] else 1.0,
            right[role] / labelled[role] if labelled[role] else 1.0,
        )
        for role in LABELLED
    }


def _read(name: str) -> str:
    role = read_name(name).role
    return role.value if role in LABELLED else "other"


if __name__ == "__main__":
    main()
