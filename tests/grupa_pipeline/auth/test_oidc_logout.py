"""The logout tokens that hold, and all that do not."""

import time
from typing import Any

import pytest

from grupa_pipeline.auth.oidc_logout import LogoutNotice, check_logout_token
from grupa_pipeline.auth.oidc_provider import OidcError
from tests.grupa_pipeline.auth.providers import CLIENT_ID, LocalProvider, local_provider, logout_claims

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def provider() -> LocalProvider:
    return local_provider()


def test_a_sound_token_names_the_session_and_the_person(provider):
    sound = provider.signed(logout_claims(provider), typ="logout+jwt")
    assert check_logout_token(provider, sound) == LogoutNotice("one", "the session", "0001")


@pytest.mark.parametrize("left_out", ["sid", "sub"])
def test_one_of_session_and_person_is_enough(provider, left_out):
    notice = check_logout_token(provider, provider.signed(logout_claims(provider, **{left_out: None})))
    assert (notice.session is None, notice.subject is None) == (left_out == "sid", left_out == "sub")


NOW = int(time.time())
WRONG: tuple[dict[str, Any], ...] = (
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another"},
    {"aud": [CLIENT_ID, "another"]},
    {"exp": NOW - 300, "iat": NOW - 600},
    {"exp": None},
    {"iat": None},
    {"iat": NOW + 3600, "exp": NOW + 3700},
    {"exp": NOW + 30 * 24 * 3600},
    {"iat": True},
    {"events": None},
    {"events": {}},
    {"events": [EVENT]},
    {"events": {EVENT: "x"}},
    {"nonce": "the nonce"},
    {"jti": None},
    {"jti": ""},
    {"sid": None, "sub": None},
    {"sid": 7},
    {"sub": ""},
)


@pytest.mark.parametrize("changed", WRONG)  # numbered: each worker reads its own clock
def test_any_other_ends_nothing(provider, changed):
    with pytest.raises(OidcError):
        check_logout_token(provider, provider.signed(logout_claims(provider, **changed)))


@pytest.mark.parametrize("text", [None, "", "x", "a.b.c", "x" * 40_000])
def test_what_is_no_token_ends_nothing(provider, text):
    with pytest.raises(OidcError):
        check_logout_token(provider, text)


def test_an_id_token_is_no_logout_token_nor_the_other_way_round(provider):
    with pytest.raises(OidcError):
        check_logout_token(provider, provider.signed(provider.claims(jti="one", sid="the session")))
    with pytest.raises(OidcError):
        provider.check_id_token(provider.signed(logout_claims(provider)), "the nonce")


def test_another_key_signs_nothing(provider):
    with pytest.raises(OidcError):
        check_logout_token(provider, local_provider().signed(logout_claims(provider)))
