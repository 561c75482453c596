"""No new text without need: when what was written earlier still says what is true, and only its numbers are new.

The window slides, so exact numbers change every day; meaning does not. A text is kept while the evidence it cites
stays in the same direction and band of magnitude, no piece too strong to be left out has come up, and the prompts,
the schema, the model and the words for its metrics are the same. Today's numbers are filled into it by `text.py`;
who writes a new text is decided in `write.py`.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from grupa_pipeline.insights.evidence import weight
from grupa_pipeline.insights.models import ClusterDraft, ClusterName, Naming, PainPoint, Recommendation
from grupa_pipeline.insights.templates import PLACEHOLDER

BAND_EDGES = (1.5, 2.25)
"""Edges of the bands of magnitude on the scale of `evidence.weight`; what is in the last is too strong to leave out."""

LEAST_MARGIN = 0.25
"""How far past an edge a weight must be at least before the band is left, however narrow its interval is."""


class Written(BaseModel):
    """One cluster's text as it was written, with placeholders for numbers, and what it was written from.

    Attributes:
        evidence: Alias in the text -> evidence_id.
        bands: evidence_id -> signed band of magnitude when it was written, for cited and strong pieces.
        words: Metric as the writer saw it -> its description then.
        model: `provider:model`, or None for rules.
        fallback_reason: Why rules wrote it although a model was asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_id: str
    name: ClusterName
    draft: ClusterDraft | None
    evidence: dict[str, str]
    bands: dict[str, int]
    words: dict[str, str]
    model: str | None
    prompt_version: str
    schema_sha256: str
    fallback_reason: str | None = None

    @property
    def input_sha256(self) -> str:
        """Fingerprint of what the text was written from; equal for as long as it is kept."""
        parts = [self.bands, self.words, self.model, self.prompt_version, self.schema_sha256]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def schema_sha256() -> str:
    """Fingerprint of the shape of drafts and names."""
    shapes = [ClusterDraft.model_json_schema(), Naming.model_json_schema()]
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()


def read_written(texts: pd.DataFrame | None) -> dict[str, Written]:
    """Texts of an earlier snapshot, from the columns cluster_id and written; one of an older shape counts as none."""
    found: dict[str, Written] = {}
    if texts is None:
        return found
    for text in texts["written"]:
        try:
            written = Written.model_validate_json(text)
        except (ValidationError, TypeError):
            continue
        found[written.cluster_id] = written
    return found


def drafted_from(evidence: pd.DataFrame, cited: Iterable[str]) -> dict[str, int]:
    """Bands of one cluster's evidence that its text rests on: what it cites, and what is too strong to be left out."""
    cited = set(cited)
    bands = {str(row["evidence_id"]): _band(row) for row in _records(evidence)}
    return {name: band for name, band in sorted(bands.items()) if name in cited or abs(band) == _STRONGEST}


def still_says_the_truth(written: Written, evidence: pd.DataFrame, descriptions: Mapping[str, str]) -> bool:
    """Whether today's evidence of the cluster says what the text says, so that only the numbers need be filled in."""
    rows = {str(row["evidence_id"]): row for row in _records(evidence)}
    cited = set(cited_ids(written))
    if not cited <= rows.keys() or any(descriptions.get(metric) != text for metric, text in written.words.items()):
        return False
    if any(_settled(rows[name], written.bands[name]) != written.bands[name] for name in cited):
        return False
    return not any(_came_up(row) for name, row in rows.items() if name not in written.bands)


def cited_ids(written: Written) -> list[str]:
    """Evidence ids that a text names, in lists or in placeholders, in order of alias."""
    cited = cited_aliases(written.name, written.draft)
    return [written.evidence[alias] for alias in cited if alias in written.evidence]


def cited_aliases(name: ClusterName, draft: ClusterDraft | None) -> list[str]:
    """Aliases that a text names, in lists or in placeholders."""
    parts: list[PainPoint | Recommendation] = [*draft.pain_points, *draft.recommendations] if draft else []
    listed = set(name.evidence_ids).union(*(part.evidence_ids for part in parts))
    prose = " ".join([name.model_dump_json(), *(part.model_dump_json() for part in parts)])
    listed |= {match.group(1) for match in PLACEHOLDER.finditer(prose)}
    return sorted(listed, key=lambda alias: (len(alias), alias))


def metrics_named(draft: ClusterDraft | None, evidence: pd.DataFrame, cited: Iterable[str]) -> list[str]:
    """Metrics that a text speaks of: those of the evidence it cites and those it means to move."""
    cited = set(cited)
    spoken = set(evidence.loc[evidence["evidence_id"].isin(list(cited)), "metric"].astype(str))
    spoken |= {recommendation.target_metric for recommendation in draft.recommendations} if draft else set()
    return sorted(spoken)


_STRONGEST = len(BAND_EDGES) + 1


def _records(evidence: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in evidence.to_dict("records")]


def _band(row: Mapping[str, Any]) -> int:
    level = bisect_right(BAND_EDGES, weight(row)) + 1
    return level if float(row["effect_size"]) > 0 else -level


def _settled(row: Mapping[str, Any], before: int) -> int:
    """Today's band, which is yesterday's while the interval of today's weight still reaches into that."""
    band = _band(row)
    if band * before < 0:
        return band
    lowest, highest = _weight_interval(row)
    floor = (0.0, *BAND_EDGES)[abs(before) - 1]
    ceiling = (*BAND_EDGES, float("inf"))[abs(before) - 1]
    return before if lowest < ceiling and highest >= floor else band


def _came_up(row: Mapping[str, Any]) -> bool:
    """Whether a piece unknown to the text is now beyond doubt too strong to be left out."""
    return _weight_interval(row)[0] >= BAND_EDGES[-1]


def _weight_interval(row: Mapping[str, Any]) -> tuple[float, float]:
    """Weights at the two ends of the effect's 95% interval, at least LEAST_MARGIN to either side."""
    middle = weight(row)
    ends = []
    for end in ("ci_low", "ci_high"):
        effect = float(row[end])
        flips = effect * float(row["effect_size"]) <= 0
        moved = {**row, "effect_size": effect, "cluster_value": max(0.0, float(row["rest_value"]) + effect)}
        ends.append(0.0 if flips else weight(moved))
    return min(*ends, middle - LEAST_MARGIN), max(*ends, middle + LEAST_MARGIN)
