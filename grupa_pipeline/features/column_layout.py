"""The columns of an earlier catalog, so that other days, or other users, can be measured in exactly the same ones.

Reads back what `mix`, `paths` and `usage` wrote into names and sources. What the columns mean is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from grupa_pipeline.features.catalog import rate_of

USES_OF = "uses of "
"""How the numerator of a product feature's share begins; its name follows."""


@dataclass(frozen=True)
class Layout:
    """What an earlier catalog has columns of.

    Attributes:
        columns: All of them, in order.
        ratios: Those that are ratios.
        sources: Every action behind any of them.
        actions: Action by slug, those with a share.
        outcomes: Outcome action by slug.
        rates: What each rate of an outcome is a rate of (see `rate_of`), by its name.
        used: Feature of the product by slug.
        paths: Slugs of each two-step path.
        times: Slugs of each time between two actions.
    """

    columns: Sequence[str]
    ratios: Sequence[str]
    sources: Sequence[str]
    actions: Mapping[str, str]
    outcomes: Mapping[str, str]
    rates: Mapping[str, tuple[str, str | None]]
    used: Mapping[str, str]
    paths: Sequence[tuple[str, str]]
    times: Sequence[tuple[str, str]]


def read_layout(catalog: pa.Table) -> Layout:
    """The layout of a `FeatureSet.catalog`, or of the table `feature_catalog` in any order."""
    rows = catalog.select(["feature", "source_action", "numerator", "role", "metric_kind"]).to_pylist()
    found = {row["feature"]: rate_of(row["role"], row["metric_kind"], row["source_action"]) for row in rows}
    rates = {name: rate for name, rate in found.items() if rate}
    sources = {row["feature"]: row["source_action"] for row in rows if row["feature"] not in rates}
    numerators = {row["feature"]: row["numerator"] or "" for row in rows if row["feature"] not in rates}
    behind = [row["source_action"] for row in rows if row["source_action"]]
    return Layout(
        columns=list(found),
        ratios=[row["feature"] for row in rows if row["metric_kind"] == "ratio"],
        sources=sorted({action for source in behind for action in [source, *source.split("\n")]}),
        actions=_after("share_", sources),
        outcomes=_after("had_", sources),
        rates=rates,
        used={slug: name.removeprefix(USES_OF) for slug, name in _after("feature_share_", numerators).items()},
        paths=[_pair(slugs) for slugs in _after("path_", sources)],
        times=[_pair(slugs) for slugs in _after("hours_", sources) if "__" in slugs],
    )


def _after(prefix: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in texts.items() if name.startswith(prefix)}


def _pair(slugs: str) -> tuple[str, str]:
    """The two slugs around the double underscore; a slug itself has none."""
    first, _, second = slugs.partition("__")
    return first, second
