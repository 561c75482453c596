"""What Dagster shows of every asset beside its rows: columns, owners, tags, code version, partitions, and when it is overdue.

Applied once to all assets, from the contract of the tables (`tables.py`) and the settings.
"""

import hashlib
from datetime import timedelta
from functools import cache
from pathlib import Path

import dagster as dg

import grupa_pipeline
from grupa_pipeline.defs.partitions import snapshot_days
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.publication import BY_NAME
from grupa_pipeline.tables import Table
from grupa_pipeline.vocabulary.enums import TableStorage

_PERSONAL_COLUMNS = frozenset({"user_id", "raw", "prompt"})
"""Columns that name users, or may."""

_PACKAGES = {
    "ingest": ("ingest",),
    "event_catalog": ("aggregates", "event_catalog"),
    "features": ("aggregates", "event_catalog", "features"),
    "segmentation": ("segmentation",),
    "journeys": ("aggregates", "event_catalog", "journeys"),
    "evidence": ("insights",),
    "insights": ("insights",),
}
"""The packages that compute the tables of an asset group; `snapshots` and `vocabulary` are common to all."""


def describe_assets(assets: list[dg.AssetsDefinition], settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets with what their tables and the settings say of them.

    Example:
        >>> [asset, *_] = describe_assets([ingest], Settings())
        >>> asset.metadata_by_key[dg.AssetKey("events")]["dagster/column_schema"].columns[0].name
        'user_id'
    """
    days = snapshot_days(settings)
    stale_after = timedelta(days=settings.stale_days)
    overdue = dg.FreshnessPolicy.time_window(fail_window=stale_after, warn_window=stale_after * 0.75)

    def describe(spec: dg.AssetSpec) -> dg.AssetSpec:
        table = BY_NAME[spec.key.path[-1]]
        own_tags = {name: value for name, value in spec.tags.items() if not name.startswith("dagster/kind/")}
        return spec.replace_attributes(
            metadata={**spec.metadata, "dagster/column_schema": column_schema(table), "dagster/table_name": table.name},
            owners=list(settings.owners),
            tags={**own_tags, **_tags(table)},
            code_version=code_version(spec.group_name or ""),
            freshness_policy=overdue,
            partitions_def=days if table.made_from else None,
        )

    return [asset.map_asset_specs(describe) for asset in assets]


def column_schema(table: Table) -> dg.TableSchema:
    """Columns of a table with types, comments and constraints; a table with a column a feature says so in its constraints."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type,
            column.comment,
            dg.TableColumnConstraints(unique=table.key == (column.name,), nullable=column.name not in table.key),
        )
        for column in table.columns
    ]
    rules = [f"No two rows share {', '.join(table.key)}."]
    if table.open_ended:
        rules.append("Further DOUBLE columns, one a feature: feature_catalog describes them.")
    return dg.TableSchema(columns, dg.TableConstraints(other=rules))


def _tags(table: Table) -> dict[str, str]:
    """For how long rows are kept, and whether they name users: what a data engineer filters by."""
    is_kept_for_some = table.snapshot_column is not None and table.storage is TableStorage.PARQUET
    is_personal = bool(_PERSONAL_COLUMNS.intersection(table.column_names))
    return {
        "grupa/retention": "newest_snapshots" if is_kept_for_some else "forever",
        "grupa/personal_data": "yes" if is_personal else "no",
    }


@cache
def code_version(group: str) -> str:
    """A hash of the source, prompts and rules that compute an asset group: another one marks its tables as outdated."""
    root = Path(grupa_pipeline.__file__).parent
    digest = hashlib.sha256()
    for package in (*_PACKAGES.get(group, ()), "snapshots", "vocabulary"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".md", ".toml", ".json"):
                digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
