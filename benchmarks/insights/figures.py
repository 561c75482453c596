"""Whether every number in a warehouse's texts is one of its tables': `python -m benchmarks.insights.figures WAREHOUSE ...`."""

import re
import sys
from pathlib import Path

from grupa_pipeline.insights.templates import parts, shown
from grupa_pipeline.storage.publication import Publication

NUMBER = re.compile(r"\d[\d,.]*")


def numbers(text: str) -> list[str]:
    """The numbers in a text, as written."""
    return [found.rstrip(".,") for found in NUMBER.findall(text)]


def main() -> None:
    print("| warehouse | numbers in names, summaries and insights | equal to the tables |\n|---|---|---|")
    for folder in sys.argv[1:]:
        publication = Publication(Path(folder))
        told: dict[tuple[str, str], set[str]] = {}
        for row in publication.query("SELECT * FROM cluster_evidence").to_pylist():
            words = " ".join(shown(row, part) for part in parts(row))
            told.setdefault((str(row["snapshot_date"]), row["cluster_id"]), set()).update(numbers(words))
        texts = publication.query(
            """SELECT snapshot_date, cluster_id, concat_ws(' ', title, body, change, hypothesis) AS text FROM cluster_insights
               UNION ALL SELECT snapshot_date, cluster_id, concat_ws(' ', name, summary) FROM clusters"""
        ).to_pylist()
        found = [((str(row["snapshot_date"]), row["cluster_id"]), n) for row in texts for n in numbers(row["text"])]
        right = sum(number in told.get(key, set()) for key, number in found)
        print(f"| {Path(folder).name} | {len(found)} | {right / max(len(found), 1):.1%} |")


if __name__ == "__main__":
    main()
