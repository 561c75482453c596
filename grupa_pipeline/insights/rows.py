"""Rows of `clusters` and `cluster_insights` from cluster texts: placeholders filled in, ids assigned."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights.evidence import SHARES
from grupa_pipeline.insights.models import ClusterDraft, PainPoint, Recommendation, Strength
from grupa_pipeline.insights.rule_based import RULES_VERSION
from grupa_pipeline.insights.templates import EvidenceRow, fill
from grupa_pipeline.insights.text_reuse import ClusterText
from grupa_pipeline.vocabulary.enums import InsightKind, InsightSource, Measure

NAME_COLUMNS = ("cluster_id", "name", "summary", "fallback_reason", "written")
INSIGHT_COLUMNS = tuple(name for name in tables.CLUSTER_INSIGHTS.column_names if name != "snapshot_date")

RECOMMENDATION_DETAILS = ("confidence", "effort", "risk", "guardrail", "cheapest_test", "falsified_by")
_LETTERS = {InsightKind.PAIN_POINT: "P", InsightKind.STRENGTH: "S", InsightKind.RECOMMENDATION: "R"}
_INHERITED = ("step_action", "reach_users", "severity", "replicated")
"""Columns that a recommendation has from the first pain point or strength that it addresses."""


def current_rows(text: ClusterText, evidence: pd.DataFrame) -> dict[str, EvidenceRow]:
    """Today's evidence by alias of the text; aliases of evidence that no longer exists are missing."""
    today = {
        str(row["evidence_id"]): {str(key): value for key, value in row.items()} for row in evidence.to_dict("records")
    }
    return {alias: today[name] for alias, name in text.evidence.items() if name in today}


def can_be_filled(text: ClusterText, evidence: pd.DataFrame) -> bool:
    """Whether every placeholder of the text has a value today (a lift over 0 has none)."""
    try:
        fill(text.model_dump_json(include={"name", "draft"}), current_rows(text, evidence))
    except (KeyError, ValueError):
        return False
    return True


def name_row(text: ClusterText, evidence: pd.DataFrame) -> dict[str, Any]:
    """The columns of `clusters` that come from a text.

    Args:
        text: The cluster's text.
        evidence: The cluster's evidence today.
    """
    return {
        "cluster_id": text.cluster_id,
        "name": text.name.name,
        "summary": fill(text.name.summary, current_rows(text, evidence)),
        "fallback_reason": text.fallback_reason,
        "written": text.model_dump_json(),
    }


