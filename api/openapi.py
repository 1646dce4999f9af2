"""The OpenAPI 3.1 document: what drf-spectacular reads off DRF's views, and what fast endpoints say of themselves.

What holds for every operation (keys, refusals, idempotency, entity tags) is written here once, not at each view.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
import yaml
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerView

from api import errors
from api.auth import is_for_learners
from api.fast import Endpoint

#: Types whose schema only raw references name; see `ref`.
_named: set[Any] = {errors.ProblemBody}

REF: Final = "#/components/schemas/{name}"
PROBLEM: Final = {"$ref": REF.format(name="ProblemBody")}
_CONVERTER: Final = re.compile(r"<(?:(\w+):)?(\w+)>")
_PATH_SCHEMAS: Final = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
    # Two segments are two parameters; U+0000 stands in no text of ours.
    "str": {"type": "string", "minLength": 1, "maxLength": 400, "pattern": r"^[^/\x00]+$"},
}
REF_DESCRIPTION: Final = "A UUID, or `external:{source}:{id}`, the name that the roster gives"

SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `Bearer trl_...`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key"},
}
FOR_LEARNERS: Final = {
    "learner": {"type": "http", "scheme": "bearer", "description": "A learner's token: `Bearer trlt_...`"},
}
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Repeat a request with the same key within 24 hours and it has its effect once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what you read; 412 if it has changed since",
    "schema": {"type": "string"},
}
IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag that you hold; 304 if it is still current",
    "schema": {"type": "string"},
}
REFUSALS: Final = {
    400: "The request cannot be read, or has an unknown parameter",
    401: "No valid key",
    403: "The key lacks the scope",
    404: "There is no such thing that this key may see",
    406: "Accept names no form that the answer can have",
    409: "It contradicts what is there, or the same request still runs",
    411: "The body's length is not told",
    412: "It was changed since you read it",
    413: "The body is too large",
    415: "The body's media type is not taken here",
    422: "The body says something that cannot be",
    428: "If-Match is missing",
    429: "Too many requests: see Retry-After",
}


class _Key(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Only so that drf-spectacular knows the class: `SECURITY` says it for every operation."""

    target_class = "api.auth.KeyAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return SECURITY["bearer"]


class _Strict(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """An unknown field is refused, and the document says so."""

    target_class = "api.serializers.Strict"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema_ = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema_, "additionalProperties": False}


class Route(NamedTuple):
    path: str
    view: Any
    converters: dict[str, str]


def build() -> dict[str, Any]:
    """The whole document, of all addresses under /api/v1."""
    generator = SchemaGenerator(urlconf="api.urls")  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    document["components"]["securitySchemes"] = SECURITY | FOR_LEARNERS
    for route in _routes(get_resolver("api.urls").url_patterns, ""):
        operations = document["paths"].setdefault(route.path, {})
        for one in getattr(route.view, "endpoints", ()):
            operations[one.method.lower()] = _operation(one, route)
        for method, operation in operations.items():
            _common(operation, method.upper(), route)
        if not operations:
            del document["paths"][route.path]
    _merge(schemas, _schemas(_named))
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def text() -> str:
    """`docs/openapi.yaml`."""
    return yaml.dump(build(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """What two operations share is written out twice: anchors are no part of OpenAPI."""
        return True


def ref(type_: Any) -> dict[str, Any]:
    """A schema that refers to a msgspec type's own, which the document will hold."""
    _named.add(type_)
    (schema,), _ = msgspec.json.schema_components([type_], ref_template=REF)
    return schema


@cache
def _json() -> bytes:
    return msgspec.json.encode(build())


def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_json(), content_type="application/json")


class Docs(SpectacularSwaggerView):
    """The document as pages to try it on; its scripts come from our own static files."""

    url = "/api/v1/schema"
    permission_classes = ()
    authentication_classes = ()
    produces = ("text/html",)


def _schemas(types: Iterable[Any]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(list(types), ref_template=REF)
    return components


def _merge(schemas: dict[str, Any], more: dict[str, Any]) -> None:
    """A serializer and a Struct of one name must say the same."""
    for name, schema_ in more.items():
        if name in schemas and _shape(schemas[name]) != _shape(schema_):
            raise ValueError(f"a serializer and a Struct are called {name!r} and differ: rename one")
        schemas[name] = schema_


def _shape(schema_: dict[str, Any]) -> dict[str, Any]:
    properties = schema_.get("properties", {})
    return {name: (each.get("type"), each.get("format")) for name, each in properties.items()}


def _routes(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for each in patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _routes(each.url_patterns, path)
        elif path.startswith("api/v1/"):
            converters = {name: kind or "str" for kind, name in _CONVERTER.findall(path)}
            yield Route("/" + _CONVERTER.sub(r"{\2}", path), each.callback, converters)


def _operation(one: Endpoint, route: Route) -> dict[str, Any]:
    described = {"description": one.description} if one.description else {}
    operation: dict[str, Any] = {"operationId": one.name, "summary": one.summary, **described, "tags": list(one.tags)}
    operation["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[kind], **_path_words(one.path, name)}
        for name, kind in route.converters.items()
    ] + (_query_parameters(one.query) if one.query else [])
    if one.request:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(one.request)}}}
    operation["responses"] = {str(status): _response(status, type_) for status, type_ in one.responses.items()}
    for status, meaning in one.errors.items():
        operation["responses"][str(status)] = _refusal(meaning)
    return operation


