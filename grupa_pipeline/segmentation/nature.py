"""What the users of a cluster have in common: a way to use the product, or something that happened to them."""

from collections.abc import Set

import pandas as pd

from grupa_pipeline.vocabulary.enums import ClusterNature


def cluster_natures(
    features: pd.DataFrame, labels: pd.Series, catalog: pd.DataFrame, errors: Set[str]
) -> dict[str, str]:
    """Nature of each cluster of `labels` (user_id -> cluster_id or None).

    A cluster is an incident when the one of `features` (index user_id) by which it differs most from everyone else, in spreads
    of that feature, is about one of the actions in `errors`, and its users met it oftener.
    """
    subject = catalog.set_index("feature")["subject"]
    scaled = (features - features.mean()) / features.std().replace(0, 1)
    natures = {}
    for cluster in sorted(labels.dropna().unique()):
        inside = labels == cluster
        differences = (scaled[inside].mean() - scaled[~inside].mean()).fillna(0)
        most = differences.abs().idxmax() if len(differences) else None
        is_error = most is not None and differences[most] > 0 and subject.get(most) in errors
        natures[cluster] = (ClusterNature.INCIDENT if is_error else ClusterNature.TRAIT).value
    return natures
