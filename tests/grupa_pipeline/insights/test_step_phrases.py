"""What users do at a step, read from its words."""

import pytest

from grupa_pipeline.insights.step_phrases import is_participle, verb_phrase


@pytest.mark.parametrize(
    ("step", "phrase"),
    [
        ("slot chosen", "choose a slot"),
        ("order placed", "place an order"),
        ("search", "search"),
        ("add to cart", "add to cart"),
        ("view search results", "view search results"),
        ("page view", "view a page"),
        ("delivery chosen", "choose delivery"),
        ("reviews read", "read reviews"),
        ("feature used", "use a feature"),
        ("kurs gebucht", None),
        ("invite bounced", None),
        ("pull request", None),
        ("payment error", None),
        ("A sent", None),
    ],
)
def test_steps_read_as_what_users_do(step: str, phrase: str | None) -> None:
    assert verb_phrase(step) == phrase


def test_a_past_form_is_no_noun() -> None:
    assert is_participle("slot chosen") and is_participle("catalogue leafed")
    assert not is_participle("search") and not is_participle("page view") and not is_participle("submitted")
