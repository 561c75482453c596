"""Which texts of earlier runs can be reused for a snapshot."""

from dataclasses import dataclass

import pandas as pd

from grupa_pipeline.insights.analysis_context import AnalysisContext
from grupa_pipeline.insights.rows import can_be_filled
from grupa_pipeline.insights.rule_based import RULES_VERSION
from grupa_pipeline.insights.text_reuse import PROMPT_VERSION, ClusterText, is_still_true, parse_texts, schema_sha256


@dataclass(frozen=True)
class WrittenAgain:
    """Which texts are written again although they are still true: those of one cluster, or (None) of all."""

    cluster_id: str | None = None


@dataclass(frozen=True)
class PreviousTexts:
    """Texts that may be reused: rows of `clusters` with cluster_id and written.

    Attributes:
        earlier_snapshot: Of the snapshot before this one.
        same_snapshot: Of the previous version of this snapshot. Only a model's texts are reused from it: the rules write
            theirs again, so that equal inputs give equal tables.
        again: Whose texts are not reused; those of all other clusters then stay as they are in this snapshot.
    """

    earlier_snapshot: pd.DataFrame | None = None
    same_snapshot: pd.DataFrame | None = None
    again: WrittenAgain | None = None

    def reusable(self, context: AnalysisContext, model: str | None) -> dict[str, ClusterText]:
        """Texts by this model (None: the rules) that are still true, by cluster.

        A text of the earlier snapshot is preferred to one of the same snapshot.
        """
        if self.again is not None:
            candidates = [parse_texts(self.same_snapshot)] if self.again.cluster_id else []
        else:
            candidates = [parse_texts(self.earlier_snapshot)]
            if model is not None:
                candidates.append(parse_texts(self.same_snapshot))
        texts: dict[str, ClusterText] = {}
        for cluster_id in context.clusters["cluster_id"].astype(str):
            for candidate in candidates:
                text = None if self.again and self.again.cluster_id == cluster_id else candidate.get(cluster_id)
                if text is not None and _is_reusable(text, context, model):
                    texts[cluster_id] = text
                    break
        return texts


def _is_reusable(text: ClusterText, context: AnalysisContext, model: str | None) -> bool:
    version = RULES_VERSION if model is None else PROMPT_VERSION
    written_for = (text.model, text.prompt_version, text.schema_sha256, text.product_sha256)
    is_same_writer = written_for == (model, version, schema_sha256(), context.product_sha256(model))
    evidence = context.evidence_of(text.cluster_id)
    return is_same_writer and is_still_true(text, evidence, context.descriptions()) and can_be_filled(text, evidence)
