"""Files of answers as clients send them, NDJSON or CSV: read line by line, each fault of a line being that line's."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

import msgspec

from tutor.scheduling.intake import AnswerIn, Rejection

#: Longest line that is read; an answer has a tenth of it.
MAX_LINE_BYTES: Final = 64 * 1024
#: Of a faulty line, so much is kept in the report.
SHOWN_CHARACTERS: Final = 2_000
LIST_SEPARATOR: Final = ";"
FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(AnswerIn))
NEEDED: Final = tuple(field.name for field in msgspec.structs.fields(AnswerIn) if field.required)

_decode: Final = msgspec.json.Decoder(AnswerIn).decode


class BadFile(ValueError):
    """Not one line can be read; the message says why and what to do."""


class Row(NamedTuple):
    """An answer, or why the line is none. `line` counts from 1, headings included."""

    line: int
    shown: str
    answer: AnswerIn | None
    fault: Rejection | None = None


def rows(stream: IO[bytes], format: str) -> Iterator[Row]:
    """The rows of a file, without empty lines; in memory one line at a time.

    Raises:
        BadFile: if a CSV file lacks headings.
    """
    return _csv_rows(_Lines(stream)) if format == "csv" else _json_rows(_Lines(stream))


class _Lines:
    """Decoded lines, and what was wrong with those taken since `fault` was last asked for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._fault: Rejection | None = None
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while raw := self._stream.readline(MAX_LINE_BYTES + 1):
            self.number += 1
            if len(raw) > MAX_LINE_BYTES:
                self._skip_rest(raw)
                self._fault = Rejection("line_too_long", f"a line has more than {MAX_LINE_BYTES} bytes: split it")
            yield self._decoded(raw[:MAX_LINE_BYTES])

    def fault(self) -> Rejection | None:
        found, self._fault = self._fault, None
        return found

    def _decoded(self, raw: bytes) -> str:
        if self.number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            if self._fault is None:
                said = f"byte {error.start + 1} of the line is not UTF-8: save the file as UTF-8"
                self._fault = Rejection("invalid_utf8", said)
            return raw.decode(errors="replace")

    def _skip_rest(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(MAX_LINE_BYTES)


def _json_rows(lines: _Lines) -> Iterator[Row]:
    for text in lines:
        fault = lines.fault()
        if fault is None and not text.strip():
            continue
        answer = None
        if fault is None:
            answer, fault = _answer_of_json(text)
        yield Row(lines.number, _shown(text), answer, fault)


def _answer_of_json(text: str) -> tuple[AnswerIn | None, Rejection | None]:
    try:
        return _decode(text), None
    except msgspec.ValidationError as error:
        return None, _fault_of(error)
    except (msgspec.DecodeError, RecursionError) as error:
        return None, Rejection("malformed_json", f"the line is not JSON: {error}")


def _csv_rows(lines: _Lines) -> Iterator[Row]:
    reader = csv.reader(iter(lines), strict=True)
    names = _headings(reader)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.fault()
            yield Row(line, "", None, Rejection("malformed_csv", f"the line is not CSV: {error}"))
            continue
        fault = lines.fault()
        if not any(cells) and fault is None:
            continue
        answer = None
        if fault is None:
            answer, fault = _answer_of_cells(names, cells)
        yield Row(line, _shown(",".join(cells)), answer, fault)


def _headings(reader: Iterator[list[str]]) -> list[str]:
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise BadFile(f"the first line is not CSV: {error}") from error
    known = f"columns are {', '.join(FIELDS)}"
    if unknown := [name for name in names if name not in FIELDS]:
        raise BadFile(f"the first line names a column {unknown[0][:80]!r}, and {known}: rename or remove it")
    if missing := [name for name in NEEDED if name not in names]:
        raise BadFile(f"the first line names no column {missing[0]!r}, and {known}: add it")
    if len(set(names)) < len(names):
        raise BadFile("the first line names a column twice: remove one of them")
    return names


def _answer_of_cells(names: list[str], cells: list[str]) -> tuple[AnswerIn | None, Rejection | None]:
    if len(cells) != len(names):
        return None, Rejection("wrong_width", f"the line has {len(cells)} cells, the first line {len(names)}")
    given: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
    if "concepts" in given:
        given["concepts"] = given["concepts"].split(LIST_SEPARATOR)
    try:
        return msgspec.convert(given, AnswerIn, strict=False), None
    except msgspec.ValidationError as error:
        return None, _fault_of(error)


def _fault_of(error: msgspec.ValidationError) -> Rejection:
    """msgspec says "Expected `str`, got `int` - at `$.learner`"."""
    message, _, path = str(error).partition(" - at `$")
    pointer = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    code = (
        "unknown_field" if "unknown field" in message else "missing_field" if "missing" in message else "invalid_value"
    )
    return Rejection(code, message[0].lower() + message[1:], pointer)


def _shown(text: str) -> str:
    return text.rstrip("\r\n")[:SHOWN_CHARACTERS]