def _path_words(given: Mapping[str, str], name: str) -> dict[str, str]:
    if name in given:
        return {"description": given[name]}
    return {"description": REF_DESCRIPTION} if name in ("learner", "group") else {}


def _query_parameters(type_: Any) -> list[dict[str, Any]]:
    described = _schemas([type_])[type_.__name__]
    required = described.get("required", ())
    parameters = []
    for name, schema_ in described["properties"].items():
        words = {"description": schema_.pop("description")} if "description" in schema_ else {}
        parameters.append({"name": name, "in": "query", "required": name in required, "schema": schema_, **words})
        if schema_.get("type") == "array":
            parameters[-1] |= {"style": "form", "explode": False}
    return parameters


def _response(status: int, type_: Any) -> dict[str, Any]:
    words = {"description": "Done" if status < 300 else "See the headers"}
    if type_ is None:
        return words
    return {**words, "content": {"application/json": {"schema": ref(type_)}}}


def _refusal(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {errors.MEDIA_TYPE: {"schema": PROBLEM}}}


def _common(operation: dict[str, Any], method: str, route: Route) -> None:
    parameters = operation.setdefault("parameters", [])
    opened_by = SECURITY | FOR_LEARNERS if method == "GET" and is_for_learners(route.view) else SECURITY
    operation["security"] = [{name: []} for name in opened_by]
    scope = _scope(route.view, method)
    if scope:
        operation["x-scope"] = scope
    if method != "GET" and _class_says(route.view, "stores_no_answer") is not True:
        parameters.append(IDEMPOTENCY_KEY)
    if _class_says(route.view, "has_etag"):
        _tagged(operation, method, parameters)
    for parameter in parameters:
        if parameter["in"] == "path":
            parameter["schema"] = _PATH_SCHEMAS[route.converters[parameter["name"]]]
    for status in _refusals(operation, method, route, scope):
        operation["responses"].setdefault(str(status), _refusal(REFUSALS[status]))
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _tagged(operation: dict[str, Any], method: str, parameters: list[dict[str, Any]]) -> None:
    if method == "GET":
        parameters.append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "What you hold is still current"}
    elif method in ("PUT", "PATCH"):
        parameters.append(IF_MATCH)
    for status, response in operation["responses"].items():
        if status in ("200", "201"):
            tag = {"description": "For If-Match and If-None-Match", "schema": {"type": "string"}}
            response.setdefault("headers", {})["ETag"] = tag


def _refusals(operation: dict[str, Any], method: str, route: Route, scope: str | None) -> Iterator[int]:
    yield from (400, 401, 406, 429)
    yield from (_class_says(route.view, "refusals") or {}).get(method, ())
    if scope:
        yield 403
    if route.converters:
        yield 404
    if method != "GET":
        yield from (409, 422)
    if "requestBody" in operation:
        yield from (411, 413, 415, 422)
    if any(parameter["name"] == "If-Match" for parameter in operation["parameters"]):
        yield from (412, 428)


def _scope(view: Any, method: str) -> str | None:
    for one in getattr(view, "endpoints", ()):
        if one.method == method:
            return str(one.scope) if one.scope else None
    scopes = _class_says(view, "required_scope") or {}
    return scopes.get(method)


def _class_says(view: Any, name: str) -> Any:
    return getattr(getattr(view, "cls", None), name, None)
