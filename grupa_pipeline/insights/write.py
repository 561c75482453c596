"""Names, pain points and recommendations of all clusters of a snapshot: kept, asked of a model, or written by rules.

The order of things is here: screen what may be told, keep what still holds, ask a model for the rest, and let the
rules write what no model wrote. What each step does is in the module named after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights import analyst
from grupa_pipeline.insights.draft import ClusterName
from grupa_pipeline.insights.keeping import Written, read_written, schema_sha256, still_says_the_truth
from grupa_pipeline.insights.privacy import screen
from grupa_pipeline.insights.scene import Scene, drafted
from grupa_pipeline.insights.telling import INSIGHT_COLUMNS, NAME_COLUMNS, can_be_filled, insight_rows, name_row

RULES_VERSION = "rules-1"
"""Version of the rule-based analyst; a new one has its texts written anew."""


@dataclass(frozen=True)
class Kept:
    """Texts that may be kept: rows of `clusters` (cluster_id, written).

    Attributes:
        before: Of the snapshot before.
        same: Of the same snapshot's former version. Only a model's texts are kept from it: the rules' are made again,
            so that equal inputs give equal tables.
    """

    before: pd.DataFrame | None = None
    same: pd.DataFrame | None = None


@dataclass(frozen=True)
class Insights:
    """What was written for one snapshot.

    Attributes:
        names: cluster_id, name, summary, fallback_reason, written.
        insights: Columns of `cluster_insights` without snapshot_date.
        calls: Columns of `llm_calls` without snapshot_date.
        warnings: What a person should know, in sentences.
    """

    names: pd.DataFrame
    insights: pd.DataFrame
    calls: pd.DataFrame
    warnings: list[str]


def write_insights(
    evidence: pd.DataFrame,
    clusters: pd.DataFrame,
    catalog: pd.DataFrame,
    *,
    users_with: Mapping[str, int],
    llm: str | None,
    min_group: int,
    kept: Kept | None,
    now: datetime,
) -> Insights:
    """Describe every cluster of at least `min_group` users.

    `evidence` is what `measure_evidence` gives, `clusters` has cluster_id, size, share, rule, rule_f1 and stability,
    `catalog` is `feature_catalog`, `users_with` says how many users have each feature (`privacy.count_users`), `llm` is
    `provider:model` or None for rules alone. Never raises for what a provider does: rules write instead, and say why.
    """
    screened = screen(evidence, clusters, catalog, users_with=users_with, min_group=min_group)
    large = screened.clusters["size"] >= min_group
    scene = Scene(screened.evidence, screened.clusters[large].reset_index(drop=True), screened.catalog)
    texts = _keep(scene, kept, llm)
    texts |= _by_rules(scene, texts, kept, {})
    texts |= {str(name): _too_small(str(name), min_group) for name in screened.clusters.loc[~large, "cluster_id"]}
    return _told(texts, scene, screened.metric_of, now)


def _keep(scene: Scene, kept: Kept | None, model: str | None) -> dict[str, Written]:
    """Earlier texts of this writer that still hold; those of the snapshot before are preferred."""
    if kept is None:
        return {}
    version = RULES_VERSION
    candidates = [read_written(kept.before)]
    if model is not None:
        candidates.append(read_written(kept.same))
    held: dict[str, Written] = {}
    for cluster_id in scene.clusters["cluster_id"].astype(str):
        for texts in candidates:
            text = texts.get(cluster_id)
            if text is not None and _holds(text, scene, model, version):
                held[cluster_id] = text
                break
    return held


def _holds(text: Written, scene: Scene, model: str | None, version: str) -> bool:
    same_writer = (text.model, text.prompt_version, text.schema_sha256) == (model, version, schema_sha256())
    evidence = scene.of(text.cluster_id)
    return same_writer and still_says_the_truth(text, evidence, scene.descriptions()) and can_be_filled(text, evidence)


def _by_rules(
    scene: Scene, texts: Mapping[str, Written], kept: Kept | None, reasons: Mapping[str, str]
) -> dict[str, Written]:
    """The rule-based analyst's texts for all clusters that have none yet. `reasons` says why no model wrote them."""
    missing = [name for name in scene.clusters["cluster_id"].astype(str) if name not in texts]
    if not missing:
        return {}
    held = _keep(scene, kept, None)
    written = {name: held[name] for name in missing if name in held}
    if len(written) < len(missing):
        naming = analyst.name_clusters(scene.evidence, scene.clusters, scene.catalog)
        names = {name.cluster_id: name for name in naming.clusters}
        for cluster in scene.clusters.to_dict("records"):
            cluster_id = str(cluster["cluster_id"])
            if cluster_id in missing and cluster_id not in written:
                draft = analyst.analyse(scene.of(cluster_id), cluster, scene.catalog)
                written[cluster_id] = drafted(scene, names[cluster_id], draft, model=None, prompt_version=RULES_VERSION)
    return {name: text.model_copy(update={"fallback_reason": reasons.get(name)}) for name, text in written.items()}


def _too_small(cluster_id: str, min_group: int) -> Written:
    name = ClusterName(
        cluster_id=cluster_id,
        name=f"Small group {cluster_id}",
        summary="Too few users to be described without speaking of single persons.",
        evidence_ids=[],
    )
    return Written(
        cluster_id=cluster_id,
        name=name,
        draft=None,
        evidence={},
        bands={},
        words={},
        model=None,
        prompt_version=RULES_VERSION,
        schema_sha256=schema_sha256(),
        fallback_reason=f"fewer than {min_group} users: such groups are not described",
    )


def _distinct(texts: Iterable[Written]) -> list[Written]:
    """The same texts, later ones renamed where two clusters bear one name (a kept name and a new one may meet)."""
    taken: set[str] = set()
    told = []
    for text in texts:
        name = text.name
        if name.name.casefold() in taken:
            name = name.model_copy(update={"name": f"{name.name} ({text.cluster_id})"})
        taken.add(name.name.casefold())
        told.append(text.model_copy(update={"name": name}))
    return told


def _told(texts: Mapping[str, Written], scene: Scene, metric_of: Mapping[str, str], now: datetime) -> Insights:
    ordered = _distinct(texts[name] for name in sorted(texts))
    names = [name_row(text, scene.of(text.cluster_id)) for text in ordered]
    rows = [row for text in ordered for row in insight_rows(text, scene.of(text.cluster_id), metric_of, now)]
    return Insights(
        names=pd.DataFrame(names, columns=list(NAME_COLUMNS)),
        insights=pd.DataFrame(rows, columns=list(INSIGHT_COLUMNS)),
        calls=pd.DataFrame(columns=[name for name in tables.LLM_CALLS.column_names if name != "snapshot_date"]),
        warnings=[],
    )
