"""The checks of claims keep telling true sentences from invented ones."""

import pytest

from benchmarks.insights.claim_cases import count, read_sentences


@pytest.mark.slow
def test_true_sentences_pass_and_invented_ones_are_refused() -> None:
    sentences = [each for each in read_sentences() if not each.fresh]
    known, set_aside = (count(each for each in sentences if each.set_aside is aside) for aside in (False, True))
    assert known["true"] == known["invented"] == 40
    assert known["refused true"] == 0 and known["passed invented"] <= 1
    assert set_aside["refused true"] <= 1 and set_aside["passed invented"] <= 1
