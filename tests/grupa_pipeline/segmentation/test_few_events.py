from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.segmentation.assignment import Assignment
from grupa_pipeline.segmentation.few_events import EventCounts, Known, assign_few, fit_beginnings
from grupa_pipeline.segmentation.prepare import fit_scale
from grupa_pipeline.segmentation.replicates import MeasuredHalves
from grupa_pipeline.vocabulary.enums import FeatureView

KINDS = ("search", "save")
KNOWN = pd.Index([f"k{number:03d}" for number in range(300)])
TRUTH = np.arange(300) % 2
FEW = [("f0", 3, (1.0, 0.0)), ("f1", 3, (0.0, 1.0)), ("f2", 2, (0.5, 0.5)), ("f3", 3, (0.0, 1.0))]


class _Beginnings:
    """Users do their own action three times of four; `asked` notes how many events each was measured on."""

    asked: Mapping[str, int] = {}

    def beginnings(self, lengths: Mapping[str, int]) -> pd.DataFrame:
        self.asked = dict(lengths)
        rng = np.random.default_rng(4)
        own = {user: rng.binomial(length, 0.95) / length for user, length in lengths.items()}
        rows = [
            (own[user], 1 - own[user]) if TRUTH[int(user[1:])] == 0 else (1 - own[user], own[user]) for user in lengths
        ]
        return pd.DataFrame(rows, index=list(lengths), columns=list(KINDS)).assign(days=1.0)

    def halves(self, users: Sequence[str]) -> MeasuredHalves:
        raise NotImplementedError

    def views(self, users: Sequence[str]) -> Mapping[FeatureView, pd.DataFrame]:
        raise NotImplementedError


def _assigned(
    whole_labels: Sequence[int] = (-1, -1, -1, 1),
    columns: Sequence[str] = KINDS,
    labels: np.ndarray = TRUTH,
    few: Sequence[bool] = (True, True, True, True),
    enough: int = 10,
) -> tuple[Assignment, _Beginnings]:
    """The assignment of the users of FEW, beside `enough` others of group 1, by what the known looked like."""
    users = [*FEW, *[(f"e{number}", 9, (0.0, 1.0)) for number in range(enough)]]
    ids = [user for user, _, _ in users]
    features = pd.DataFrame([row for _, _, row in users], index=ids, columns=list(KINDS)).assign(days=40.0)
    group = np.array([*whole_labels, *[1] * enough])
    sure, other = np.where(group >= 0, 0.99, 0.0), np.where(group >= 0, 1 - group, 1)
    whole = Assignment(group, sure, other, np.full(len(ids), 0.01), np.zeros((len(ids), 2)))
    scales = {name: fit_scale(np.array([0.0, 1.0] * 50)) for name in (*KINDS, "days")}
    replicates = _Beginnings()
    known = Known(KNOWN, labels, np.ones(300), np.column_stack([10.0 + labels, labels]))
    found = assign_few(
        whole,
        np.array([*few, *[False] * enough]),
        known,
        features=features,
        counts=EventCounts(pd.Series([count for _, count, _ in users], index=ids), columns),
        groups=2,
        scales=scales,
        replicates=replicates,
        least=0.7,
        neighbors=5,
        seed=1,
    )
    return found, replicates


def test_users_join_the_group_whose_users_began_as_they_did() -> None:
    found, replicates = _assigned()
    assert found.labels[:2].tolist() == [0, 1]
    assert (found.probabilities[:2] >= 0.7).all()
    assert found.xy[:2] == pytest.approx(np.array([[10, 0], [11, 1]])), "beside their fellows on the map"
    assert set(replicates.asked) == set(KNOWN)
    assert set(replicates.asked.values()) == {2, 3}, "as many events as the few have"


def test_who_began_as_any_group_might_is_in_none_and_is_told_the_nearest() -> None:
    found, _ = _assigned()
    assert (found.labels[2], found.probabilities[2]) == (-1, 0)
    assert found.others[2] in (0, 1)
    assert 0.4 < found.other_probabilities[2] < 0.7


def test_what_whole_histories_said_of_few_events_does_not_count_and_others_stay() -> None:
    found, _ = _assigned(whole_labels=(1, -1, 1, -1))
    assert found.labels[[0, 1, 3]].tolist() == [0, 1, 1]
    assert found.labels[4:].tolist() == [1] * 10
    assert (found.probabilities[4:] == 0.99).all()


def test_a_group_most_of_whose_users_have_few_events_keeps_them() -> None:
    found, _ = _assigned(whole_labels=(1, 1, 1, 1), enough=3)
    assert found.labels.tolist() == [1] * 7
    found, _ = _assigned(whole_labels=(1, 1, 1, 1), enough=4)
    assert found.labels[0] == 0, "half are not most"


@pytest.mark.parametrize(
    "nothing", [{"columns": ()}, {"labels": np.full(300, -1)}], ids=["no columns to compare", "no landmarks in a group"]
)
def test_where_few_events_say_nothing_the_few_are_in_no_group(nothing: dict[str, object]) -> None:
    found, replicates = _assigned(**nothing)  # type: ignore[arg-type]
    assert found.labels[:4].tolist() == [-1] * 4
    assert (found.probabilities[:4] == 0).all()
    assert found.others[3] == 1, "the nearest is what whole histories said"
    assert not replicates.asked


def test_chances_are_right_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    rows = (labels + rng.normal(0, 1.2, 4000))[:, None] @ np.ones((1, 1))
    model = fit_beginnings(np.hstack([rows, rng.normal(size=(4000, 3))]), labels, 2, np.ones(4000))
    fresh = labels + rng.normal(0, 1.2, 4000)
    scores = model.discriminant.scores(np.column_stack([fresh, rng.normal(size=(4000, 3))])) / model.temperature
    chances = 1 / (1 + np.exp(scores[:, 0] - scores[:, 1]))
    sure = np.maximum(chances, 1 - chances)
    assert ((chances > 0.5) == labels).mean() == pytest.approx(sure.mean(), abs=0.03)


def test_shares_are_of_users_and_a_group_that_nobody_began_in_takes_nobody() -> None:
    rows = np.random.default_rng(1).normal(size=(90, 2)) + np.repeat([[0, 0], [8, 0]], 45, axis=0)
    model = fit_beginnings(rows, np.repeat([0, 1], 45), 3, np.repeat([3.0, 1.0], 45))
    assert np.exp(model.discriminant.log_priors[:2]) == pytest.approx([0.75, 0.25])
    assert model.reach[2] == 0
