"""Serves the app below a path: WSGI middleware that takes `GRUPA_URL_PREFIX` off what is asked for.

Routes, guard and sign-in then see the paths that they see without a prefix; what leads back to the browser is made with
`components/addresses.py` and, in the browser, with the prefix in Dash's own configuration.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

_HEALTH = "/healthz"


class UrlPrefix:
    """The application `app` below `prefix`, which begins and ends with a slash.

    The health endpoint also answers without it, for who asks beside the proxy; the bare host leads to the app.
    """

    def __init__(self, app: WsgiApp, prefix: str) -> None:
        self._app, self._prefix, self._root = app, prefix, prefix.rstrip("/")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(self._prefix):
            below = path[len(self._root) :]
            return self._app(environ | {"SCRIPT_NAME": self._root, "PATH_INFO": below}, start_response)
        if path == _HEALTH:
            return self._app(environ, start_response)
        status, headers = HTTPStatus.NOT_FOUND, [("Content-Type", "text/plain; charset=utf-8")]
        if path in ("", "/", self._root):
            status, headers = HTTPStatus.FOUND, [*headers, ("Location", self._prefix)]
        start_response(f"{status.value} {status.phrase}", headers)
        return [f"This app is at {self._prefix}\n".encode()]
