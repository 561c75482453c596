"""Prints which planted pain points are reported, and what is reported where nothing is: `python -m benchmarks.insights`.

Texts are by the model that the environment names (`GRUPA_LLM` and its key), else by the rules. Clusters are the planted
groups with a tenth of the users misplaced (half unassigned, half in another cluster), so that this measures insights and
not segmentation.
"""

import argparse

import numpy as np
import pandas as pd

from benchmarks.insights import text_scores
from benchmarks.insights.planted_cases import describe, planted_case, sample_case
from benchmarks.insights.planted_products import PRODUCTS
from grupa_pipeline.settings import Settings


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insights")
    parser.add_argument("--seeds", type=int, default=3, help="number of simulations of each log")
    parser.add_argument("--shuffled", type=int, default=200, help="number of logs with shuffled outcomes")
    options = parser.parse_args()
    settings = Settings.from_env()
    print(f"written by {settings.llm or 'the rules'}")
    seeds = range(options.seeds)
    cases = [describe(sample_case(seed), settings) for seed in seeds]
    cases += [describe(planted_case(product, seed), settings) for product in PRODUCTS for seed in seeds]
    rows = pd.DataFrame([{"log": described.case.name, **text_scores.score(described)} for described in cases])
    print(rows[["log", "differences"]].to_string(index=False, max_colwidth=140))
    table = rows.groupby("log", sort=False)[["planted", "found", "reported", "true"]].sum()
    table.loc["all"] = table.sum()
    table["recall"] = (table["found"] / table["planted"]).round(2)
    table["precision_strict"] = (table["found"] / table["reported"]).round(2)
    table["precision"] = (table["true"] / table["reported"]).round(2)
    print(table.to_string())
    right, texts = np.sum([text_scores.match_texts(described) for described in cases], axis=0)
    same, shared, pairs = text_scores.count_shared_names(cases)
    print(f"reverse test: {right} of {texts} texts matched to their own profile")
    print(f"names: {same} of {pairs} pairs alike, {shared} share a word")
    false_outcomes, stamped = text_scores.count_false_outcomes(options.shuffled)
    print(
        f"outcomes shuffled: {false_outcomes} of {options.shuffled} logs with any difference in outcomes, {stamped} stamped"
    )


main()
