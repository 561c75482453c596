"""Sign-outs that the provider tells this server itself: the checks of its logout token.

Reference: OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
"""

import time
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError

from grupa_pipeline.auth.oidc_provider import LONGEST_TOKEN, OidcError, OidcProvider

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_TYPES = (None, "JWT", "logout+jwt")
_LEEWAY_SECONDS = 60
_LONGEST_LIFE = 600
"""For which a logout token may hold: it is sent at once, and one that was kept must end nobody's session later."""


@dataclass(frozen=True)
class LogoutNotice:
    """Whose sessions end.

    Attributes:
        token_id: The token's own id, which counts once.
        session: The provider's session; None where all of the person's sessions end.
        subject: The person, as the provider's ID tokens name them; None where only the session is named.
    """

    token_id: str
    session: str | None
    subject: str | None


def check_logout_token(provider: OidcProvider, text: object) -> LogoutNotice:
    """What a logout token says that this provider signed for this client, a moment ago.

    Raises:
        OidcError: It is anything else, an ID token among it.
    """
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TOKEN:
        raise OidcError("There is no logout token.")
    try:
        token = provider.decode(text)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise OidcError("The logout token does not hold.") from error
    claims, client = token.claims, provider.client
    is_ours = claims.get("iss") == client.issuer and claims.get("aud") in (client.client_id, [client.client_id])
    is_logout = _tells_logout(claims.get("events")) and "nonce" not in claims and token.header.get("typ") in _TYPES
    named = {name: claims[name] for name in ("jti", "sid", "sub") if name in claims}
    are_names = all(isinstance(each, str) and 0 < len(each) <= 255 for each in named.values())
    is_whole = "jti" in named and len(named) > 1 and are_names
    if not (is_ours and is_logout and is_whole and _is_now(claims.get("iat"), claims.get("exp"))):
        raise OidcError("The logout token does not hold.")
    return LogoutNotice(named["jti"], named.get("sid"), named.get("sub"))


def _tells_logout(events: Any) -> bool:
    return isinstance(events, dict) and isinstance(events.get(_EVENT), dict)


def _is_now(issued: Any, expires: Any) -> bool:
    """Whether a token of these times holds now, and for a short time."""
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in (issued, expires)):
        return False
    now = time.time()
    is_short = expires - issued <= _LONGEST_LIFE
    return bool(issued - _LEEWAY_SECONDS <= now <= expires + _LEEWAY_SECONDS and is_short)
