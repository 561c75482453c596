"""Rows of `clusters` and `cluster_insights` from cluster texts: placeholders filled in, ids assigned."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights.models import ClusterDraft, PainPoint, Recommendation
from grupa_pipeline.insights.templates import EvidenceRow, fill
from grupa_pipeline.insights.text_reuse import ClusterText
from grupa_pipeline.vocabulary.enums import InsightKind, InsightSource

NAME_COLUMNS = ("cluster_id", "name", "summary", "fallback_reason", "written")
INSIGHT_COLUMNS = tuple(name for name in tables.CLUSTER_INSIGHTS.column_names if name != "snapshot_date")


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
    text: ClusterText, evidence: pd.DataFrame, metric_of: Mapping[str, str], now: datetime
) -> list[dict[str, Any]]:
    """Rows of `cluster_insights` of one cluster: pain points, then recommendations, each ranked from 1.

    Args:
        text: The cluster's text.
        evidence: The cluster's evidence today.
        metric_of: Feature in `feature_catalog` by metric as shown to the writer.
        now: Value of created_at (UTC).
    """
    if text.draft is None:
        return []
    rows = current_rows(text, evidence)
    pain_ids = _pain_point_ids(text, text.draft)
    insights = [
        _insight_row(text, pain_point, rows, insight_id=insight_id, rank=rank)
        for rank, (pain_point, insight_id) in enumerate(zip(text.draft.pain_points, pain_ids, strict=True), start=1)
    ]
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
        )
    return [row | {"created_at": now} for row in insights]


def _insight_row(
    text: ClusterText,
    part: PainPoint | Recommendation,
    rows: Mapping[str, EvidenceRow],
    *,
    insight_id: str,
    rank: int,
) -> dict[str, Any]:
    kind = InsightKind.PAIN_POINT if isinstance(part, PainPoint) else InsightKind.RECOMMENDATION
    return {
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
        "source": (InsightSource.LLM if text.model else InsightSource.RULES).value,
        "model": text.model,
        "prompt_version": text.prompt_version,
        "input_sha256": text.input_sha256,
    }


def _pain_point_ids(text: ClusterText, draft: ClusterDraft) -> list[str]:
    ids: list[str] = []
    for pain_point in draft.pain_points:
        cited = sorted(text.evidence[alias] for alias in pain_point.evidence_ids)
        ids.append(_insight_id(text.cluster_id, "P", cited, ids))
    return ids


def _insight_id(cluster_id: str, letter: str, content: Sequence[str], taken: Sequence[str]) -> str:
    """An id that depends on the cluster and the content alone; insights with equal content are numbered from 2."""
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()[:8]
    stem = f"{cluster_id}-{letter}-{digest}"
    same = sum(name == stem or name.startswith(f"{stem}-") for name in taken)
    return stem if same == 0 else f"{stem}-{same + 1}"
