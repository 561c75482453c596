"""Prints whether planted faults are told as pain points at their place: `python -m benchmarks.insights.fault_report`.

Without options on the seeds for reports; `--tuning` uses the others, `--texts` prints what is said.
"""

import argparse
from collections import Counter
from datetime import datetime

import pandas as pd

from benchmarks.insights.fault_logs import (
    PRODUCTS,
    REPORT_SEEDS,
    TUNING_SEEDS,
    Fault,
    FaultyGroup,
    FaultyProduct,
    simulate,
)
from benchmarks.insights.planted_cases import assign_clusters, cluster_ids, compute_tables, events_of
from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.insight_writer import write_insights
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.privacy import count_users
from grupa_pipeline.vocabulary.enums import InsightKind


def described(product: FaultyProduct, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of `cluster_insights` and of the names of a simulated log, by the rules."""
    events, groups = simulate(product, seed=seed)
    features, catalog = compute_tables(events)
    labels = assign_clusters(groups, cluster_ids([group.name for group in product.groups]), seed)
    sizes = labels.value_counts().sort_index()
    clusters = pd.DataFrame({"cluster_id": sizes.index.astype(str), "size": sizes.to_numpy(), "rule": None})
    written = write_insights(
        measure_evidence(features, labels, catalog),
        clusters.assign(share=sizes.to_numpy() / len(labels), rule_f1=None, stability=None),
        add_event_roles(catalog, events_of(catalog)),
        users_with=count_users(features),
        llm=None,
        min_group=10,
        previous=PreviousTexts(),
        now=datetime(2026, 1, 1),
        users=features,
        labels=labels.reindex(features.index),
    )
    return written.insights, written.names


def places(product: FaultyProduct, group: FaultyGroup) -> set[str]:
    """Actions at which the fault of a group may be told."""
    if group.fault is None:
        return set()
    own = {product.steps[group.step]}
    return own | {product.error} if group.fault is Fault.ERROR else own


def score(product: FaultyProduct, insights: pd.DataFrame) -> Counter[str]:
    """Planted, found, reported and true pain points; recommendations, and how many of them are repeats that none shares."""
    counts: Counter[str] = Counter()
    ids = cluster_ids([group.name for group in product.groups])
    for group in product.groups:
        own = insights[insights["cluster_id"] == ids[group.name]]
        pains = own[own["kind"] == InsightKind.PAIN_POINT]
        right = pains["step_action"].isin(places(product, group))
        counts["planted"] += group.fault is not None
        counts["found"] += bool(right.any())
        counts["found first"] += bool(len(right) and right.iloc[0])
        counts["reported"] += len(pains)
        counts["true"] += int(right.sum())
        counts["no pain or strength"] += not own["kind"].isin([InsightKind.PAIN_POINT, InsightKind.STRENGTH]).any()
    told = insights[insights["kind"] == InsightKind.RECOMMENDATION]
    counts["recommendations"] += len(told)
    counts["repeats"] += int((told.duplicated(["title"], keep=False) & told["shared_with"].isna()).sum())
    offered = told[told["body"].str.contains("Offer|Bring", regex=True)]
    counts["offers of an error"] += int(offered["step_action"].eq(product.error).sum())
    return counts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insights.fault_report")
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--texts", action="store_true")
    options = parser.parse_args()
    rows = {}
    for product in PRODUCTS:
        counts: Counter[str] = Counter()
        for seed in TUNING_SEEDS[:1] if options.tuning else REPORT_SEEDS:
            insights, names = described(product, seed)
            counts += score(product, insights)
            if options.texts:
                print(names[["cluster_id", "name", "summary"]].to_string(index=False, header=False))
                for row in insights.to_dict("records"):
                    print(row["cluster_id"], row["kind"], row["step_action"], "|", row["title"], "|", row["body"])
        rows[product.name] = counts
    table = pd.DataFrame(rows).T.fillna(0).astype(int)
    table.loc["all"] = table.sum()
    table["recall"] = (table["found"] / table["planted"]).round(2)
    table["precision"] = (table["true"] / table["reported"]).round(2)
    print(table.to_string())


if __name__ == "__main__":
    main()
