import numpy as np
import pytest

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.selection import stable_groups
from grupa_pipeline.segmentation.snapshot_status import decide_status, shown_clusters
from grupa_pipeline.vocabulary.enums import SegmentationStatus
from tests.grupa_pipeline.segmentation.test_selection import evaluate_by_default, grouped, judged

CONFIG = SegmentationConfig(min_clusters=2)
"""Two groups suffice here; the default is tested apart."""


def _outcome(
    sizes: list[int],
    stability: list[float],
    *,
    noise: int = 0,
    replication: float | list[float] = 0.9,
    p_value: float = 0.001,
) -> tuple[str, str | None]:
    """The outcome of a grouping in which all users are landmarks."""
    chosen = judged(grouped(sizes, noise, replication=replication), stability=stability)
    stable = stable_groups(chosen.grouping, chosen.stability, CONFIG)
    in_stable = float(np.array(sizes)[stable].sum() / (sum(sizes) + noise))
    return decide_status(chosen, p_value, in_stable, CONFIG)


def test_two_stable_groups_are_ok_however_unequal() -> None:
    assert _outcome([100, 100], [0.9, 0.9]) == ("ok", None)
    assert _outcome([990, 10], [0.9, 0.9]) == ("ok", None)
    assert _outcome([100, 100, 60], [0.9, 0.9, 0.3]) == ("ok", None)


def test_by_default_two_groups_are_weak_structure_and_told_so() -> None:
    chosen = evaluate_by_default(grouped([100, 100]))
    status, reason = decide_status(chosen, 0.001, 1.0, SegmentationConfig())
    assert (status, reason) == (
        "weak_structure",
        "Only 2 groups have a gap around them; it takes 3 to rely on a grouping.",
    )
    three = evaluate_by_default(grouped([100, 100, 50]))
    assert decide_status(three, 0.001, 1.0, SegmentationConfig()) == ("ok", None)


@pytest.mark.parametrize(
    ("sizes", "stability", "noise", "replication", "words"),
    [
        ([200], [0.9], 0, 0.9, "regions of a continuum"),
        ([100, 100], [0.9, 0.9], 300, 0.9, "leaves 60% of the users in no group"),
        ([100, 100], [0.9, 0.9], 0, [0.9, 0.5], "Only 1 of 2 groups come out again when part"),
        ([100, 100, 100], [0.9, 0.3, 0.3], 0, 0.9, "Only 1 of 3 groups come out again when part"),
        ([100, 100, 100], [0.9, 0.3, 0.9], 0, [0.9, 0.9, 0.5], "Only 1 of 3 groups come out again when part"),
        ([100, 100, 650], [0.9, 0.9, 0.3], 50, 0.9, "leave 78% of all users in none"),
    ],
)
def test_weak_structure_has_a_reason(
    sizes: list[int], stability: list[float], noise: int, replication: float | list[float], words: str
) -> None:
    status, reason = _outcome(sizes, stability, noise=noise, replication=replication)
    assert status == "weak_structure"
    assert words in (reason or "")


@pytest.mark.parametrize(
    ("p_value", "words"),
    [(1.0, " 100% of the time"), (0.2, " 20% of the time"), (0.0126, " 1.3% of the time, and it takes less than 1%")],
)
def test_a_high_null_p_value_is_weak_structure(p_value: float, words: str) -> None:
    status, reason = _outcome([100, 100], [0.9, 0.9], p_value=p_value)
    assert status == "weak_structure"
    assert words in (reason or "")


def test_unstable_clusters_are_hidden_unless_hardly_any_would_be_left_of_a_weak_grouping() -> None:
    some, one = np.array([True, False, True]), np.array([False, False, True])
    assert shown_clusters(some, SegmentationStatus.OK, CONFIG).tolist() == [0, -1, 1, -1]
    assert shown_clusters(some, SegmentationStatus.WEAK_STRUCTURE, CONFIG).tolist() == [0, -1, 1, -1]
    assert shown_clusters(one, SegmentationStatus.WEAK_STRUCTURE, CONFIG).tolist() == [0, 1, 2, -1]
