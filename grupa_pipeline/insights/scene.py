"""The clusters of a snapshot as an analyst may see them, and a text tied to what it was written from."""

from dataclasses import dataclass

import pandas as pd

from grupa_pipeline.insights.draft import ClusterDraft, ClusterName
from grupa_pipeline.insights.keeping import Written, cited_ids, drafted_from, metrics_named, schema_sha256
from grupa_pipeline.insights.text import aliases


@dataclass(frozen=True)
class Scene:
    """The clusters that are described, as analysts may see them."""

    evidence: pd.DataFrame
    clusters: pd.DataFrame
    catalog: pd.DataFrame

    def of(self, cluster_id: str) -> pd.DataFrame:
        """One cluster's evidence, in the order of its aliases."""
        return self.evidence[self.evidence["cluster_id"] == cluster_id].reset_index(drop=True)

    def descriptions(self) -> dict[str, str]:
        """Metric -> its description."""
        return dict(zip(self.catalog["feature"].astype(str), self.catalog["description"].astype(str), strict=True))


def drafted(
    scene: Scene, name: ClusterName, draft: ClusterDraft | None, *, model: str | None, prompt_version: str
) -> Written:
    """A text together with what it was written from."""
    evidence = scene.of(name.cluster_id)
    text = Written(
        cluster_id=name.cluster_id,
        name=name,
        draft=draft,
        evidence=aliases(evidence),
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
