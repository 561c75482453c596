"""From written texts to rows of tables: numbers filled in, ids given. No judgement and no words of its own."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from grupa_pipeline import tables
from grupa_pipeline.insights.models import ClusterDraft, PainPoint, Recommendation
from grupa_pipeline.insights.templates import Evidence, fill
from grupa_pipeline.insights.text_reuse import Written

NAME_COLUMNS = ("cluster_id", "name", "summary", "fallback_reason", "written")
INSIGHT_COLUMNS = tuple(name for name in tables.CLUSTER_INSIGHTS.column_names if name != "snapshot_date")


def rows_behind(written: Written, evidence: pd.DataFrame) -> dict[str, Evidence]:
    """Today's rows of evidence under the aliases of the text; pieces that are gone are left out."""
    today = {str(row["evidence_id"]): row for row in evidence.to_dict("records")}
    return {alias: today[name] for alias, name in written.evidence.items() if name in today}


def can_be_filled(written: Written, evidence: pd.DataFrame) -> bool:
    """Whether every placeholder of the text has a number today (a lift over 0 has none)."""
    try:
        rows = rows_behind(written, evidence)
        fill(written.model_dump_json(include={"name", "draft"}), rows)
    except (KeyError, ValueError):
        return False
    return True


def name_row(written: Written, evidence: pd.DataFrame) -> dict[str, Any]:
    """One row of names: what the clusters table takes from a text."""
    rows = rows_behind(written, evidence)
    return {
        "cluster_id": written.cluster_id,
        "name": written.name.name,
        "summary": fill(written.name.summary, rows),
        "fallback_reason": written.fallback_reason,
        "written": written.model_dump_json(),
    }


def insight_rows(
    written: Written, evidence: pd.DataFrame, metric_of: Mapping[str, str], now: datetime
) -> list[dict[str, Any]]:
    """Rows of `cluster_insights` of one cluster, pain points first, each kind ranked from 1."""
    if written.draft is None:
        return []
    rows = rows_behind(written, evidence)
    pain_ids = _pain_ids(written, written.draft)
    told = [
        _row(written, pain, rows, insight_id=insight_id, rank=rank)
        for rank, (pain, insight_id) in enumerate(zip(written.draft.pain_points, pain_ids, strict=True), start=1)
    ]
    seen: list[str] = []
    for rank, recommendation in enumerate(written.draft.recommendations, start=1):
        addresses = [pain_ids[number - 1] for number in recommendation.addresses]
        metric = metric_of[recommendation.target_metric]
        insight_id = _insight_id(written.cluster_id, "R", [*sorted(addresses), metric, recommendation.direction], seen)
        seen.append(insight_id)
        told.append(
            _row(written, recommendation, rows, insight_id=insight_id, rank=rank)
            | {
                "addresses": addresses,
                "target_metric": metric,
                "direction": recommendation.direction,
                "change": fill(recommendation.change, rows),
                "hypothesis": fill(recommendation.hypothesis, rows),
            }
        )
    return [row | {"created_at": now} for row in told]


def _row(
    written: Written, part: PainPoint | Recommendation, rows: Mapping[str, Evidence], *, insight_id: str, rank: int
) -> dict[str, Any]:
    return {
        "cluster_id": written.cluster_id,
        "insight_id": insight_id,
        "kind": "pain_point" if isinstance(part, PainPoint) else "recommendation",
        "title": fill(part.title, rows),
        "body": fill(part.body, rows),
        "evidence_ids": [written.evidence[alias] for alias in part.evidence_ids],
        "addresses": [],
        "target_metric": None,
        "direction": None,
        "change": None,
        "hypothesis": None,
        "rank": rank,
        "source": "llm" if written.model else "rules",
        "model": written.model,
        "prompt_version": written.prompt_version,
        "input_sha256": written.input_sha256,
    }


def _pain_ids(written: Written, draft: ClusterDraft) -> list[str]:
    ids: list[str] = []
    for pain in draft.pain_points:
        cited = sorted(written.evidence[alias] for alias in pain.evidence_ids)
        ids.append(_insight_id(written.cluster_id, "P", cited, ids))
    return ids


def _insight_id(cluster_id: str, letter: str, says: Sequence[str], taken: Sequence[str]) -> str:
    """Stable while it says the same of the same cluster; a second one that rests on the same is counted."""
    digest = hashlib.sha256("\n".join(says).encode()).hexdigest()[:8]
    stem = f"{cluster_id}-{letter}-{digest}"
    same = sum(name == stem or name.startswith(f"{stem}-") for name in taken)
    return stem if same == 0 else f"{stem}-{same + 1}"
