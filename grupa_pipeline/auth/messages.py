"""A request and a response, as far as the sign-in needs them. Knows no web framework."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AuthRequest:
    """A request, as far as the sign-in needs it.

    Attributes:
        method: HTTP method.
        path: The decoded path.
        target: The path with its query, to return to after the sign-in.
        cookies: The Cookie header.
        form: Fields of a posted form.
        address: The client's IP address.
        through: The server that was asked: `app` or `dagster`.
        agent: The browser, in its own words.
        secure: Whether the client uses HTTPS, so that the cookie may be restricted to it.
        from_elsewhere: Whether another site sent the user here.
        host: The Host header.
    """

    method: str
    path: str
    target: str = "/"
    cookies: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    through: str = "app"
    agent: str = ""
    secure: bool = False
    from_elsewhere: bool = False
    host: str = ""


@dataclass(frozen=True)
class AuthResponse:
    """The response that is sent instead of the server's own."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
