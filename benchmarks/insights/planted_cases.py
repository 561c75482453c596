"""Logs with planted pain points, ready for `write_insights`, and the texts written about them."""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from benchmarks.insights.planted_products import PlantedPain, PlantedProduct, simulate
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.insight_writer import write_insights
from grupa_pipeline.insights.models import ClusterDraft, Naming
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.privacy import count_users
from grupa_pipeline.insights.text_reuse import parse_texts
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.action_names import readable
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
"""Pain in `sample_data/planted.toml` -> pain point as the rules call it."""

SAMPLE_CONSEQUENCES: dict[str, set[PlantedPain]] = {
    "browser": {("unused_features", ""), ("low_conversion", "")},
    "newcomer_gone_quiet": {("low_conversion", ""), ("rare_visits", "")},
}
"""Consequences of the planted rates: browsers use the fewest features, newcomers leave before they close a deal."""


@dataclass(frozen=True)
class PlantedCase:
    """Inputs of `write_insights` for one log, with the pain points planted in each cluster and their consequences."""

    name: str
    features: pd.DataFrame
    catalog: pd.DataFrame
    labels: pd.Series
    planted: dict[str, set[PlantedPain]]
    consequences: dict[str, set[PlantedPain]]


@dataclass(frozen=True)
class DescribedCase:
    """The texts about a case; `aliases` maps the aliases in each cluster's draft to evidence ids."""

    case: PlantedCase
    evidence: pd.DataFrame
    naming: Naming
    drafts: dict[str, ClusterDraft]
    aliases: dict[str, dict[str, str]]


def compute_tables(events: pd.DataFrame | str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features (index user_id) and catalog of a log, which is a table of events or the path of a CSV file."""
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


def assign_clusters(groups: pd.Series, ids: dict[str, str], seed: int) -> pd.Series:
    """user_id -> cluster_id by group, with 5% of the users unassigned and up to 5% in a wrong cluster.

    Args:
        groups: user_id -> group.
        ids: Group -> cluster_id; users of other groups are unassigned.
        seed: Seed of the random numbers.
    """
    rng = np.random.default_rng(seed)
    clusters = groups.map(ids).astype(object)
    fate = rng.random(len(clusters))
    moved = rng.choice(sorted(clusters.dropna().unique()), len(clusters))
    moved_clusters = pd.Series(moved, index=clusters.index)
    return clusters.where(fate > 0.05, None).where((fate <= 0.05) | (fate > 0.1), moved_clusters)


def planted_case(product: PlantedProduct, seed: int, users_per_group: int = 250) -> PlantedCase:
    """A simulated log of a product."""
    events, groups = simulate(product, users_per_group=users_per_group, seed=seed)
    features, catalog = compute_tables(events)
    ids = cluster_ids([group.name for group in product.groups])
    return PlantedCase(
        product.name,
        features,
        catalog,
        assign_clusters(groups, ids, seed),
        {ids[group.name]: set(group.planted) for group in product.groups},
        {ids[group.name]: set(group.follows) for group in product.groups},
    )


def sample_case(seed: int) -> PlantedCase:
    """Grupa's sample log with 2,000 users."""
    with tempfile.TemporaryDirectory() as folder:
        log, truth = Path(folder) / "log.csv", Path(folder) / "truth.csv"
        write_log(log, users=2000, seed=seed, labels=truth)
        features, catalog = compute_tables(str(log))
        kinds = pd.read_csv(truth, dtype=str).set_index("user_id")["kind"]
    clusters = [kind for kind in load_kinds() if kind.cluster]
    ids = cluster_ids([kind.name for kind in clusters])
    return PlantedCase(
        "sample log",
        features,
        catalog,
        assign_clusters(kinds, ids, seed),
        {ids[kind.name]: {SAMPLE_PAINS[pain.pain] for pain in kind.pains} for kind in clusters},
        {ids[name]: pains for name, pains in SAMPLE_CONSEQUENCES.items()},
    )


def cluster_ids(groups: list[str]) -> dict[str, str]:
    """Group -> cluster_id, numbered from C01."""
    return {name: f"C{number:02d}" for number, name in enumerate(groups, start=1)}


def events_of(catalog: pd.DataFrame) -> pd.DataFrame:
    """Rows of `event_catalog` of the actions of a feature catalog, as their names say."""
    actions = sorted({name for source in catalog["source_action"].dropna() for name in str(source).splitlines()})
    meanings = [Roles().meaning(action) for action in actions]
    return pd.DataFrame(
        {
            "action": actions,
            "role": [meaning.role.value for meaning in meanings],
            "decided_by": [meaning.decided_by.value for meaning in meanings],
            "label": [readable(action) for action in actions],
        }
    )


def describe(case: PlantedCase, settings: Settings) -> DescribedCase:
    """The texts that `write_insights` writes about a case, by the model of the settings or by the rules."""
    evidence = measure_evidence(case.features, case.labels, case.catalog)
    catalog = add_event_roles(case.catalog, events_of(case.catalog))
    sizes = case.labels.value_counts().sort_index()
    clusters = pd.DataFrame({"cluster_id": sizes.index.astype(str), "size": sizes.to_numpy(), "rule": None})
    insights = write_insights(
        evidence,
        clusters.assign(share=sizes.to_numpy() / len(case.labels), rule_f1=None, stability=None),
        catalog,
        users_with=count_users(case.features),
        llm=settings.llm,
        min_group=settings.min_group,
        previous=PreviousTexts(),
        now=datetime(2026, 1, 1),
        base_url=settings.llm_base_url,
    )
    texts = parse_texts(insights.names)
    drafts = {name: text.draft for name, text in texts.items() if text.draft is not None}
    aliases = {name: text.evidence for name, text in texts.items()}
    return DescribedCase(case, evidence, Naming(clusters=[text.name for text in texts.values()]), drafts, aliases)
