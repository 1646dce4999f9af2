"""The log as one Parquet file, in bounded memory: what models are trained on, and the same again from its manifest.

The file is one that `kt_models.data.read` reads: a row an answer, in order of learner, time and place in the log.
Learners are numbered from 0 in order of their ids, which a second file beside it tells; concepts and items are
positions in the curriculum. Learners who are no longer in the accounts (erased) are left out.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection, transaction
from django.utils import timezone
from pyarrow import csv, parquet

ANSWERS: Final = "answers.parquet"
LEARNERS: Final = "learners.parquet"
MANIFEST: Final = "manifest.json"
#: Of the files' form; another is refused.
VERSION: Final = 1
#: Answers received within it may still be on their way into the log: a later export to the same moment would hold more.
SETTLED: Final = timedelta(minutes=2)
#: Bytes read from PostgreSQL at once, and rows of a group of the file: all that is ever in memory.
BLOCK: Final = 4 << 20
GROUP: Final = 250_000

_READ: Final = """
COPY (
    SELECT learner_id, extract(epoch FROM occurred_at)::float8, item, array_to_string(concepts, ' '), correct,
           response_seconds, hints, attempt
    FROM interactions_interaction
    WHERE curriculum_id = %s AND received_at < %s AND (%s::uuid IS NULL OR school_id = %s)
      AND EXISTS (SELECT FROM accounts_learner WHERE accounts_learner.id = learner_id)
    ORDER BY learner_id, occurred_at, seq
) TO STDOUT (FORMAT csv)
"""
_COLUMNS: Final = {
    "learner_id": pa.string(), "timestamp": pa.float64(), "item": pa.int64(), "concept": pa.string(),
    "correct": pa.float32(), "response_seconds": pa.float32(), "hints": pa.int64(), "attempt": pa.int64(),
}  # fmt: skip
_ANSWER: Final = pa.schema([
    ("learner", pa.int64()), ("concept", pa.list_(pa.int64())),
    *((name, kind) for name, kind in _COLUMNS.items() if name not in ("learner_id", "concept")),
])  # fmt: skip
_LEARNER: Final = pa.schema([("learner", pa.int64()), ("id", pa.string())])

Progress = Callable[[int], None]


class NotReproduced(ValueError):
    """The log no longer gives what a manifest says: answers were erased, or a file was changed."""


@final
@dataclass(frozen=True)
class Manifest:
    """What an export is of, and what it held.

    Attributes:
        received_before: answers received before it, ISO 8601.     school: one school's, None for all.
        first, last: seconds of the earliest and latest answer, None if there is none.
        digest: SHA-256 of the rows as PostgreSQL sent them: equal digests, equal data.
    """

    curriculum: UUID
    school: UUID | None
    received_before: datetime
    answers: int
    learners: int
    first: float | None
    last: float | None
    digest: str
    version: int = VERSION

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), default=_plain, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        found = json.loads((folder / MANIFEST).read_text())
        if found.get("version") != VERSION:
            raise NotReproduced(
                f"{folder}: is of version {found.get('version')}, {VERSION} is known: export the log again"
            )
        school = UUID(found["school"]) if found["school"] else None
        moment = datetime.fromisoformat(found["received_before"])
        return cls(**found | {"curriculum": UUID(found["curriculum"]), "school": school, "received_before": moment})


def _plain(value: UUID | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def write(
    folder: Path, curriculum_id: UUID, *, school_id: UUID | None = None, received_before: datetime | None = None,
    progress: Progress | None = None,
) -> Manifest:  # fmt: skip
    """Exports the log of a curriculum into an existing folder; by default all that is settled.

    Args:
        progress: called with the number of answers written so far; what it raises ends the export.
    """
    moment = received_before or timezone.now() - SETTLED
    # That of an earlier export would vouch for files half written.
    (folder / MANIFEST).unlink(missing_ok=True)
    with _rows(curriculum_id, school_id, moment) as stream, _Files(folder) as files:
        for batch in _batches(stream):
            files.add(batch)
            if progress:
                progress(files.answers)
    manifest = Manifest(
        curriculum_id, school_id, moment, files.answers, files.learners, files.first, files.last, stream.digest()
    )
    # Last: a folder without one is no export.
    manifest.write(folder)
    return manifest


def reproduce(folder: Path, manifest: Manifest) -> Manifest:
    """The same export once more, into another folder.

    Raises:
        NotReproduced: if the log gives other answers now.
    """
    again = write(
        folder, manifest.curriculum, school_id=manifest.school, received_before=manifest.received_before
    )  # fmt: skip
    if again.digest != manifest.digest:
        raise NotReproduced(
            f"the log of curriculum {manifest.curriculum} gives {again.answers} answers of {again.learners} learners "
            f"received before {manifest.received_before.isoformat()}, the manifest says {manifest.answers} of "
            f"{manifest.learners}: learners were erased since, or the log was changed: export it anew"
        )
    return again


class _Stream(io.RawIOBase):
    """What PostgreSQL sends, as a file that is read once."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks, self._rest, self._hash = chunks, memoryview(b""), hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        self._hash.update(buffer[:n])
        return n

    def digest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def _rows(curriculum_id: UUID, school_id: UUID | None, moment: datetime) -> Iterator[_Stream]:
    with transaction.atomic():
        connection.ensure_connection()
        with (
            connection.connection.cursor() as cursor,
            cursor.copy(_READ, [curriculum_id, moment, school_id, school_id]) as rows,
        ):
            yield _Stream(iter(rows))


