import pandas as pd

from grupa_pipeline.snapshots.history import clustering_sha256

FEATURES = pd.DataFrame({"a": [0.5, None, 0.0], "b": [1.0, 2.0, 3.0]}, index=["ann", "bob", "cat"])


def test_the_clustering_hash_does_not_depend_on_the_order_of_users_or_columns() -> None:
    assert clustering_sha256(FEATURES.iloc[::-1, ::-1], 7) == clustering_sha256(FEATURES, 7)


def test_other_users_columns_values_or_seeds_have_another_clustering_hash() -> None:
    others = [
        FEATURES.iloc[:2],
        FEATURES[["a"]],
        FEATURES.rename(columns={"b": "c"}),
        FEATURES.rename(index={"bob": "bea"}),
        FEATURES.fillna(0.0),
    ]
    found = {clustering_sha256(FEATURES, 7), clustering_sha256(FEATURES, 8), *(clustering_sha256(o, 7) for o in others)}
    assert len(found) == 7
