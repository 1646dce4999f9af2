"""`Idempotency-Key`: a request repeated because its answer got lost has its effect once.

The stored answer is written in the transaction of the effect itself, so that neither exists without the other: a
server that dies in between has done nothing. Refusals (4xx, 5xx) have no effect and are not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from api.errors import BAD_REQUEST, IN_PROGRESS, KEY_REUSED, Problem
from tutor import db
from tutor.accounts.models import IdempotentAnswer

KEPT: Final = timedelta(hours=24)
MAX_KEY_CHARACTERS: Final = 255
#: Headers that are part of the answer; the others are made anew for each response.
HEADERS: Final = ("Content-Type", "Location", "ETag")


def once(request: HttpRequest, client_id: UUID, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """What `answer()` returns, or returned when this key was used before.

    Raises:
        Problem: 409 while the first request runs, 422 if the key was used for another request.
    """
    key = _key(request)
    now = timezone.now()
    digest = _digest(request)
    with transaction.atomic():
        # Of the transaction, not of the row: a row that nobody has committed yet could only be waited for.
        if not db.rows("SELECT pg_try_advisory_xact_lock(%s)", [_lock_number(client_id, key)])[0][0]:
            raise Problem(IN_PROGRESS, f"the request with key {key!r} still runs: wait", headers={"Retry-After": "1"})
        earlier = IdempotentAnswer.objects.filter(client_id=client_id, key=key).first()
        if earlier is not None and earlier.created_at > now - KEPT:
            return _replay(earlier, digest)
        response = answer()
        if response.status_code >= 400:
            transaction.set_rollback(True)
        else:
            _keep(response, client_id, key, digest, now)
        return response


def forget_old(now: datetime) -> int:
    """Deletes answers that are no longer promised; how many."""
    return IdempotentAnswer.objects.filter(created_at__lte=now - KEPT).delete()[0]


def _key(request: HttpRequest) -> str:
    key: str = request.META["HTTP_IDEMPOTENCY_KEY"].strip()
    # The draft's form is a structured-field string, in quotes; most clients send it bare.
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key or len(key) > MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise Problem(BAD_REQUEST, f"Idempotency-Key must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters")
    return key


def _digest(request: HttpRequest) -> bytes:
    meta = request.META
    head = (str(request.method), request.path, meta.get("QUERY_STRING", ""), meta.get("CONTENT_TYPE", ""))
    return hashlib.sha256("\n".join(head).encode(errors="surrogateescape") + b"\n\n" + request.body).digest()


def _lock_number(client_id: UUID, key: str) -> int:
    return int.from_bytes(hashlib.sha256(client_id.bytes + key.encode()).digest()[:8], "big", signed=True)


def _replay(earlier: IdempotentAnswer, digest: bytes) -> HttpResponse:
    if bytes(earlier.request_sha256) != digest:
        raise Problem(KEY_REUSED, f"key {earlier.key!r} belongs to another request: use a new key for a new request")
    headers = {**earlier.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(bytes(earlier.body), status=earlier.status, headers=headers)


def _keep(response: HttpResponseBase, client_id: UUID, key: str, digest: bytes, now: datetime) -> None:
    kept = {
        "request_sha256": digest,
        "status": response.status_code,
        "headers": {name: response[name] for name in HEADERS if name in response},
        "body": getattr(response, "content", b""),
        "created_at": now,
    }
    IdempotentAnswer.objects.update_or_create(client_id=client_id, key=key, defaults=kept)
