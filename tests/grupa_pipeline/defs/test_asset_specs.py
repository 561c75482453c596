"""What Dagster shows of every asset beside its rows."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from grupa_pipeline.definitions import build_defs
from grupa_pipeline.defs.asset_specs import code_version
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage.publication import BY_NAME


@pytest.fixture
def specs(tmp_path: Path) -> dict[str, dg.AssetSpec]:
    settings = Settings(warehouse=tmp_path, owners=("team:growth", "a@example.com"), stale_days=4)
    return {spec.key.to_user_string(): spec for spec in build_defs(settings).resolve_all_asset_specs()}


def test_every_asset_has_the_columns_of_its_table_with_their_comments(specs: dict[str, dg.AssetSpec]) -> None:
    assert len(specs) == 20
    for name, spec in specs.items():
        columns = spec.metadata["dagster/column_schema"].columns
        assert [(c.name, c.type, c.description) for c in columns] == [
            (c.name, c.type, c.comment) for c in BY_NAME[name].columns
        ]
        assert not next(c for c in columns if c.name == BY_NAME[name].key[0]).constraints.nullable


def test_owners_tags_versions_and_freshness_are_those_of_the_settings_and_the_tables(
    specs: dict[str, dg.AssetSpec],
) -> None:
    for spec in specs.values():
        assert list(spec.owners) == ["team:growth", "a@example.com"]
        policy = spec.freshness_policy
        assert policy and policy.fail_window.to_timedelta() == timedelta(days=4)
    assert specs["user_clusters"].tags["grupa/retention"] == "newest_snapshots"
    assert specs["clusters"].tags["grupa/retention"] == "forever"
    named = {name for name, spec in specs.items() if spec.tags["grupa/personal_data"] == "yes"}
    assert {"events", "user_features", "rejected_rows"} <= named and "clusters" not in named
    assert "duckdb" in specs["clusters"].kinds
    assert specs["clusters"].code_version == specs["cluster_insights"].code_version == code_version("insights")
    assert len({spec.code_version for spec in specs.values()}) == 6
    assert [name for name, spec in specs.items() if spec.partitions_def is None] == [
        name for name in specs if not BY_NAME[name].made_from
    ]


@pytest.mark.parametrize("text", ["growth", "team:", "a@b"])
def test_an_owner_that_dagster_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="GRUPA_OWNERS"):
        Settings.from_env({"GRUPA_OWNERS": text})
