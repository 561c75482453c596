"""What is found of what was planted, and what is found where nothing is: `python -m benchmarks.insights.run`.

Written by the model that the environment names (`GRUPA_LLM` and its key), else by the rules.

Prints the tables of README.md. Clusters are the planted kinds with a tenth of the users misplaced (half unassigned, half in
another cluster), so that this measures insights and not segmentation.
"""

import argparse
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from benchmarks.insights.logs import PRODUCTS, Planted, Product, simulate
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.build import build_features
from grupa_pipeline.insights.evidence import measure_evidence, weight
from grupa_pipeline.insights.generate import write_insights
from grupa_pipeline.insights.models import ClusterDraft, Naming
from grupa_pipeline.insights.naming import content_words
from grupa_pipeline.insights.pain_points import pain_of
from grupa_pipeline.insights.privacy import count_users
from grupa_pipeline.insights.rule_based import HABIT
from grupa_pipeline.insights.templates import PLACEHOLDER
from grupa_pipeline.insights.text_reuse import read_written
from grupa_pipeline.insights.wording import spoken
from grupa_pipeline.settings import Settings
from sample_data.generate import write_log
from sample_data.kinds import load_kinds

SAMPLE_PAINS = {
    "unused_features": ("unused_features", ""),
    "abandoned_proposals": ("abandoned_proposals", ""),
    "slow_submission": ("slow_submission", ""),
    "slow_first_proposal": ("slow_first_proposal", ""),
    "drop_off": ("bad_outcome", "drop off"),
    "support_load": ("support_load", ""),
    "low_deal_rate": ("low_conversion", ""),
    "going_quiet": ("going_quiet", ""),
}
"""What the pains that `sample_data/planted.toml` names are called by the rules."""


SAMPLE_FOLLOWS: dict[str, set[Planted]] = {
    "browser": {("unused_features", ""), ("low_conversion", "")},
    "newcomer_gone_quiet": {("low_conversion", ""), ("rare_visits", "")},
}
"""What the planted rates imply beside: browsers propose and use features least, newcomers leave before they close a deal."""


@dataclass(frozen=True)
class Case:
    """A log as insights see it, with what was planted in each of its clusters."""

    name: str
    features: pd.DataFrame
    catalog: pd.DataFrame
    labels: pd.Series
    planted: dict[str, set[Planted]]
    follows: dict[str, set[Planted]]


@dataclass(frozen=True)
class Told:
    """What was written about a case; `aliases` give the evidence_id behind an alias in a cluster's draft."""

    case: Case
    evidence: pd.DataFrame
    naming: Naming
    drafts: dict[str, ClusterDraft]
    aliases: dict[str, dict[str, str]]


