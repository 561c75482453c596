"""Models of the texts that are written about clusters: names of all clusters together, then one draft per cluster.

The rule-based writer and a language model produce the same models. They define structure only: `draft_validation`
checks content (ids, directions, numbers), and `templates` fills in the numbers. A language model is asked for the JSON
schemas `prompts/*/*.schema.json`, which are versioned with the prompts and describe the same structure.

Numbers in texts are placeholders: `{E3.cluster}`, `{E3.rest}`, `{E3.lift}`, `{E3.gap}`, where `E3` is the alias of a
row of the cluster's evidence. Texts contain no other digits.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from grupa_pipeline.vocabulary.enums import Direction


class _TextModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PainPoint(_TextModel):
    """A measured gap on which a cluster is worse off than all other users.

    Attributes:
        title: One line without a full stop.
        body: Two to four sentences that state the gap and no cause.
        evidence_ids: Aliases of the evidence it cites.
    """

    title: str
    body: str
    evidence_ids: Annotated[list[str], Field(min_length=2)]


class Strength(_TextModel):
    """What a cluster does better than all other users.

    Attributes:
        title: One line without a full stop.
        body: One to three sentences.
        evidence_ids: Aliases of the evidence it cites.
    """

    title: str
    body: str
    evidence_ids: Annotated[list[str], Field(min_length=1)]


class RequestedRecommendation(_TextModel):
    """A product change for a cluster, with the metric that would show whether it worked, as a model is asked for it.

    Attributes:
        title: One line without a full stop.
        body: Two to four sentences.
        addresses: Numbers, from 1, of the draft's pain points, and after them its strengths, that it addresses.
        evidence_ids: Aliases of the evidence it cites.
        target_metric: The feature to move, as named in the catalog.
        direction: The direction in which that feature is better.
        change: What would be different in the product, in one sentence.
        hypothesis: "If ... then ... because ...", to be tested.
    """

    title: str
    body: str
    addresses: Annotated[list[int], Field(min_length=1)]
    evidence_ids: Annotated[list[str], Field(min_length=1)]
    target_metric: str
    direction: Direction
    change: str
    hypothesis: str


class Recommendation(RequestedRecommendation):
    """A recommendation with what it takes to try it; None where the writer does not say.

    Attributes:
        confidence: How sure it is that it helps: high, medium or low.
        effort: small, medium or large.
        risk: What might get worse.
        guardrail: What must not get worse during a test.
        cheapest_test: The cheapest way to learn whether it can work.
        falsified_by: What would prove it wrong.
    """

    confidence: str | None = None
    effort: str | None = None
    risk: str | None = None
    guardrail: str | None = None
    cheapest_test: str | None = None
    falsified_by: str | None = None


class RequestedDraft(_TextModel):
    """The structure that a model is asked for; `partial_drafts` reads each part by itself."""

    pain_points: list[PainPoint]
    strengths: list[Strength]
    recommendations: list[RequestedRecommendation]


class ClusterDraft(_TextModel):
    """Pain points, strengths and recommendations of one cluster, most important first; at least one of the first two."""

    pain_points: list[PainPoint]
    recommendations: Annotated[list[Recommendation], Field(min_length=1)]
    strengths: list[Strength] = []


class NameDraft(_TextModel):
    """Name and summary of one cluster.

    Attributes:
        cluster_id: The cluster.
        name: Two to five words that no other cluster's name uses.
        summary: One or two sentences on what distinguishes the cluster.
        evidence_ids: Aliases of the evidence behind the name.
    """

    cluster_id: str
    name: str
    summary: str
    evidence_ids: list[str]


class Naming(_TextModel):
    """Names of all clusters, chosen together so that they are distinct."""

    clusters: list[NameDraft]
