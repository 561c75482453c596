"""Checks that a name means one thing: `python tools/check_names.py`, part of `make check`.

A class or module name that stands in two places of the product must either be renamed, or be listed below with the reason
why both places mean the same. Modules of one subject in the app's layers (`pages/history.py`, `callbacks/history.py`, ...)
mean the same by convention. It also holds the packages to their number of loose modules.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

PACKAGES = ("grupa", "grupa_pipeline", "dash_app", "sample_data", "benchmarks")
APP_LAYERS = ("pages", "callbacks", "components", "data")
"""Folders of the app in which files of one subject share its name."""

SAME_MEANING: Mapping[str, str] = {
    "history.py": "the snapshots before a day: read by the pipeline, shown by the app",
    "schema.py": "the schema of one DuckDB file and its migration steps: the pipeline's and the roadmap's",
}
"""Class and module names that stand more than once, each with the reason why that is one meaning."""

MOST_LOOSE_MODULES = {"grupa_pipeline": 7, "dash_app": 5}
"""Modules in the root of a package, `__init__` not counted: what has a subject belongs into a package of that subject."""


def places(root: Path, files: Iterable[Path]) -> dict[str, list[str]]:
    """Where each class name and module name stands, as `path` or `path:line`; private classes count too."""
    definitions: dict[str, list[str]] = defaultdict(list)
    modules: dict[str, set[str]] = defaultdict(set)
    for path in files:
        relative = path.relative_to(root)
        if not path.stem.startswith("__"):
            modules[f"{path.stem}.py"].add(_subject(relative))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                definitions[node.name].append(f"{relative.as_posix()}:{node.lineno}")
    return definitions | {name: sorted(subjects) for name, subjects in modules.items()}


def _subject(relative: Path) -> str:
    """The path of a module; one path for all modules of a subject in the app's layers."""
    parts = relative.parts
    if len(parts) == 3 and parts[0] == "dash_app" and parts[1] in APP_LAYERS:
        return f"dash_app/*/{parts[2]}"
    return relative.as_posix()


def problems(root: Path, listed: Mapping[str, str] = SAME_MEANING) -> list[str]:
    """One sentence for each name that means two things, each stale entry of the list, and each package that is too flat."""
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    twice = {name: where for name, where in places(root, files).items() if len(where) > 1}
    return [
        *(
            f"{name} means {len(where)} things: {', '.join(where)}"
            for name, where in twice.items()
            if name not in listed
        ),
        *(
            f"{name} is listed in tools/check_names.py and stands in one place only"
            for name in listed.keys() - twice.keys()
        ),
        *_flat_packages(root),
    ]


def _flat_packages(root: Path) -> list[str]:
    loose = {
        package: [p.stem for p in (root / package).glob("*.py") if p.stem != "__init__"]
        for package in MOST_LOOSE_MODULES
    }
    return [
        f"{package} has {len(names)} modules in its root, at most {MOST_LOOSE_MODULES[package]}: {', '.join(sorted(names))}"
        for package, names in loose.items()
        if len(names) > MOST_LOOSE_MODULES[package]
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the problems of the checkout in `arguments[0]` (default: this one); the exit status is 1 where there are any."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1]
    lines = problems(root)
    print("\n".join(lines) or "Every class and module name means one thing.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
