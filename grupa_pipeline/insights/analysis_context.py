"""The clusters of a snapshot with the evidence that texts about them may cite."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.insights.evidence import is_large
from grupa_pipeline.insights.models import ClusterDraft, NameDraft
from grupa_pipeline.insights.templates import aliases
from grupa_pipeline.insights.text_reuse import ClusterText, cited_ids, evidence_bands, named_metrics, schema_sha256
from grupa_pipeline.insights.true_names import ClusterUsers
from grupa_pipeline.vocabulary.enums import Measure
from grupa_pipeline.vocabulary.insight_feedback import Feedback

MIN_CITABLE = 3
"""With fewer robust rows of evidence than this, all rows of a cluster are citable."""

UNCERTAINTY_MARGIN = 0.75
"""Share of an interval's half width by which a robust effect may shrink and still be large."""


@dataclass(frozen=True)
class AnalysisContext:
    """Input of both writers, with names from the log already screened (see `privacy`).

    Attributes:
        evidence: Rows of `cluster_evidence`, ranked within each cluster.
        clusters: One row per cluster to be described, with cluster_id and share.
        catalog: `feature_catalog`.
        product: What the team says of its product, for prompts; empty where nothing is said.
        users: The users that the rules' names are checked on; None leaves them unchecked.
        decisions: What people decided on earlier insights.
    """

    evidence: pd.DataFrame
    clusters: pd.DataFrame
    catalog: pd.DataFrame
    product: str = ""
    users: ClusterUsers | None = None
    decisions: Feedback = field(default_factory=dict)

    def product_sha256(self, model: str | None) -> str:
        """Hash of what a writer is told of the product: nothing for the rules (`model` is None)."""
        return hashlib.sha256(self.product.encode()).hexdigest() if self.product and model else ""

    def evidence_of(self, cluster_id: str) -> pd.DataFrame:
        """All evidence of one cluster."""
        return self.evidence[self.evidence["cluster_id"] == cluster_id].reset_index(drop=True)

    @cached_property
    def citable(self) -> pd.DataFrame:
        """The evidence that new texts may cite, each cluster's in alias order: rows likely to persist the next day.

        A text that cites a row just above the threshold would have to be rewritten as soon as the row falls below it,
        so only robust rows are citable. There are exceptions: with fewer than `MIN_CITABLE` robust rows all rows of
        the cluster are citable, and if no row on which the cluster is worse off is robust, all such rows are. Steps towards a
        goal are always citable: a cluster's weakest step is told whether or not it differs.
        """
        higher_is_better = {str(row["feature"]): row["higher_is_better"] for row in self.catalog.to_dict("records")}
        parts = []
        for cluster_id in self.clusters["cluster_id"].astype(str):
            evidence = self.evidence_of(cluster_id)
            rows = [{str(key): value for key, value in row.items()} for row in evidence.to_dict("records")]
            robust = np.array([is_robust(row) for row in rows], dtype=bool)
            worse = np.array([_is_worse(row, higher_is_better) for row in rows], dtype=bool)
            if not (robust & worse).any():
                robust |= worse
            robust |= np.array([row["measure"] == Measure.STEP for row in rows], dtype=bool)
            parts.append(evidence if robust.sum() < MIN_CITABLE else evidence[robust])
        return pd.concat(parts, ignore_index=True) if parts else self.evidence.iloc[:0]

    def citable_of(self, cluster_id: str) -> pd.DataFrame:
        """The citable evidence of one cluster, in alias order."""
        return self.citable[self.citable["cluster_id"] == cluster_id].reset_index(drop=True)

    def descriptions(self) -> dict[str, str]:
        """Mapping from feature to its description."""
        return dict(zip(self.catalog["feature"].astype(str), self.catalog["description"].astype(str), strict=True))


def is_robust(row: Mapping[str, Any]) -> bool:
    """Whether a row of evidence would still be large if its effect shrank by `UNCERTAINTY_MARGIN` of its interval."""
    effect = float(row["effect_size"])
    inner_limit = float(row["ci_low"] if effect > 0 else row["ci_high"])
    smaller = effect + UNCERTAINTY_MARGIN * (inner_limit - effect)
    if smaller * effect <= 0:
        return False
    rest, value = float(row["rest_value"]), float(row["cluster_value"])
    # Scaled rather than subtracted: a difference of medians has a unit, Cliff's delta has none.
    value = max(0.0, rest + (value - rest) * smaller / effect)
    return is_large(
        {**row, "effect_size": smaller, "cluster_value": value, "lift": value / rest if rest else float("nan")}
    )


def _is_worse(row: Mapping[str, Any], higher_is_better: Mapping[str, Any]) -> bool:
    better = higher_is_better.get(str(row["metric"]))
    return better is not None and not pd.isna(better) and (float(row["effect_size"]) > 0) != bool(better)


def new_text(
    context: AnalysisContext,
    name: NameDraft,
    draft: ClusterDraft | None,
    *,
    model: str | None,
    prompt_version: str,
    rule_parts: Sequence[str] = (),
) -> ClusterText:
    """Combine a name and a draft with the inputs they were written from, which decide later whether to reuse them."""
    citable, evidence = context.citable_of(name.cluster_id), context.evidence_of(name.cluster_id)
    text = ClusterText(
        cluster_id=name.cluster_id,
        name=name,
        draft=draft,
        evidence=aliases(citable),
        bands={},
        words={},
        model=model,
        prompt_version=prompt_version,
        schema_sha256=schema_sha256(),
        product_sha256=context.product_sha256(model),
        rule_parts=list(rule_parts),
    )
    cited = cited_ids(text)
    descriptions = context.descriptions()
    words = {metric: descriptions[metric] for metric in named_metrics(draft, evidence, cited)}
    return text.model_copy(update={"bands": evidence_bands(evidence, cited), "words": words})
