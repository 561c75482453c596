"""The sign-in through an OpenID Connect provider: authorization code with PKCE, state and nonce, bound to the browser by a cookie.

Knows no web framework, as login.py, whose place it takes where `GRUPA_OIDC_ISSUER` is set.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from html import escape
from string import Template
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer

from grupa_pipeline.auth.account_forms import AccountForms
from grupa_pipeline.auth.account_page import ACCOUNT
from grupa_pipeline.auth.accounts import SignedInUser
from grupa_pipeline.auth.login import BACK_CHANNEL, CALLBACK, RELOAD_PAGE, SIGN_IN, SIGN_OUT, START, local_path
from grupa_pipeline.auth.messages import AuthRequest, AuthResponse
from grupa_pipeline.auth.oidc_logout import check_logout_token
from grupa_pipeline.auth.oidc_people import OidcPeople
from grupa_pipeline.auth.oidc_provider import Client, OidcError, OidcProvider
from grupa_pipeline.auth.open_sessions import SESSION_SECONDS
from grupa_pipeline.auth.proxy import role_of
from grupa_pipeline.auth.session_cookies import SessionCookies
from grupa_pipeline.auth.sessions import Sessions, session_key
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.audit_log import Actor, AuditAction, AuditOutcome, record
from grupa_pipeline.vocabulary.enums import UserRole

EVERYBODY = "*"
"""The group in `GRUPA_OIDC_GROUPS` in which everybody is whom the provider lets in."""
_FLOW_SECONDS = 600
_NOT_KEPT = {"Cache-Control": "no-store"}
_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in to Grupa</title>
<style>body{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;max-width:20rem;margin:15vh auto;padding:0 1rem}
.wrong{color:light-dark(#b3261e,#ff8a80)}</style><main><h1>Sign in to Grupa</h1>$message</main></html>
""")
_GO_ON = Template("""<!doctype html>
<html lang="en"><meta http-equiv="refresh" content="0;url=$to"><title>Grupa</title><a href="$to">Go on</a></html>
""")


