"""The page on which somebody changes their password, and looks at and ends their sessions. Knows no web framework."""

from collections.abc import Sequence
from html import escape
from string import Template

from grupa_pipeline.auth.accounts import MIN_PASSWORD, SignedInUser
from grupa_pipeline.auth.open_sessions import OpenSession

ACCOUNT = "/account"

_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Your account in Grupa</title>
<style>body{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:5vh auto;padding:0 1rem}
label,input{display:block;font:inherit;box-sizing:border-box}input{width:20rem;max-width:100%;padding:.5rem;margin:.25rem 0 1rem}
button{font:inherit;padding:.4rem .8rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem .4rem 0;
border-bottom:1px solid light-dark(#ddd,#444);vertical-align:top;overflow-wrap:anywhere}
.wrong{color:light-dark(#b3261e,#ff8a80)}</style>
<main><p><a href="$root/">Back to Grupa</a></p><h1>$name</h1><p>Your role: $role.</p>$message
<h2>Change your password</h2>
<form method="post" action="$root$account"><input type="hidden" name="what" value="password">
<label for="old">Password now</label><input id="old" name="old" type="password" required autocomplete="current-password">
<label for="new">New password, $least characters at least</label>
<input id="new" name="new" type="password" required minlength="$least" autocomplete="new-password">
<button>Change it</button></form><p>You are then signed out everywhere, and sign in again.</p>
<h2>Your sessions</h2><table><thead><tr><th>Began (UTC)</th><th>Last used</th><th>From</th><th></th></tr></thead>
<tbody>$rows</tbody></table></main></html>
""")
_ROW = Template("""<tr><td>$began</td><td>$seen</td><td>$place</td><td><form method="post" action="$root$account">
<input type="hidden" name="what" value="end"><input type="hidden" name="session" value="$session">
<button$label>End</button></form></td></tr>""")


def account_page(
    root: str, user: SignedInUser, sessions: Sequence[OpenSession], current: str | None, problem: str = ""
) -> str:
    """The page, as HTML.

    Args:
        root: The path under which the server is, without a slash at its end.
        user: Who asks.
        sessions: Their sessions.
        current: The id of the session that asks.
        problem: What went wrong, if anything.
    """
    rows = "".join(_row(root, each, is_current=each.session == current) for each in sessions)
    message = f'<p role="alert" class="wrong">{escape(problem)}</p>' if problem else ""
    fields = {"name": escape(user.name), "role": user.role, "message": message, "rows": rows}
    return _PAGE.substitute(fields, root=root, account=ACCOUNT, least=MIN_PASSWORD)


def _row(root: str, session: OpenSession, *, is_current: bool) -> str:
    place = "This one. " if is_current else ""
    place += " ".join(filter(None, (session.address, session.agent))) or "not known"
    fields = {"session": escape(session.session), "place": escape(place), "root": root, "account": ACCOUNT}
    label = f' aria-label="End the session of {session.began:%Y-%m-%d %H:%M}"'
    return _ROW.substitute(
        fields, began=f"{session.began:%Y-%m-%d %H:%M}", seen=f"{session.seen:%Y-%m-%d %H:%M}", label=label
    )
