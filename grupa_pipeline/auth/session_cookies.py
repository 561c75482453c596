"""The session's cookie: its name, how it is set, and where it is found."""

from dataclasses import dataclass

from werkzeug.http import dump_cookie, parse_cookie

from grupa_pipeline.auth.messages import AuthRequest

COOKIE = "grupa_session"
"""The cookie's name on a plain connection; behind TLS it begins with `__Host-`, or `__Secure-` below a path."""


@dataclass(frozen=True)
class SessionCookies:
    """The cookies of one server.

    Attributes:
        path: Path below which the session holds.
        name: The name on a plain connection.
        samesite: `Strict`; `Lax` where a page of another site leads back here.
    """

    path: str
    name: str = COOKIE
    samesite: str = "Strict"

    def set(self, value: str, request: AuthRequest, seconds: int) -> str:
        """The Set-Cookie header; `seconds` 0 deletes it."""
        return dump_cookie(
            self._name(request),
            value,
            max_age=seconds,
            path=self.path,
            secure=request.secure,
            httponly=True,
            samesite=self.samesite,
        )

    def find(self, cookies: str) -> str | None:
        """The value in a Cookie header, the safest name first."""
        found = parse_cookie(cookies)
        names = (f"__Host-{self.name}", f"__Secure-{self.name}", self.name)
        return next((found[name] for name in names if name in found), None)

    def _name(self, request: AuthRequest) -> str:
        if not request.secure:
            return self.name
        return f"__Host-{self.name}" if self.path == "/" else f"__Secure-{self.name}"
