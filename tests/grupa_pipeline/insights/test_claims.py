"""Claims and comparisons of a sentence are held to the evidence, clause by clause."""

from typing import Any

import pytest

from grupa_pipeline.insights.claims import unsupported_claims
from grupa_pipeline.insights.clauses import stated_clauses
from grupa_pipeline.insights.comparisons import Comparable, contradictions
from grupa_pipeline.insights.quantities import without_true_quantities

NAMES = ("card_typed", "order_placed", "photo_zoomed")
SHARE = {"unit": "proportion"}
ROWS: dict[str, dict[str, Any]] = {
    "E1": SHARE | {"metric": "step", "measure": "step", "cluster_value": 0.3, "rest_value": 0.8, "effect_size": -0.5},
    "E2": SHARE
    | {"metric": "stop", "measure": "last_action", "cluster_value": 0.4, "rest_value": 0.1, "effect_size": 0.3},
}
ACTIONS = {"step": frozenset({"card_typed"}), "stop": frozenset({"photo_zoomed"})}
FACTS = Comparable(ROWS, ["E1", "E2"], ACTIONS, ahead=[], behind=["E1", "E2"])


@pytest.mark.parametrize(
    "sentence",
    [
        "They may be slow, but they shop on an iPhone.",
        "They shop on an iPhone if they order.",
        "In May they shop on an iPhone.",
        "They are more likely to shop on an iPhone.",
        "They shop on an iPhone, no matter what.",
        "Photos are missing, so they leave.",
        "An empty page intimidates them.",
        "The trial ends before they order.",
        "The form is too narrow.",
        "They are here since the shop opened.",
    ],
)
def test_a_guess_excuses_its_own_clause_alone(sentence: str) -> None:
    assert unsupported_claims(sentence, NAMES)


def test_what_goes_on_with_a_guess_belongs_to_it() -> None:
    assert not stated_clauses("Perhaps the page crashes, because they are on a phone.")
    assert not stated_clauses("If the page were faster, they would stay.")
    assert stated_clauses("It may be slow, but they stay.") == ["but they stay."]


@pytest.mark.parametrize(
    ("sentence", "is_true"),
    [
        ("They type a card less often ({E1.cluster} against {E1.rest} of the others).", True),
        ("They type a card more often ({E1.cluster} against {E1.rest} of the others).", False),
        ("They type a card more often than the others, no matter how often they look.", False),
        ("They type a card less often than the others.", True),
        (
            "More of them leave before the card than elsewhere ({E1.cluster} go on, against {E1.rest} of the others).",
            True,
        ),
        ("Fewer of them leave at a photo ({E2.cluster} against {E2.rest} of the others).", False),
        ("They are ahead of the others in typing a card.", False),
        ("They fall behind the others in typing a card.", True),
        ("If the form were shorter, more of them might type a card, today {E1.cluster}.", True),
    ],
)
def test_a_comparison_is_carried_by_the_evidence_that_it_is_about(sentence: str, is_true: bool) -> None:
    assert bool(contradictions(sentence, FACTS)) is not is_true


@pytest.mark.parametrize(
    ("sentence", "is_true"),
    [
        ("Three in ten type a card.", True),
        ("Seven in ten never type a card.", True),
        ("Three quarters type a card.", False),
        ("Eight in ten type a card.", False),
        ("Three in ten order.", False),
    ],
)
def test_a_quantity_in_words_is_that_of_the_action_it_names(sentence: str, is_true: bool) -> None:
    assert (without_true_quantities(sentence, ROWS, ACTIONS) != sentence) is is_true
