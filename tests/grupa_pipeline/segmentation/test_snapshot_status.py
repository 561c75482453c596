import numpy as np
import pytest

from grupa_pipeline.segmentation.cluster_validation import ClusterValidation
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.grid import Candidate, Fit
from grupa_pipeline.segmentation.null import CopulaSummary, NullScores
from grupa_pipeline.segmentation.selection import evaluate
from grupa_pipeline.segmentation.snapshot_status import decide_status, stable_clusters
from tests.grupa_pipeline.segmentation.test_null import DAY

DEFAULT_CONFIG = SegmentationConfig()


def _outcome(
    sizes: list[int], stability: list[float], *, noise: int = 0, p_value: float = 0.001
) -> tuple[str, str | None]:
    """The outcome of a fit in which all users are landmarks."""
    labels = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(noise, -1)]).astype(int)
    fit = Fit(Candidate(15, 0.02, 5, "eom"), labels, labels, np.ones(len(labels)), np.ones(len(sizes)), 5, 0.5)
    chosen = evaluate(fit, np.array(stability), np.ones(len(labels)), DEFAULT_CONFIG)
    shares = np.array(sizes)[stable_clusters(chosen, DEFAULT_CONFIG)] / len(labels)
    validation = ClusterValidation([chosen], NullScores((0.0,) * 10, DAY, "k", CopulaSummary((), ())), 0.5, p_value)
    return decide_status(chosen, validation, shares, DEFAULT_CONFIG)


def test_three_stable_distinct_groups_are_ok() -> None:
    assert _outcome([100, 100, 100], [0.9, 0.9, 0.9]) == ("ok", None)
    assert _outcome([100, 100, 100, 60], [0.9, 0.9, 0.9, 0.3]) == ("ok", None)


@pytest.mark.parametrize(
    ("sizes", "stability", "noise", "words"),
    [
        ([100, 100], [0.9, 0.9], 0, "regions of a continuum"),
        ([], [], 300, "There is no group to show"),
        ([700, 100, 100], [0.9, 0.9, 0.9], 0, "puts 78% of the users into one group"),
        ([100, 100, 100], [0.9, 0.9, 0.9], 400, "leaves 57% of the users in no group"),
        ([100, 100, 100], [0.9, 0.9, 0.3], 0, "Only 2 of 3 groups come out again"),
        ([100] * 8, [0.9] * 3 + [0.3] * 5, 200, "Only 3 of 8 groups come out again when part"),
        ([100, 100, 100, 650], [0.9, 0.9, 0.9, 0.3], 50, "leave 70% of all users in none"),
        ([20, 20, 15], [0.9, 0.9, 0.3], 0, "behave in only 55 different ways"),
    ],
)
def test_weak_structure_has_a_reason(sizes: list[int], stability: list[float], noise: int, words: str) -> None:
    status, reason = _outcome(sizes, stability, noise=noise)
    assert status == "weak_structure"
    assert words in (reason or "")


def test_a_high_null_p_value_is_weak_structure() -> None:
    status, reason = _outcome([100, 100, 100], [0.9, 0.9, 0.9], p_value=0.2)
    assert status == "weak_structure"
    assert "20% of the time" in (reason or "")
    assert "1.3% of the time, and it takes less than 1%" in (_outcome([100] * 3, [0.9] * 3, p_value=0.0126)[1] or "")
