"""The product's own format: the document as JSON, lossless."""

from __future__ import annotations

from datetime import datetime

import msgspec

from curricula.document import Document
from curricula.formats.base import Format, Parsed, refuse
from curricula.validation import parse


def decode(body: bytes) -> object:
    """Decoded JSON, of this or another JSON format."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"the body is no JSON ({error}): send UTF-8 encoded JSON"
        raise refuse("", "not_json", message) from error


def read(body: bytes) -> Parsed:
    return Parsed(parse(decode(body)))


def write(document: Document, _changed: datetime) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document.to_builtins()), indent=2) + b"\n"


TRELLIS = Format(
    name="trellis",
    title="Trellis curriculum (JSON)",
    media_type="application/json",
    file_suffix=".json",
    read=read,
    write=write,
)