def tables_of(events: pd.DataFrame | str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features (index user_id) and catalog of a log, given as a frame or the path of a CSV."""
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        if isinstance(events, str):
            con.execute("CREATE TABLE log AS SELECT * FROM read_csv(?, types = {'user_id': 'VARCHAR'})", [events])
        else:
            con.register("frame", events)
            con.execute("CREATE TABLE log AS SELECT * FROM frame")
        last = con.execute("SELECT max(timestamp)::DATE FROM log").fetchall()[0][0]
        end = pd.Timestamp(last).to_pydatetime() + timedelta(days=1)
        built = build_features(
            con, "log", window_start=end - timedelta(days=180), window_end=end, roles=Roles(), min_events=5
        )
    return built.features.to_pandas().set_index("user_id"), built.catalog.to_pandas()


def clusters_of(kinds: pd.Series, names: list[str], seed: int) -> pd.Series:
    """user_id -> cluster_id of the kinds, with a tenth of the users misplaced."""
    rng = np.random.default_rng(seed)
    ids = kinds.map({name: f"C{number:02d}" for number, name in enumerate(names, start=1)}).astype(object)
    fate = rng.random(len(ids))
    moved = rng.choice(sorted(ids.dropna().unique()), len(ids))
    return ids.where(fate > 0.05, None).where((fate <= 0.05) | (fate > 0.1), pd.Series(moved, index=ids.index))


def planted_case(product: Product, seed: int, users_a_kind: int = 250) -> Case:
    events, kinds = simulate(product, users_a_kind=users_a_kind, seed=seed)
    features, catalog = tables_of(events)
    names = [kind.name for kind in product.kinds]
    ids = {name: f"C{number:02d}" for number, name in enumerate(names, start=1)}
    return Case(
        product.name,
        features,
        catalog,
        clusters_of(kinds, names, seed),
        {ids[kind.name]: set(kind.planted) for kind in product.kinds},
        {ids[kind.name]: set(kind.follows) for kind in product.kinds},
    )


def sample_case(seed: int) -> Case:
    """The sample log of the product itself, 2,000 users."""
    with tempfile.TemporaryDirectory() as folder:
        log, truth = Path(folder) / "log.csv", Path(folder) / "truth.csv"
        write_log(log, users=2000, seed=seed, labels=truth)
        features, catalog = tables_of(str(log))
        kinds = pd.read_csv(truth, dtype=str).set_index("user_id")["kind"]
    clusters = [kind for kind in load_kinds() if kind.cluster]
    names = [kind.name for kind in clusters]
    ids = {name: f"C{number:02d}" for number, name in enumerate(names, start=1)}
    return Case(
        "sample log",
        features,
        catalog,
        clusters_of(kinds, names, seed),
        {ids[kind.name]: {SAMPLE_PAINS[pain.pain] for pain in kind.pains} for kind in clusters},
        {ids[name]: pains for name, pains in SAMPLE_FOLLOWS.items()},
    )


def tell(case: Case, settings: Settings) -> Told:
    """What `write_insights` writes of a case, as a person would read it: by the settings' model, or by the rules."""
    evidence = measure_evidence(case.features, case.labels, case.catalog)
    sizes = case.labels.value_counts().sort_index()
    clusters = pd.DataFrame({"cluster_id": sizes.index.astype(str), "size": sizes.to_numpy(), "rule": None})
    insights = write_insights(
        evidence,
        clusters.assign(share=sizes.to_numpy() / len(case.labels), rule_f1=None, stability=None),
        case.catalog,
        users_with=count_users(case.features),
        llm=settings.llm,
        min_group=settings.min_group,
        kept=None,
        now=datetime(2026, 1, 1),
        base_url=settings.llm_base_url,
    )
    written = read_written(insights.names)
    drafts = {name: text.draft for name, text in written.items() if text.draft is not None}
    aliases = {name: text.evidence for name, text in written.items()}
    return Told(case, evidence, Naming(clusters=[text.name for text in written.values()]), drafts, aliases)


def found_pains(told: Told, cluster_id: str) -> set[Planted]:
    """The pains told of a cluster, as (kind, action); opportunities, told where nothing is worse, are no pains."""
    entries = told.case.catalog.set_index("feature")
    rows = told.evidence[told.evidence["cluster_id"] == cluster_id].set_index("evidence_id", drop=False)
    found = set()
    for point in told.drafts[cluster_id].pain_points:
        row = rows.loc[told.aliases[cluster_id][point.evidence_ids[0]]].to_dict()
        entry = entries.loc[row["metric"]]
        pain = pain_of(row, entry.to_dict())
        if pain.weight > HABIT:
            found.add((pain.pain, spoken(str(entry["source_action"])) if pain.apart else ""))
    return found


def score(told: Told) -> dict[str, object]:
    """Planted pains found; pains told that were planted (strict), or planted or a consequence of what was planted."""
    planted = hits = stated = true = 0
    misses = []
    for cluster_id, pains in told.case.planted.items():
        found = found_pains(told, cluster_id)
        planted, hits, stated = planted + len(pains), hits + len(pains & found), stated + len(found)
        true += len(found & (pains | told.case.follows.get(cluster_id, set())))
        misses += [f"{cluster_id} -{pain} {action}".strip() for pain, action in sorted(pains - found)]
        misses += [f"{cluster_id} +{pain} {action}".strip() for pain, action in sorted(found - pains)]
    return {"planted": planted, "found": hits, "told": stated, "true": true, "off": "; ".join(misses)}


def read_back(told: Told) -> tuple[int, int]:
    """Reverse test: of k profiles, how many texts are matched to their own by their words alone (numbers taken out).

    A profile is what the catalog says of the metrics that stand out high, as often as they weigh; the reader is TF-IDF on
    words and pairs of words, and cosine. Returns texts matched rightly, and texts.
    """
    ids = sorted(told.drafts)
    likeness = _likeness([_text(told, name) for name in ids], [_profile(told, name) for name in ids])
    return int((likeness.argmax(axis=1) == np.arange(len(ids))).sum()), len(ids)


def _likeness(texts: list[str], profiles: list[str]) -> np.ndarray:
    reader = TfidfVectorizer(ngram_range=(1, 2)).fit(profiles + texts)
    return cosine_similarity(reader.transform(texts), reader.transform(profiles))


def _text(told: Told, cluster_id: str) -> str:
    name = next(name for name in told.naming.clusters if name.cluster_id == cluster_id)
    points = told.drafts[cluster_id].pain_points
    said = [name.name, name.summary, *(f"{point.title} {point.body}" for point in points)]
    return PLACEHOLDER.sub("", " ".join(said))


def _profile(told: Told, cluster_id: str) -> str:
    descriptions = told.case.catalog.set_index("feature")["description"]
    own = told.evidence[(told.evidence["cluster_id"] == cluster_id) & (told.evidence["effect_size"] > 0)]
    lines = [descriptions[row["metric"]] for row in own.to_dict("records") for _ in range(round(2 * weight(row)))]
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", line) for line in lines)


def names_shared(tellings: Iterable[Told]) -> tuple[int, int, int]:
    """Pairs of siblings with the same name, pairs that share a content word, and all pairs."""
    same = shared = pairs = 0
    for told in tellings:
        for one, other in combinations([name.name for name in told.naming.clusters], 2):
            same += one.casefold() == other.casefold()
            shared += bool(content_words(one) & content_words(other))
            pairs += 1
    return same, shared, pairs


def shuffled(logs: int) -> int:
    """Logs with any outcome evidence among `logs` planted ones whose outcome events were dealt out to other users."""
    kept = 0
    products = [product for product in PRODUCTS if product.outcomes]
    for number in range(logs):
        product = products[number % len(products)]
        events, kinds = simulate(product, users_a_kind=60, seed=1000 + number)
        users = np.array(sorted(kinds.index))
        other = dict(zip(users, np.random.default_rng(number).permutation(users), strict=True))
        outcome = events["action"].isin(list(product.outcomes))
        events.loc[outcome, "user_id"] = events.loc[outcome, "user_id"].map(other)
        features, catalog = tables_of(events)
        labels = clusters_of(kinds, [kind.name for kind in product.kinds], number)
        evidence = measure_evidence(features, labels, catalog)
        roles = catalog.set_index("feature")["role"]
        kept += bool((evidence["metric"].map(roles) == "outcome").any())
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=3, help="times each log is drawn")
    parser.add_argument("--shuffled", type=int, default=200, help="logs with shuffled outcomes")
    options = parser.parse_args()
    settings = Settings.from_env()
    print(f"written by {settings.llm or 'the rules'}")
    tellings = [tell(sample_case(seed), settings) for seed in range(options.seeds)]
    tellings += [tell(planted_case(product, seed), settings) for product in PRODUCTS for seed in range(options.seeds)]
    rows = pd.DataFrame([{"log": told.case.name} | score(told) for told in tellings])
    print(rows[["log", "off"]].to_string(index=False, max_colwidth=140))
    table = rows.groupby("log", sort=False)[["planted", "found", "told", "true"]].sum()
    table.loc["all"] = table.sum()
    table["recall"] = (table["found"] / table["planted"]).round(2)
    table["precision_strict"] = (table["found"] / table["told"]).round(2)
    table["precision"] = (table["true"] / table["told"]).round(2)
    print(table.to_string())
    right, texts = np.sum([read_back(told) for told in tellings], axis=0)
    same, shared, pairs = names_shared(tellings)
    print(f"reverse test: {right} of {texts} texts matched to their own profile")
    print(f"names: {same} of {pairs} pairs alike, {shared} share a word")
    print(f"outcomes shuffled: {shuffled(options.shuffled)} of {options.shuffled} logs with any outcome evidence")


if __name__ == "__main__":
    main()
