"""Names, pain points and recommendations of all clusters of a snapshot: kept, asked of a model, or written by rules.

The order of things is here: screen what may be told, keep what still holds, ask a model for the rest, and let the
rules write what no model wrote. What each step does is in the module named after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights import rule_based
from grupa_pipeline.insights.analysis_context import Scene, drafted
from grupa_pipeline.insights.llm_client import Caller, Limits
from grupa_pipeline.insights.models import ClusterName
from grupa_pipeline.insights.privacy import screen
from grupa_pipeline.insights.prompting import PROMPT_VERSION, Answers, ask_for_texts
from grupa_pipeline.insights.providers import Model
from grupa_pipeline.insights.rows import INSIGHT_COLUMNS, NAME_COLUMNS, can_be_filled, insight_rows, name_row
from grupa_pipeline.insights.text_checks import content_words
from grupa_pipeline.insights.text_reuse import Written, read_written, schema_sha256, still_says_the_truth

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
    base_url: str | None = None,
    limits: Limits | None = None,
) -> Insights:
    """Describe every cluster of at least `min_group` users.

    `evidence` is what `measure_evidence` gives, `clusters` has cluster_id, size, share, rule, rule_f1 and stability,
    `catalog` is `feature_catalog`, `users_with` says how many users have each feature (`privacy.count_users`), `llm` is
    `provider:model` or None for rules alone, `base_url` the model's server (None: the provider's own). Never raises for
    what a provider does: rules write instead, and say why.
    """
    screened = screen(evidence, clusters, catalog, users_with=users_with, min_group=min_group)
    large = screened.clusters["size"] >= min_group
    scene = Scene(screened.evidence, screened.clusters[large].reset_index(drop=True), screened.catalog)
    texts = _keep(scene, kept, llm)
    texts |= {str(name): _too_small(str(name), min_group) for name in screened.clusters.loc[~large, "cluster_id"]}
    asked = _ask(scene, texts, llm, base_url, limits or Limits(), now)
    texts |= _write_the_rest(scene, texts, asked.answers, kept, llm)
    return _told(texts, scene, screened.metric_of, asked, now)


@dataclass(frozen=True)
class _Asked:
    """What came of asking a model: its answers, the calls made, and what a person should know."""

    answers: Answers
    calls: list[dict[str, Any]]
    warnings: list[str]


def _ask(
    scene: Scene, texts: Mapping[str, Written], llm: str | None, base_url: str | None, limits: Limits, now: datetime
) -> _Asked:
    """Ask the model for the texts that are missing; nothing is asked when there is no model or nothing is missing."""
    missing = _missing(scene, texts)
    if llm is None or not missing:
        return _Asked(Answers({}, {}, {}), [], [])
    try:
        model = Model(llm, base_url=base_url, timeout=limits.call_seconds, max_output_tokens=limits.max_output_tokens)
    except Exception as error:  # noqa: BLE001 - a provider's package may raise anything; the rules write, and say so
        reason = (
            f"{llm} cannot be used ({type(error).__name__}): check its name, its key and that its package is installed"
        )
        return _Asked(Answers({}, {}, dict.fromkeys(missing, reason)), [], [f"Rules wrote all insights: {reason}."])
    caller = Caller(model, limits, prompt_version=PROMPT_VERSION, now=now)
    answers = ask_for_texts(scene, missing, {name: text.name.name for name, text in texts.items()}, caller)
    warnings = []
    if answers.reasons:
        first = next(iter(answers.reasons.values()))
        warnings.append(
            f"Rules wrote for {len(answers.reasons)} of {len(missing)} clusters that were asked about: {first}."
        )
    return _Asked(answers, sorted(caller.calls, key=lambda call: call["cluster_id"] or ""), warnings)


def _write_the_rest(
    scene: Scene, texts: Mapping[str, Written], answers: Answers, kept: Kept | None, llm: str | None
) -> dict[str, Written]:
    """Texts of all clusters that have none yet: the model's where its answer stands, else by the rules."""
    earlier = _keep(scene, kept, None)
    written: dict[str, Written] = {}
    fresh = []
    for cluster_id in _missing(scene, texts):
        if cluster_id in earlier and cluster_id not in answers.drafts:
            written[cluster_id] = earlier[cluster_id]
        else:
            fresh.append(cluster_id)
    names = _names(scene, fresh, answers)
    clusters = {str(row["cluster_id"]): row for row in scene.clusters.to_dict("records")}
    for cluster_id in fresh:
        draft = answers.drafts.get(cluster_id)
        writer, version = (llm, PROMPT_VERSION) if draft else (None, RULES_VERSION)
        if draft is None:
            draft = rule_based.analyse(scene.offered_of(cluster_id), clusters[cluster_id], scene.catalog)
        written[cluster_id] = drafted(scene, names[cluster_id], draft, model=writer, prompt_version=version)
    return {
        name: text.model_copy(update={"fallback_reason": answers.reasons.get(name)}) for name, text in written.items()
    }


def _names(scene: Scene, cluster_ids: Sequence[str], answers: Answers) -> dict[str, ClusterName]:
    """The model's names where they stand, else the rules'; all by the rules where the two would share a word."""
    by_model = {name: answers.names[name] for name in cluster_ids if name in answers.names}
    if len(by_model) == len(cluster_ids):
        return by_model
    naming = rule_based.name_clusters(scene.offered, scene.clusters, scene.catalog)
    by_rules = {name.cluster_id: name for name in naming.clusters}
    lacking = [name for name in cluster_ids if name not in by_model]
    said = set().union(*(content_words(name.name) for name in by_model.values()))
    if any(content_words(by_rules[name].name) & said for name in lacking):
        return by_rules
    return by_rules | by_model


def _missing(scene: Scene, texts: Mapping[str, Written]) -> list[str]:
    return [name for name in scene.clusters["cluster_id"].astype(str) if name not in texts]


def _keep(scene: Scene, kept: Kept | None, model: str | None) -> dict[str, Written]:
    """Earlier texts of this writer that still hold; those of the snapshot before are preferred."""
    if kept is None:
        return {}
    version = RULES_VERSION if model is None else PROMPT_VERSION
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


def _told(
    texts: Mapping[str, Written], scene: Scene, metric_of: Mapping[str, str], asked: _Asked, now: datetime
) -> Insights:
    ordered = _distinct(texts[name] for name in sorted(texts))
    names = [name_row(text, scene.of(text.cluster_id)) for text in ordered]
    rows = [row for text in ordered for row in insight_rows(text, scene.of(text.cluster_id), metric_of, now)]
    calls = [name for name in tables.LLM_CALLS.column_names if name != "snapshot_date"]
    return Insights(
        names=pd.DataFrame(names, columns=list(NAME_COLUMNS)),
        insights=pd.DataFrame(rows, columns=list(INSIGHT_COLUMNS)),
        calls=pd.DataFrame(asked.calls, columns=calls),
        warnings=asked.warnings,
    )
