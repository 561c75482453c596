"""Whether every number in a warehouse's texts is in its tables: `python -m benchmarks.insights.number_check WAREHOUSE ...`."""

import re
import sys
from pathlib import Path

from grupa_pipeline.insights.templates import format_part, parts
from grupa_pipeline.storage.publication import Publication

NUMBER = re.compile(r"\d[\d,.]*")


def numbers_in(text: str) -> list[str]:
    """The numbers in a text, as written."""
    return [number.rstrip(".,") for number in NUMBER.findall(text)]


def count_numbers(folder: Path) -> tuple[int, int]:
    """Number of numbers in the texts of a warehouse, and how many of them are in the evidence of their cluster."""
    publication = Publication(folder)
    evidence: dict[tuple[str, str], set[str]] = {}
    for row in publication.query("SELECT * FROM cluster_evidence").to_pylist():
        formatted = " ".join(format_part(row, part) for part in parts(row))
        evidence.setdefault((str(row["snapshot_date"]), row["cluster_id"]), set()).update(numbers_in(formatted))
    texts = publication.query(
        """SELECT snapshot_date, cluster_id, concat_ws(' ', title, body, change, hypothesis) AS text FROM cluster_insights
           UNION ALL SELECT snapshot_date, cluster_id, concat_ws(' ', name, summary) FROM clusters"""
    ).to_pylist()
    numbers = [((str(row["snapshot_date"]), row["cluster_id"]), n) for row in texts for n in numbers_in(row["text"])]
    return len(numbers), sum(number in evidence.get(key, set()) for key, number in numbers)


def main() -> None:
    """Print a table with one line per warehouse."""
    print("| warehouse | numbers in names, summaries and insights | equal to the tables |\n|---|---|---|")
    for folder in map(Path, sys.argv[1:]):
        count, equal = count_numbers(folder)
        print(f"| {folder.name} | {count} | {equal / max(count, 1):.1%} |")


if __name__ == "__main__":
    main()
