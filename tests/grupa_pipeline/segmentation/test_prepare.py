import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.segmentation.prepare import CLIP, prepare


def _table(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    return table.set_axis([f"u{i:03d}" for i in range(len(table))])


def test_equal_rows_are_merged_and_users_map_to_them() -> None:
    rng = np.random.default_rng(0)
    table = _table(a=[*rng.normal(size=40), *[0.5] * 60], b=[*rng.normal(size=40), *[0.7] * 60])
    prepared = prepare(table)
    assert len(prepared.rows) == 41
    assert len(set(prepared.row_of_user[40:])) == 1
    assert (prepared.row_of_user[prepared.user_of_row] == np.arange(41)).all()


def test_a_missing_value_neither_attracts_nor_repels() -> None:
    table = _table(a=[1.0, 2.0, 3.0, np.nan, 5.0], b=[5.0, 1.0, 4.0, 2.0, 3.0])
    rows = prepare(table)
    middle = prepare(_table(a=[1.0, 2.0, 3.0, 2.5, 5.0], b=[5.0, 1.0, 4.0, 2.0, 3.0]))
    assert np.allclose(rows.rows, middle.rows)


def test_constant_and_redundant_columns_are_dropped() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=50)
    prepared = prepare(
        _table(a=a, again=a * 3 + 1, constant=np.ones(50), empty=np.full(50, np.nan), z=rng.normal(size=50))
    )
    assert prepared.columns == ("a", "z")


@pytest.mark.parametrize("draw", ["lognormal", "pareto", "standard_cauchy"])
def test_long_tails_are_compressed(draw: str) -> None:
    rng = np.random.default_rng(2)
    values = rng.pareto(1, 500) if draw == "pareto" else getattr(rng, draw)(size=500)
    rows = prepare(_table(a=values, b=rng.normal(size=500))).rows
    assert np.abs(rows).max() <= CLIP
    assert 0.5 < rows[:, 0].std() < 1.6


def test_only_constant_columns_give_one_row() -> None:
    assert prepare(_table(a=np.ones(9))).rows.shape == (1, 1)
