"""A provider of sign-ins inside the test: its keys and its answers, without a network."""

import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from grupa_pipeline.auth.oidc_provider import Client, OidcProvider

ISSUER, CLIENT_ID, NONCE = "https://login.example.com", "grupa", "the nonce"


class LocalProvider(OidcProvider):
    """Answers what `answers` holds by address; `key` signs its tokens."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.key = RSAKey.generate_key(2048, {"kid": "first"})
        self.fetched: list[str] = []
        self.described: dict[str, Any] = {
            "issuer": client.issuer,
            "authorization_endpoint": f"{client.issuer}/auth",
            "token_endpoint": f"{client.issuer}/token",
            "jwks_uri": f"{client.issuer}/keys",
            "userinfo_endpoint": f"{client.issuer}/me",
            "end_session_endpoint": f"{client.issuer}/end",
        }

    def _fetch(self, address: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        self.fetched.append(address)
        return KeySet([self.key]).as_dict(private=False) if address.endswith("/keys") else self.described

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Sound claims, with `changed` ones; None leaves one out."""
        now = int(time.time())
        sound = {
            "iss": self.client.issuer,
            "sub": "0001",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": NONCE,
        }
        return {name: value for name, value in (sound | changed).items() if value is not None}

    def signed(self, claims: Mapping[str, Any], **header: Any) -> str:
        """An ID token of these claims."""
        return jwt.encode({"alg": "RS256", "kid": "first"} | header, dict(claims), self.key)


def local_provider() -> LocalProvider:
    """One with a new key."""
    return LocalProvider(Client(ISSUER, CLIENT_ID, "a secret"))


def logout_claims(provider: LocalProvider, **changed: Any) -> dict[str, Any]:
    """Sound claims of a logout token, with `changed` ones; None leaves one out."""
    events: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    return provider.claims(**({"nonce": None, "jti": "one", "sid": "the session", "events": events} | changed))
