"""The shape of what an analyst writes: names of all clusters, then one draft a cluster.

The rules and a model hand back the same models, so everything after them is one way. Here belongs the shape alone;
whether a draft is true (ids, directions, free numbers) is checked elsewhere, and `text.py` fills in its numbers.

Numbers in prose are placeholders: `{E3.cluster}`, `{E3.rest}`, `{E3.lift}`, `{E3.gap}`, where E3 is the alias of a
piece of evidence of that cluster. No other digits stand in prose.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PainPoint(_Part):
    """Something that goes worse for a cluster than for everyone else, as a measured gap."""

    title: str = Field(description="One line, no full stop.")
    body: str = Field(description="Two to four sentences stating the measured gap. No causal words.")
    evidence_ids: list[str] = Field(min_length=2, description="Aliases (E1, E2, ...) of the evidence it rests on.")


class Recommendation(_Part):
    """What to build for a cluster, and how one would know that it worked."""

    title: str = Field(description="One line, no full stop.")
    body: str = Field(description="Two to four sentences: what to do and why for these users.")
    addresses: list[int] = Field(
        min_length=1, description="Numbers (from 1) of this cluster's pain points it addresses."
    )
    evidence_ids: list[str] = Field(min_length=1, description="Aliases (E1, E2, ...) of the evidence it rests on.")
    target_metric: str = Field(description="The feature that it means to move, named as in the catalog.")
    direction: Literal["increase", "decrease"] = Field(description="Which way the metric should move: the better way.")
    change: str = Field(description="What would be different in the product, in one sentence.")
    hypothesis: str = Field(description="If ... then ... because ...: an assumption to be tested.")


class ClusterDraft(_Part):
    """The pain points and recommendations of one cluster, most important first."""

    pain_points: list[PainPoint] = Field(min_length=1)
    recommendations: list[Recommendation] = Field(min_length=1)


class ClusterName(_Part):
    """What one cluster is called, and what sets it apart."""

    cluster_id: str
    name: str = Field(description="Two to five words, distinct from every other cluster's name.")
    summary: str = Field(description="What sets the cluster apart, in one or two sentences.")
    evidence_ids: list[str] = Field(description="Aliases (E1, E2, ...) of this cluster's evidence behind the name.")


class Naming(_Part):
    """The names of all clusters, chosen together so that siblings differ."""

    clusters: list[ClusterName]
