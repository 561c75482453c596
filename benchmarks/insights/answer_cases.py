"""Good answers written by hand: how many are accepted whole, and how many in part: `python -m benchmarks.insights.answer_cases`.

An answer is read as a reply to the prompt about its group: accepted whole without a fault, in part where a part can be used.
"""

import argparse
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.insights.claim_cases import context_of, with_aliases
from grupa_pipeline.insights.partial_drafts import PartialDraft, read_parts
from grupa_pipeline.insights.prompting import facts_of

_PROSE = ("title", "body", "change", "hypothesis")
_KINDS = ("pain_points", "strengths", "recommendations")


@dataclass(frozen=True)
class GoodAnswer:
    """An answer to the prompt about a group, with metrics in place of the aliases of evidence."""

    log: str
    group: str
    parts: Mapping[str, list[dict[str, Any]]]

    def read(self) -> PartialDraft:
        """What is accepted of it."""
        context, ids = context_of(self.log)
        facts = facts_of(context, ids[self.group])
        alias_of = {str(row["metric"]): alias for alias, row in facts.rows.items()}
        reply = {kind: [_with_aliases(part, alias_of) for part in self.parts.get(kind, [])] for kind in _KINDS}
        return read_parts(json.dumps(reply), facts)

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))


def read_answers() -> list[GoodAnswer]:
    """All answers of `good_answers.toml`."""
    entries = tomllib.loads(Path(__file__).with_name("good_answers.toml").read_text(encoding="utf-8"))["answer"]
    return [
        GoodAnswer(entry["log"], entry["group"], {kind: entry.get(kind, []) for kind in _KINDS}) for entry in entries
    ]


def _with_aliases(part: Mapping[str, Any], alias_of: Mapping[str, str]) -> dict[str, Any]:
    """The part as a model writes it: metrics of placeholders and citations by their aliases."""
    prose = {name: with_aliases(part[name], alias_of) for name in _PROSE if name in part}
    rest = {name: value for name, value in part.items() if name not in (*_PROSE, "cites")}
    return prose | rest | {"evidence_ids": [alias_of[metric] for metric in part["cites"]]}


def main() -> None:
    """Measure and print, a row for each prompt."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insights.answer_cases")
    parser.add_argument("--texts", action="store_true", help="print why a part is refused")
    options = parser.parse_args()
    rows = []
    for answer in read_answers():
        found = answer.read()
        rows.append(
            {
                "prompt": f"{answer.log}: {answer.group}",
                "answers": 1,
                "whole": not found.faults,
                "in part": len(found) > 0,
                "parts": len(answer),
                "accepted": len(found),
            }
        )
        if options.texts:
            print(*(f"{answer.log}: {fault}" for fault in found.faults), sep="\n", end="\n" if found.faults else "")
    table = pd.DataFrame(rows).groupby("prompt").sum()
    table.loc["all"] = table.sum()
    print(table.to_string())


if __name__ == "__main__":
    main()
