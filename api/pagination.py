"""Lists, a page at a time. The cursor is the last row's place: no row is skipped or repeated while others come."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.response import Response

from api.errors import bad_parameter
from api.serializers import Query

Row = TypeVar("Row", bound=Model)
Thing = TypeVar("Thing")

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50


class PageQuery(Query):
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Rows a page, at most"
    )
    cursor = serializers.CharField(
        required=False, max_length=200, help_text="`next_cursor` of the page before; none for the first page"
    )


def page_of(
    rows: QuerySet[Row], request: HttpRequest, parameters: dict[str, Any], render: Callable[[Row], Any]
) -> Response:
    """A page of rows by time of creation (their ids are UUIDv7). One query."""
    limit: int = parameters["limit"]
    rows = rows.order_by("id")
    if "cursor" in parameters:
        rows = rows.filter(id__gt=_uuid(parameters["cursor"]))
    found = list(rows[: limit + 1])
    next_cursor = encode(found[limit - 1].pk.bytes) if len(found) > limit else None
    return _response(request, [render(row) for row in found[:limit]], next_cursor)


def slice_of(
    things: Sequence[Thing], request: HttpRequest, parameters: dict[str, Any], render: Callable[[Thing], Any]
) -> Response:
    """A page of a sequence that never changes: the cursor is a place in it."""
    limit: int = parameters["limit"]
    start = _place(parameters["cursor"]) if "cursor" in parameters else 0
    next_cursor = encode((start + limit).to_bytes(4, "big")) if start + limit < len(things) else None
    return _response(request, [render(thing) for thing in things[start : start + limit]], next_cursor)


def encode(place: bytes) -> str:
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def decode(cursor: str, n_bytes: int) -> bytes:
    """Raises:
    Problem: 400, for what no page of ours has said.
    """
    try:
        place = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        place = b""
    if len(place) != n_bytes:
        raise bad_parameter("cursor", "bad_cursor", "is none of ours: send a next_cursor as you got it, or none")
    return place


def _uuid(cursor: str) -> UUID:
    return UUID(bytes=decode(cursor, 16))


def _place(cursor: str) -> int:
    return int.from_bytes(decode(cursor, 4), "big")


def _response(request: HttpRequest, data: list[Any], next_cursor: str | None) -> Response:
    headers = {}
    if next_cursor is not None:
        query = request.GET.copy()
        query["cursor"] = next_cursor
        headers["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return Response({"data": data, "next_cursor": next_cursor}, headers=headers)
