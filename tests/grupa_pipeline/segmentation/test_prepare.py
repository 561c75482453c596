import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.segmentation.prepare import CLIP, fit_scale, prepare


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


def test_a_column_is_scaled_alike_wherever_it_is_measured() -> None:
    rng = np.random.default_rng(3)
    table = _table(share=rng.random(200), rate=rng.lognormal(size=200), gap=rng.normal(5, 2, 200))
    table.loc["u003", "gap"] = np.nan
    prepared = prepare(table)
    assert prepared.columns == tuple(prepared.scales) == ("share", "rate", "gap")
    for place, (name, scale) in enumerate(prepared.scales.items()):
        again = scale.apply(table[name].to_numpy())[prepared.user_of_row]
        assert again == pytest.approx(prepared.rows[:, place], abs=1e-8)


def test_other_measurements_are_scaled_as_the_first_were() -> None:
    scale = fit_scale(np.linspace(0, 10, 201))
    assert not scale.arcsine
    assert scale.log_unit == 0
    assert scale.apply(np.array([5.0, np.nan]))[0] == pytest.approx(0, abs=0.01)
    assert scale.apply(np.array([5.0, np.nan]))[1] == pytest.approx(0, abs=0.01), "a gap is the median"
    far = scale.apply(np.array([-1e9, 1e9]))
    assert far.tolist() == [-CLIP, CLIP]


def test_a_share_is_transformed_by_its_arcsine_and_a_skewed_rate_by_a_logarithm() -> None:
    share = fit_scale(np.linspace(0, 1, 101))
    assert share.arcsine
    values = np.array([0.1, 0.9, 1.4])
    expected = (np.arcsin(np.sqrt(np.minimum(values, 1))) - share.centre) / share.spread
    assert share.apply(values) == pytest.approx(np.clip(expected, -CLIP, CLIP))
    rate = fit_scale(np.exp(np.random.default_rng(4).normal(size=500) * 1.5))
    assert rate.log_unit > 0
    values = np.array([-0.5, 0.0, 3.0])
    expected = (np.log1p(np.maximum(values, 0) / rate.log_unit) - rate.centre) / rate.spread
    assert rate.apply(values) == pytest.approx(np.clip(expected, -CLIP, CLIP))


def test_a_constant_or_empty_column_is_nowhere_else_either() -> None:
    for values in (np.full(9, 2.0), np.full(9, np.nan)):
        assert fit_scale(values).apply(np.array([1.0, 7.0, np.nan])).tolist() == [0, 0, 0]


def test_views_are_columns_of_rows_but_no_features() -> None:
    rng = np.random.default_rng(5)
    table, view = _table(a=np.repeat([0.2, 0.8], 20), b=np.tile([0.1, 0.9], 20)), rng.normal(size=(40, 3))
    assert len(prepare(table).rows) == 4
    prepared = prepare(table, view)
    assert prepared.rows.shape == (40, 5)
    assert prepared.columns == ("a", "b")
    assert prepared.rows[:, 2:] == pytest.approx(view[prepared.user_of_row], abs=1e-8)
