"""Every refusal of the API, as application/problem+json (RFC 9457).

A view raises `Problem`, or lets an error of the layers below pass: `TRANSLATIONS` knows what it means over HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec
import psycopg
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf

from api.context import request_id
from curricula import errors as curricula
from tutor.accounts import errors as accounts
from tutor.accounts.access import NotFound

logger = logging.getLogger("api")

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A sort of refusal; `/problems/{slug}` is its `type`, and never changes."""

    slug: str
    status: int
    title: str

    def __post_init__(self) -> None:
        KINDS[self.slug] = self


KINDS: Final[dict[str, Kind]] = {}

BAD_REQUEST = Kind("bad-request", 400, "The request cannot be read")
MALFORMED_JSON = Kind("malformed-json", 400, "The body is not JSON")
BAD_PARAMETER = Kind("bad-parameter", 400, "A parameter is unknown or has no sense")
UNAUTHENTICATED = Kind("unauthenticated", 401, "A valid key is needed")
MISSING_SCOPE = Kind("missing-scope", 403, "The key lacks a scope")
LEARNER_TOKEN = Kind("learner-token", 403, "A learner's token does not open this")
NOT_FOUND = Kind("not-found", 404, "Not found")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "The method does not apply here")
NOT_ACCEPTABLE = Kind("not-acceptable", 406, "No acceptable form of the answer")
CONFLICT = Kind("conflict", 409, "The request contradicts what is there")
IN_PROGRESS = Kind("in-progress", 409, "The same request is still running")
LENGTH_REQUIRED = Kind("length-required", 411, "The body's length must be told")
STALE = Kind("stale", 412, "The resource was changed since it was read")
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "The body's media type is not taken here")
INVALID = Kind("invalid", 422, "The body says something that cannot be")
KEY_REUSED = Kind("idempotency-key-reused", 422, "The Idempotency-Key belongs to another request")
PRECONDITION_REQUIRED = Kind("precondition-required", 428, "If-Match is needed")
TOO_MANY_REQUESTS = Kind("too-many-requests", 429, "Too many requests")
INTERNAL = Kind("internal", 500, "The server failed")
UNAVAILABLE = Kind("unavailable", 503, "The server cannot reach what it needs")


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong in a body or query. `pointer` is a JSON pointer, "" the whole, "?name" a query parameter."""

    pointer: str
    code: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, rename={"kind": "type"}):
    kind: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[Fault]


@dataclass(eq=False)
class Problem(Exception):
    """Raise it anywhere in a request: the middleware makes the response.

    >>> raise Problem(NOT_FOUND, "there is no plan yet: send an answer first")
    """

    kind: Kind
    detail: str
    errors: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind.status} {self.kind.slug}: {self.detail}"


def invalid(pointer: str, code: str, message: str) -> Problem:
    """One fault in the body."""
    return Problem(INVALID, f"{pointer or 'the body'}: {message}", [Fault(pointer, code, message)])


def bad_parameter(name: str, code: str, message: str) -> Problem:
    """One fault in the query string."""
    return Problem(BAD_PARAMETER, f"{name}: {message}", [Fault(f"?{name}", code, message)])


def response_to(error: Exception, request: HttpRequest) -> HttpResponse:
    """The response that says `error`; what nobody expected is logged with its trace and said as 500 without it."""
    problem = translate(error)
    if problem is None:
        problem = Problem(INTERNAL, "the failure is logged: tell the operator the request_id")
    if problem.kind.status >= 500:
        logger.error("%s %s failed, request %s", request.method, request.path, request_id(), exc_info=error)
    return render(problem, request)


def render(problem: Problem, request: HttpRequest) -> HttpResponse:
    kind = problem.kind
    body = ProblemBody(
        kind=f"/problems/{kind.slug}",
        title=kind.title,
        status=kind.status,
        detail=problem.detail,
        instance=quote(request.path),
        request_id=request_id(),
        errors=list(problem.errors),
    )
    return HttpResponse(
        msgspec.json.encode(body), content_type=MEDIA_TYPE, status=kind.status, headers=dict(problem.headers)
    )


def exception_handler(error: Exception, context: Mapping[str, Any]) -> None:
    """DRF's hook. None has it raise the error again, so that the middleware words the errors of all views alike."""


