"""How well texts about planted cases match what was planted, and how distinct they are."""

import re
from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from benchmarks.insights.planted_cases import (
    DescribedCase,
    assign_clusters,
    cluster_ids,
    compute_tables,
    events_of,
)
from benchmarks.insights.planted_products import PRODUCTS, PlantedPain, simulate
from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.evidence import measure_evidence, weight
from grupa_pipeline.insights.naming import distinctive_words
from grupa_pipeline.insights.pain_points import find_pattern
from grupa_pipeline.insights.rule_based import HABIT_WEIGHT
from grupa_pipeline.insights.templates import PLACEHOLDER
from grupa_pipeline.insights.wording import action_words
from grupa_pipeline.vocabulary.feature_families import FeatureFamily


def reported_pains(described: DescribedCase, cluster_id: str) -> set[PlantedPain]:
    """Pain points in a cluster's draft as (kind, action), without habits, which are only reported for lack of others."""
    catalog = described.case.catalog
    entries = add_event_roles(catalog, events_of(catalog)).set_index("feature")  # as the rules read it
    evidence = described.evidence
    rows = evidence[evidence["cluster_id"] == cluster_id].set_index("evidence_id", drop=False)
    pains = set()
    for pain_point in described.drafts[cluster_id].pain_points:
        row = rows.loc[described.aliases[cluster_id][pain_point.evidence_ids[0]]].to_dict()
        entry = entries.loc[row["metric"]]
        pattern = find_pattern(row, entry.to_dict())
        if pattern.weight > HABIT_WEIGHT:
            pains.add((pattern.kind, action_words(str(entry["source_action"])) if pattern.per_action else ""))
    return pains


def score(described: DescribedCase) -> dict[str, int | str]:
    """Numbers of planted, found, reported and true pain points of a case, and the differences in words."""
    planted = found = reported = true = 0
    differences = []
    for cluster_id, pains in described.case.planted.items():
        texts = reported_pains(described, cluster_id)
        planted, found, reported = planted + len(pains), found + len(pains & texts), reported + len(texts)
        true += len(texts & (pains | described.case.consequences.get(cluster_id, set())))
        differences += [f"{cluster_id} -{pain} {action}".strip() for pain, action in sorted(pains - texts)]
        differences += [f"{cluster_id} +{pain} {action}".strip() for pain, action in sorted(texts - pains)]
    return {
        "planted": planted,
        "found": found,
        "reported": reported,
        "true": true,
        "differences": "; ".join(differences),
    }


def match_texts(described: DescribedCase) -> tuple[int, int]:
    """Reverse test: how many texts are most similar to their own cluster's profile, and the number of texts.

    A profile is the catalog's descriptions of the metrics on which the cluster is higher, repeated by weight. Similarity
    is the cosine of TF-IDF vectors of words and pairs of words; numbers are left out.
    """
    ids = sorted(described.drafts)
    texts, profiles = [_text(described, name) for name in ids], [_profile(described, name) for name in ids]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit(profiles + texts)
    similarity = cosine_similarity(vectorizer.transform(texts), vectorizer.transform(profiles))
    return int((similarity.argmax(axis=1) == np.arange(len(ids))).sum()), len(ids)


def _text(described: DescribedCase, cluster_id: str) -> str:
    name = next(name for name in described.naming.clusters if name.cluster_id == cluster_id)
    points = described.drafts[cluster_id].pain_points
    texts = [name.name, name.summary, *(f"{point.title} {point.body}" for point in points)]
    return PLACEHOLDER.sub("", " ".join(texts))


def _profile(described: DescribedCase, cluster_id: str) -> str:
    descriptions = described.case.catalog.set_index("feature")["description"]
    evidence = described.evidence
    higher = evidence[(evidence["cluster_id"] == cluster_id) & (evidence["effect_size"] > 0)].to_dict("records")
    rows = [{str(key): value for key, value in row.items()} for row in higher]
    lines = [str(descriptions[row["metric"]]) for row in rows for _ in range(round(2 * weight(row)))]
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", line) for line in lines)


def count_shared_names(cases: Iterable[DescribedCase]) -> tuple[int, int, int]:
    """Numbers of pairs of clusters with equal names, pairs whose names share a word, and all pairs."""
    same = shared = pairs = 0
    for described in cases:
        for one, other in combinations([name.name for name in described.naming.clusters], 2):
            same += one.casefold() == other.casefold()
            shared += bool(distinctive_words(one) & distinctive_words(other))
            pairs += 1
    return same, shared, pairs


def count_false_outcomes(logs: int) -> tuple[int, int]:
    """Among `logs` logs whose outcomes were shuffled between users: those with a difference in outcomes, and with a stamped one.

    A cluster's weakest steps are told whether or not it differs there, so rows whose interval holds 0 are no difference.
    Steps, errors and last actions before an outcome were not shuffled and do differ.
    """
    false_outcomes = stamped = 0
    products = [product for product in PRODUCTS if product.outcomes]
    for number in range(logs):
        product = products[number % len(products)]
        events, groups = simulate(product, users_per_group=60, seed=1000 + number)
        users = np.array(sorted(groups.index))
        other = dict(zip(users, np.random.default_rng(number).permutation(users), strict=True))
        outcome = events["action"].isin(list(product.outcomes))
        events.loc[outcome, "user_id"] = events.loc[outcome, "user_id"].map(other)
        features, catalog = compute_tables(events)
        labels = assign_clusters(groups, cluster_ids([group.name for group in product.groups]), number)
        evidence = measure_evidence(features, labels, catalog)
        families: pd.Series = catalog.set_index("feature")["family"]
        is_outcome = evidence["metric"].map(families).isin([FeatureFamily.OUTCOME_HAD, FeatureFamily.OUTCOME_RATE])
        differs = is_outcome & ((evidence["ci_low"] > 0) | (evidence["ci_high"] < 0))
        false_outcomes += bool(differs.any())
        stamped += bool((differs & (evidence["replicated"].eq(True))).any())
    return false_outcomes, stamped