def insight_rows(
    text: ClusterText,
    evidence: pd.DataFrame,
    metric_of: Mapping[str, str],
    now: datetime,
    places: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Rows of `cluster_insights` of one cluster: pain points, strengths, then recommendations, each ranked from 1.

    Args:
        text: The cluster's text.
        evidence: The cluster's evidence today.
        metric_of: Feature in `feature_catalog` by metric as shown to the writer.
        now: Value of created_at (UTC).
        places: The action that a metric about journeys happens at, by metric as shown to the writer.
    """
    if text.draft is None:
        return []
    rows = current_rows(text, evidence)
    size = int(evidence["n_cluster"].max()) if len(evidence) else 0
    pain_ids = _cited_part_ids(text, text.draft)
    insights: list[dict[str, Any]] = []
    cited: list[tuple[int, PainPoint | Strength]] = [
        *enumerate(text.draft.pain_points, start=1),
        *enumerate(text.draft.strengths, start=1),
    ]
    for (rank, part), insight_id in zip(cited, pain_ids, strict=True):
        row = _insight_row(text, part, rows, insight_id=insight_id, rank=rank)
        insights.append(row | _weight_of(part, rows, size, places or {}))
    ids: list[str] = []
    for rank, recommendation in enumerate(text.draft.recommendations, start=1):
        addresses = [pain_ids[number - 1] for number in recommendation.addresses]
        metric, direction = metric_of[recommendation.target_metric], recommendation.direction.value
        insight_id = _insight_id(text.cluster_id, "R", [*sorted(addresses), metric, direction], ids)
        ids.append(insight_id)
        insights.append(
            _insight_row(text, recommendation, rows, insight_id=insight_id, rank=rank)
            | {
                "addresses": addresses,
                "target_metric": metric,
                "direction": direction,
                "change": fill(recommendation.change, rows),
                "hypothesis": fill(recommendation.hypothesis, rows),
            }
            | recommendation.model_dump(include=set(RECOMMENDATION_DETAILS))
            | {name: insights[recommendation.addresses[0] - 1][name] for name in _INHERITED}
        )
    return [row | {"created_at": now} for row in insights]


def _insight_row(
    text: ClusterText,
    part: PainPoint | Strength | Recommendation,
    rows: Mapping[str, EvidenceRow],
    *,
    insight_id: str,
    rank: int,
) -> dict[str, Any]:
    kinds = {PainPoint: InsightKind.PAIN_POINT, Strength: InsightKind.STRENGTH}
    kind = kinds.get(type(part), InsightKind.RECOMMENDATION)
    by_rules = f"{_LETTERS[kind]}{rank}" in text.rule_parts
    model, version = (None, RULES_VERSION) if by_rules else (text.model, text.prompt_version)
    return dict.fromkeys(INSIGHT_COLUMNS) | {
        "cluster_id": text.cluster_id,
        "insight_id": insight_id,
        "kind": kind.value,
        "title": fill(part.title, rows),
        "body": fill(part.body, rows),
        "evidence_ids": [text.evidence[alias] for alias in part.evidence_ids],
        "addresses": [],
        "target_metric": None,
        "direction": None,
        "change": None,
        "hypothesis": None,
        "rank": rank,
        "source": (InsightSource.LLM if model else InsightSource.RULES).value,
        "model": model,
        "prompt_version": version,
        "input_sha256": text.input_sha256,
    }


def _cited_part_ids(text: ClusterText, draft: ClusterDraft) -> list[str]:
    """Ids of the pain points, then of the strengths."""
    ids: list[str] = []
    for letter, parts in (("P", draft.pain_points), ("S", draft.strengths)):
        for part in parts:
            cited = sorted(text.evidence[alias] for alias in part.evidence_ids)
            ids.append(_insight_id(text.cluster_id, letter, cited, ids))
    return ids


def _weight_of(
    part: PainPoint | Strength,
    rows: Mapping[str, EvidenceRow],
    size: int,
    places: Mapping[str, str],
) -> dict[str, Any]:
    """How many users a pain point or strength concerns, how much is lost, and whether it replicated: by its first evidence.

    Args:
        part: The pain point or strength.
        rows: The cluster's evidence by alias.
        size: Users of the cluster with features.
        places: See `insight_rows`.
    """
    row = rows[part.evidence_ids[0]]
    replicated = row.get("replicated")
    replicated = None if replicated is None or pd.isna(replicated) else bool(replicated)
    share, users = float(row["cluster_value"]), int(row["n_cluster"])
    is_share = row["measure"] in SHARES
    is_pain, is_step = isinstance(part, PainPoint), row["measure"] == Measure.STEP
    is_lost = is_pain and (is_step or float(row["effect_size"]) <= 0)
    gap = max(0.0, abs(share - float(row["rest_value"]))) if is_share else abs(float(row["effect_size"]))
    is_behind = is_pain and not float(row["ci_low"]) <= 0 <= float(row["ci_high"])
    is_behind &= not (is_step and float(row["effect_size"]) > 0)
    return {
        "step_action": places.get(str(row["metric"])),
        "reach_users": round(users * (1 - share if is_lost else share)) if is_share else users,
        "severity": gap * users / size if size and is_behind else None,
        "replicated": replicated,
        "confidence": None if replicated is None else "high" if replicated else "low",
    }


def mark_shared(insights: list[dict[str, Any]]) -> None:
    """Fill `shared_with` of the recommendations of several clusters that say the same."""
    said: dict[tuple[str, str], list[str]] = {}
    told = [row for row in insights if row["kind"] == InsightKind.RECOMMENDATION]
    for row in told:
        said.setdefault((row["title"], row["change"]), []).append(row["cluster_id"])
    for row in told:
        others = sorted(set(said[row["title"], row["change"]]) - {row["cluster_id"]})
        row["shared_with"] = others or None


def _insight_id(cluster_id: str, letter: str, content: Sequence[str], taken: Sequence[str]) -> str:
    """An id that depends on the cluster and the content alone; insights with equal content are numbered from 2."""
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()[:8]
    stem = f"{cluster_id}-{letter}-{digest}"
    same = sum(name == stem or name.startswith(f"{stem}-") for name in taken)
    return stem if same == 0 else f"{stem}-{same + 1}"