def translate(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    for cls in type(error).__mro__:
        if cls in TRANSLATIONS:
            return TRANSLATIONS[cls](error)
    return None


def _detail(kind: Kind) -> Callable[[Exception], Problem]:
    return lambda error: Problem(kind, str(error))


def _stale(error: Exception) -> Problem:
    return Problem(STALE, str(error))


def _document(error: curricula.InvalidDocument) -> Problem:
    faults = [Fault(problem.pointer, problem.code, problem.message) for problem in error.report.problems]
    return Problem(INVALID, str(error), faults)


def _unknown_learners(error: accounts.UnknownLearners) -> Problem:
    faults = [Fault("", error.code, f"{ref!r} is no learner of your school") for ref in error.refs]
    return Problem(INVALID, str(error), faults)


def _drf(error: drf.APIException) -> Problem:
    kinds = {kind.status: kind for kind in reversed(KINDS.values())}
    return Problem(kinds.get(error.status_code, BAD_REQUEST), str(error.detail))


def _drf_validation(error: drf.ValidationError) -> Problem:
    faults = list(_faults("", error.get_full_details()))
    first = faults[0]
    return Problem(INVALID, f"{first.pointer or 'the body'}: {first.message}", faults)


def _faults(pointer: str, details: Any) -> list[Fault]:
    """DRF nests details as the body is nested; leaves are lists of {code, message}."""
    if isinstance(details, dict) and {"code", "message"} == details.keys():
        return [Fault(pointer, str(details["code"]), str(details["message"]))]
    if isinstance(details, dict):
        places = {name: pointer if name == "non_field_errors" else f"{pointer}/{escape(name)}" for name in details}
        return [fault for name, inner in details.items() for fault in _faults(places[name], inner)]
    leaves = all(isinstance(inner, dict) and "code" in inner for inner in details)
    return [
        fault
        for index, inner in enumerate(details)
        for fault in _faults(pointer if leaves else f"{pointer}/{index}", inner)
    ]


def escape(name: object) -> str:
    """A member's name inside a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


def _unavailable(error: Exception) -> Problem:
    return Problem(UNAVAILABLE, "the database does not answer: try again soon", headers={"Retry-After": "5"})


def _contradicted(error: Exception) -> Problem:
    # What was read a moment ago is gone or taken by now; if it happens often, a check is missing: so it is logged.
    logger.warning("the database refused a change, request %s", request_id(), exc_info=error)
    return Problem(CONFLICT, "what this refers to was changed meanwhile: read it again and repeat")


#: Error class -> what it means over HTTP; subclasses are found by their nearest base. Other modules may add theirs.
TRANSLATIONS: Final[dict[type[BaseException], Callable[[Any], Problem]]] = {
    Http404: lambda error: Problem(NOT_FOUND, "there is nothing at this address: see /api/v1/docs"),
    NotFound: _detail(NOT_FOUND),
    PermissionDenied: lambda error: Problem(MISSING_SCOPE, str(error) or "this key may not do that"),
    SuspiciousOperation: lambda error: Problem(BAD_REQUEST, "the request cannot be read"),
    RequestDataTooBig: lambda error: Problem(BODY_TOO_LARGE, "the body is too large: send it in parts"),
    UnreadablePostError: lambda error: Problem(BAD_REQUEST, "the body ended before its Content-Length"),
    drf.APIException: _drf,
    drf.ValidationError: _drf_validation,
    accounts.AccountsError: _detail(CONFLICT),
    accounts.StaleRow: _stale,
    accounts.UnknownLearners: _unknown_learners,
    curricula.CurriculumError: _detail(CONFLICT),
    curricula.StaleDraft: _stale,
    curricula.InvalidDocument: _document,
    curricula.KeyMismatch: _detail(INVALID),
    curricula.BodyTooLarge: _detail(BODY_TOO_LARGE),
    curricula.UnknownFormat: _detail(BAD_REQUEST),
    curricula.NotPublished: _detail(NOT_FOUND),
    curricula.NoDraft: _detail(NOT_FOUND),
    curricula.UnknownVersion: _detail(NOT_FOUND),
    IntegrityError: _contradicted,
    OperationalError: _unavailable,
    InterfaceError: _unavailable,
    psycopg.OperationalError: _unavailable,
}
