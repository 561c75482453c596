"""A slow local model writes for all clusters within the default limits."""

import pytest

from benchmarks.insights.slow_model import CLUSTERS, clusters_by_model
from grupa_pipeline.insights.call_limits import HOSTED


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [10, 25, 40])
def test_a_model_with_one_slot_writes_for_every_cluster(seconds: float) -> None:
    assert clusters_by_model(seconds) == CLUSTERS


@pytest.mark.slow
def test_limits_of_hosted_models_would_be_too_short_for_it() -> None:
    assert clusters_by_model(40, HOSTED) < CLUSTERS
