"""Asks the running app, with a token, to put an agent's idea for a test on the roadmap."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 120
"""Sizing a test measures its users, which takes a while in a large warehouse."""
_LONGEST = 20_000


class AppRefusalError(RuntimeError):
    """The app did not take the idea, or could not be reached; the message says why and names no token."""


class AppAddressError(ValueError):
    """An address to which no token is sent; the message says why."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class AppClient:
    """The app at `address`, asked in the name of `token`.

    Raises:
        AppAddressError: The address is none, or a token would go over a network in the clear.
    """

    address: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AppAddressError("GRUPA_APP_URL is not an address that begins with http:// or https://.")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise AppAddressError(
                "GRUPA_APP_URL would send the token in the clear; give an address that begins with https://."
            )

    def propose(self, recommendation_id: str, snapshot_date: str | None = None) -> dict[str, Any]:
        """Put a test of a recommendation on the roadmap as an idea; returns plan_id, status, name and updated_by.

        Raises:
            AppRefusalError: The app did not take it.
        """
        body = {"recommendation_id": recommendation_id} | ({"snapshot_date": snapshot_date} if snapshot_date else {})
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            f"{self.address.rstrip('/')}/api/plans",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS) as answer:
                found = json.loads(answer.read(_LONGEST))
        except urllib.error.HTTPError as error:
            with error:
                raise AppRefusalError(_reason(error.code, error.read(_LONGEST))) from None
        except (OSError, ValueError) as error:
            raise AppRefusalError(
                f"The app could not be asked ({type(error).__name__}); does it run at GRUPA_APP_URL?"
            ) from None
        if not isinstance(found, dict):
            raise AppRefusalError("The app gave an answer that is none.")
        return found


def _reason(status: int, body: bytes) -> str:
    """The app's own sentence, where it gave one."""
    try:
        return str(json.loads(body)["error"])[:300]
    except (ValueError, KeyError, TypeError):
        known = {401: "The token is unknown, has ended or was revoked.", 403: "The token may not propose plans."}
        return known.get(status, f"The app answered with status {status}.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
