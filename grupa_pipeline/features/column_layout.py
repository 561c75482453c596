"""The columns of an existing catalog, so that other days, or other users, can be measured in exactly the same ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from grupa_pipeline.features.catalog import RENAMED_FAMILIES
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.feature_families import FeatureFamily, slugs_of

_OBSTACLES = (FeatureFamily.ERROR_MET, FeatureFamily.LOOP, FeatureFamily.RETRY, FeatureFamily.STOPPED_AT)

RateKey = tuple[str, str]
"""Family and subject of a feature of an outcome whose name may be numbered."""


@dataclass(frozen=True)
class ColumnLayout:
    """The columns of an existing catalog.

    Attributes:
        columns: All of them, in order.
        ratios: Those that are ratios.
        sources: Every action behind any of them.
        actions: Action by slug, those with a share.
        outcomes: Outcome action by slug.
        rates: What each rate of an outcome is a rate of, by the column's name.
        product_features: Feature of the product by slug.
        paths: Slugs of each two-step path.
        times: Slugs of each time between two actions.
        funnels: Goal and steps of each funnel, in order.
        obstacles: Family and actions of each error, loop, retry and last action.
    """

    columns: Sequence[str]
    ratios: Sequence[str]
    sources: Sequence[str]
    actions: Mapping[str, str]
    outcomes: Mapping[str, str]
    rates: Mapping[str, RateKey]
    product_features: Mapping[str, str]
    paths: Sequence[tuple[str, str]]
    times: Sequence[tuple[str, str]]
    funnels: Sequence[tuple[str, tuple[str, ...]]] = ()
    obstacles: Sequence[tuple[FeatureFamily, tuple[str, ...]]] = ()


def read_layout(catalog: pa.Table) -> ColumnLayout:
    """The layout of a `FeatureSet.catalog`, or of the table `feature_catalog` in any order."""
    rows = catalog.select(["feature", "family", "subject", "source_action", "metric_kind"]).to_pylist()
    sources = [row["source_action"] for row in rows if row["source_action"]]
    return ColumnLayout(
        columns=[row["feature"] for row in rows],
        ratios=[row["feature"] for row in rows if row["metric_kind"] == MetricKind.RATIO],
        sources=sorted({action for source in sources for action in [source, *source.split("\n")]}),
        actions=_subjects(rows, FeatureFamily.ACTION_SHARE),
        outcomes=_subjects(rows, FeatureFamily.OUTCOME_HAD),
        rates={row["feature"]: (row["family"], row["subject"]) for row in rows if row["family"] in RENAMED_FAMILIES},
        product_features=_subjects(rows, FeatureFamily.FEATURE_SHARE),
        paths=_pairs(rows, FeatureFamily.PATH),
        times=_pairs(rows, FeatureFamily.TIME_BETWEEN),
        funnels=_funnels(rows),
        obstacles=[
            (FeatureFamily(row["family"]), tuple(row["source_action"].split("\n")))
            for row in rows
            if row["family"] in _OBSTACLES
        ],
    )


def _subjects(rows: Sequence[Mapping[str, Any]], family: FeatureFamily) -> dict[str, str]:
    """Subject by slug of the columns of `family`."""
    return {slugs_of(family, row["feature"])[0]: row["subject"] for row in rows if row["family"] == family}


def _pairs(rows: Sequence[Mapping[str, Any]], family: FeatureFamily) -> list[tuple[str, str]]:
    """The two slugs of each column of `family`."""
    slugs = [slugs_of(family, row["feature"]) for row in rows if row["family"] == family]
    return [(first, second) for first, second in slugs]


def _funnels(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    """Goal and steps of each funnel: every step but the first names the one before it."""
    links: dict[str, dict[str | None, str]] = {}
    for row in rows:
        if row["family"] == FeatureFamily.FUNNEL_STEP:
            *before, step = row["source_action"].split("\n")
            links.setdefault(row["subject"], {})[before[0] if before else None] = step
    funnels = []
    for goal, following in links.items():
        steps: list[str] = []
        while (step := following.get(steps[-1] if steps else None)) is not None and step not in steps:
            steps.append(step)
        if steps:
            funnels.append((goal, tuple(steps)))
    return funnels
