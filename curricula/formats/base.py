"""What every format of curricula offers, and how it refuses a body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from curricula.document import Document
from curricula.errors import BodyTooLarge, InvalidDocument, Problem, Report

#: 100,000 items of 600 bytes; unpacked, for formats that are packed.
MAX_BODY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Parsed:
    """A checked document, and notes on what the source holds but a curriculum does not (so it was left out)."""

    document: Document
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Format:
    """One way to write a curriculum down.

    `read` takes a body of at most `MAX_BODY_BYTES` and raises InvalidDocument with all problems found. `write` is
    deterministic; formats that carry a time of change use the given one.
    """

    name: str
    title: str
    media_type: str
    file_suffix: str
    read: Callable[[bytes], Parsed]
    write: Callable[[Document, datetime], bytes]


def refuse(pointer: str, code: str, message: str) -> InvalidDocument:
    """A refusal for one reason, to be raised."""
    return InvalidDocument(Report((Problem(pointer, code, message),)))


def check_size(name: str, n_bytes: int) -> None:
    if n_bytes > MAX_BODY_BYTES:
        raise BodyTooLarge(name, n_bytes, MAX_BODY_BYTES)
