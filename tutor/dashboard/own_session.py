"""How a learner comes to the own page: by a link, without an account.

The link, /me/enter/?token=..., is exchanged for a cookie and left by a redirect at once. So the token stands neither
in the browser's history, nor in an address that could be copied off the screen, nor in a referrer; and it works
without scripts, in every reader of mail, and from a printed square. A fragment would keep it out of server logs too,
but in the history, and would need scripts: operators are told to keep query strings of /me/enter/ out of their logs.

The cookie does not hold the token, but names its row, signed: it opens this page and not the API, and it is looked up
each time, so that revocation, expiry and erasure hold at once. HttpOnly, for no script needs it. SameSite=Lax: links
are followed from mail and chat, and what follows a Strict cookie's redirect would come without it; the page only
reads. It goes to /me/ alone, and ends with the browser: school computers have many users.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from tutor.accounts import learner_tokens
from tutor.accounts.models import Learner, LearnerToken

COOKIE: Final = "trellis_own"
_SALT: Final = "tutor.dashboard.own"


def address(token: str) -> str:
    """Where a token opens the page."""
    return f"{reverse('dashboard:own_enter')}?{urlencode({'token': token})}"


def begin(request: HttpRequest, response: HttpResponse, token: LearnerToken) -> None:
    response.set_signed_cookie(
        COOKIE,
        str(token.pk),
        salt=_SALT,
        path=reverse("dashboard:own"),
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )


def end(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, path=reverse("dashboard:own"), samesite="Lax")


def learner_of(request: HttpRequest, now: datetime) -> Learner | None:
    """Whose page this browser may see; with the school."""
    said = request.get_signed_cookie(COOKIE, None, salt=_SALT)
    token = learner_tokens.find_by_id(UUID(said), now=now) if said else None
    return token.learner if token else None
