"""The checks of claims keep telling true sentences from invented ones."""

import pytest

from benchmarks.insights.claim_cases import count, read_sentences


@pytest.mark.slow
def test_true_sentences_pass_and_invented_ones_are_refused() -> None:
    counts = count(each for each in read_sentences() if not each.set_aside)
    assert counts["true"] == counts["invented"] == 40
    assert counts["refused true"] <= 2 and counts["passed invented"] <= 2
