import ibis
import pytest

from grupa_pipeline.features.order import median_of


@pytest.mark.parametrize(
    ("values", "median"),
    [([7], 7.0), ([3, 1], 2.0), ([5, 1, 9], 5.0), ([4, 4, 1, 9], 4.0), ([1, 2], 1.5), ([0, 0, 0], 0.0)],
)
def test_the_median_is_the_middle_value_or_half_way_between_the_two(values: list[int], median: float) -> None:
    rows = ibis.memtable({"user_key": [1] * len(values) + [2], "gap": [*values, 100]})
    found = dict(median_of(rows, "gap").execute().itertuples(index=False))
    assert found == {1: median, 2: 100.0}


def test_it_is_what_duckdb_says_of_many_users() -> None:
    con = ibis.duckdb.connect()
    con.raw_sql(
        "CREATE TABLE gaps AS SELECT hash(i) % 40 AS user_key, (hash(i * 7) % 1000)::BIGINT AS gap FROM range(3000) AS t (i)"
    )
    found = median_of(con.table("gaps"), "gap").order_by("user_key").to_pyarrow().to_pydict()
    expected = con.raw_sql("SELECT user_key, quantile_cont(gap, 0.5) AS gap FROM gaps GROUP BY ALL ORDER BY ALL")
    assert found == expected.to_arrow_table().to_pydict()
