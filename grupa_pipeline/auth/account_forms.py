"""What people do with their own account: change the password, end sessions, create and revoke tokens.

Knows no web framework. The page itself is in account_page.py.
"""

import math
import threading
from pathlib import Path

from grupa_pipeline.auth.account_page import ACCOUNT, AccountView, account_page
from grupa_pipeline.auth.accounts import AccountsError, SignedInUser, is_password, read_accounts, set_password
from grupa_pipeline.auth.messages import AuthRequest, AuthResponse
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.auth.tokens import AccessTokens, TokenError
from grupa_pipeline.storage.audit_log import Actor, AuditAction, AuditOutcome, record
from grupa_pipeline.vocabulary.enums import TokenScope


class AccountForms:
    """The page of one's own account, and its forms.

    Args:
        users_file: The file of users; None where they have no passwords here.
        warehouse: The folder whose audit log holds what is done.
        sessions: The sessions.
        root: Path under which the server is, without a slash at its end.
        password_lock: Held while a password is checked.
    """

    def __init__(
        self,
        users_file: Path | None,
        warehouse: Path,
        sessions: Sessions,
        root: str,
        password_lock: threading.Lock,
    ) -> None:
        self._users_file, self._warehouse, self._sessions = users_file, warehouse, sessions
        self._password_lock, self._root = password_lock, root
        self._tokens = AccessTokens.beside(users_file, warehouse)

    def respond(self, request: AuthRequest, user: SignedInUser, session: str | None) -> AuthResponse | None:
        """The answer to a request for the page; None where the password was changed, and its session is over.

        Args:
            request: The request.
            user: Who sent it.
            session: The id of its session.
        """
        problem, token = "", ""
        what = request.form.get("what") if request.method == "POST" else None
        try:
            match what:
                case "end":
                    if self._sessions.end_own(user.name, request.form.get("session", "")):
                        self._record(AuditAction.SIGN_OUT, AuditOutcome.DONE, user, request)
                case "revoke":
                    self._revoke(request, user)
                case "token":
                    token = self._create_token(request, user)
                case None:
                    pass
                case _ if self._users_file:
                    self._change_password(request, user, self._users_file)
                    return None
                case _:
                    problem = "Passwords are changed where you sign in."
        except AccountsError as error:
            problem = str(error)
        if what in ("end", "revoke") and not problem:
            return AuthResponse(303, "", {"Location": f"{self._root}{ACCOUNT}"})
        tokens = self._tokens.of(user.name)
        has_password = self._users_file is not None
        view = AccountView(
            user, self._sessions.open_sessions(user.name), session, tokens, token, problem, has_password=has_password
        )
        return AuthResponse(400 if problem else 200, account_page(self._root, view))

    def _change_password(self, request: AuthRequest, user: SignedInUser, users_file: Path) -> None:
        """Change the user's password.

        Raises:
            AccountsError: The one now is wrong, or the new one cannot be used.
        """
        self._check_password(request, user, AuditAction.PASSWORD, users_file)
        with self._password_lock:
            set_password(users_file, user.name, request.form.get("new", ""))
        self._sessions.end_all(user.name)  # their cookies hold no longer: nor does anything list them
        self._record(AuditAction.PASSWORD, AuditOutcome.DONE, user, request)

    def _create_token(self, request: AuthRequest, user: SignedInUser) -> str:
        """Create a token for the user; returns it.

        Raises:
            AccountsError: The password is wrong, or there can be no such token.
        """
        if self._users_file:  # a page left open makes nobody an agent
            self._check_password(request, user, AuditAction.TOKEN, self._users_file)
        name, days = request.form.get("name", "").strip(), request.form.get("days", "")
        scopes = {TokenScope.READ, TokenScope.PLAN} if request.form.get("scope") == "plan" else {TokenScope.READ}
        if not (days.isascii() and days.isdecimal()):
            raise TokenError("Say for how many days the token holds.")
        token = self._tokens.create(user.name, name, scopes, int(days[:9]))
        self._record(AuditAction.TOKEN, AuditOutcome.DONE, user, request, f"create:{name}")
        return token

    def _revoke(self, request: AuthRequest, user: SignedInUser) -> None:
        token = self._tokens.revoke(user.name, request.form.get("token", ""))
        self._record(AuditAction.TOKEN, AuditOutcome.DONE, user, request, f"revoke:{token.name}")

    def _check_password(self, request: AuthRequest, user: SignedInUser, action: AuditAction, users_file: Path) -> None:
        if seconds := self._sessions.count_attempt(user.name, request.address):
            raise AccountsError(f"Too many wrong passwords; try again in {wait_text(seconds)}.")
        with self._password_lock:
            is_right = is_password(read_accounts(users_file), user.name, request.form.get("old", ""))
        if not is_right:
            self._record(action, AuditOutcome.FAILED, user, request)
            raise AccountsError("That is not your password now; nothing was changed.")
        self._sessions.clear_attempts(user.name, request.address)

    def _record(
        self, action: AuditAction, outcome: AuditOutcome, user: SignedInUser, request: AuthRequest, of: str = ""
    ) -> None:
        record(self._warehouse, action, of, outcome, by=Actor(user.name, user.role, request.address, request.through))


def wait_text(seconds: int) -> str:
    """A waiting time in words."""
    return f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
