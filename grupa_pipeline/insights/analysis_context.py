"""The clusters of a snapshot as an analyst may see them, and a text tied to what it was written from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from grupa_pipeline.insights.evidence import is_large
from grupa_pipeline.insights.models import ClusterDraft, ClusterName
from grupa_pipeline.insights.templates import aliases
from grupa_pipeline.insights.text_reuse import Written, cited_ids, drafted_from, metrics_named, schema_sha256

LEAST_OFFERED = 3
"""Pieces that analysts are offered at least, steady or not."""

SLACK = 0.75
"""How much of the half width of its interval an effect may lose and still be large, for a piece to count as steady."""


@dataclass(frozen=True)
class Scene:
    """The clusters that are described, as analysts may see them."""

    evidence: pd.DataFrame
    clusters: pd.DataFrame
    catalog: pd.DataFrame

    def of(self, cluster_id: str) -> pd.DataFrame:
        """All of one cluster's evidence."""
        return self.evidence[self.evidence["cluster_id"] == cluster_id].reset_index(drop=True)

    @cached_property
    def offered(self) -> pd.DataFrame:
        """The evidence that new texts may rest on: pieces steady enough to be there tomorrow, each cluster's in alias order.

        A text that cites a piece right at the edge of what matters would have to be written anew when it slips below.
        All pieces are offered where too few are steady, and the steadiest outcomes are never missing: where all that is
        worse is unsteady, it is offered too.
        """
        better = {str(row["feature"]): row["higher_is_better"] for row in self.catalog.to_dict("records")}
        offered = []
        for cluster_id in self.clusters["cluster_id"].astype(str):
            pieces = self.of(cluster_id)
            records = [{str(key): value for key, value in row.items()} for row in pieces.to_dict("records")]
            steady = np.array([is_steady(row) for row in records], dtype=bool)
            worse = np.array([_is_worse(row, better) for row in records], dtype=bool)
            if not (steady & worse).any():
                steady |= worse
            offered.append(pieces if steady.sum() < LEAST_OFFERED else pieces[steady])
        return pd.concat(offered, ignore_index=True) if offered else self.evidence.iloc[:0]

    def offered_of(self, cluster_id: str) -> pd.DataFrame:
        """The pieces offered for one cluster, in the order of their aliases."""
        return self.offered[self.offered["cluster_id"] == cluster_id].reset_index(drop=True)

    def descriptions(self) -> dict[str, str]:
        """Metric -> its description."""
        return dict(zip(self.catalog["feature"].astype(str), self.catalog["description"].astype(str), strict=True))


def is_steady(row: Mapping[str, Any]) -> bool:
    """Whether a piece of evidence would still be large if the effect were smaller by a good part of its uncertainty."""
    effect = float(row["effect_size"])
    near = float(row["ci_low"] if effect > 0 else row["ci_high"])
    smaller = effect + SLACK * (near - effect)
    if smaller * effect <= 0:
        return False
    rest, value = float(row["rest_value"]), float(row["cluster_value"])
    value = max(
        0.0, rest + (value - rest) * smaller / effect
    )  # a difference of medians is in hours, Cliff's delta is not
    return is_large(
        {**row, "effect_size": smaller, "cluster_value": value, "lift": value / rest if rest else float("nan")}
    )


def _is_worse(row: Mapping[str, Any], better: Mapping[str, Any]) -> bool:
    good = better.get(str(row["metric"]))
    return good is not None and not pd.isna(good) and (float(row["effect_size"]) > 0) != bool(good)


def drafted(
    scene: Scene, name: ClusterName, draft: ClusterDraft | None, *, model: str | None, prompt_version: str
) -> Written:
    """A text together with what it was written from."""
    offered, evidence = scene.offered_of(name.cluster_id), scene.of(name.cluster_id)
    text = Written(
        cluster_id=name.cluster_id,
        name=name,
        draft=draft,
        evidence=aliases(offered),
        bands={},
        words={},
        model=model,
        prompt_version=prompt_version,
        schema_sha256=schema_sha256(),
    )
    cited = cited_ids(text)
    descriptions = scene.descriptions()
    words = {metric: descriptions[metric] for metric in metrics_named(draft, evidence, cited)}
    return text.model_copy(update={"bands": drafted_from(evidence, cited), "words": words})
