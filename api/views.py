"""What DRF's views have in common here: strict JSON in, scopes, rates, queries without unknown parameters."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from api import ratelimit
from api.auth import authenticate
from api.body import decode_any, require_media_type
from api.errors import BAD_PARAMETER, METHOD_NOT_ALLOWED, Fault, Problem, bad_parameter
from api.serializers import Query, Strict
from tutor.accounts.access import Client


class OneForm(BaseContentNegotiation):
    """Each answer has one form: the middleware has looked at `Accept`, and `read_json` reads bodies."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """Subclasses say `required_scope` for each method, and `queries` for each method that takes parameters."""

    content_negotiation_class = OneForm
    metadata_class = None
    required_scope: ClassVar[dict[str, str | None]] = {}
    queries: ClassVar[dict[str, type[Query]]] = {}
    bucket: ClassVar[str] = "default"
    #: Statuses that the document must name for a method, beyond those that follow from its address and body.
    refusals: ClassVar[dict[str, tuple[int, ...]]] = {}
    #: Whether a learner's token opens its GET; what that tells must then be that learner's alone.
    for_learners: ClassVar[bool] = False
    #: The answer has an ETag, and PUT and PATCH need it back.
    has_etag: ClassVar[bool] = False
    #: The answer holds a secret, so it is not kept for an Idempotency-Key.
    stores_no_answer: ClassVar[bool] = False
    produces: ClassVar[tuple[str, ...]] = ("application/json",)
    #: Said by a view that reads its body in pieces, and so takes more than `settings.MAX_BODY_BYTES`.
    max_body_bytes: ClassVar[int]

    @property
    def client(self) -> Client:
        return authenticate(self.request._request)

    def check_throttles(self, request: Request) -> None:
        ratelimit.take(request._request, self.client.id, self.bucket)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if str(request.method).lower() not in self.http_method_names or not hasattr(self, str(request.method).lower()):
            self.http_method_not_allowed(request)
        super().initial(request, *args, **kwargs)
        self.parameters = self._read_query(request._request)

    def read_json(self) -> Any:
        """The body, whatever JSON it is. Not DRF's `request.data`, which makes {} of an empty body."""
        require_media_type(self.request._request, "application/json")
        return decode_any(self.request._request.body)

    def read_body(self, serializer: type[Strict], **options: Any) -> dict[str, Any]:
        read = serializer(data=self.read_json(), **options)
        read.is_valid(raise_exception=True)
        return dict(read.validated_data)

    def http_method_not_allowed(self, request: HttpRequest | Request, *args: Any, **kwargs: Any) -> Any:
        allowed = ", ".join(name for name in self.allowed_methods if name != "OPTIONS")
        detail = f"{request.method} does not apply here: use {allowed}"
        raise Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})

    options = http_method_not_allowed

    def _read_query(self, request: HttpRequest) -> dict[str, Any]:
        serializer = self.queries.get("GET" if request.method == "HEAD" else str(request.method), Query)
        given = request.GET
        known = serializer().fields
        for name, values in given.lists():
            if name not in known:
                said = f"no such parameter: use {', '.join(known)}" if known else "no parameters are taken here"
                raise bad_parameter(name.replace("\0", ""), "unknown_parameter", said)
            if len(values) > 1:
                raise bad_parameter(name, "repeated", "is said twice: say it once")
        read = serializer(data=given.dict())
        try:
            read.is_valid(raise_exception=True)
        except exceptions.ValidationError as error:
            raise _bad_query(error) from error
        return dict(read.validated_data)


def _bad_query(error: exceptions.ValidationError) -> Problem:
    details: Any = error.get_full_details()
    faults = [
        Fault(f"?{name}", str(each["code"]), str(each["message"]))
        for name, each_of in details.items()
        for each in each_of
    ]
    return Problem(BAD_PARAMETER, f"{faults[0].pointer[1:]}: {faults[0].message}", faults)
