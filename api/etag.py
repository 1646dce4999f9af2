"""Entity tags: who changes a resource must have read it as it is now (RFC 9110, 13)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from rest_framework.response import Response

from api.errors import PRECONDITION_REQUIRED, STALE, Problem


def of_time(changed: datetime) -> str:
    """The tag of a row that keeps the time of its last change, in microseconds."""
    return f'"{int(changed.timestamp() * 1_000_000):x}"'


def of_digest(digest: str) -> str:
    """The tag of content known by its digest (hex)."""
    return f'"{digest}"'


def of_bytes(state: bytes) -> str:
    return of_digest(hashlib.sha256(state).hexdigest()[:32])


def require_match(request: HttpRequest, current: str) -> None:
    """Raises:
    Problem: 428 without If-Match, 412 if it names another state.
    """
    header = request.META.get("HTTP_IF_MATCH", "").strip()
    if not header:
        detail = "send the ETag that you read as If-Match, so that nobody's change is overwritten unseen"
        raise Problem(PRECONDITION_REQUIRED, detail)
    if header != "*" and current not in _tags(header):
        raise Problem(
            STALE,
            f"this was changed since you read it: it is at {current} now, read it again",
            headers={"ETag": current},
        )


def is_current(request: HttpRequest, current: str) -> bool:
    """Whether If-None-Match says that the caller holds this state already."""
    header = request.META.get("HTTP_IF_NONE_MATCH", "").strip()
    # Proxies that compress weaken tags; for reading, a weak match will do.
    return header == "*" or current in {tag.removeprefix("W/") for tag in _tags(header)}


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}


def answer(request: HttpRequest, current: str, render: Callable[[], Any]) -> Response:
    """200 with the tag, or 304 if the caller holds this state."""
    if request.method in ("GET", "HEAD") and is_current(request, current):
        return Response(status=304, headers={"ETag": current})
    return Response(render(), headers={"ETag": current})
