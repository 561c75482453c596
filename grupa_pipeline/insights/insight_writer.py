"""Names, pain points and recommendations of all clusters of a snapshot: reused, written by a model, or written by rules.

The steps: screen names from the log, reuse earlier texts that are still true, ask the model for the missing texts, and
let the rules write what the model did not. Each step is in the module named after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights import rule_based
from grupa_pipeline.insights.analysis_context import AnalysisContext, new_text
from grupa_pipeline.insights.call_limits import CallLimits, limits_for
from grupa_pipeline.insights.decided_insights import rank_decided
from grupa_pipeline.insights.diagnosis import places_of
from grupa_pipeline.insights.llm_client import LlmClient
from grupa_pipeline.insights.models import NameDraft
from grupa_pipeline.insights.partial_drafts import complete
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.privacy import screen
from grupa_pipeline.insights.prompting import ModelTexts, request_texts
from grupa_pipeline.insights.providers import ChatModel
from grupa_pipeline.insights.rows import INSIGHT_COLUMNS, NAME_COLUMNS, insight_rows, mark_shared, name_row
from grupa_pipeline.insights.text_checks import content_words
from grupa_pipeline.insights.text_reuse import PROMPT_VERSION, ClusterText, schema_sha256
from grupa_pipeline.insights.true_names import ClusterUsers
from grupa_pipeline.vocabulary.insight_feedback import Feedback


@dataclass(frozen=True)
class Insights:
    """The texts of one snapshot.

    Attributes:
        names: cluster_id, name, summary, fallback_reason, written.
        insights: Columns of `cluster_insights` without snapshot_date.
        calls: Columns of `llm_calls` without snapshot_date.
        warnings: Sentences to show to the user.
        provider_is_down: Whether the provider answered nothing of what it was asked, for reasons that may pass.
    """

    names: pd.DataFrame
    insights: pd.DataFrame
    calls: pd.DataFrame
    warnings: list[str]
    provider_is_down: bool = False


def write_insights(
    evidence: pd.DataFrame,
    clusters: pd.DataFrame,
    catalog: pd.DataFrame,
    *,
    users_with: Mapping[str, int],
    llm: str | None,
    min_group: int,
    previous: PreviousTexts,
    now: datetime,
    base_url: str | None = None,
    limits: CallLimits | None = None,
    product: str = "",
    users: pd.DataFrame | None = None,
    labels: pd.Series | None = None,
    decisions: Feedback | None = None,
) -> Insights:
    """Describe every cluster of at least `min_group` users.

    Never raises for failures of a provider: the rules write instead, and the reason is stored and returned as a warning.

    Args:
        evidence: Result of `measure_evidence`.
        clusters: One row per cluster with cluster_id, size, share, rule, rule_f1 and stability.
        catalog: `feature_catalog`.
        users_with: Number of users per feature (see `privacy.count_users`).
        llm: `provider:model`, or None for rules.
        min_group: Minimum size of a cluster that is described.
        previous: Texts that may be reused.
        now: Value of created_at (UTC).
        base_url: Address of the model's server; None for the provider's own.
        limits: Limits on model calls; None for the defaults of the model's kind.
        product: What the team says of its product, for the prompts.
        users: `user_features` with index user_id, on which the rules' names are checked; None leaves them unchecked.
        labels: cluster_id of each of `users`, in their order; None for those in no cluster.
        decisions: What people decided on earlier insights: it bears on the order, and a model is told.

    Example:
        >>> insights = write_insights(evidence, clusters, catalog, users_with=count_users(features), llm=None,
        ...                           min_group=10, previous=PreviousTexts(), now=datetime(2026, 3, 1))
        >>> insights.insights[["cluster_id", "kind", "title"]]
    """
    screened = screen(evidence, clusters, catalog, users_with=users_with, min_group=min_group)
    is_large = screened.clusters["size"] >= min_group
    context = AnalysisContext(
        screened.evidence,
        screened.clusters[is_large].reset_index(drop=True),
        screened.catalog,
        product,
        None if users is None or labels is None else ClusterUsers(users, labels, _column_of(screened.metric_of)),
        decisions or {},
    )
    texts = previous.reusable(context, llm)
    small = screened.clusters.loc[~is_large, "cluster_id"].astype(str)
    texts |= {cluster_id: _small_group_text(cluster_id, min_group) for cluster_id in small}
    requested = _request_missing_texts(context, texts, llm, base_url, limits or limits_for(llm, base_url), now)
    texts |= _write_missing_texts(context, texts, requested.texts, previous, llm)
    return _to_rows(texts, context, screened.metric_of, requested, now)


def _column_of(metric_of: Mapping[str, str]) -> dict[str, str]:
    """Columns of the metrics whose names are not withheld."""
    return {metric: column for metric, column in metric_of.items() if metric == column}


@dataclass(frozen=True)
class _RequestedTexts:
    """The model's texts, the calls made for them (rows of `llm_calls`), warnings, and whether its provider is down."""

    texts: ModelTexts
    calls: list[dict[str, Any]]
    warnings: list[str]
    provider_is_down: bool = False


