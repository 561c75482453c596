"""Which features of the product a user uses, how many and how evenly. Absent where a log has no feature use."""

from collections.abc import Mapping, Sequence
from functools import partial

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.features.action_columns import Census
from grupa_pipeline.features.catalog import Feature, Part
from grupa_pipeline.features.column_layout import USES_OF
from grupa_pipeline.vocabulary.action_names import unique_slugs

MOST_FEATURES = 8
"""Features of the product with columns of their own."""


def usage(log: Log, census: Census) -> Part | None:
    """Feature use of each user with enough events; None where the log has none."""
    actions = log.actions_of("feature_use")
    if not actions:
        return None
    by_piece = log.sums.of(["uses"], partial(_sum_up, log, actions))["uses"]
    by_feature = by_piece.group_by("user_key", "used").agg(n=by_piece.n.sum().cast("int64"))
    uses = log.engine.keep(by_feature.semi_join(log.spans, "user_key"))
    users = _users_by_feature(log, uses)
    slugs = _slugs(users, census)
    counted = _count(uses, list(slugs))
    joined = log.spans.left_join(counted, "user_key")
    counts = {name: joined[name].fill_null(0) for name in counted.columns if name != "user_key"}
    rows = joined.select("user_key", "days", **counts)
    source = "\n".join(actions)
    features = _overall(rows, source)
    for number, (name, slug) in enumerate(slugs.items()):
        count = rows[f"n{number}"]
        features.append(_share(count, rows.named, name, slug, source))
        if census.tells(users.get(name, 0)):
            features.append(_used((count > 0).cast("int64"), name, slug, source))
    return Part(rows, features)


def _sum_up(log: Log, actions: Sequence[str], events: ir.Table) -> dict[str, ir.Table]:
    used = log.engine.json_text(events.metadata, log.roles.feature_key)
    uses = log.engine.keyed(events.filter(events.action.isin(actions)).select("user_id", "piece", used=used))
    return {"uses": uses.group_by("user_key", "piece", "used").agg(n=uses.count())}


def _slugs(users: Mapping[str, int], census: Census) -> dict[str, str]:
    """Features of the product that get columns, by name, with their slugs."""
    if census.layout:
        return {name: slug for slug, name in census.layout.used.items()}
    return unique_slugs(sorted(list(users)[:MOST_FEATURES]))


def _users_by_feature(log: Log, uses: ir.Table) -> dict[str, int]:
    """Users of each feature, the commonest first."""
    by_feature = (
        uses.filter(uses.used.notnull()).group_by("used").agg(users=lambda use: use.count(), n=lambda use: use.n.sum())
    )
    ranked = log.engine.fetch(by_feature).to_pylist()
    ranked.sort(key=lambda row: (-row["users"], -row["n"], row["used"]))
    return {row["used"]: row["users"] for row in ranked}


def _count(uses: ir.Table, common: list[str]) -> ir.Table:
    """A row a user: uses, those whose feature is named, different features, their sum of squares, and n0, n1, ..."""
    named = uses.used.notnull()
    return uses.group_by("user_key").agg(
        uses=uses.n.sum().cast("int64"),
        named=uses.n.sum(where=named).cast("int64"),
        different=uses.used.nunique(),
        squares=(uses.n * uses.n).sum(where=named).cast("int64"),
        **{f"n{number}": uses.n.sum(where=uses.used == name).cast("int64") for number, name in enumerate(common)},
    )


def _overall(rows: ir.Table, source: str) -> list[Feature]:
    return [
        Feature(
            "feature_uses_per_week",
            rows.uses,
            "feature uses a week",
            "uses of the product's features a week, from the first event to the end of the window",
            "uses/week",
            "clustering",
            "mean",
            "count",
            "feature uses",
            "weeks",
            True,
            source,
            per=rows.days / 7,
        ),
        Feature(
            "features_used",
            rows.different,
            "different features used",
            "different features of the product used",
            "features",
            "clustering",
            "mean",
            "count",
            "different features",
            "users",
            True,
            source,
        ),
        # Herfindahl-Hirschman index of the user's uses over features (Hirschman 1945): 1/features used to 1.
        Feature(
            "feature_concentration",
            rows.squares,
            "concentration on few features",
            "chance that two of a user's feature uses are of the same feature (1: only ever one feature)",
            "share",
            "clustering",
            "mean",
            "count",
            source_action=source,
            per=rows.named * rows.named,
        ),
    ]


def _share(value: ir.Value, per: ir.Value, name: str, slug: str, source: str) -> Feature:
    return Feature(
        f"feature_share_{slug}",
        value,
        f"share of feature uses in {name}",
        f"share of a user's feature uses that are of {name}",
        "share",
        "clustering",
        "ratio",
        "count",
        f"{USES_OF}{name}",
        "feature uses",
        source_action=source,
        per=per,
    )


def _used(value: ir.Value, name: str, slug: str, source: str) -> Feature:
    return Feature(
        f"used_{slug}",
        value,
        f"used {name}",
        f"users who used the feature {name}",
        "share",
        "context",
        "proportion",
        "proportion",
        f"users with a use of {name}",
        "users",
        True,
        source,
    )
