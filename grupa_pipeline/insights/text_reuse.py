"""Reuse of earlier texts: a text stays while it is still true, and only its numbers are updated.

The window slides daily, so exact values change every day while their meaning does not. A text is reused while the
evidence it cites keeps its direction and band of magnitude, no new row of evidence is strong enough to require a
mention, and prompts, schema, model and metric descriptions are unchanged. `templates` fills in the day's numbers;
`insight_writer` decides who writes a new text.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from grupa_pipeline.insights.evidence import weight
from grupa_pipeline.insights.models import ClusterDraft, NameDraft, PainPoint, Recommendation, Strength
from grupa_pipeline.insights.templates import PLACEHOLDER

PROMPT_VERSION = "v4"
"""Folder of the prompts and schemas. A changed prompt is a new version, so that each text records which one made it."""

PROMPTS = Path(__file__).with_name("prompts") / PROMPT_VERSION

BAND_EDGES = (1.5, 2.25)
"""Edges of the bands of magnitude on the scale of `evidence.weight`. Evidence in the last band must be mentioned."""

MIN_MARGIN = 0.25
"""Distance past an edge that a weight must reach to change band, however narrow its interval."""

_STRONGEST = len(BAND_EDGES) + 1


class ClusterText(BaseModel):
    """The text about one cluster, with placeholders for numbers, and the inputs it was written from.

    Stored as JSON in `clusters.written`.

    Attributes:
        name: Name and summary.
        draft: Pain points and recommendations; None when the cluster only has a name.
        evidence: Alias in the text -> evidence_id.
        bands: evidence_id -> signed band of magnitude at the time of writing, for cited and strongest evidence.
        words: Metric as shown to the writer -> its description at the time of writing.
        model: `provider:model`, or None for rules.
        prompt_version: Version of the prompts or of the rules.
        schema_sha256: Hash of the JSON schemas at the time of writing.
        fallback_reason: Why rules wrote the text although a model was configured.
        rule_parts: Parts of a model's draft that the rules wrote: `P1` is the first pain point, `S1` a strength, `R1` a
            recommendation.
        product_sha256: Hash of what the model was told of the product; empty for rules and where nothing was said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_id: str
    name: NameDraft
    draft: ClusterDraft | None
    evidence: dict[str, str]
    bands: dict[str, int]
    words: dict[str, str]
    model: str | None
    prompt_version: str
    schema_sha256: str
    fallback_reason: str | None = None
    product_sha256: str = ""
    rule_parts: list[str] = []

    @property
    def input_sha256(self) -> str:
        """Hash of the inputs of the text; unchanged while the text is reused."""
        parts = [self.bands, self.words, self.model, self.prompt_version, self.schema_sha256]
        parts += [self.product_sha256] if self.product_sha256 else []
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_schema(name: str) -> dict[str, Any]:
    """The JSON schema `cluster` (of `ClusterDraft`) or `naming` (of `Naming`) that a model is asked for."""
    schema: dict[str, Any] = json.loads((PROMPTS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


@cache
def schema_sha256() -> str:
    """Hash of both JSON schemas."""
    schemas = [read_schema("cluster"), read_schema("naming")]
    return hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()


def parse_texts(clusters: pd.DataFrame | None) -> dict[str, ClusterText]:
    """Texts of an earlier snapshot by cluster, from the column `written`; unreadable or outdated JSON is skipped."""
    texts: dict[str, ClusterText] = {}
    if clusters is None:
        return texts
    for written in clusters["written"]:
        try:
            text = ClusterText.model_validate_json(written)
        except (ValidationError, TypeError):
            continue
        texts[text.cluster_id] = text
    return texts


def evidence_bands(evidence: pd.DataFrame, cited: Iterable[str]) -> dict[str, int]:
    """Bands of the evidence that a cluster's text depends on: what it cites, and all of the strongest band."""
    cited = set(cited)
    bands = {str(row["evidence_id"]): _band(row) for row in _records(evidence)}
    return {name: band for name, band in sorted(bands.items()) if name in cited or abs(band) == _STRONGEST}


def is_still_true(text: ClusterText, evidence: pd.DataFrame, descriptions: Mapping[str, str]) -> bool:
    """Whether a text can be reused with today's numbers.

    Args:
        text: The earlier text.
        evidence: Today's evidence of its cluster.
        descriptions: Today's description of each metric.
    """
    rows = {str(row["evidence_id"]): row for row in _records(evidence)}
    cited = set(cited_ids(text))
    if not cited <= rows.keys() or any(descriptions.get(metric) != words for metric, words in text.words.items()):
        return False
    if any(_band_with_hysteresis(rows[name], text.bands[name]) != text.bands[name] for name in cited):
        return False
    return not any(_must_be_mentioned(row) for name, row in rows.items() if name not in text.bands)


def cited_ids(text: ClusterText) -> list[str]:
    """Ids of the evidence that a text cites, in lists or in placeholders, in alias order."""
    cited = cited_aliases(text.name, text.draft)
    return [text.evidence[alias] for alias in cited if alias in text.evidence]


def cited_aliases(name: NameDraft, draft: ClusterDraft | None) -> list[str]:
    """Aliases of the evidence that a name and a draft cite, in lists or in placeholders."""
    parts: list[PainPoint | Strength | Recommendation] = (
        [*draft.pain_points, *draft.strengths, *draft.recommendations] if draft else []
    )
    cited = set(name.evidence_ids).union(*(part.evidence_ids for part in parts))
    prose = " ".join([name.model_dump_json(), *(part.model_dump_json() for part in parts)])
    cited |= {match.group(1) for match in PLACEHOLDER.finditer(prose)}
    return sorted(cited, key=lambda alias: (len(alias), alias))


def named_metrics(draft: ClusterDraft | None, evidence: pd.DataFrame, cited: Iterable[str]) -> list[str]:
    """Metrics that a text mentions: those of the evidence it cites, and those its recommendations target."""
    metrics = set(evidence.loc[evidence["evidence_id"].isin(list(cited)), "metric"].astype(str))
    metrics |= {recommendation.target_metric for recommendation in draft.recommendations} if draft else set()
    return sorted(metrics)


def _records(evidence: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in evidence.to_dict("records")]


def _band(row: Mapping[str, Any]) -> int:
    level = bisect_right(BAND_EDGES, weight(row)) + 1
    return level if float(row["effect_size"]) > 0 else -level


def _band_with_hysteresis(row: Mapping[str, Any], before: int) -> int:
    """Today's band, or the band `before` while the interval of today's weight still overlaps it."""
    band = _band(row)
    if band * before < 0:
        return band
    low, high = _weight_interval(row)
    floor = (0.0, *BAND_EDGES)[abs(before) - 1]
    ceiling = (*BAND_EDGES, float("inf"))[abs(before) - 1]
    return before if low < ceiling and high >= floor else band


def _must_be_mentioned(row: Mapping[str, Any]) -> bool:
    """Whether the whole interval of the row's weight lies in the strongest band."""
    return _weight_interval(row)[0] >= BAND_EDGES[-1]


def _weight_interval(row: Mapping[str, Any]) -> tuple[float, float]:
    """Weights at both ends of the effect's 95% interval, at least `MIN_MARGIN` away from the row's own weight."""
    middle = weight(row)
    ends = []
    for end in ("ci_low", "ci_high"):
        effect = float(row[end])
        changes_sign = effect * float(row["effect_size"]) <= 0
        moved = {**row, "effect_size": effect, "cluster_value": max(0.0, float(row["rest_value"]) + effect)}
        ends.append(0.0 if changes_sign else weight(moved))
    return min(*ends, middle - MIN_MARGIN), max(*ends, middle + MIN_MARGIN)
