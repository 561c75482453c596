"""Only an ID token that the provider signed for this client and this sign-in, a moment ago, is accepted."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from grupa_pipeline.auth.oidc_provider import OidcError
from tests.grupa_pipeline.auth.providers import CLIENT_ID, ISSUER, NONCE, LocalProvider, local_provider


@pytest.fixture(scope="module")
def provider() -> LocalProvider:
    return local_provider()


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(provider: LocalProvider) -> str:
    return f"{encoded({'alg': 'none'})}.{encoded(provider.claims())}."


def by_public_key(provider: LocalProvider) -> str:
    """Signed with the public key as if it were a shared secret."""
    signed = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(provider.claims())}"
    digest = hmac.new(provider.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def by_another_key(provider: LocalProvider) -> str:
    other = RSAKey.generate_key(2048, {"kid": "first"})
    return jwt.encode({"alg": "RS256", "kid": "first"}, provider.claims(), other)


def by_own_key_in_header(provider: LocalProvider) -> str:
    other = RSAKey.generate_key(2048, {"kid": "own"})
    return jwt.encode({"alg": "RS256", "jwk": other.as_dict(private=False)}, provider.claims(), other)


def changed_claims(provider: LocalProvider) -> str:
    header, _, signature = provider.signed(provider.claims()).split(".")
    return f"{header}.{encoded(provider.claims(sub='0002'))}.{signature}"


def cut(provider: LocalProvider) -> str:
    return provider.signed(provider.claims())[:-4]


@pytest.mark.parametrize("forged", [unsigned, by_public_key, by_another_key, by_own_key_in_header, changed_claims, cut])
def test_a_forged_signature_is_refused(provider: LocalProvider, forged: Callable[[LocalProvider], str]) -> None:
    with pytest.raises(OidcError, match="does not hold"):
        provider.check_id_token(forged(provider), NONCE)


NOW = int(time.time())
"""Each worker has its own, so it may not be part of a test's name: workers must collect the same tests."""


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"aud": [CLIENT_ID], "azp": "another"},
        {"aud": None},
        {"aud": []},
        {"exp": NOW - 120},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": NOW + 400 * 24 * 3600},
        {"iat": NOW + 3600, "exp": NOW + 7200},
        {"iat": None},
        {"nbf": NOW + 3600},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ""},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
        {"at_hash": "another"},
    ],
)
def test_wrong_claims_are_refused(provider: LocalProvider, changed: dict[str, Any]) -> None:
    with pytest.raises(OidcError):
        provider.check_id_token(provider.signed(provider.claims(**changed)), NONCE, "an access token")


@pytest.mark.parametrize("text", [None, "", "x", "a.b.c", "." * 40_000, 7, "e30.e30.e30"])
def test_what_is_no_token_is_refused(provider: LocalProvider, text: object) -> None:
    with pytest.raises(OidcError):
        provider.check_id_token(text, NONCE)


@pytest.mark.parametrize("audience", [CLIENT_ID, [CLIENT_ID]])
def test_a_sound_token_is_accepted(provider: LocalProvider, audience: object) -> None:
    claims = provider.claims(aud=audience, groups=["growth"])
    assert provider.check_id_token(provider.signed(claims), NONCE) == claims


def test_a_new_key_of_the_provider_is_looked_for_but_not_at_each_forgery() -> None:
    provider = local_provider()
    provider.check_id_token(provider.signed(provider.claims()), NONCE)
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    token = provider.signed(provider.claims(), kid="second")
    for _ in range(5):
        with pytest.raises(OidcError):
            provider.check_id_token(token, NONCE)
    assert len([each for each in provider.fetched if each.endswith("/keys")]) == 1
    provider._keys = (time.monotonic() - 11, provider._keys[1])  # type: ignore[index]
    assert provider.check_id_token(token, NONCE)["sub"] == "0001"


@pytest.mark.parametrize("changed", [{"issuer": "https://evil.example"}, {"jwks_uri": "http://login.example.com/keys"}])
def test_a_provider_that_describes_another_or_is_not_safe_is_refused(changed: dict[str, str]) -> None:
    provider = local_provider()
    token = provider.signed(provider.claims())
    provider.described |= changed
    with pytest.raises(OidcError):
        provider.check_id_token(token, NONCE)


def test_what_the_id_token_does_not_say_the_provider_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = local_provider()
    claims = provider.claims(preferred_username="kim")
    said: dict[str, object] = {"sub": "0001", "preferred_username": "lou", "groups": ["growth"], "iss": "x"}
    monkeypatch.setattr(provider, "_user_info", lambda _: said)
    assert provider.completed(claims, "an access token") == claims | {"groups": ["growth"]}
    said["sub"] = "0002"
    with pytest.raises(OidcError, match="somebody else"):
        provider.completed(claims, "an access token")
    with_groups = claims | {"groups": []}
    assert provider.completed(with_groups, "an access token") == with_groups
