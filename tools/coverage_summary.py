"""Print the line coverage of each package from the data that `make test` left in .coverage."""

from collections import Counter
from pathlib import Path

import coverage


def main() -> None:
    """Group the measured files by package; subprocesses are not measured."""
    cov = coverage.Coverage()
    cov.load()
    lines: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for name in cov.get_data().measured_files():
        package = ".".join(Path(name).relative_to(Path.cwd()).parent.parts)
        _, statements, _, unexecuted, _ = cov.analysis2(name)
        lines[package] += len(statements)
        missing[package] += len(unexecuted)
    lines["all"], missing["all"] = lines.total(), missing.total()
    print(f"{'package':<40}{'lines':>8}{'missed':>8}{'covered':>9}")
    for package, count in sorted(lines.items(), key=lambda item: (item[0] == "all", item[0])):
        if count:
            print(f"{package:<40}{count:>8}{missing[package]:>8}{1 - missing[package] / count:>9.1%}")


if __name__ == "__main__":
    main()
