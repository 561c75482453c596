"""Labelled sentences against the checks: how many true ones are refused, and how many invented ones pass.

`python -m benchmarks.insights.claim_cases` prints both, apart for those written before the checks' code was read.
"""

import argparse
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.insights.answer_logs import ANSWER_PRODUCTS
from benchmarks.insights.fault_logs import simulate
from benchmarks.insights.planted_cases import assign_clusters, cluster_ids, compute_tables, events_of
from grupa_pipeline.insights.analysis_context import AnalysisContext
from grupa_pipeline.insights.draft_validation import CitableFacts, statement_faults
from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.evidence import measure_evidence

SEED = 200
"""Seed of the logs that the sentences and answers were written about; no other benchmark uses it."""
_NAMED = re.compile(r"\{(\w+)\.(cluster|rest|lift|gap)\}")


@dataclass(frozen=True)
class LabelledSentence:
    """A sentence about a group of a simulated product.

    Attributes:
        cites: Metrics whose evidence it rests on.
        true: Whether the log says so.
        blind: Whether it was written before the checks' code was read.
        set_aside: Whether it was written after the checks of their time were finished.
        fresh: Whether it belongs to the report: measured once, after the last change, and never used to change the checks.
    """

    log: str
    group: str
    cites: tuple[str, ...]
    text: str
    true: bool
    blind: bool
    set_aside: bool = False
    fresh: bool = False


def read_sentences() -> list[LabelledSentence]:
    """All sentences of `labelled_sentences.toml`."""
    entries = tomllib.loads(Path(__file__).with_name("labelled_sentences.toml").read_text(encoding="utf-8"))["sentence"]
    return [LabelledSentence(**entry | {"cites": tuple(entry["cites"])}) for entry in entries]


@cache
def context_of(log: str) -> tuple[AnalysisContext, Mapping[str, str]]:
    """The simulated log as a writer sees it, and group -> cluster_id."""
    product = next(each for each in ANSWER_PRODUCTS if each.name == log)
    events, groups = simulate(product, seed=SEED)
    features, catalog = compute_tables(events)
    ids = cluster_ids([group.name for group in product.groups])
    labels = assign_clusters(groups, ids, SEED)
    sizes = labels.value_counts(normalize=True).sort_index()
    clusters = sizes.rename_axis("cluster_id").rename("share").reset_index()
    evidence = measure_evidence(features, labels, catalog)
    return AnalysisContext(evidence, clusters, add_event_roles(catalog, events_of(catalog))), ids


def facts_of_group(log: str, group: str) -> tuple[CitableFacts, dict[str, str]]:
    """What may be cited about a group, and the alias of each metric."""
    context, ids = context_of(log)
    evidence = context.evidence_of(ids[group])
    facts = CitableFacts.of(evidence, context.catalog)
    return facts, {str(row["metric"]): alias for alias, row in facts.rows.items()}


def with_aliases(text: str, alias_of: Mapping[str, str]) -> str:
    """The text with the alias of each metric that a placeholder names."""
    return _NAMED.sub(lambda found: f"{{{alias_of[found.group(1)]}.{found.group(2)}}}", text)


def faults_of(sentence: LabelledSentence) -> list[str]:
    """Why the checks refuse a sentence; empty where it passes."""
    facts, alias_of = facts_of_group(sentence.log, sentence.group)
    cited = [alias_of[metric] for metric in sentence.cites]
    return statement_faults(with_aliases(sentence.text, alias_of), cited, facts)


def count(sentences: Iterable[LabelledSentence]) -> Counter[str]:
    """Numbers of true and invented sentences, of the true that are refused, and of the invented that pass."""
    counts: Counter[str] = Counter()
    for sentence in sentences:
        is_refused = bool(faults_of(sentence))
        counts["true" if sentence.true else "invented"] += 1
        counts["refused true"] += sentence.true and is_refused
        counts["passed invented"] += not sentence.true and not is_refused
    return counts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insights.claim_cases")
    parser.add_argument("--texts", action="store_true", help="print the sentences that are judged wrongly")
    parser.add_argument("--fresh", action="store_true", help="measure the sentences for the report, and only these")
    options = parser.parse_args()
    sentences = [each for each in read_sentences() if each.fresh == options.fresh]
    rounds = {
        "all": sentences,
        "blind": [each for each in sentences if each.blind],
        "set aside": [each for each in sentences if each.set_aside],
    }
    for name, some in rounds.items():
        print(name, dict(count(some)))
    for sentence in sentences if options.texts else ():
        faults = faults_of(sentence)
        if bool(faults) == sentence.true:
            print("true" if sentence.true else "invented", "|", sentence.text, "|", *faults)


if __name__ == "__main__":
    main()
