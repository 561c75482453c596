"""The page on which somebody changes their password, and looks at and ends their sessions and tokens. Knows no web framework."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from grupa_pipeline.auth.accounts import MIN_PASSWORD, SignedInUser
from grupa_pipeline.auth.open_sessions import OpenSession
from grupa_pipeline.auth.tokens import DEFAULT_DAYS, MAX_DAYS, AccessToken

ACCOUNT = "/account"

_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Your account in Grupa</title>
<style>body{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:5vh auto;padding:0 1rem}
label,input,select{display:block;font:inherit;box-sizing:border-box}
input,select{width:20rem;max-width:100%;padding:.5rem;margin:.25rem 0 1rem}
button{font:inherit;padding:.4rem .8rem;white-space:nowrap}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem .4rem 0;
border-bottom:1px solid light-dark(#ddd,#444);vertical-align:top;overflow-wrap:anywhere}
summary{cursor:pointer;margin:1rem 0}code{overflow-wrap:anywhere}.wrong{color:light-dark(#b3261e,#ff8a80)}</style>
<main><p><a href="$root/">Back to Grupa</a></p><h1>$name</h1><p>Your role: $role.</p>$message
$password<h2>Your sessions</h2><table><thead><tr><th>Began (UTC)</th><th>Last used</th><th>From</th><th></th></tr></thead>
<tbody>$sessions</tbody></table>
<h2>Your tokens</h2><p>A script or an agent comes in with one, as you.</p>$tokens
<details><summary>Create a token</summary><form method="post" action="$root$account"><input type="hidden" name="what" value="token">
<label for="token">Its name, as plans show it</label><input id="token" name="name" required maxlength="40" autocomplete="off">
<label for="scope">What it may do</label><select id="scope" name="scope"><option value="read">Download exports and reports</option>
<option value="plan">Download, and propose tests</option></select>
<label for="days">For how many days</label>
<input id="days" name="days" type="number" min="1" max="$longest" value="$usual" required>
$again<button>Create it</button></form></details></main></html>
""")
_PASSWORD = Template("""<h2>Change your password</h2>
<form method="post" action="$root$account"><input type="hidden" name="what" value="password">
<label for="old">Password now</label><input id="old" name="old" type="password" required autocomplete="current-password">
<label for="new">New password, $least characters at least</label>
<input id="new" name="new" type="password" required minlength="$least" autocomplete="new-password">
<button>Change it</button></form><p>You are then signed out everywhere, and sign in again.</p>
""")
_AGAIN = """<label for="again">Your password</label>
<input id="again" name="old" type="password" required autocomplete="current-password">
"""
_FORM = Template("""<form method="post" action="$root$account"><input type="hidden" name="what" value="$what">
<input type="hidden" name="$field" value="$id"><button aria-label="$label">$word</button></form>""")
_TOKENS = Template("""<table><thead><tr><th>Name</th><th>May</th><th>Ends (UTC)</th><th>Last used</th><th></th></tr></thead>
<tbody>$rows</tbody></table>""")
_NEW_TOKEN = Template(
    """<p role="status">The new token, shown this once. Keep it where the script reads it:<br><code>$token</code></p>"""
)


@dataclass(frozen=True)
class AccountView:
    """What the page shows.

    Attributes:
        user: Who asks.
        sessions: Their sessions.
        current: The id of the session that asks.
        tokens: Their valid tokens.
        new_token: A token that was just created.
        problem: What went wrong, if anything.
        has_password: Whether they sign in with a password of Grupa's own.
    """

    user: SignedInUser
    sessions: Sequence[OpenSession]
    current: str | None
    tokens: Sequence[AccessToken] = ()
    new_token: str = ""
    problem: str = ""
    has_password: bool = True


def account_page(root: str, view: AccountView) -> str:
    """The page, as HTML.

    Args:
        root: The path under which the server is, without a slash at its end.
        view: What it shows.
    """
    message = f'<p role="alert" class="wrong">{escape(view.problem)}</p>' if view.problem else ""
    if view.new_token:
        message += _NEW_TOKEN.substitute(token=escape(view.new_token))
    sessions = "".join(_session_row(root, each, is_current=each.session == view.current) for each in view.sessions)
    rows = "".join(_token_row(root, each) for each in view.tokens)
    fields = {"name": escape(view.user.name), "role": view.user.role, "message": message, "sessions": sessions}
    fields |= {"tokens": _TOKENS.substitute(rows=rows) if rows else "", "root": root, "account": ACCOUNT}
    if view.has_password:
        fields |= {"password": _PASSWORD.substitute(root=root, account=ACCOUNT, least=MIN_PASSWORD), "again": _AGAIN}
    return _PAGE.substitute({"password": "", "again": ""} | fields, longest=MAX_DAYS, usual=DEFAULT_DAYS)


def _session_row(root: str, session: OpenSession, *, is_current: bool) -> str:
    place = "This one. " if is_current else ""
    place += " ".join(filter(None, (session.address, session.agent))) or "not known"
    label = f"End the session of {session.began:%Y-%m-%d %H:%M}"
    end = {"what": "end", "field": "session", "id": session.session, "label": label, "word": "End"}
    cells = (f"{session.began:%Y-%m-%d %H:%M}", f"{session.seen:%Y-%m-%d %H:%M}", place)
    return _row(root, cells, end)


def _token_row(root: str, token: AccessToken) -> str:
    used = f"{token.used:%Y-%m-%d %H:%M}" if token.used else "never"
    revoke = {"what": "revoke", "field": "token", "id": token.token_id, "word": "Revoke"}
    cells = (token.name, ", ".join(sorted(token.scopes)), f"{token.expires:%Y-%m-%d}", used)
    return _row(root, cells, revoke | {"label": f"Revoke {token.name}"})


def _row(root: str, cells: Sequence[str], form: dict[str, str]) -> str:
    button = _FORM.substitute({key: escape(value) for key, value in form.items()}, root=root, account=ACCOUNT)
    return f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in cells)}<td>{button}</td></tr>"
