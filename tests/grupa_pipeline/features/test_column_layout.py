import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.column_layout import read_layout
from grupa_pipeline.storage import schema
from grupa_pipeline.storage.feature_catalog_migration import with_families
from grupa_pipeline.vocabulary.feature_families import JOURNEY_MEASURES, FeatureFamily
from tests.grupa_pipeline.features.logs import Event, measure, values
from tests.grupa_pipeline.storage.released.schemas import HOME

LOG: list[Event] = [
    ("ann", "1 10:00", "search"),
    ("ann", "1 10:05", "Open!"),
    ("ann", "2 10:00", "Search", {}),
    ("ann", "2 10:05", "deal_complete"),
    ("ann", "2 10:06", "deal_complete"),
    ("ann", "2 11:06", "feature_use", {"feature": "Export: all"}),
    ("bob", "1 10:00", "Open!"),
    ("bob", "1 10:20", "search"),
    ("bob", "2 10:00", "proposal_create", {"proposal_id": "p"}),
    ("bob", "3 10:00", "proposal_submit", {"proposal_id": "p"}),
    ("bob", "3 10:10", "feature_use", {"feature": "import"}),
    ("cat", "1 10:00", "search"),
]


def test_a_layout_is_read_from_a_catalog() -> None:
    layout = read_layout(measure(LOG).catalog)
    assert layout.actions["search"] == "Search"
    assert layout.actions["search_2"] == "search"
    assert layout.outcomes == {"deal_complete": "deal_complete"}
    assert layout.product_features == {"export_all": "Export: all", "import": "import"}
    assert ("open", "search_2") in layout.paths
    assert ("search_2", "open") in layout.times
    assert {"Open!", "proposal_create", "proposal_submit", "deal_complete"} <= set(layout.sources)


@pytest.mark.slow
def test_the_same_log_in_its_own_layout_gives_the_same_table() -> None:
    result = measure(LOG)
    again = measure(LOG, like=result.catalog)
    assert again.features.equals(result.features)
    assert again.catalog.equals(result.catalog)


@pytest.mark.slow
def test_rates_are_distinguished_from_features_with_similar_names() -> None:
    roles = Roles(goal=("sessions", "did_x", "share_link", "had_error", "path_found", "feature_share"))
    wins: list[Event] = [("ann", f"{day} 12:00", name) for day in (3, 4) for name in roles.goal or ()]
    result = measure([*LOG, *wins], roles=roles)
    assert read_layout(result.catalog).rates["sessions_per_week_2"] == ("outcome_rate", "sessions")
    again = measure([*LOG, *wins], roles=roles, like=result.catalog)
    assert again.features.equals(result.features)


@pytest.mark.slow
def test_a_name_means_on_other_days_what_it_means_in_the_catalog() -> None:
    roles = Roles(bad_end=("proposals_abandoned",))
    left: list[Event] = [
        ("ann", f"{day} 10:00", action) for day in (1, 2) for action in ("search", "proposals_abandoned")
    ]
    result = measure(left, roles=roles)
    proposals: list[Event] = [("bob", "1 10:00", "proposal_create"), ("bob", "2 10:00", "proposal_submit")]
    other = measure([*left, *proposals], roles=roles, like=result.catalog)
    rate = "proposals_abandoned_per_week"
    assert values(other, rate) == {"ann": values(result, rate)["ann"], "bob": 0.0}


@pytest.mark.slow
def test_other_days_are_measured_in_the_columns_of_these() -> None:
    result = measure(LOG)
    other = measure(
        [("dan", "5 10:00", "search"), ("dan", "5 10:01", "brand_new"), ("eve", "5 10:00", "drop_off")],
        like=result.catalog,
    )
    assert other.features.column_names == result.features.column_names
    assert values(other, "share_search_2") == {"dan": 0.5}
    assert values(other, "share_search") == {"dan": 0.0}
    assert values(other, "had_deal_complete") == {"dan": 0.0}
    assert values(other, "proposals_created_per_week") == {"dan": 0.0}
    assert values(other, "proposal_submit_share") == {"dan": None}
    assert values(other, "used_import") == {"dan": 0.0}
    assert values(other, "path_open__search_2") == {"dan": 0.0}
    assert values(other, "hours_search_2__open") == {"dan": None}


@pytest.mark.slow
def test_with_min_events_0_users_with_outcomes_alone_are_measured() -> None:
    alone: list[Event] = [("eve", "20 10:00", "deal_complete"), ("eve", "21 10:00", "deal_complete")]
    result = measure([*LOG, *alone], min_events=0)
    assert values(result, "had_deal_complete")["eve"] == 1.0
    assert values(result, "deal_complete_per_week")["eve"] == 2 / (8 / 7)
    assert values(result, "sessions_per_week")["eve"] == 0.0
    assert values(result, "share_search")["eve"] is None
    assert values(result, "days_since_last_event")["eve"] is None
    only = measure(alone, min_events=0, like=result.catalog)
    assert values(only, "had_deal_complete") == {"eve": 1.0}


@pytest.mark.slow
def test_nobody_gives_no_rows_in_the_same_columns() -> None:
    result = measure(LOG)
    nobody = measure([], like=result.catalog)
    assert nobody.features.schema.names == result.features.schema.names
    assert len(nobody.features) == 0
    assert {field.type for field in nobody.features.schema if field.name != "user_id"} == {pa.float64()}


@pytest.mark.slow
def test_a_catalog_of_an_earlier_release_gets_the_same_families_and_subjects() -> None:
    roles = Roles(goal=("deal_complete", "sessions", "did_x", "share_link", "had_error", "path_found", "feature_share"))
    outcomes: list[Event] = [
        ("ann", f"{day} 12:00", name, {"proposal_id": "q"}) for day in (3, 4) for name in roles.goal or ()
    ]
    proposals: list[Event] = [("ann", "5 10:00", "proposal_submit", {"proposal_id": "q"})]
    result = measure([*LOG, *outcomes, *proposals], roles=roles)
    of_then = pc.invert(pc.is_in(result.catalog["family"], pa.array([str(family) for family in JOURNEY_MEASURES])))
    first = result.catalog.filter(of_then)  # the first release had no columns about journeys
    assert {row["family"] for row in first.to_pylist()} == set(FeatureFamily) - set(JOURNEY_MEASURES)
    old = first.drop_columns(["family", "subject"])
    assert with_families(old).equals(first)
    assert with_families(result.catalog) is result.catalog


@pytest.mark.slow
def test_the_catalog_of_a_migrated_warehouse_can_be_measured() -> None:
    result = measure(LOG)
    with duckdb.connect() as con:
        con.execute((HOME / "grupa-1.sql").read_text(encoding="utf-8"))
        con.execute("INSERT INTO schema_version VALUES (1)")
        of_then = pc.invert(pc.is_in(result.catalog["family"], pa.array([str(family) for family in JOURNEY_MEASURES])))
        first = result.catalog.filter(of_then)  # the first release had no columns about journeys
        con.register("catalog", first.drop_columns(["family", "subject"]))
        con.execute("INSERT INTO feature_catalog BY NAME SELECT * FROM catalog")
        schema.ensure_tables(con)
        migrated = con.sql("SELECT * FROM feature_catalog").to_arrow_table()
    again = measure(LOG, like=migrated)
    names = ["user_id", *first["feature"].to_pylist()]
    assert again.features.select(names).equals(result.features.select(names))
