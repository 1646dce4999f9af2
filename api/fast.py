"""Plain views for the few requests that must be quick: what DRF does costs more than their work.

    class Hello(Struct):
        text: str
        learner: str

    @endpoint(
        "POST", scope="interactions:write", bucket="ingest", summary="Greet a learner", tags=["greetings"],
        request=Hello, query=Flags, responses={202: Receipt},
        errors={422: "the learner is unknown"},
    )
    def post_greeting(request: HttpRequest, client: Client, learner: str) -> HttpResponse:
        hello = body(request, Hello)
        flags = query(request, Flags)
        return respond(Receipt(...), status=202)

    urlpatterns = [path("learners/<str:learner>/greetings", methods(GET=list_greetings, POST=post_greeting))]

The decorator checks method, key, scope and rate; `api.openapi` reads the rest. Refusals are raised: `raise
Problem(...)`, or any error named in `api.errors.TRANSLATIONS`. Requests and queries should be Structs with
`forbid_unknown_fields=True`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from api import ratelimit
from api.auth import authenticate, require_scope
from api.body import body, query, respond
from api.errors import METHOD_NOT_ALLOWED, Problem
from tutor.accounts.access import Client

__all__ = ["Client", "Endpoint", "body", "endpoint", "methods", "query", "respond", "timed"]

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Endpoint:
    """What an operation is, for the checks and for the OpenAPI document."""

    method: str
    scope: str | None
    bucket: str
    summary: str
    name: str
    description: str = ""
    tags: Sequence[str] = ()
    request: Any = None
    query: Any = None
    #: Status -> Struct (or any type msgspec knows) of the body, None for no body.
    responses: Mapping[int, Any] = field(default_factory=dict)
    #: Status -> what it means here, beyond the refusals that every operation may give.
    errors: Mapping[int, str] = field(default_factory=dict)
    #: Path parameter -> description.
    path: Mapping[str, str] = field(default_factory=dict)
    #: Whether a learner's token opens it; what it tells must then be that learner's alone.
    for_learners: bool = False


def endpoint(
    method: str,
    *,
    scope: str | None,
    bucket: str = "default",
    summary: str,
    tags: Sequence[str] = (),
    request: Any = None,
    query: Any = None,
    responses: Mapping[int, Any] | None = None,
    errors: Mapping[int, str] | None = None,
    path: Mapping[str, str] | None = None,
    for_learners: bool = False,
) -> Callable[[View], View]:
    """Makes a view of `handler(request, client, **path)`; its docstring describes the operation."""

    def decorate(handler: View) -> View:
        operation = Endpoint(
            method, scope, bucket, summary, handler.__name__, (handler.__doc__ or "").strip(), tags, request, query,
            responses or {200: None}, errors or {}, path or {}, for_learners,
        )  # fmt: skip

        def view(request: HttpRequest, **path: Any) -> HttpResponse:
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                raise _not_allowed(request, (method,))
            client = authenticate(request)
            if scope is not None:
                require_scope(client, scope)
            ratelimit.take(request, client.id, bucket)
            return handler(request, client, **path)

        view.endpoints = (operation,)  # type: ignore[attr-defined]
        view.__name__, view.__doc__, view.__module__ = handler.__name__, handler.__doc__, handler.__module__
        return view

    return decorate


def methods(**views: View) -> View:
    """One address, a view for each method."""

    def view(request: HttpRequest, **path: Any) -> HttpResponse:
        chosen = views.get("GET" if request.method == "HEAD" else str(request.method))
        if chosen is None:
            raise _not_allowed(request, tuple(views))
        return chosen(request, **path)

    view.endpoints = tuple(one for each in views.values() for one in each.endpoints)  # type: ignore[attr-defined]
    return view


_MS_PER_SECOND: Final = 1e3


def timed(response: HttpResponse, **seconds: float) -> HttpResponse:
    """Adds `Server-Timing` entries; the middleware adds the total."""
    parts = (f"{name};dur={value * _MS_PER_SECOND:.2f}" for name, value in seconds.items())
    response.headers["Server-Timing"] = ", ".join(parts)
    return response


def _not_allowed(request: HttpRequest, allowed: Sequence[str]) -> Problem:
    names = ", ".join(allowed)
    return Problem(METHOD_NOT_ALLOWED, f"{request.method} does not apply here: use {names}", headers={"Allow": names})
