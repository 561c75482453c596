"""The sign-in of the app and of Dagster's UI: the user of a request, and the responses to requests without a session.

Knows no web framework: `dash_app/server/auth.py` and `grupa/cli/dagster_webserver.py` convert requests and responses.
"""

import threading
from html import escape
from pathlib import Path
from string import Template

from grupa_pipeline.auth.account_forms import AccountForms, wait_text
from grupa_pipeline.auth.account_page import ACCOUNT
from grupa_pipeline.auth.accounts import SignedInUser, is_password, read_accounts
from grupa_pipeline.auth.messages import AuthRequest, AuthResponse
from grupa_pipeline.auth.open_sessions import SESSION_SECONDS
from grupa_pipeline.auth.session_cookies import SessionCookies
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.storage.audit_log import Actor, AuditAction, AuditOutcome, record

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
START, CALLBACK = f"{SIGN_IN}/start", f"{SIGN_IN}/callback"
"""Where a sign-in through a provider begins, and comes back to."""
BACK_CHANNEL = f"{SIGN_OUT}/back-channel"
"""Where the provider itself says that somebody signed out there."""
_STYLE = "color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;max-width:20rem;margin:15vh auto;padding:0 1rem;display:block"
_PAGE = Template(f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in to Grupa</title>
<style>body{{{_STYLE}}}label,input,button{{display:block;width:100%;box-sizing:border-box;font:inherit}}
input,button{{padding:.5rem;margin:.25rem 0 1rem}}.wrong{{color:light-dark(#b3261e,#ff8a80)}}</style>
<main><h1>Sign in to Grupa</h1>$message
<form method="post" action="$action"><input type="hidden" name="to" value="$to">
<label for="name">Name</label>
<input id="name" name="name" required maxlength="64" autocomplete="username" autocapitalize="none" autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password">
<button>Sign in</button></form></main></html>
""")
# A link on another site arrives without the session (SameSite=Strict); when our own page reloads, the session is sent.
RELOAD_PAGE = '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0"><title>Grupa</title></html>\n'


class LoginGate:
    """Recognises sessions, and starts one for a right name and password.

    Args:
        users_file: The file of users.
        warehouse: The folder that holds the sessions' key.
        prefix: Path under which a proxy serves this server; the paths of requests come without it.
        cookie_path: Path below which the session holds; default `prefix`.

    Raises:
        AccountsError: The file of users cannot be used.
    """

    def __init__(self, users_file: Path, warehouse: Path, prefix: str = "/", cookie_path: str | None = None) -> None:
        read_accounts(users_file)
        self._root, self._cookies = prefix.rstrip("/"), SessionCookies(cookie_path or prefix)
        self._users_file, self._warehouse = users_file, warehouse
        self._sessions = Sessions(warehouse)
        # Checking a password takes a fifth of a second and 32 MB: one at a time, so that guessing cannot overload the server.
        self._password_lock = threading.Lock()
        self._forms = AccountForms(users_file, warehouse, self._sessions, self._root, self._password_lock)

    def user(self, cookies: str, *, by_person: bool = True) -> SignedInUser | None:
        """The signed-in user; the file of users is read each time, so that removing a user, or another role, counts at once."""
        accounts = read_accounts(self._users_file)
        name = self._sessions.user(self._cookies.find(cookies), accounts, by_person=by_person)
        return SignedInUser(name, accounts[name].role) if name is not None else None

    def respond(self, request: AuthRequest) -> AuthResponse:
        """The response of the sign-in's own pages, and on any other path the one to a request without a session."""
        if request.path in (SIGN_IN, SIGN_OUT) and request.method == "POST":
            return self._sign_in(request) if request.path == SIGN_IN else self._sign_out(request)
        if request.path == ACCOUNT and (user := self.user(request.cookies)):
            return self._account(request, user)
        if request.path == SIGN_OUT:
            return AuthResponse(405, "Sign out with the button in the app.\n", {"Allow": "POST"})
        if request.path == SIGN_IN:
            return self._page(200, request.form.get("to", "/"))
        if request.from_elsewhere:
            return AuthResponse(401, RELOAD_PAGE)
        return self._page(401, request.target if request.method == "GET" else "/")

    def _sign_out(self, request: AuthRequest) -> AuthResponse:
        if user := self.user(request.cookies):
            self._record(AuditAction.SIGN_OUT, AuditOutcome.DONE, user.name, request, user.role)
        self._sessions.end(self._cookies.find(request.cookies))
        return self._redirect(SIGN_IN, "", request, 0)

    def _sign_in(self, request: AuthRequest) -> AuthResponse:
        name, to = request.form.get("name", "").strip(), request.form.get("to", "/")
        accounts = read_accounts(self._users_file)
        known = name if name in accounts else ""  # else it may be a password in the wrong field
        if seconds := self._sessions.count_attempt(name, request.address):
            self._record(AuditAction.SIGN_IN, AuditOutcome.REFUSED, known, request)
            page = self._page(429, to, f"Too many wrong passwords for this name; try again in {wait_text(seconds)}.")
            return AuthResponse(page.status, page.body, {"Retry-After": str(seconds)})
        with self._password_lock:
            is_right = is_password(accounts, name, request.form.get("password", ""))
        if not is_right:
            self._record(AuditAction.SIGN_IN, AuditOutcome.FAILED, known, request)
            return self._page(401, to, "That name and password do not belong together.")
        self._sessions.clear_attempts(name, request.address)
        self._record(AuditAction.SIGN_IN, AuditOutcome.DONE, name, request, accounts[name].role)
        session = self._sessions.begin(name, accounts[name].password_hash, request.address, request.agent)
        return self._redirect(local_path(to), session, request, SESSION_SECONDS)

    def _account(self, request: AuthRequest, user: SignedInUser) -> AuthResponse:
        """The page of one's own account; a new password signs out everywhere."""
        answer = self._forms.respond(request, user, self._sessions.session_of(self._cookies.find(request.cookies)))
        return answer or self._redirect(SIGN_IN, "", request, 0)

    def _record(
        self, action: AuditAction, outcome: AuditOutcome, user: str, request: AuthRequest, role: str = ""
    ) -> None:
        record(self._warehouse, action, outcome=outcome, by=Actor(user, role, request.address, request.through))

    def _redirect(self, path: str, session: str, request: AuthRequest, seconds: int) -> AuthResponse:
        cookie = self._cookies.set(session, request, seconds)
        return AuthResponse(303, "", {"Location": f"{self._root}{path}", "Set-Cookie": cookie})

    def _page(self, status: int, to: str, problem: str = "") -> AuthResponse:
        message = f'<p role="alert" class="wrong">{escape(problem)}</p>' if problem else ""
        fields = {"message": message, "to": escape(local_path(to)), "action": f"{self._root}{SIGN_IN}"}
        return AuthResponse(status, _PAGE.substitute(fields))


def local_path(text: str) -> str:
    """`text` when it is a path of this server, else `/`: a sign-in redirects to no other site."""
    is_odd = not text.startswith("/") or text.startswith(("//", SIGN_IN, SIGN_OUT)) or "\\" in text
    return "/" if is_odd or not text.isascii() or not text.isprintable() else text