def _batches(stream: _Stream) -> Iterator[pa.RecordBatch]:
    buffered = io.BufferedReader(stream, BLOCK)
    # A reader of columns cannot be made of nothing.
    if not buffered.peek(1):
        return
    reading = csv.ReadOptions(column_names=list(_COLUMNS), block_size=BLOCK, use_threads=False)
    converting = csv.ConvertOptions(column_types=_COLUMNS, strings_can_be_null=False)
    yield from csv.open_csv(buffered, read_options=reading, convert_options=converting)


class _Files:
    """The two files under way."""

    def __init__(self, folder: Path) -> None:
        self.answers = self.learners = 0
        self.first: float | None = None
        self.last: float | None = None
        self._id, self._held, self._rows = "", list[pa.RecordBatch](), 0
        self._writers = [
            parquet.ParquetWriter(folder / name, schema, compression="zstd")
            for name, schema in ((ANSWERS, _ANSWER), (LEARNERS, _LEARNER))
        ]

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        for writer in self._writers:
            writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        learner = self._numbered(batch["learner_id"])
        lists = pc.split_pattern(batch["concept"], " ").cast(pa.list_(pa.int64()))
        columns = {name: batch[name] for name in _ANSWER.names if name in _COLUMNS and name != "concept"}
        self._held.append(pa.RecordBatch.from_pydict({"learner": learner, **columns, "concept": lists}, _ANSWER))
        ends = pc.min_max(batch["timestamp"])
        first, last = ends["min"].as_py(), ends["max"].as_py()
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        self.answers, self._rows = self.answers + len(batch), self._rows + len(batch)
        if self._rows >= GROUP:
            self._flush()

    def _numbered(self, ids: pa.Array) -> pa.Array:
        """Rows of one learner follow each other, over the ends of batches too."""
        runs = pc.run_end_encode(ids)
        names = runs.values
        goes_on = names[0].as_py() == self._id
        number = pa.array(range(self.learners - goes_on, self.learners - goes_on + len(names)), pa.int64())
        new = pa.RecordBatch.from_arrays([number, names], schema=_LEARNER).slice(int(goes_on))
        self._writers[1].write_batch(new)
        self.learners, self._id = self.learners + len(new), names[-1].as_py()
        return pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(runs.run_ends, number))

    def _flush(self) -> None:
        if self._held:
            self._writers[0].write_table(pa.Table.from_batches(self._held, _ANSWER))
            self._held, self._rows = [], 0
