"""Who sends a request, and what they may do: a session's user, the one that a trusted proxy names, or the local user.

Converts between Flask and `grupa_pipeline/auth/login.py`; it applies to every route but the health endpoint.
"""

from flask import Flask, Response, abort, g, has_app_context, jsonify, request

from grupa_pipeline.auth.account_page import ACCOUNT
from grupa_pipeline.auth.accounts import SignedInUser
from grupa_pipeline.auth.gates import SignInGate, known_accounts, sign_in_gate
from grupa_pipeline.auth.login import BACK_CHANNEL, CALLBACK, SIGN_IN, SIGN_OUT, START
from grupa_pipeline.auth.messages import AuthRequest
from grupa_pipeline.auth.permissions import TOKEN_ONLY, TOKEN_ROUTES, route_role
from grupa_pipeline.auth.proxy import ProxyError, is_proxy, signed_in_user
from grupa_pipeline.auth.tokens import BEGINNING, AccessToken, AccessTokens, bearer, token_user
from grupa_pipeline.auth.use_limits import LIMITED_ROUTES, LimitedUse, UseLimits
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.audit_log import Actor, AuditAction, AuditOutcome, act_as, record
from grupa_pipeline.vocabulary.enums import UserRole

LOCAL_USER = SignedInUser("local user", UserRole.ADMIN)
"""Who uses the app where nobody signs in: it answers on loopback alone."""
NEEDED_ROLE_HEADER = "X-Grupa-Needs-Role"
"""What a refusal for want of a role names; `watch.js` tells it on the page."""
USER_IN_ENVIRON = "grupa.user"
"""The user's name in a request's environment, for the log of requests."""
_OPEN_PATHS = frozenset({"/healthz"})
_EXPORTS = ("/export/", "/print/")
_NAMED = {"export_users": ("cluster", "segment"), "download_report": ("cluster",)}
"""What endpoints are asked for by id, which answer 200 only where it is there."""
_LOGIN_PATHS = (SIGN_IN, START, CALLBACK, SIGN_OUT, BACK_CHANNEL, ACCOUNT)
_POLLED = "/news"
"""What an open page asks for by itself."""
_CALLBACKS = "/_dash-update-component"
_TICKS = ".n_intervals"
"""The end of a property that `dcc.Interval` changes, and nothing else."""


def require_user(server: Flask, settings: Settings) -> None:
    """Require the authentication that `settings` demand on every route; call it after `security.protect`.

    Raises:
        AccountsError: The file of users cannot be used.
    """
    server.before_request(lambda: act_as(Actor("", address=_client_address(settings), through="app")))
    tokens = AccessTokens.beside(settings.users_file, settings.warehouse)
    server.before_request(lambda: _authenticate_by_token(tokens, settings))
    if settings.trust_proxy:
        server.before_request(lambda: _authenticate_by_proxy(settings))
    elif login := sign_in_gate(settings, settings.url_prefix):
        server.before_request(lambda: _authenticate_by_session(login, settings))
    limits = UseLimits(settings)
    server.before_request(lambda: _check_route(settings))
    server.before_request(lambda: _check_limit(limits))
    server.after_request(lambda response: _record_answer(settings, response))
    server.teardown_request(lambda _: act_as(None))


def current_user() -> str:
    """The name of the user of this request; becomes a plan's owner."""
    return _user().name


def current_role() -> UserRole:
    """What the user of this request may do."""
    return _user().role


def current_token() -> AccessToken | None:
    """The token by which this request came in; None where a person sent it."""
    found: AccessToken | None = g.get("token") if has_app_context() else None
    return found


def require_role(needed: UserRole, what: str = "") -> None:
    """Refuse this request with 403 unless its user's role includes `needed`; `what` names it in the audit log."""
    if not current_role().may(needed):
        g.refused = what or request.endpoint
        message = f"This needs the role {needed}; yours is {current_role()}. Ask whoever runs Grupa for it.\n"
        abort(Response(message, 403, {NEEDED_ROLE_HEADER: needed}, mimetype="text/plain"))


def _user() -> SignedInUser:
    user: SignedInUser = g.get("user", LOCAL_USER) if has_app_context() else LOCAL_USER
    return user


def _check_route(settings: Settings) -> None:
    """Ask for the route's role, and name who acts for the audit log and the log of requests."""
    user = _user()
    request.environ[USER_IN_ENVIRON] = user.name
    token = current_token()
    act_as(Actor(user.name, user.role, _client_address(settings), token.agent if token else "app"))
    if request.endpoint is not None:
        require_role(route_role(request.endpoint, request.method))


