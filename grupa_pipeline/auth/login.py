"""The door before the app and before Dagster's UI: who is signed in, and the answers to those who are not.

Knows no web framework: `dash_app/server/auth.py` and `dagster_ui.py` hand it visits and send its answers.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from werkzeug.http import dump_cookie, parse_cookie

from grupa_pipeline.auth.accounts import is_right, read_accounts
from grupa_pipeline.auth.sessions import SESSION_SECONDS, THROTTLE_SECONDS, Sessions

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
COOKIE = "grupa_session"

_STYLE = "color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;max-width:20rem;margin:15vh auto;padding:0 1rem;display:block"
_PAGE = Template(f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in to Grupa</title>
<style>body{{{_STYLE}}}label,input,button{{display:block;width:100%;box-sizing:border-box;font:inherit}}
input,button{{padding:.5rem;margin:.25rem 0 1rem}}.wrong{{color:light-dark(#b3261e,#ff8a80)}}</style>
<main><h1>Sign in to Grupa</h1>$said
<form method="post" action="{SIGN_IN}"><input type="hidden" name="to" value="$to">
<label for="name">Name</label>
<input id="name" name="name" required maxlength="64" autocomplete="username" autocapitalize="none" autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password">
<button>Sign in</button></form></main></html>
""")
# A link from another site comes without the session (SameSite=Strict); asked for again by our own page, it comes with it.
_AGAIN = '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0"><title>Grupa</title></html>\n'


@dataclass(frozen=True)
class Visit:
    """A request, as far as the door looks at it. `target` is the path with its query, `cookies` the header."""

    method: str
    path: str
    target: str = "/"
    cookies: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    secure: bool = False
    from_elsewhere: bool = False


@dataclass(frozen=True)
class Answer:
    """What the door answers instead of the server behind it."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Door:
    """Lets in who has a session, and gives one to who knows a user's password.

    Raises:
        AccountsError: The file of users cannot be used.
    """

    def __init__(self, users_file: Path, warehouse: Path) -> None:
        read_accounts(users_file)
        self._users_file = users_file
        self._sessions = Sessions(warehouse)
        # A password costs a fifth of a second and 32 MB to check: one at a time, so that guessing starves nobody.
        self._one_check = threading.Lock()

    def user(self, cookies: str) -> str | None:
        """Who is signed in; the file of users is read each time, so that who is taken out of it is out at once."""
        return self._sessions.user(_session(cookies), read_accounts(self._users_file))

    def answer(self, visit: Visit) -> Answer:
        """What to answer on the door's own pages, and to who is not signed in anywhere else."""
        if visit.path == SIGN_IN and visit.method == "POST":
            return self._sign_in(visit)
        if visit.path == SIGN_OUT and visit.method == "POST":
            self._sessions.end(_session(visit.cookies))
            return _leave_for(SIGN_IN, _cookie("", visit.secure, 0))
        if visit.path == SIGN_OUT:
            return Answer(405, "Sign out with the button in the app.\n", {"Allow": "POST"})
        if visit.path == SIGN_IN:
            return _page(200, visit.form.get("to", "/"))
        if visit.from_elsewhere:
            return Answer(401, _AGAIN)
        return _page(401, visit.target if visit.method == "GET" else "/")

    def _sign_in(self, visit: Visit) -> Answer:
        name, to = visit.form.get("name", "").strip(), visit.form.get("to", "/")
        if not self._sessions.may_try(name, visit.address):
            minutes = THROTTLE_SECONDS // 60
            answer = _page(429, to, f"Too many wrong passwords; try again in {minutes} minutes.")
            return Answer(answer.status, answer.body, {"Retry-After": str(THROTTLE_SECONDS)})
        accounts = read_accounts(self._users_file)
        with self._one_check:
            right = is_right(accounts, name, visit.form.get("password", ""))
        if not right:
            return _page(401, to, "That name and password do not belong together.")
        self._sessions.was_right(name)
        return _leave_for(
            local_path(to), _cookie(self._sessions.begin(name, accounts[name]), visit.secure, SESSION_SECONDS)
        )


def local_path(text: str) -> str:
    """`text` when it is a path of this server, else `/`: a sign-in leads to no other site."""
    odd = not text.startswith("/") or text.startswith(("//", SIGN_IN, SIGN_OUT)) or "\\" in text
    return "/" if odd or not text.isascii() or not text.isprintable() else text


def _session(cookies: str) -> str | None:
    return parse_cookie(cookies).get(COOKIE)


def _cookie(value: str, secure: bool, seconds: int) -> str:
    return dump_cookie(COOKIE, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="Strict")


def _leave_for(path: str, cookie: str) -> Answer:
    return Answer(303, "", {"Location": path, "Set-Cookie": cookie})


def _page(status: int, to: str, said: str = "") -> Answer:
    told = f'<p role="alert" class="wrong">{escape(said)}</p>' if said else ""
    return Answer(status, _PAGE.substitute(said=told, to=escape(local_path(to))))
