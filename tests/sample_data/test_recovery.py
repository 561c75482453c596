"""End to end: a run on the sample log recovers the planted kinds of users."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from grupa.cli.run import Summary
from sample_data.kinds import load_kinds

PLANTED = [kind.name for kind in load_kinds() if kind.cluster]


@pytest.fixture(scope="module")
def users(sample_warehouse: Path) -> pd.DataFrame:
    """user_id, kind (the truth), cluster_id, unassigned_reason."""
    labels = sample_warehouse.parent / "labels.csv"
    with duckdb.connect(str(sample_warehouse / "grupa.duckdb"), read_only=True) as con:
        return con.execute(f"SELECT * FROM user_clusters JOIN '{labels}' USING (user_id)").df()


def test_the_sample_is_segmented(sample_run: tuple[Path, Summary], users: pd.DataFrame) -> None:
    assert sample_run[1].status == "ok"
    assert sample_run[1].insight_source == "rules"
    assert len(users) == sample_run[1].users == 900


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_kind_is_recovered(users: pd.DataFrame, kind: str) -> None:
    """Nearly all users of the kind are in clusters of it: of those of any kind at least 95%, and at most one in eight of no
    kind, who are each a law of their own, so that some are like a kind. The kind may be split over clusters."""
    of_kind = users.kind == kind
    purity = of_kind.groupby(users.cluster_id).sum() / users.kind.isin(PLANTED).groupby(users.cluster_id).sum()
    of_none = (~users.kind.isin(PLANTED)).groupby(users.cluster_id).mean()
    recovered = purity[(purity >= 0.95) & (of_none <= 1 / 8)].index
    assert users[of_kind].cluster_id.isin(recovered).mean() >= 0.9


def test_clusters_agree_with_the_planted_kinds(users: pd.DataFrame) -> None:
    assigned = users[users.cluster_id.notna() & users.kind.isin(PLANTED)]
    assert len(assigned) >= 0.75 * users.kind.isin(PLANTED).sum()
    assert adjusted_rand_score(assigned.kind, assigned.cluster_id) >= 0.8


def test_visitors_are_unassigned_for_having_too_few_events(users: pd.DataFrame) -> None:
    visitors = users[users.kind == "visitor"]
    assert (visitors.unassigned_reason == "too_few_events").mean() > 0.9