def _check_limit(limits: UseLimits) -> Response | None:
    """Refuse what the user has done as often as one person may within an hour."""
    use = LIMITED_ROUTES.get(request.endpoint or "")
    reached = limits.take(current_user(), use) if use else None
    if reached is None:
        return None
    g.refused = request.endpoint
    response = (
        jsonify(error=str(reached)) if use == LimitedUse.UPLOAD else Response(f"{reached}\n", mimetype="text/plain")
    )
    response.status_code = 429
    response.headers["Retry-After"] = str(reached.seconds)
    return response


def _record_answer(settings: Settings, response: Response) -> Response:
    """Record an export, and a request that was refused for want of a role or as one too many."""
    if "refused" in g and (response.status_code == 429 or NEEDED_ROLE_HEADER in response.headers):
        asked = g.get("refused", request.endpoint or "")
        record(settings.warehouse, AuditAction.ASK, asked, AuditOutcome.REFUSED)
    elif response.status_code == 200 and request.path.startswith(_EXPORTS):
        # Others do not read it: then it is what somebody typed.
        names = _NAMED.get(request.endpoint or "", ())
        asked = next((f"?{name}={request.args[name]}" for name in names if request.args.get(name)), "")
        record(settings.warehouse, AuditAction.EXPORT, request.path + asked)
    return response


def _authenticate_by_token(tokens: AccessTokens, settings: Settings) -> None:
    """Recognise a request with a token; one whose token does not hold gets no second chance by a session."""
    if request.path in _OPEN_PATHS:
        return
    text = bearer(request.headers.get("Authorization", ""))
    if text is None or (settings.trust_proxy and not text.startswith(BEGINNING)):  # one of the proxy's own
        if request.endpoint in TOKEN_ONLY:
            _refuse_token(
                "This takes a token: Authorization: Bearer ...; create one with grupa user NAME --token TOKEN."
            )
        return
    token = tokens.find(text)
    user = token_user(token, known_accounts(settings)) if token else None
    if token is None or user is None:
        record(settings.warehouse, AuditAction.TOKEN, request.endpoint or "", AuditOutcome.FAILED)
        _refuse_token("This token is not valid: it may have expired, been revoked, or lost its owner.")
        return
    g.user, g.token = user, token
    scope = TOKEN_ROUTES.get(request.endpoint or "")
    if scope not in token.scopes:
        _check_route(settings)  # who is refused, for the audit log
        record(settings.warehouse, AuditAction.ASK, request.endpoint or "", AuditOutcome.REFUSED)
        need = f"This needs a token with the scope {scope}." if scope else "No token opens this; sign in."
        abort(Response(f"{need}\n", 403, mimetype="text/plain"))


def _refuse_token(message: str) -> None:
    headers = {"WWW-Authenticate": "Bearer"}
    abort(Response(f"{message}\n", 401, headers, mimetype="text/plain"))


def _authenticate_by_proxy(settings: Settings) -> None:
    if request.path in _OPEN_PATHS or current_token():
        return
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        g.user = signed_in_user(headers, request.remote_addr or "", settings)
    except ProxyError as error:
        abort(401, str(error))


def _client_address(settings: Settings) -> str:
    """The client's address: what a known proxy names last, else the connection's."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded if forwarded and is_proxy(request.remote_addr or "", settings) else request.remote_addr or ""


def _is_by_timer() -> bool:
    """Whether a timer of an open page sent this request, and no person: `/news`, or a callback that only an interval started."""
    if request.path != _CALLBACKS:
        return request.path == _POLLED
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        return False
    changed = body.get("changedPropIds") if isinstance(body, dict) else None
    return bool(changed) and isinstance(changed, list) and all(str(each).endswith(_TICKS) for each in changed)


def _authenticate_by_session(login: SignInGate, settings: Settings) -> Response | None:
    if request.path in _OPEN_PATHS or current_token():
        return None
    g.user = login.user(request.headers.get("Cookie", ""), by_person=not _is_by_timer())
    if g.user and request.path not in _LOGIN_PATHS:
        return None
    response = login.respond(
        AuthRequest(
            method=request.method,
            path=request.path,
            target=request.full_path.rstrip("?"),
            cookies=request.headers.get("Cookie", ""),
            form=request.form if request.path in (SIGN_IN, BACK_CHANNEL, ACCOUNT) else {},
            address=_client_address(settings),
            agent=request.headers.get("User-Agent", ""),
            # A client who claims this of a plain connection only loses its own cookie.
            secure=request.is_secure or request.headers.get("X-Forwarded-Proto") == "https",
            host=request.host,
            from_elsewhere=request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"),
        )
    )
    return Response(response.body, response.status, dict(response.headers), mimetype="text/html")
