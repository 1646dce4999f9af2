"""Tables as CSV that spreadsheets open as they are: UTF-8 with its mark, sent in parts, and no cell is a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from io import StringIO
from itertools import chain, islice
from typing import Final

from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.formats import get_format
from django.utils.http import content_disposition_header
from django.utils.text import slugify

Cell = str | int | float | datetime | None

#: What spreadsheets take for the start of a formula (OWASP, "CSV Injection"), full-width forms included.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: Without it Excel reads UTF-8 as the machine's own code page.
MARK: Final = "\ufeff"
#: Rows that are sent together.
PART: Final = 500


def download(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """`name` is the file's. Rows are drawn while they are sent, so they must ask the database for nothing."""
    # Taken now: when the rows are drawn, the school's time and the reader's language are no longer the current ones.
    zone, language = timezone.get_current_timezone(), translation.get_language() or "en"
    response = StreamingHttpResponse(parts(head, rows, zone, language), content_type="text/csv; charset=utf-8")
    disposition = content_disposition_header(True, name)
    if disposition:
        response["Content-Disposition"] = disposition
    return response


def named(of: str, what: str, *, now: datetime) -> str:
    """The name of a file about somebody or some class; `now` in the school's time."""
    return f"{slugify(of, allow_unicode=True) or 'file'}-{what}-{now:%Y-%m-%d}.csv"


def parts(head: Sequence[str], rows: Iterable[Sequence[Cell]], zone: tzinfo, language: str = "en") -> Iterator[str]:
    """The text of the file; times in a zone, without naming it, as spreadsheets read them.

    Where numbers have a decimal comma, spreadsheets take a semicolon for what separates cells.
    """
    with translation.override(language):
        point = get_format("DECIMAL_SEPARATOR")
    lines = ([shown(cell, zone, point) for cell in row] for row in chain([head], rows))
    mark, delimiter = MARK, "," if point == "." else ";"
    while True:
        # Never across a `yield`: what else the thread does meanwhile is not in this language.
        with translation.override(language):
            part = list(islice(lines, PART))
        if not part:
            return
        text = StringIO()
        csv.writer(text, delimiter=delimiter).writerows(part)
        yield mark + text.getvalue()
        mark = ""


def shown(cell: Cell, zone: tzinfo, point: str = ".") -> str | int | float:
    """As it stands in the file, with a decimal point such as a comma.

    A text that a spreadsheet would compute is quoted, as by its own users: '=1+1.
    """
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, str) and (cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA)):
        return f"'{cell}"
    if isinstance(cell, float) and point != ".":
        return str(cell).replace(".", point)
    return cell
