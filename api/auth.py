"""Who asks: a key becomes a `Client`, and a scope is needed for everything.

So does a learner's token, to which alone those operations are open that say so: whatever is added is closed to it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from api.errors import LEARNER_TOKEN, MISSING_SCOPE, UNAUTHENTICATED, Problem
from tutor.accounts import learner_tokens, queries
from tutor.accounts.access import Client

if TYPE_CHECKING:  # DRF's views import this module, which its settings name
    from rest_framework.request import Request
    from rest_framework.views import APIView

#: A revoked key is believed this long by a web process that knows it: one query a key and process saved per request.
CACHE_SECONDS: Final = 30.0

# Digest of the key -> (when to ask again, who). Only good keys are kept, so strangers cannot fill it.
_known: dict[bytes, tuple[float, Client]] = {}


def authenticate(request: HttpRequest) -> Client:
    """Raises:
    Problem: 401, if there is no key or not a valid one; 403, if it is a learner's and this is not for learners.
    """
    client: Client | None = getattr(request, "client", None)
    if client is None:
        client = _client(_key(request))
        if client.learner_id is not None and not opens_to_learners(request):
            raise Problem(
                LEARNER_TOKEN,
                f"{request.method} {request.path} is not for learners: their tokens read the learner's own mastery, "
                "forecast, agenda and answers; use a key of the school for everything else",
            )
        request.client = client  # type: ignore[attr-defined]
    return client


def require_scope(client: Client, scope: str) -> None:
    if scope not in client.scopes:
        raise Problem(
            MISSING_SCOPE,
            f"key {client.name!r} lacks the scope {scope!r}: ask an administrator of your school for a key with it",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )


def opens_to_learners(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and request.method in ("GET", "HEAD") and is_for_learners(match.func)


def is_for_learners(view: Any) -> bool:
    """Whether a view lets learners read: fast ones say it of their GET, classes of themselves."""
    reads = (one for one in getattr(view, "endpoints", ()) if one.method == "GET")
    return any(one.for_learners for one in reads) or getattr(getattr(view, "cls", None), "for_learners", False)


def forget(client_id: UUID | None = None) -> None:
    """Forgets one client, or all, so that this process asks the database again."""
    for digest, (_, client) in list(_known.items()):
        if client_id in (None, client.id):
            _known.pop(digest, None)


def _client(key: str) -> Client:
    digest = queries.key_sha256(key)
    ask_at, client = _known.get(digest, (0.0, None))
    now = time.time()
    if client is None or now >= ask_at or now >= client.expires_at:
        client = _found(key, digest)
        if client is None:
            _known.pop(digest, None)
            raise _unauthenticated("the key is not known, or is revoked or expired", error="invalid_token")
        _known[digest] = (now + CACHE_SECONDS, client)
    return client


def _found(key: str, digest: bytes) -> Client | None:
    now = timezone.now()
    if key.startswith(learner_tokens.MARK):
        return learner_tokens.client_of(key, now)
    return queries.client_by_digest(digest, now)


def _key(request: HttpRequest) -> str:
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise _unauthenticated("the Authorization header must read 'Bearer trl_...'", error="invalid_request")
        return key.strip()
    bare: str = request.META.get("HTTP_X_API_KEY", "")
    if not bare:
        raise _unauthenticated("send your key as 'Authorization: Bearer trl_...'")
    return bare


def _unauthenticated(detail: str, error: str = "") -> Problem:
    challenge = 'Bearer realm="trellis"' + (f', error="{error}"' if error else "")
    return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})


class KeyAuthentication(BaseAuthentication):
    """`authenticate` for DRF's views: `request.auth` is the `Client`."""

    def authenticate(self, request: Request) -> tuple[Client, Client] | None:
        if not any(name in request.META for name in ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY")):
            return None
        client = authenticate(request._request)
        return client, client

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="trellis"'


class HasScope(BasePermission):
    """Each DRF view says which scope each method needs; a view that says nothing is open to nobody."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        client = authenticate(request._request)
        scopes: dict[str, Any] = getattr(view, "required_scope", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method not in scopes:
            return False
        if scopes[method] is not None:
            require_scope(client, scopes[method])
        return True
