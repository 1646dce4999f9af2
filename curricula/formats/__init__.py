"""Formats that curricula come in and go out as: one module a source, and its line in `FORMATS`."""

from __future__ import annotations

from datetime import datetime

from curricula.document import Document
from curricula.errors import UnknownFormat
from curricula.formats.base import MAX_BODY_BYTES, Format, Parsed, check_size
from curricula.formats.case import CASE
from curricula.formats.tables import CSV, read_tables
from curricula.formats.trellis import TRELLIS

__all__ = ["FORMATS", "MAX_BODY_BYTES", "Format", "Parsed", "detect", "get", "read", "read_tables", "write"]

FORMATS = {source.name: source for source in (TRELLIS, CSV, CASE)}


def get(name: str) -> Format:
    """The format of this name.

    Raises:
        UnknownFormat: if there is none.
    """
    if name not in FORMATS:
        raise UnknownFormat(name, tuple(FORMATS))
    return FORMATS[name]


def detect(body: bytes) -> str:
    """The name of the format that a body looks like; reading it tells whether it is."""
    if body.startswith(b"PK"):
        return CSV.name
    return CASE.name if b'"CFDocument"' in body else TRELLIS.name


def read(body: bytes, name: str | None = None) -> Parsed:
    """A checked document from a file's bytes; without a name the format is detected.

    Raises:
        InvalidDocument: with the report of all problems.     UnknownFormat: if there is no such format.
        BodyTooLarge: above `MAX_BODY_BYTES`.
    """
    check_size("the body", len(body))
    return get(name or detect(body)).read(body)


def write(document: Document, name: str, *, changed: datetime) -> bytes:
    """The file of a document; the same bytes for the same document and time of change.

    Raises:
        UnknownFormat: if there is no such format.
    """
    return get(name).write(document, changed)
