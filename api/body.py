"""Bodies and query strings, decoded strictly into msgspec Structs; and Structs encoded into responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from django.http import HttpRequest, HttpResponse

from api.errors import (
    BAD_PARAMETER,
    BODY_TOO_LARGE,
    INVALID,
    LENGTH_REQUIRED,
    MALFORMED_JSON,
    UNSUPPORTED_MEDIA_TYPE,
    Fault,
    Problem,
    bad_parameter,
    escape,
    invalid,
)

T = TypeVar("T", bound=msgspec.Struct)

#: A query string is a handful of filters; more is no request of ours.
MAX_PARAMETERS: Final = 100

# An odd number of backslashes before u0000: PostgreSQL's text cannot hold the character that it stands for.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_FIELD: Final = re.compile(r"(?:unknown|required) field `(.+?)`")


def body(request: HttpRequest, type_: type[T]) -> T:
    """The JSON body as a `type_`.

    Raises:
        Problem: 415 for another media type, 400 for what is not JSON, 422 for what is not a `type_`.
    """
    require_media_type(request, "application/json")
    return decode(request.body, type_)


def decode(raw: bytes, type_: type[T]) -> T:
    decoded: T = decode_any(raw, type_)
    return decoded


def decode_any(raw: bytes, type_: Any = Any) -> Any:
    """The same for any type that msgspec knows; without one, for any JSON."""
    if b"\\u0000" in raw and _NUL.search(raw):
        raise invalid("", "nul_character", "holds the character U+0000, which no text of ours may have: leave it out")
    try:
        return _decoder(type_).decode(raw)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(MALFORMED_JSON, f"the body is not JSON in UTF-8: {error}") from error
    except RecursionError as error:
        raise Problem(MALFORMED_JSON, "the body is nested too deeply") from error


def query(request: HttpRequest, type_: type[T]) -> T:
    """The query string as a `type_`: numbers and booleans are read from text, lists from commas or repetition.

    Raises:
        Problem: 400 for an unknown parameter, one said twice, or one without sense.
    """
    text = request.META.get("QUERY_STRING", "")
    given = _parameters(text, _lists(type_)) if text else {}
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as error:
        fault = _fault(error)
        raise bad_parameter(fault.pointer.lstrip("/").partition("/")[0], fault.code, fault.message) from error


def respond(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), status=status, content_type=media_type, headers=headers)


def require_media_type(request: HttpRequest, *wanted: str) -> str:
    """The body's media type, without its parameters.

    Raises:
        Problem: 415, if it is none of `wanted`.
    """
    sent: str = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if sent not in wanted:
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Content-Type is {sent!r} here: send {' or '.join(wanted)}")
    return sent


def require_length(request: HttpRequest, limit_bytes: int) -> None:
    """Refuses a body before it is read.

    Raises:
        Problem: 413, or 411 if its length is not told.
    """
    length = request.META.get("CONTENT_LENGTH")
    if not length and "HTTP_TRANSFER_ENCODING" in request.META:
        # WSGI would take it for an empty body.
        raise Problem(LENGTH_REQUIRED, "the body comes in chunks of unknown length: send Content-Length")
    length = length or "0"
    if length.isdecimal() and int(length) > limit_bytes:
        raise Problem(BODY_TOO_LARGE, f"the body has {length} bytes, more than {limit_bytes}: send it in parts")


def _parameters(text: str, lists: frozenset[str]) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise Problem(BAD_PARAMETER, f"the query string cannot be read: {error}") from error
    given: dict[str, Any] = {}
    for name, value in pairs:
        if "\0" in value or "\0" in name:
            raise bad_parameter(name.replace("\0", ""), "nul_character", "holds the character U+0000: leave it out")
        if name in lists:
            given.setdefault(name, []).extend(part for part in value.split(",") if part)
        elif name in given:
            raise bad_parameter(name, "repeated", "is said twice: say it once")
        else:
            given[name] = value
    return given


@cache
def _lists(type_: type) -> frozenset[str]:
    fields = msgspec.structs.fields(type_)
    return frozenset(field.encode_name for field in fields if _is_list(field.type))


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in (list, tuple, set, frozenset):
        return True
    return any(_is_list(part) for part in get_args(annotation))


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _invalid(error: msgspec.ValidationError) -> Problem:
    fault = _fault(error)
    return Problem(INVALID, f"{fault.pointer or 'the body'}: {fault.message}", [fault])


def _fault(error: msgspec.ValidationError) -> Fault:
    """msgspec says "Expected `int`, got `str` - at `$.rows[3].n`"."""
    message, _, path = str(error).partition(" - at `$")
    pointer = "".join(f"/{escape(name or index or '*')}" for name, index in _STEP.findall(path.rstrip("`")))
    named = _FIELD.search(message)
    if named:
        code = "unknown_field" if "unknown" in message else "missing_field"
        return Fault(f"{pointer}/{escape(named[1])}", code, message[0].lower() + message[1:])
    return Fault(pointer, "invalid_value", message[0].lower() + message[1:])
