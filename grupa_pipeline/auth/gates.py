"""Which sign-in the settings ask for, and the accounts that it knows."""

from collections.abc import Mapping
from typing import Protocol

from grupa_pipeline.auth.accounts import Account, SignedInUser, read_accounts
from grupa_pipeline.auth.login import LoginGate
from grupa_pipeline.auth.messages import AuthRequest, AuthResponse
from grupa_pipeline.settings import Settings


class SignInGate(Protocol):
    """What recognises sessions, and answers requests that have none."""

    def user(self, cookies: str, *, by_person: bool = True) -> SignedInUser | None:
        """The user of the session in a Cookie header."""

    def respond(self, request: AuthRequest) -> AuthResponse:
        """The response of the sign-in's own pages, and to a request without a session."""


def sign_in_gate(
    settings: Settings, prefix: str, cookie_path: str | None = None, *, starts_sign_ins: bool = True
) -> SignInGate | None:
    """The sign-in that `settings` ask for; None where a proxy signs in, or nobody.

    Args:
        settings: The settings.
        prefix: Path under which a proxy serves this server.
        cookie_path: Path below which the session holds; default `prefix`.
        starts_sign_ins: Whether a provider of sign-ins knows this server.

    Raises:
        AccountsError: The file of users cannot be used.
    """
    if settings.users_file:
        return LoginGate(settings.users_file, settings.warehouse, prefix, cookie_path)
    if settings.oidc_issuer:
        from grupa_pipeline.auth.oidc_login import OidcGate

        return OidcGate(settings, prefix, cookie_path, starts_sign_ins=starts_sign_ins)
    return None


def known_accounts(settings: Settings) -> Mapping[str, Account] | None:
    """The accounts by name; None where there are none to know.

    Raises:
        AccountsError: The file of users cannot be used.
    """
    if settings.users_file:
        return read_accounts(settings.users_file)
    if settings.oidc_issuer:
        from grupa_pipeline.auth.oidc_people import OidcPeople

        return OidcPeople(settings.warehouse).accounts()
    return None