class OidcGate:
    """Recognises sessions, and starts one for whom the provider signed in and whose groups have a role.

    Args:
        settings: The settings.
        prefix: Path under which a proxy serves this server.
        cookie_path: Path below which the session holds; default `prefix`.
        starts_sign_ins: Whether this server is registered at the provider: the app is, Dagster's UI takes its sessions.
    """

    def __init__(
        self, settings: Settings, prefix: str = "/", cookie_path: str | None = None, *, starts_sign_ins: bool = True
    ) -> None:
        self._settings, self._root, self._starts = settings, prefix.rstrip("/"), starts_sign_ins
        self._cookies = SessionCookies(cookie_path or prefix)
        self._flow_cookies = SessionCookies(cookie_path or prefix, "grupa_sign_in", "Lax")
        self._sessions = Sessions(settings.warehouse)
        self.people = OidcPeople(settings.warehouse)
        self._forms = AccountForms(None, settings.warehouse, self._sessions, self._root, threading.Lock())
        client = Client(settings.oidc_issuer or "", settings.oidc_client_id or "", settings.oidc_client_secret)
        self._provider = OidcProvider(client)
        key = session_key(settings.warehouse / ".session_key")
        signing = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._signer = URLSafeTimedSerializer(key, salt="grupa sign-in", signer_kwargs=signing)

    def user(self, cookies: str, *, by_person: bool = True) -> SignedInUser | None:
        """The signed-in user, with the role that their groups gave at the sign-in."""
        accounts = self.people.accounts()
        name = self._sessions.user(self._cookies.find(cookies), accounts, by_person=by_person)
        return SignedInUser(name, accounts[name].role) if name is not None else None

    def respond(self, request: AuthRequest) -> AuthResponse:
        """The response of the sign-in's own pages, and on any other path the one to a request without a session."""
        own: dict[str, Callable[[AuthRequest], AuthResponse | None]] = {
            SIGN_IN: self._greet,
            SIGN_OUT: self._sign_out,
            ACCOUNT: self._account,
        }
        if self._starts:
            own |= {START: self._start, CALLBACK: self._finish, BACK_CHANNEL: self._end_by_provider}
        page = own.get(request.path)
        if page and (answer := page(request)):
            return answer
        if request.from_elsewhere:
            return AuthResponse(401, RELOAD_PAGE)
        return self._page(401, request.target if request.method == "GET" else "/")

    def _greet(self, request: AuthRequest) -> AuthResponse:
        """The page of the sign-in; after a sign-out with the way to that of the provider."""
        message = ""
        if "out" in _query(request):
            address = self._provider.sign_out_address(self._address(request, SIGN_IN)) if self._starts else None
            also = f'<p><a href="{escape(address)}">Sign out of the provider too</a></p>' if address else ""
            message = f"<p>You are signed out of Grupa.</p>{also}"
        return self._page(200, _parameter(request, "to") or "/", message)

    def _account(self, request: AuthRequest) -> AuthResponse | None:
        user = self.user(request.cookies)
        if user is None:
            return None
        session = self._sessions.session_of(self._cookies.find(request.cookies))
        return self._forms.respond(request, user, session)

    def _start(self, request: AuthRequest) -> AuthResponse:
        """Send the browser to the provider; what comes back must belong to this browser, within ten minutes, once."""
        flow = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        try:
            address = self._provider.authorization_address(
                self._address(request, CALLBACK), flow["state"], flow["nonce"], flow["verifier"]
            )
        except OidcError as error:
            return self._refuse(503, str(error))
        kept = self._signer.dumps(flow | {"to": local_path(_parameter(request, "to") or "/")})
        return AuthResponse(
            303, "", {"Location": address, "Set-Cookie": self._flow_cookies.set(kept, request, _FLOW_SECONDS)}
        )

    def _finish(self, request: AuthRequest) -> AuthResponse:
        """Start a session for whom the provider sends back."""
        try:
            flow = self._flow(request)
            claims = self._provider.redeem(
                _parameter(request, "code"), self._address(request, CALLBACK), flow["verifier"], flow["nonce"]
            )
            role = self._role(claims)
        except OidcError as error:
            by = Actor("", "", request.address, request.through)
            record(self._settings.warehouse, AuditAction.SIGN_IN, outcome=AuditOutcome.FAILED, by=by)
            return self._refuse(401, str(error))
        name = self.people.note(self._settings.oidc_issuer or "", claims, role)
        by = Actor(name, role, request.address, request.through)
        record(self._settings.warehouse, AuditAction.SIGN_IN, by=by)
        account = self.people.accounts()[name]
        session = self._sessions.begin(
            name, account.password_hash, request.address, request.agent, part_of=_session_of(claims)
        )
        # A redirect would still count as a request of the provider's site, without the cookie; a page of ours asks anew.
        page = _GO_ON.substitute(to=escape(f"{self._root}{flow['to']}"))
        return AuthResponse(200, page, {"Set-Cookie": self._cookies.set(session, request, SESSION_SECONDS)})

    def _flow(self, request: AuthRequest) -> Mapping[str, str]:
        """What `_start` kept in this browser, if the answer belongs to it and is the first.

        Raises:
            OidcError: It does not.
        """
        again = OidcError("This sign-in was not begun in this browser, or is over; begin again.")
        try:
            flow: dict[str, str] = self._signer.loads(
                self._flow_cookies.find(request.cookies) or "", max_age=_FLOW_SECONDS
            )
        except BadData as error:
            raise again from error
        if not secrets.compare_digest(_parameter(request, "state").encode(), flow["state"].encode()):
            raise again
        if not self._sessions.spend(flow["state"]):
            raise again
        issuer = _parameter(request, "iss")
        if issuer and issuer != self._settings.oidc_issuer:  # RFC 9207
            raise OidcError("The answer came from another provider.")
        if "error" in _query(request) or not _parameter(request, "code"):
            raise OidcError("The provider did not sign you in.")
        return flow

    def _role(self, claims: Mapping[str, Any]) -> UserRole:
        groups = claims.get("groups")
        named = [each for each in groups if isinstance(each, str)] if isinstance(groups, list) else []
        role = role_of([*(each for each in named if each != EVERYBODY), EVERYBODY], self._settings.oidc_groups)
        if role is None:
            raise OidcError("You are in none of the groups of GRUPA_OIDC_GROUPS; ask whoever runs Grupa.")
        return role

    def _sign_out(self, request: AuthRequest) -> AuthResponse:
        if request.method != "POST":
            return AuthResponse(405, "Sign out with the button in the app.\n", {"Allow": "POST"})
        if user := self.user(request.cookies):
            by = Actor(user.name, user.role, request.address, request.through)
            record(self._settings.warehouse, AuditAction.SIGN_OUT, by=by)
        self._sessions.end(self._cookies.find(request.cookies))
        headers = {"Location": f"{self._root}{SIGN_IN}?out=1", "Set-Cookie": self._cookies.set("", request, 0)}
        return AuthResponse(303, "", headers)

    def _end_by_provider(self, request: AuthRequest) -> AuthResponse:
        """End the sessions that the provider names, because somebody signed out there or was signed out."""
        if request.method != "POST":
            return AuthResponse(405, "The provider of sign-ins posts a logout token here.\n", {"Allow": "POST"})
        issuer = self._settings.oidc_issuer or ""
        try:
            notice = check_logout_token(self._provider, request.form.get("logout_token"))
            if not self._sessions.spend(f"logout {hashlib.sha256(notice.token_id.encode()).hexdigest()}"):
                raise OidcError("This logout token was used before.")
        except OidcError as error:
            by = Actor("", "", request.address, request.through)
            record(self._settings.warehouse, AuditAction.SIGN_OUT, outcome=AuditOutcome.FAILED, by=by)
            return AuthResponse(400, f"{error}\n", _NOT_KEPT)
        name = self.people.name_of(issuer, notice.subject) if notice.subject else None
        if notice.session:
            self._sessions.end_part_of(notice.session)
        elif name:
            self._sessions.end_all(name)
        record(self._settings.warehouse, AuditAction.SIGN_OUT, by=Actor(name or "", "", request.address, "provider"))
        return AuthResponse(200, "", _NOT_KEPT)

    def _refuse(self, status: int, problem: str) -> AuthResponse:
        return self._page(status, "/", f'<p role="alert" class="wrong">{escape(problem)}</p>')

    def _page(self, status: int, to: str, message: str = "") -> AuthResponse:
        start = escape(f"{self._root}{START}?to={quote(local_path(to), safe='')}")
        here = f'<p><a href="{start}">Sign in</a></p>'
        elsewhere = "<p>Sign in to Grupa's app in this browser, then reload this page.</p>"
        return AuthResponse(status, _PAGE.substitute(message=message + (here if self._starts else elsewhere)))

    def _address(self, request: AuthRequest, path: str) -> str:
        """An address of this server as the provider knows it; the guard has checked the host."""
        return f"{'https' if request.secure else 'http'}://{request.host}{self._root}{path}"


def _query(request: AuthRequest) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.target).query, keep_blank_values=True)


def _session_of(claims: Mapping[str, Any]) -> str:
    """The provider's session of a sign-in; empty where it names none."""
    session = claims.get("sid")
    return session if isinstance(session, str) and len(session) <= 255 else ""


def _parameter(request: AuthRequest, name: str) -> str:
    """A parameter that was sent once; empty otherwise."""
    values = _query(request).get(name, [])
    return values[0] if len(values) == 1 else ""