def _request_missing_texts(
    context: AnalysisContext,
    texts: Mapping[str, ClusterText],
    llm: str | None,
    base_url: str | None,
    limits: CallLimits,
    now: datetime,
) -> _RequestedTexts:
    """Ask the model for the missing texts; makes no call without a model or without missing texts."""
    missing = _missing(context, texts)
    if llm is None or not missing:
        return _RequestedTexts(ModelTexts({}, {}, {}), [], [])
    try:
        model = ChatModel(
            llm,
            base_url=base_url,
            timeout=limits.call_seconds,
            max_output_tokens=limits.max_output_tokens,
            context_tokens=limits.context_tokens,
        )
    except Exception as error:  # noqa: BLE001 - a provider's package may raise anything; the rules write instead
        reason = (
            f"{llm} cannot be used ({type(error).__name__}): check its name, its key and that its package is installed"
        )
        warnings = [f"Rules wrote all insights: {reason}."]
        return _RequestedTexts(ModelTexts({}, {}, dict.fromkeys(missing, reason)), [], warnings)
    client = LlmClient(model, limits, prompt_version=PROMPT_VERSION, now=now)
    names = {cluster_id: text.name.name for cluster_id, text in texts.items()}
    written = request_texts(context, missing, names, client)
    warnings = []
    if written.reasons:
        first = next(iter(written.reasons.values()))
        warnings.append(
            f"Rules wrote for {len(written.reasons)} of {len(missing)} clusters that were asked about: {first}."
        )
    calls = sorted(client.calls, key=lambda call: call["cluster_id"] or "")
    return _RequestedTexts(written, calls, warnings, client.provider_is_down)


def _write_missing_texts(
    context: AnalysisContext,
    texts: Mapping[str, ClusterText],
    by_model: ModelTexts,
    previous: PreviousTexts,
    llm: str | None,
) -> dict[str, ClusterText]:
    """Texts of the clusters that have none yet: the model's draft, else an earlier text by rules, else a new one."""
    reusable = previous.reusable(context, None)
    missing = _missing(context, texts)
    written = {name: reusable[name] for name in missing if name in reusable and name not in by_model.drafts}
    fresh = [name for name in missing if name not in written]
    names = _choose_names(context, fresh, by_model)
    reasons = dict(by_model.reasons)
    for cluster_id in fresh:
        partial, rules = by_model.drafts.get(cluster_id), None
        if partial is None or not partial.is_complete:
            rules = rule_based.write_draft(context.citable_of(cluster_id), cluster_id, context.catalog, context.users)
        completed = complete(partial, rules) if partial is not None else None
        draft = completed.draft if completed else rules
        model, version = (llm, PROMPT_VERSION) if completed else (None, rule_based.RULES_VERSION)
        if partial is not None and (completed is None or completed.rule_parts):
            reasons.setdefault(cluster_id, f"the rules completed the model's text: {partial.faults[0]}")
        written[cluster_id] = new_text(
            context,
            names[cluster_id],
            draft,
            model=model,
            prompt_version=version,
            rule_parts=completed.rule_parts if completed else (),
        )
    return {
        cluster_id: text.model_copy(update={"fallback_reason": reasons.get(cluster_id)})
        for cluster_id, text in written.items()
    }


def _choose_names(context: AnalysisContext, cluster_ids: Sequence[str], texts: ModelTexts) -> dict[str, NameDraft]:
    """The model's valid names, completed by the rules' names; only the rules' where both would share a word."""
    by_model = {name: texts.names[name] for name in cluster_ids if name in texts.names}
    if len(by_model) == len(cluster_ids):
        return by_model
    naming = rule_based.name_clusters(context.citable, context.clusters, context.catalog, context.users)
    by_rules = {name.cluster_id: name for name in naming.clusters}
    unnamed = [name for name in cluster_ids if name not in by_model]
    words = set().union(*(content_words(name.name) for name in by_model.values()))
    if any(content_words(by_rules[name].name) & words for name in unnamed):
        return by_rules
    return by_rules | by_model


def _missing(context: AnalysisContext, texts: Mapping[str, ClusterText]) -> list[str]:
    return [name for name in context.clusters["cluster_id"].astype(str) if name not in texts]


def _small_group_text(cluster_id: str, min_group: int) -> ClusterText:
    name = NameDraft(
        cluster_id=cluster_id,
        name=f"Small group {cluster_id}",
        summary="Too few users to be described without speaking of single persons.",
        evidence_ids=[],
    )
    return ClusterText(
        cluster_id=cluster_id,
        name=name,
        draft=None,
        evidence={},
        bands={},
        words={},
        model=None,
        prompt_version=rule_based.RULES_VERSION,
        schema_sha256=schema_sha256(),
        fallback_reason=f"fewer than {min_group} users: such groups are not described",
    )


def _with_unique_names(texts: Mapping[str, ClusterText]) -> list[ClusterText]:
    """The texts in order of cluster; a reused name and a new one may coincide, then the later one gets its cluster_id."""
    taken: set[str] = set()
    unique = []
    for _, text in sorted(texts.items()):
        name = text.name
        if name.name.casefold() in taken:
            name = name.model_copy(update={"name": f"{name.name} ({text.cluster_id})"})
        taken.add(name.name.casefold())
        unique.append(text.model_copy(update={"name": name}))
    return unique


def _to_rows(
    texts: Mapping[str, ClusterText],
    context: AnalysisContext,
    metric_of: Mapping[str, str],
    requested: _RequestedTexts,
    now: datetime,
) -> Insights:
    ordered = _with_unique_names(texts)
    names = [name_row(text, context.evidence_of(text.cluster_id)) for text in ordered]
    places = places_of(context.catalog)
    rows: list[dict[str, Any]] = []
    for text in ordered:
        evidence = context.evidence_of(text.cluster_id)
        rows += rank_decided(insight_rows(text, evidence, metric_of, now, places), evidence, context.decisions)
    mark_shared(rows)
    call_columns = [name for name in tables.LLM_CALLS.column_names if name != "snapshot_date"]
    return Insights(
        names=pd.DataFrame(names, columns=list(NAME_COLUMNS)),
        insights=pd.DataFrame(rows, columns=list(INSIGHT_COLUMNS)),
        calls=pd.DataFrame(requested.calls, columns=call_columns),
        warnings=requested.warnings,
        provider_is_down=requested.provider_is_down,
    )
