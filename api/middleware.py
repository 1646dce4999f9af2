"""The API's own way through Django: no sessions, cookies, messages or CSRF, which cost more than the hot views."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, get_resolver

from api import auth, context, errors, idempotency, metrics
from api.body import require_length
from api.errors import NOT_ACCEPTABLE, Problem

NO_BODY: Final = (204, 304)
JSON: Final = ("application/json",)
#: Addresses answered here; everything else goes down the ordinary stack.
PREFIXES: Final = ("/api/", "/healthz", "/readyz", "/metrics")
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
METHODS: Final = WRITES | {"GET", "HEAD", "OPTIONS"}


class ApiMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        started = time.perf_counter()
        request_id = context.enter(request).request_id
        try:
            response = self._answer(request)
        except Exception as error:
            if errors.translate(error) is None:
                got_request_exception.send(sender=type(self), request=request)
            response = errors.response_to(error, request)
        _finish(request, response, request_id, time.perf_counter() - started)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Resolver404
        match = get_resolver("api.urls").resolve(request.path_info)
        request.resolver_match = match
        require_length(request, _said(match.func, "max_body_bytes", settings.MAX_BODY_BYTES))
        if "HTTP_ACCEPT" in request.META and request.path_info.startswith("/api/"):
            _require_acceptable(request.META["HTTP_ACCEPT"], match.func)

        def answer() -> HttpResponse:
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
            return response

        if "HTTP_IDEMPOTENCY_KEY" in request.META and request.method in WRITES and _repeatable(match.func):
            return idempotency.once(request, auth.authenticate(request).id, answer)
        return answer()


def _require_acceptable(accept: str, view: Any) -> None:
    """Takes Accept coarsely, without weights: an answer has one form, or the query string chooses it."""
    produces = _said(view, "produces", JSON)
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    for media_type in produces:
        if ranges & {"*/*", "", media_type, media_type.partition("/")[0] + "/*"}:
            return
    raise Problem(NOT_ACCEPTABLE, f"Accept is {accept!r}, and the answer is {' or '.join(produces)}: accept that")


def _repeatable(view: Any) -> bool:
    """False for views whose answer must not be stored; they say so by `stores_no_answer`."""
    return not _said(view, "stores_no_answer", False)


def _said(view: Any, name: str, default: Any) -> Any:
    """What a view says of itself, be it a function or a class."""
    return getattr(getattr(view, "cls", view), name, default)


def _finish(request: HttpRequest, response: HttpResponse, request_id: str, seconds: float) -> None:
    headers = response.headers
    headers["X-Request-ID"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "private, no-cache")
    if response.status_code not in NO_BODY and not response.streaming:
        headers["Content-Length"] = str(len(response.content))
    rate_limit = getattr(request, "rate_limit", None)
    if rate_limit is not None:
        headers["RateLimit-Policy"] = rate_limit.policy
        headers["RateLimit"] = rate_limit.state
    if "Server-Timing" in headers:
        headers["Server-Timing"] += f", total;dur={seconds * 1e3:.2f}"
    route = request.resolver_match.route if request.resolver_match else "unknown"
    method = request.method if request.method in METHODS else "other"
    metrics.observe(str(method), route, response.status_code, seconds)
