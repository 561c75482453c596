import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grupa_pipeline.vocabulary.action_names import slug, unique_slugs, words


def test_words_are_split_at_signs_and_humps() -> None:
    assert words("proposal_create") == ("proposal", "create")
    assert words("PullRequestEvent:opened") == ("pull", "request", "event", "opened")
    assert words("W_Completeren aanvraag") == ("w", "completeren", "aanvraag")
    assert words("HTTPError") == ("http", "error")
    assert words("A_SUBMITTED") == ("a", "submitted")


def test_a_slug_is_safe_for_a_column() -> None:
    assert slug("Course module viewed") == "course_module_viewed"
    assert slug("Zahlung getätigt!") == "zahlung_getatigt"
    assert slug("оплата") == "unnamed"
    assert slug("") == "unnamed"


def test_names_that_fall_together_are_numbered_in_order() -> None:
    assert unique_slugs(["Sign Up", "sign_up", "SIGN-UP", "sign up 2"]) == {
        "Sign Up": "sign_up",
        "sign_up": "sign_up_2",
        "SIGN-UP": "sign_up_3",
        "sign up 2": "sign_up_2_2",
    }


@pytest.mark.slow
@given(st.lists(st.text(), unique=True, max_size=30))
def test_slugs_never_collide(names: list[str]) -> None:
    slugs = unique_slugs(names)
    assert list(slugs) == names
    assert len({each.lower() for each in slugs.values()}) == len(names)
    allowed = set(string.ascii_lowercase + string.digits + "_")
    assert all(set(each) <= allowed and "__" not in each and len(each) <= 44 for each in slugs.values())
