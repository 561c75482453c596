import pytest

from dash_app.planning.rice import default_confidence, rice_score


def test_score():
    assert rice_score(1000, 2, 0.8, 4) == pytest.approx(400)


@pytest.mark.parametrize(
    ("stability", "unseen", "expected"), [(0.75, True, 0.8), (0.74, True, 0.5), (0.9, False, 0.5), (None, True, 0.5)]
)
def test_confidence_to_start_from(stability, unseen, expected):
    assert default_confidence(stability, unseen) == expected
