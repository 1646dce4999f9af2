"""CSV: a zip of curriculum.csv (one row), concepts.csv and items.csv; lossless.

UTF-8, the first line names the columns, in any order; an empty cell is an absent field.

    curriculum.csv   key, title, language
    concepts.csv     key, title [, description, prerequisites, grade, domain, source_uri]
    items.csv        key, concepts, statement [, answer, choices, difficulty, minutes, url]

Cells that list something (prerequisites, concepts, choices) separate its members by "|"; a bar or backslash inside
one is written after a backslash.
"""

from __future__ import annotations

import csv
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from curricula.document import FORMAT, ConceptContent, Document, ItemContent
from curricula.errors import InvalidDocument, Problem, Report
from curricula.formats.base import Format, Parsed, check_size, refuse
from curricula.validation import parse

COLUMNS = {
    "curriculum.csv": ("key", "title", "language"),
    "concepts.csv": ConceptContent.__struct_fields__,
    "items.csv": ItemContent.__struct_fields__,
}
LISTS = frozenset({"prerequisites", "concepts", "choices"})
NUMBERS = frozenset({"difficulty", "minutes"})

#: The zip carries no time of its own, so that equal documents make equal bytes.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass
class _Table:
    """Rows of a file as objects of the document, and the line that each begins on."""

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read(body: bytes) -> Parsed:
    """From the zip."""
    files = _unpack(body)
    head = _table("curriculum.csv", files["curriculum.csv"])
    if len(head.rows) != 1 and not head.problems:
        message = f"curriculum.csv has {len(head.rows)} rows: give one, with the curriculum's key, title and language"
        raise refuse("curriculum.csv", "bad_value", message)
    return _assemble(head, files["concepts.csv"], files["items.csv"])


def read_tables(concepts: bytes, items: bytes, *, key: str, title: str, language: str) -> Parsed:
    """From the two files alone, with what curriculum.csv would say."""
    check_size("concepts.csv and items.csv", len(concepts) + len(items))
    head = _Table("curriculum.csv", [{"key": key, "title": title, "language": language}], [2])
    return _assemble(head, concepts, items)


def write(document: Document, _changed: datetime) -> bytes:
    plain = document.to_builtins()
    head = [{name: plain[name] for name in COLUMNS["curriculum.csv"]}]
    tables = {"curriculum.csv": head, "concepts.csv": plain["concepts"], "items.csv": plain["items"]}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, write_table(name, rows))
    return packed.getvalue()


