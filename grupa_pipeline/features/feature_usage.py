"""Which features of the product a user uses, how many and how evenly. No columns where a log has no feature use."""

from collections.abc import Mapping, Sequence
from functools import partial

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.features.action_columns import ActionColumns
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, mean_count, per_week, ratio, share_of_users
from grupa_pipeline.vocabulary.action_names import unique_slugs
from grupa_pipeline.vocabulary.enums import FeatureRole, Role
from grupa_pipeline.vocabulary.feature_families import FeatureFamily, column_name

MAX_FEATURES = 8
"""Features of the product with columns of their own."""


def feature_usage(window: EventWindow, columns: ActionColumns) -> FeatureGroup | None:
    """Feature use of each user with enough events; None where the log has none."""
    actions = window.actions_of(Role.FEATURE)
    if not actions:
        return None
    by_range = window.aggregates.compute(["uses"], partial(_aggregate, window, actions))["uses"]
    by_feature = by_range.group_by("user_key", "used").agg(n=by_range.n.sum().cast("int64"))
    uses = window.engine.materialize(by_feature.semi_join(window.spans, "user_key"))
    users = _users_by_feature(window, uses)
    slugs = _slugs(users, columns)
    counts = _count(uses, list(slugs))
    joined = window.spans.left_join(counts, "user_key")
    filled = {name: joined[name].fill_null(0) for name in counts.columns if name != "user_key"}
    rows = joined.select("user_key", "days", **filled)
    source = "\n".join(actions)
    features = _overall(rows, source)
    for number, (name, slug) in enumerate(slugs.items()):
        count = rows[f"n{number}"]
        features.append(_share(count, rows.named, name, slug, source))
        if columns.is_informative(users.get(name, 0)):
            features.append(_used((count > 0).cast("int64"), name, slug, source))
    return FeatureGroup(rows, features)


def _aggregate(window: EventWindow, actions: Sequence[str], events: ir.Table) -> dict[str, ir.Table]:
    used = window.engine.json_text(events.metadata, window.roles.feature_key)
    uses = events.filter(events.action.isin(actions)).select("user_id", "day_range", used=used)
    uses = window.engine.with_keys(uses)
    return {"uses": uses.group_by("user_key", "day_range", "used").agg(n=uses.count())}


def _slugs(users: Mapping[str, int], columns: ActionColumns) -> dict[str, str]:
    """Features of the product that get columns, by name, with their slugs."""
    if columns.layout:
        return {name: slug for slug, name in columns.layout.product_features.items()}
    return unique_slugs(sorted(list(users)[:MAX_FEATURES]))


def _users_by_feature(window: EventWindow, uses: ir.Table) -> dict[str, int]:
    """Users of each feature, the commonest first."""
    by_feature = (
        uses.filter(uses.used.notnull()).group_by("used").agg(users=lambda use: use.count(), n=lambda use: use.n.sum())
    )
    ranked = window.engine.fetch(by_feature).to_pylist()
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


def _overall(rows: ir.Table, source: str) -> list[FeatureColumn]:
    return [
        per_week(
            name="feature_uses_per_week",
            family=FeatureFamily.FEATURE_USAGE,
            source_action=source,
            value=rows.uses,
            per=rows.days / 7,
            label="feature uses a week",
            description="uses of the product's features a week, from the first event to the end of the window",
            unit="uses/week",
            role=FeatureRole.CLUSTERING,
            numerator="feature uses",
            higher_is_better=True,
        ),
        mean_count(
            name="features_used",
            family=FeatureFamily.FEATURE_USAGE,
            source_action=source,
            value=rows.different,
            label="different features used",
            description="different features of the product used",
            unit="features",
            role=FeatureRole.CLUSTERING,
            numerator="different features",
            denominator="users",
            higher_is_better=True,
        ),
        # Herfindahl-Hirschman index of the user's uses over features (Hirschman 1945): 1/features used to 1.
        mean_count(
            name="feature_concentration",
            family=FeatureFamily.FEATURE_USAGE,
            source_action=source,
            value=rows.squares,
            per=rows.named * rows.named,
            label="concentration on few features",
            description="chance that two of a user's feature uses are of the same feature (1: only ever one feature)",
            unit="share",
            role=FeatureRole.CLUSTERING,
        ),
    ]


def _share(value: ir.Value, per: ir.Value, name: str, slug: str, source: str) -> FeatureColumn:
    return ratio(
        name=column_name(FeatureFamily.FEATURE_SHARE, slug),
        family=FeatureFamily.FEATURE_SHARE,
        subject=name,
        source_action=source,
        value=value,
        per=per,
        label=f"share of feature uses in {name}",
        description=f"share of a user's feature uses that are of {name}",
        unit="share",
        role=FeatureRole.CLUSTERING,
        numerator=f"uses of {name}",
        denominator="feature uses",
    )


def _used(value: ir.Value, name: str, slug: str, source: str) -> FeatureColumn:
    return share_of_users(
        name=column_name(FeatureFamily.FEATURE_USED, slug),
        family=FeatureFamily.FEATURE_USED,
        subject=name,
        source_action=source,
        value=value,
        label=f"used {name}",
        description=f"users who used the feature {name}",
        role=FeatureRole.CONTEXT,
        numerator=f"users with a use of {name}",
        higher_is_better=True,
    )
