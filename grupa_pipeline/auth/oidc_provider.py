"""An OpenID Connect provider: its addresses and keys, the code that it gives, and the checks of an ID token.

References: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7636 (PKCE); RFC 9700.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from grupa_pipeline.auth.request_guard import LOCAL_HOSTS

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that are accepted: by the provider's private keys alone, never `none` or a shared secret."""
SCOPES = "openid profile email"
_TOLD = ("preferred_username", "email", "email_verified", "groups")
"""Claims that a provider may tell only when it is asked with the access token."""
_LEEWAY_SECONDS = 60
_LONGEST_LIFE = 24 * 3600
_KEEP_SECONDS = 600
"""For which the provider's addresses and keys are kept."""
_FETCH_EVERY = 10
"""Seconds between two looks for a key that is not known."""
_TIMEOUT_SECONDS = 10
LONGEST_TOKEN = 32 * 1024
"""Characters of a token that is looked at."""


class OidcError(Exception):
    """A sign-in through the provider that failed; the message says why, without anything that the provider sent."""


@dataclass(frozen=True)
class Client:
    """What Grupa is to the provider.

    Attributes:
        issuer: The provider, as its ID tokens name it.
        client_id: Under which Grupa is registered there.
        client_secret: Its secret; None for a public client.
    """

    issuer: str
    client_id: str
    client_secret: str | None = None


class OidcProvider:
    """A provider, whose addresses and keys are read when they are first needed and kept for ten minutes."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def authorization_address(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in.

        Raises:
            OidcError: The provider cannot be reached, or is another one.
        """
        with self._session(redirect_uri) as session:
            address, _ = session.create_authorization_url(
                self._address("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier
            )
        return str(address)

    def sign_out_address(self, return_to: str) -> str | None:
        """Where the browser ends the session at the provider; None where the provider has no such page."""
        try:
            metadata = self.metadata()
        except OidcError:
            return None
        address = metadata.get("end_session_endpoint")
        if not isinstance(address, str) or not _is_safe(address, self.client.issuer):
            return None
        query = requests.models.PreparedRequest()
        query.prepare_url(address, {"client_id": self.client.client_id, "post_logout_redirect_uri": return_to})
        return query.url

    def redeem(self, code: str, redirect_uri: str, verifier: str, nonce: str) -> Mapping[str, Any]:
        """The claims of the ID token that the provider gives for a code.

        Raises:
            OidcError: It gives none, or one that does not hold.
        """
        try:
            with self._session(redirect_uri) as session:
                token = session.fetch_token(
                    self._address("token_endpoint"),
                    code=code,
                    code_verifier=verifier,
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
        except (AuthlibBaseError, requests.RequestException, ValueError) as error:
            raise OidcError("The provider did not accept the code of this sign-in; try again.") from error
        claims = self.check_id_token(token.get("id_token"), nonce, token.get("access_token"))
        return self.completed(claims, token.get("access_token"))

    def check_id_token(self, text: object, nonce: str, access_token: str | None = None) -> Mapping[str, Any]:
        """The claims of an ID token that this provider signed for this client and this sign-in, a moment ago.

        Raises:
            OidcError: It is anything else.
        """
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TOKEN:
            raise OidcError("The provider sent no ID token.")
        try:
            token = self.decode(text)
            options = {"iss": {"essential": True, "value": self.client.issuer}}
            params = {"nonce": nonce, "client_id": self.client.client_id, "access_token": access_token}
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=_LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            raise OidcError("The provider's ID token does not hold.") from error
        self._require_ours(claims)
        return dict(claims)

    def completed(self, claims: Mapping[str, Any], access_token: str | None) -> Mapping[str, Any]:
        """The claims of an ID token, with those that the provider tells only when asked, where it names no groups.

        Raises:
            OidcError: The provider answers of somebody else.
        """
        if "groups" in claims or not access_token or "userinfo_endpoint" not in self.metadata():
            return claims
        found = self._user_info(access_token)
        if found.get("sub") != claims["sub"]:
            raise OidcError("The provider answered of somebody else.")
        return {name: found[name] for name in _TOLD if name in found} | dict(claims)

    def metadata(self) -> Mapping[str, Any]:
        """What the provider says of itself.

        Raises:
            OidcError: It cannot be reached, or names another issuer.
        """
        with self._lock:
            if self._metadata is None or time.monotonic() - self._metadata[0] > _KEEP_SECONDS:
                found = self._fetch(f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != self.client.issuer:
                    raise OidcError("The provider names another issuer than GRUPA_OIDC_ISSUER.")
                self._metadata = time.monotonic(), found
            return self._metadata[1]

    def decode(self, text: str) -> jwt.Token:
        """The token, whose signature is checked; a key that is not known is looked for once more.

        Raises:
            JoseError, ValueError: It is none, or not signed by this provider.
            OidcError: The provider's keys cannot be read.
        """
        try:
            return jwt.decode(text, self._key_set(_KEEP_SECONDS), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(text, self._key_set(_FETCH_EVERY), algorithms=ALGORITHMS)

    def _key_set(self, keep_seconds: float) -> KeySet:
        address = self._address("jwks_uri")
        with self._lock:
            if self._keys is None or time.monotonic() - self._keys[0] > keep_seconds:
                found = self._fetch(address)
                try:
                    self._keys = time.monotonic(), KeySet.import_key_set(found)  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise OidcError("The provider's keys cannot be read.") from error
            return self._keys[1]

    def _require_ours(self, claims: Mapping[str, Any]) -> None:
        """Check what Authlib accepts and we do not: several audiences, other types, a long life."""
        audience, subject = claims["aud"], claims["sub"]
        is_ours = audience in (self.client.client_id, [self.client.client_id])
        is_named = isinstance(subject, str) and 0 < len(subject) <= 255
        times = [claims["exp"], claims["iat"]]
        is_dated = all(isinstance(each, int | float) and not isinstance(each, bool) for each in times)
        if not (is_ours and is_named and is_dated and times[0] - times[1] <= _LONGEST_LIFE):
            raise OidcError("The provider's ID token is not for this sign-in.")

    def _address(self, name: str) -> str:
        address = self.metadata().get(name)
        if not isinstance(address, str) or not _is_safe(address, self.client.issuer):
            raise OidcError(f"The provider names no {name} with https.")
        return address

    def _user_info(self, access_token: str) -> Mapping[str, Any]:
        return self._fetch(self._address("userinfo_endpoint"), {"Authorization": f"Bearer {access_token}"})

    def _fetch(self, address: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        try:
            answer = requests.get(address, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise OidcError("The provider of sign-ins cannot be reached; try again in a moment.") from error
        if not isinstance(found, dict):
            raise OidcError("The provider of sign-ins does not answer as one.")
        return found

    def _session(self, redirect_uri: str) -> OAuth2Session:
        client = self.client
        method = "client_secret_basic" if client.client_secret else "none"
        return OAuth2Session(
            client.client_id,
            client.client_secret,
            token_endpoint_auth_method=method,
            scope=SCOPES,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )


def _is_safe(address: str, issuer: str) -> bool:
    """Whether an address that a provider names is as safe as its own."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (urlsplit(issuer).scheme == "http" and parts.hostname in LOCAL_HOSTS)
