"""What is known of the request in progress, for log lines and errors anywhere below it."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import Final, NamedTuple

from django.http import HttpRequest

from curricula.ids import uuid7

_ID: Final = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}\Z")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")


class Context(NamedTuple):
    request_id: str
    #: W3C Trace Context, as it came; empty if it did not.
    traceparent: str


NO_REQUEST: Final = Context("", "")
_current: ContextVar[Context] = ContextVar("api_request", default=NO_REQUEST)


def enter(request: HttpRequest) -> Context:
    sent = request.META.get("HTTP_X_REQUEST_ID", "")
    trace = request.META.get("HTTP_TRACEPARENT", "")
    context = Context(
        sent if _ID.match(sent) else uuid7().hex,
        trace if trace and _TRACEPARENT.match(trace) else "",
    )
    _current.set(context)
    return context


def request_id() -> str:
    return _current.get().request_id


class RequestContext(logging.Filter):
    """Gives every log record `request_id` and `traceparent`, empty outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id, record.traceparent = _current.get()
        return True
