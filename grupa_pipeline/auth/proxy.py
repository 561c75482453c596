"""A proxy in front of the web servers that signs people in: how it is recognised, and the user that it names.

Knows no web framework. Which proxies are believed is in the settings: a secret that they send, or their addresses.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from grupa_pipeline.auth.accounts import SignedInUser
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import UserRole

PROXY_SECRET_HEADER = "X-Grupa-Proxy-Secret"  # noqa: S105 - a header's name
PROXY_HEADERS = ("X-Forwarded-User", "X-Remote-User")
GROUPS_HEADER = "X-Forwarded-Groups"


class ProxyError(Exception):
    """A request that comes from no known proxy, or names no user who may come in; the message says what is missing."""


def signed_in_user(headers: Mapping[str, str], address: str, settings: Settings) -> SignedInUser:
    """The user whom the proxy has signed in, with the highest role of their groups.

    Args:
        headers: Values by lower-case name; one that was sent twice holds both with a comma between.
        address: IP address that the connection comes from.
        settings: The settings.

    Raises:
        ProxyError: It is no request of a known proxy with the name of a user.
    """
    secret = headers.get(PROXY_SECRET_HEADER.lower(), "")
    if settings.proxy_secret and not hmac.compare_digest(secret.encode(), settings.proxy_secret.encode()):
        raise ProxyError(
            f"The proxy must send the secret of GRUPA_PROXY_SECRET in {PROXY_SECRET_HEADER} (docs/security.md)."
        )
    if settings.proxy_addresses and not is_proxy(address, settings):
        raise ProxyError("This address is none of GRUPA_PROXY_ADDRESSES: open the app through its proxy.")
    user = proxy_user([headers[name.lower()] for name in PROXY_HEADERS if name.lower() in headers])
    if user is None:
        raise ProxyError(f"The proxy sent no user name: it must set {' or '.join(PROXY_HEADERS)} (docs/security.md).")
    if not settings.proxy_groups:
        return SignedInUser(user, UserRole.ADMIN)
    role = role_of(_text(headers.get(GROUPS_HEADER.lower(), "")).split(","), settings.proxy_groups)
    if role is None:
        raise ProxyError(f"{user} is in none of the groups of GRUPA_PROXY_GROUPS (docs/security.md).")
    return SignedInUser(user, role)


def role_of(groups: Iterable[str], roles: Mapping[str, UserRole]) -> UserRole | None:
    """The highest role among those of a person's groups; None when none of their groups has one."""
    return UserRole.highest(roles[group.strip()] for group in groups if group.strip() in roles)


def is_proxy(address: str, settings: Settings) -> bool:
    """Whether `address` is one of `GRUPA_PROXY_ADDRESSES`."""
    return any(ip_address(address or "0.0.0.0") in network for network in settings.proxy_addresses)  # noqa: S104


def proxy_user(values: Sequence[str]) -> str | None:
    """The user name in a proxy's headers; None when there is none, or two that differ: one may be the client's own."""
    names = {_text(value) for value in values}
    if len(names) != 1:
        return None
    name = names.pop()
    return name if 0 < len(name) <= 80 and name.isprintable() and "," not in name else None


def _text(header: str) -> str:
    """A header's text: servers decode headers as Latin-1, proxies write UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return header.strip()
