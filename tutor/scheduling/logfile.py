"""Logs of answers in Parquet or CSV files, row by row, whatever their columns are called: read in little memory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
from pyarrow import csv, parquet

from tutor.scheduling.intake import AnswerIn

#: Rows decoded at a time: a few megabytes.
BATCH_ROWS: Final = 10_000
#: Separates the concepts of an answer in a CSV cell.
LIST_SEPARATOR: Final = ";"
#: What a curriculum allows in a key.
_NO_KEY: Final = re.compile(r"[^A-Za-z0-9._:-]")
MAX_KEY: Final = 120
#: Of the name under which a file's learners and answers are known.
MAX_SOURCE: Final = 64
OPTIONAL: Final = ("response_seconds", "hints", "attempt")


class BadLog(ValueError):
    """A file that is no log of answers; the message names row, column, value, rule and way out."""


@dataclass(frozen=True)
class Layout:
    """Names of the columns. Without an item column, each concept counts as one item.

    `epoch` is the Unix time at which numbers in the time column begin.
    """

    learner: str = "learner"
    item: str = "item"
    concept: str = "concept"
    correct: str = "correct"
    timestamp: str = "timestamp"
    difficulty: str | None = None
    epoch: float = 0.0

    @property
    def needed(self) -> tuple[str, ...]:
        always = (self.learner, self.concept, self.correct, self.timestamp)
        return always if self.difficulty is None else (*always, self.difficulty)


class Row(NamedTuple):
    """One answer. `number` counts from 1 and names it in errors and in the log: a file read again sends equal ids."""

    number: int
    learner: str
    item: str
    concepts: tuple[str, ...]
    correct: float
    seconds: float
    difficulty: float
    extras: dict[str, Any]


def rows(path: Path, layout: Layout, limit: int | None = None) -> Iterator[Row]:
    """The answers of a file, in its order.

    Raises:
        BadLog: at the first row that is no answer, or if the file cannot be read or lacks a column.
    """
    if not path.exists():
        raise BadLog(f"there is no file {path}: give the path of a Parquet or CSV file")
    try:
        yield from islice(_rows(path, layout), limit)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadLog(f"{path} cannot be read as {'CSV' if _is_csv(path) else 'Parquet'}: {error}") from error


def count(path: Path, limit: int | None = None) -> int | None:
    """How many rows there are, where the file says so."""
    if _is_csv(path) or not path.exists():
        return limit
    try:
        n = int(parquet.ParquetFile(path).metadata.num_rows)
    except pa.ArrowInvalid:
        return None
    return n if limit is None else min(n, limit)


def key(text: str) -> str:
    """A curriculum key for an id of the file: itself where that is one, else without what a key may not hold."""
    if text and not _NO_KEY.search(text) and text[0].isalnum() and len(text) <= MAX_KEY:
        return text
    # Different ids must not become one key.
    return f"k{_NO_KEY.sub('-', text)[:90]}-{sha256(text.encode()).hexdigest()[:12]}"


def answer(row: Row, *, source: str, curriculum: str) -> AnswerIn:
    return AnswerIn(
        id=str(row.number),
        learner=f"external:{source}:{row.learner}",
        item=key(row.item),
        correct=row.correct,
        occurred_at=datetime.fromtimestamp(row.seconds, UTC),
        curriculum=curriculum,
        concepts=[key(concept) for concept in row.concepts],
        source=source,
        **row.extras,
    )


@dataclass
class Survey:
    """What a file holds, after every row was looked at once; ids in order of appearance."""

    n: int = 0
    first: float = math.inf
    last: float = -math.inf
    learners: dict[str, None] = field(default_factory=dict)
    concepts: dict[str, None] = field(default_factory=dict)
    #: Item -> concepts at its first answer; answers say theirs.
    items: dict[str, tuple[str, ...]] = field(default_factory=dict)
    difficulty: dict[str, float] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        self.n += 1
        self.first, self.last = min(self.first, row.seconds), max(self.last, row.seconds)
        self.learners[row.learner] = None
        self.concepts |= dict.fromkeys(row.concepts)
        if row.item not in self.items:
            self.items[row.item] = row.concepts
            self.difficulty[row.item] = row.difficulty


def _rows(path: Path, layout: Layout) -> Iterator[Row]:
    number = 0
    for batch in _batches(path, layout):
        columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        if layout.item not in columns:
            columns[layout.item] = columns[layout.concept]
        for place in range(batch.num_rows):
            number += 1
            yield _Cells(number, {name: column[place] for name, column in columns.items()}).row(layout)


def _batches(path: Path, layout: Layout) -> Iterator[Any]:
    names = _names(path)
    if missing := [name for name in layout.needed if name not in names]:
        raise BadLog(f"{path} has no column {missing[0]!r}, only {', '.join(names)}: name the column that holds it")
    wanted = [name for name in dict.fromkeys((*layout.needed, layout.item, *OPTIONAL)) if name in names]
    if not _is_csv(path):
        yield from parquet.ParquetFile(path).iter_batches(BATCH_ROWS, columns=wanted)
        return
    # As text: a type guessed from the first rows would fail on the later ones.
    convert = csv.ConvertOptions(column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted)
    with csv.open_csv(path, convert_options=convert) as reader:
        yield from reader


def _names(path: Path) -> list[str]:
    if _is_csv(path):
        with csv.open_csv(path, convert_options=csv.ConvertOptions(column_types={})) as reader:
            return list(reader.schema.names)
    return list(parquet.ParquetFile(path).schema_arrow.names)


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


class _Cells:
    """The cells of one row, checked one by one."""

    def __init__(self, number: int, cells: dict[str, Any]) -> None:
        self._number, self._cells = number, cells

    def row(self, layout: Layout) -> Row:
        concepts = self._concepts(layout.concept)
        return Row(
            number=self._number,
            learner=self._text(layout.learner),
            item=self._text(layout.item) if layout.item != layout.concept else LIST_SEPARATOR.join(concepts),
            concepts=concepts,
            correct=self._float(layout.correct, 0.0, 1.0, "a number from 0 to 1"),
            seconds=self._seconds(layout.timestamp, layout.epoch),
            difficulty=0.0
            if layout.difficulty is None
            else self._float(layout.difficulty, -6.0, 6.0, "-6 to 6 logits"),
            extras={name: value for name in OPTIONAL if (value := self._extra(name)) is not None},
        )

    def _text(self, name: str) -> str:
        text = _plain(self._cells[name])
        if not text or len(text) > 200:
            raise self._bad(name, "an id of 1 to 200 characters")
        return text

    def _concepts(self, name: str) -> tuple[str, ...]:
        cell = self._cells[name]
        listed = cell if isinstance(cell, list) else _plain(cell).split(LIST_SEPARATOR)
        concepts = tuple(dict.fromkeys(_plain(each) for each in listed))
        if not 1 <= len(concepts) <= 20 or not all(concepts):
            raise self._bad(name, "1 to 20 concept ids")
        return concepts

    def _float(self, name: str, low: float, high: float, rule: str) -> float:
        try:
            value = float(self._cells[name])
        except (TypeError, ValueError):
            value = math.nan
        if not low <= value <= high:
            raise self._bad(name, rule)
        return value

    def _seconds(self, name: str, epoch: float) -> float:
        cell = self._cells[name]
        try:
            if isinstance(cell, str) and not _is_number(cell):
                cell = datetime.fromisoformat(cell)
            if isinstance(cell, datetime):
                return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
            seconds = epoch + float(cell)
            datetime.fromtimestamp(seconds, UTC)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise self._bad(name, "a time: seconds, or a date and time of ISO 8601") from error
        return seconds

    def _extra(self, name: str) -> float | int | None:
        """Optional figures; what is empty or makes no sense is left out, for the answer itself is good."""
        try:
            value = float(self._cells.get(name) or "nan")
        except (TypeError, ValueError):
            return None
        if name == "response_seconds":
            return value if 0 <= value <= 86_400 else None
        return int(value) if (0 if name == "hints" else 1) <= value <= 1000 else None

    def _bad(self, name: str, rule: str) -> BadLog:
        return BadLog(f"row {self._number}, column {name}: {self._cells[name]!r} must be {rule}: mend the file")


def _plain(cell: Any) -> str:
    """An id as text; 17.0, as tables with gaps store whole numbers, is 17."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