def write_table(name: str, rows: Iterable[dict[str, Any]]) -> bytes:
    """One file, with all its columns."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS[name], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({column: _cell(value) for column, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _cell(value: str | float | list[str]) -> str:
    if isinstance(value, list):
        return "|".join(re.sub(r"([|\\])", r"\\\1", member) for member in value)
    return value if isinstance(value, str) else repr(value)


#: What zipfile raises where a zip is broken, encrypted or packed in a way that it does not know, by its four methods:
#: bz2 tells of broken data by OSError, and nothing else here reads or writes a file.
_BROKEN: Final = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError, zlib.error, lzma.LZMAError,
)  # fmt: skip


def _unpack(body: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = {info.filename: info for info in archive.infolist()}
            missing = [name for name in COLUMNS if name not in names]
            if missing:
                message = f"the zip has no {missing[0]}: it must hold {', '.join(COLUMNS)}, not in a folder"
                raise refuse(missing[0], "missing_file", message)
            # What the zip says of its sizes is only a claim, but zipfile never unpacks more than that.
            check_size("the unpacked zip", sum(names[name].file_size for name in COLUMNS))
            return {name: archive.read(name) for name in COLUMNS}
    except _BROKEN as error:
        message = f"the body is no zip that can be read ({error}): send a zip of {', '.join(COLUMNS)}, unencrypted"
        raise refuse("", "not_a_zip", message) from error


def _assemble(head: _Table, concepts: bytes, items: bytes) -> Parsed:
    """The checked document; every problem, found here or by its validation, is told by file, line and column."""
    tables = {"": head, "concepts": _table("concepts.csv", concepts), "items": _table("items.csv", items)}
    document = {"format": FORMAT, **(head.rows[0] if head.rows else {})}
    document |= {name: table.rows for name, table in tables.items() if name}
    problems = [problem for table in tables.values() for problem in table.problems]
    try:
        parsed = parse(document)
    except InvalidDocument as refusal:
        problems += (_in_tables(problem, tables) for problem in refusal.report.problems)
        raise InvalidDocument(
            Report(tuple(dict.fromkeys(problems)), refusal.report.n_concepts, refusal.report.n_items)
        ) from refusal
    if problems:
        raise InvalidDocument(Report(tuple(problems), len(parsed.concepts), len(parsed.items)))
    return Parsed(parsed)


def _in_tables(problem: Problem, tables: dict[str, _Table]) -> Problem:
    """`/items/3/difficulty` becomes `items.csv:5:difficulty`."""
    steps = problem.pointer.split("/")[1:]
    if len(steps) > 1:
        table = tables[steps[0]]
        steps = [table.name, str(table.lines[int(steps[1])]), *steps[2:3]]
    else:
        steps = ["curriculum.csv", "2", *steps]
    return replace(problem, pointer=":".join(steps))


def _table(name: str, body: bytes) -> _Table:
    table = _Table(name)
    try:
        records = list(_records(body.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        table.problems.append(Problem(f"{name}:{line}", "not_utf8", "the text is not UTF-8: save the file as UTF-8"))
        return table
    except csv.Error as error:
        table.problems.append(Problem(name, "not_csv", f"the file is no CSV ({error}): close every quotation mark"))
        return table
    header = [column.strip() for column in records[0][1]] if records else []
    table.problems += _header_problems(name, header)
    for line, cells in records[1:]:
        if len(cells) > len(header):
            message = f"{len(cells)} cells under {len(header)} columns: put cells that hold a comma in quotation marks"
            table.problems.append(Problem(f"{name}:{line}", "too_many_cells", message))
        filled = [(column, cell) for column, cell in zip(header, cells, strict=False) if cell]
        table.rows.append({column: _value(column, cell) for column, cell in filled if column in COLUMNS[name]})
        table.lines.append(line)
    return table


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line it begins on: one may span several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    for cells in reader:
        if any(cells):
            yield line, cells
        line = reader.line_num + 1


def _header_problems(name: str, header: list[str]) -> Iterator[Problem]:
    known = ", ".join(COLUMNS[name])
    for column, count in Counter(header).items():
        if column not in COLUMNS[name]:
            yield Problem(f"{name}:1:{column}", "unknown_column", f"there is no column {column!r}: use {known}")
        elif count > 1:
            yield Problem(f"{name}:1:{column}", "duplicate_column", f"column {column!r} stands twice: keep one of them")
    if not header:
        yield Problem(
            f"{name}:1", "missing_header", f"the file is empty: begin it with a line of column names, {known}"
        )


def _value(column: str, cell: str) -> object:
    """What a cell says; a number that is none stays text, and the validation refuses it in its own words."""
    if column in NUMBERS and _NUMBER.fullmatch(cell.strip()):
        return float(cell)
    if column in LISTS:
        members = [re.sub(r"\\(.)", r"\1", member, flags=re.DOTALL) for member in _split(cell)]
        return members if column == "choices" else [member.strip() for member in members]
    return cell.strip() if column == "key" else cell


def _split(cell: str) -> list[str]:
    """Members of a list cell, still escaped."""
    return re.findall(r"(?:[^|\\]|\\.|\\$)+", cell, flags=re.DOTALL)


CSV = Format(
    name="csv",
    title="CSV tables (zip)",
    media_type="application/zip",
    file_suffix=".zip",
    read=read,
    write=write,
)
