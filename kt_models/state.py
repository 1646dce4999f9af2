"""The belief about a batch of learners, as plain arrays, and its bytes. One container serves every model."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]

_MAGIC: Final = b"TST1"
_HEADER: Final = struct.Struct("<4s8sHHId")  # magic, schema, per-learner values, per-concept values, concepts, seconds


class BadState(ValueError):
    """The bytes are no state of this model and version."""


@final
@dataclass(frozen=True, eq=False)
class LearnerState:
    """Beliefs about a batch of learners: some numbers each, and some for each concept that the learner has touched.

    What the numbers mean is the model's affair; `schema` (at most 8 ASCII characters, for example "hl1") names that
    meaning and its version. Arrays are read-only. The touched concepts of learner i are rows
    `offset[i]:offset[i + 1]`, ascending by `concept`.

    Attributes:
        seconds: (learners,) time of the last answer folded in, -inf if none.
        learner: (learners, D) float32.
        offset: (learners + 1,).     concept: (touched,).
        concept_seconds: (touched,) float64 time that the row was last settled at.     touched: (touched, F) float32.
    """

    schema: str
    seconds: Float
    learner: Float32
    offset: Int
    concept: Int
    concept_seconds: Float
    touched: Float32

    def __post_init__(self) -> None:
        for name in ("seconds", "learner", "offset", "concept", "concept_seconds", "touched"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return int(self.seconds.shape[0])

    @classmethod
    def empty(cls, schema: str, learner: Float32, n_fields: int) -> LearnerState:
        """Learners (rows of `learner`) who have touched nothing; `n_fields` numbers a touched concept."""
        n = learner.shape[0]
        return cls(
            schema=schema,
            seconds=np.full(n, -np.inf),
            learner=np.ascontiguousarray(learner, dtype=np.float32),
            offset=np.zeros(n + 1, np.int64),
            concept=np.empty(0, np.int64),
            concept_seconds=np.empty(0, np.float64),
            touched=np.empty((0, n_fields), np.float32),
        )

    @property
    def owner(self) -> Int:
        """(touched,) the learner row of each touched concept."""
        return np.repeat(np.arange(len(self)), np.diff(self.offset))

    def find(self, learner: Int, concept: Int) -> Int:
        """Row in `touched` of each (learner, concept) pair, -1 where untouched. O(pairs log touched)."""
        if self.concept.shape[0] == 0:
            return np.full(len(learner), -1, np.int64)
        width = int(max(self.concept.max(), concept.max(initial=0))) + 1
        keys = self.owner * width + self.concept
        wanted = np.asarray(learner) * width + np.asarray(concept)
        row = np.minimum(np.searchsorted(keys, wanted), keys.shape[0] - 1)
        return np.where(keys[row] == wanted, row, -1)

    def take(self, rows: Int) -> LearnerState:
        """The beliefs about some learners, in the order given."""
        counts = np.diff(self.offset)[rows]
        offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        source = np.arange(int(offset[-1])) + np.repeat(self.offset[:-1][rows] - offset[:-1], counts)
        return LearnerState(
            self.schema, self.seconds[rows], self.learner[rows], offset,
            self.concept[source], self.concept_seconds[source], self.touched[source],
        )  # fmt: skip

    def touch(self, learner: Int, concept: Int, fields: Float32) -> LearnerState:
        """The same beliefs with a row for every (learner, concept) pair given; `fields` (pairs, F) fill the new ones.

        New rows have `concept_seconds` -inf. Pairs may repeat and may exist already; existing rows are kept.
        """
        width = int(max(self.concept.max(initial=0), np.max(concept, initial=0))) + 1
        old = self.owner * width + self.concept
        wanted, first = np.unique(np.asarray(learner) * width + np.asarray(concept), return_index=True)
        new = ~np.isin(wanted, old, assume_unique=True)
        if not new.any():
            return self
        keys = np.concatenate([old, wanted[new]])
        order = np.argsort(keys, kind="stable")
        times = np.concatenate([self.concept_seconds, np.full(int(new.sum()), -np.inf)])
        values = np.concatenate([self.touched, fields[first[new]].astype(np.float32)])
        offset = np.searchsorted(keys[order], np.arange(len(self) + 1) * width)
        return LearnerState(
            self.schema, self.seconds, self.learner, offset.astype(np.int64),
            keys[order] % width, times[order], values[order],
        )  # fmt: skip

    def to_bytes(self) -> list[bytes]:
        """One little-endian record a learner: 28 bytes + 4 D + (12 + 4 F) a touched concept."""
        schema = self.schema.encode("ascii").ljust(8, b"\0")
        dims = self.learner.shape[1], self.touched.shape[1]
        concept = self.concept.astype("<i4")
        times, touched = self.concept_seconds.astype("<f8"), self.touched.astype("<f4")
        learner = self.learner.astype("<f4")
        records = []
        for i, (start, end) in enumerate(zip(self.offset[:-1].tolist(), self.offset[1:].tolist(), strict=True)):
            head = _HEADER.pack(_MAGIC, schema, *dims, end - start, float(self.seconds[i]))
            body = (learner[i], concept[start:end], times[start:end], touched[start:end])
            records.append(head + b"".join(part.tobytes() for part in body))
        return records

    @classmethod
    def from_bytes(cls, records: Sequence[bytes], *, schema: str) -> LearnerState:
        """Reads what `to_bytes` wrote, exactly, as one batch of at least one learner.

        Raises:
            BadState: if a record is of another schema or version, or cut short; replay that learner's log instead.
        """
        heads = [_read_header(record, schema) for record in records]
        if len({(d, f) for d, f, _, _ in heads}) != 1:
            raise BadState(
                f"{len(records)} states of schema {schema!r} differ in width, or there are none: replay the log"
            )
        d, f, counts = heads[0][0], heads[0][1], [n for _, _, n, _ in heads]
        at, parts = _HEADER.size, list(zip(records, counts, strict=True))
        return cls(
            schema=schema,
            seconds=np.array([s for *_, s in heads], dtype=np.float64),
            learner=np.stack([np.frombuffer(r, "<f4", d, at) for r, _ in parts]).astype(np.float32, copy=False),
            offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            concept=_join([np.frombuffer(r, "<i4", n, at + 4 * d) for r, n in parts]).astype(np.int64),
            concept_seconds=_join([np.frombuffer(r, "<f8", n, at + 4 * d + 4 * n) for r, n in parts]).astype(
                np.float64, copy=False
            ),
            touched=_join([np.frombuffer(r, "<f4", n * f, at + 4 * d + 12 * n) for r, n in parts])
            .reshape(sum(counts), f)
            .astype(np.float32, copy=False),
        )


def _join(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts)


def _read_header(record: bytes, schema: str) -> tuple[int, int, int, float]:
    if len(record) < _HEADER.size or record[:4] != _MAGIC:
        raise BadState(f"{record[:4]!r} does not open a learner state ({_MAGIC!r} does): replay the learner's log")
    _, name, d, f, n, seconds = _HEADER.unpack_from(record)
    found = name.rstrip(b"\0").decode("ascii", "replace")
    if found != schema:
        raise BadState(f"state of schema {found!r}, this model reads {schema!r}: replay the learner's log")
    expected = _HEADER.size + 4 * d + n * (12 + 4 * f)
    if len(record) != expected:
        raise BadState(f"state of {len(record)} bytes, {expected} expected: replay the learner's log")
    return d, f, n, seconds
