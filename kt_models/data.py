"""Data sets of answers: reading them from Parquet or CSV, and cutting them by learner, time and position. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.base import ConceptLists, Float32, Interactions
from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]

#: Odd constant of the splitmix64 generator (Steele, Lea & Flood 2014); spreads consecutive learner ids.
_GOLDEN: Final = 0x9E3779B97F4A7C15


class BadDataset(ValueError):
    """A file or columns that are no answers; the message names place, value, rule and way out."""


@final
@dataclass(frozen=True, eq=False)
class Vocabulary:
    """External ids of concepts or items, `ids` (size,) ascending; their positions are 0, 1, ... in that order."""

    ids: Int

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", np.asarray(self.ids, dtype=np.int64))
        if np.any(np.diff(self.ids) <= 0):
            raise BadDataset("the ids of a vocabulary must ascend without repetition: use Vocabulary.of")

    @classmethod
    def of(cls, ids: Int) -> Vocabulary:
        """The vocabulary of ids that occur in any order, any number of times."""
        return cls(np.unique(ids))

    @property
    def size(self) -> int:
        return int(self.ids.shape[0])

    def encode(self, ids: Int) -> Int:
        """Positions of ids, same shape. Ids not in here are numbered from `size` on, in order of value."""
        ids = np.asarray(ids, dtype=np.int64)
        position = np.searchsorted(self.ids, ids)
        known = np.zeros(ids.shape, dtype=np.bool_)
        inside = position < self.size
        known[inside] = self.ids[position[inside]] == ids[inside]
        foreign = np.unique(ids[~known])
        position[~known] = self.size + np.searchsorted(foreign, ids[~known])
        return position

    def decode(self, positions: Int) -> Int:
        """Ids at positions, all of which must be below `size`."""
        positions = np.asarray(positions, dtype=np.int64)
        beyond = positions[(positions < 0) | (positions >= self.size)]
        if beyond.size:
            raise BadDataset(f"position {beyond[0]} is not in a vocabulary of {self.size}: decode known positions only")
        return self.ids[positions]


@final
@dataclass(frozen=True, eq=False)
class Dataset:
    """Answers of many learners. Each learner has at least one; rows of learners ascend by id unless taken otherwise.

    Attributes:
        learner_ids: (learners,) external ids; `interactions.learner` holds rows of it.
        interactions: grouped by learner, in time order; answers of equal time keep the order of the file.
        concepts, items: external ids of the positions in `interactions`. Positions at or beyond their size are ids
            that the vocabulary (of another data set or a model) lacks. No items: empty, and `item` is -1 throughout.
        has_time: False if the source holds an order only. `seconds` then counts each learner's answers, 0, 1, 2, ...
            (as if one were given every second), which keeps the order and means nothing else.
    """

    learner_ids: Int
    interactions: Interactions
    concepts: Vocabulary
    items: Vocabulary
    has_time: bool = True

    @property
    def n_learners(self) -> int:
        return int(self.learner_ids.shape[0])

    @property
    def n_answers(self) -> int:
        return len(self.interactions)

    @property
    def offset(self) -> Int:
        """(learners + 1,) the answers of learner row i are `offset[i]:offset[i + 1]`."""
        return np.searchsorted(self.interactions.learner, np.arange(self.n_learners + 1)).astype(np.int64)

    @property
    def lengths(self) -> Int:
        """(learners,) number of answers of each."""
        return np.diff(self.offset)

    @property
    def step(self) -> Int:
        """(answers,) position of each answer in its learner's history, from 0."""
        return np.arange(self.n_answers) - self.offset[self.interactions.learner]

    def answers_of(self, rows: Int) -> Int:
        """Rows in `interactions` of the answers of some learners, in the order of `take(rows)`."""
        lengths, begin = self.lengths[rows], self.offset[rows]
        start = np.cumsum(lengths) - lengths
        return np.asarray(np.arange(int(lengths.sum())) + np.repeat(begin - start, lengths), dtype=np.int64)

    def take(self, rows: Int) -> Dataset:
        """Some learners, each with all answers, in the order given and renumbered 0, 1, ...; same vocabularies."""
        rows = np.asarray(rows, dtype=np.int64)
        if np.unique(rows).size != rows.size:
            raise BadDataset("a learner was taken twice: give each row once")
        source = self.answers_of(rows)
        learner = np.repeat(np.arange(len(rows)), self.lengths[rows])
        seen = self.interactions
        columns = {name: getattr(seen, name)[source] for name in _PLAIN}
        taken = Interactions(learner=learner, concepts=seen.concepts.take(source), **columns)
        return replace(self, learner_ids=self.learner_ids[rows], interactions=taken)

    def where(self, mask: Bool) -> Dataset:
        """The answers where `mask` (answers,) holds, of the learners who keep any, renumbered."""
        kept = self.interactions.take(np.flatnonzero(mask))
        rows, learner = np.unique(kept.learner, return_inverse=True)
        return replace(self, learner_ids=self.learner_ids[rows], interactions=replace(kept, learner=learner))

    def split_learners(self, fractions: Sequence[float], seed: int) -> tuple[Dataset, ...]:
        """Parts that share no learner, of about these fractions of the learners.

        Learners are ordered by a hash of seed and id, so that the parts do not depend on the order of a file.
        """
        if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
            raise BadDataset(f"fractions {tuple(fractions)} must be non-negative and sum to 1")
        order = np.argsort(_hash(self.learner_ids, seed), kind="stable")
        cuts = np.rint(np.cumsum(fractions)[:-1] * self.n_learners).astype(np.int64)
        return tuple(self.take(np.sort(part)) for part in np.split(order, cuts))

    def before(self, seconds: float) -> Dataset:
        """Answers earlier than a time; learners without one drop out."""
        return self.where(self.interactions.seconds < seconds)

    def after(self, seconds: float) -> Dataset:
        """Answers at or after a time; learners without one drop out."""
        return self.where(self.interactions.seconds >= seconds)

    def split_time(self, fraction: float) -> tuple[Dataset, Dataset]:
        """Answers before and from the time on by which `fraction` of all answers were given."""
        cut = float(np.quantile(self.interactions.seconds, fraction))
        return self.before(cut), self.after(cut)

    def first(self, n: int) -> Dataset:
        """The first n answers of every learner."""
        return self.window(0, n)

    def window(self, start: int, stop: int) -> Dataset:
        """Answers start, ..., stop - 1 (from 0) of every learner; learners without one drop out."""
        step = self.step
        return self.where((step >= start) & (step < stop))


_PLAIN: Final = ("seconds", "item", "correct", "response_seconds", "hints", "attempt")


def of_columns(
    *,
    learner: Int,
    concepts: ConceptLists,
    correct: Float32,
    seconds: Float | None = None,
    item: Int | None = None,
    response_seconds: Float32 | None = None,
    hints: Int | None = None,
    attempt: Int | None = None,
    concept_vocabulary: Vocabulary | None = None,
    item_vocabulary: Vocabulary | None = None,
) -> Dataset:
    """A data set of columns of external ids, shapes (answers,), in any order.

    Args:
        learner, item: ids; item -1 where unknown.     concepts: lists of concept ids.
        seconds: time of each answer; absent if only the order of rows within a learner is known.
        concept_vocabulary, item_vocabulary: of the model or data set to share positions with; else those of the ids.
    """
    n = len(learner)
    ids, row = np.unique(np.asarray(learner, dtype=np.int64), return_inverse=True)
    order = np.argsort(row, kind="stable") if seconds is None else np.lexsort((seconds, row))
    row = row[order]
    times = _step_within(row) if seconds is None else np.asarray(seconds, dtype=np.float64)[order]
    items = np.full(n, -1, dtype=np.int64) if item is None else np.asarray(item, dtype=np.int64)[order]
    concept_ids = concept_vocabulary or Vocabulary.of(concepts.flat)
    item_ids = item_vocabulary or Vocabulary.of(items[items >= 0])
    lists = concepts.take(order)
    optional = {"response_seconds": response_seconds, "hints": hints, "attempt": attempt}
    interactions = Interactions(
        learner=row,
        seconds=times,
        item=_encode_items(item_ids, items),
        concepts=ConceptLists(concept_ids.encode(lists.flat), lists.offset),
        correct=np.asarray(correct, dtype=np.float32)[order],
        **{name: column[order] for name, column in optional.items() if column is not None},  # type: ignore[arg-type]
    )
    return Dataset(ids, interactions, concept_ids, item_ids, seconds is not None)


def read(
    path: Path | str,
    *,
    columns: Columns | None = None,
    concepts: Vocabulary | None = None,
    items: Vocabulary | None = None,
    where: Mapping[str, Any] | None = None,
) -> Dataset:
    """Answers from a Parquet or CSV (ending .csv) file, in any order of rows.

    Columns learner, concept and correct are needed; item, timestamp (seconds of any epoch, or an Arrow timestamp),
    response_seconds, hints and attempt are optional. Ids are whole numbers. A concept cell is an id or a list of ids
    (in CSV joined by ";"); correct is 0 to 1.

    Args:
        columns: their names in the file, where they differ.
        concepts, items: vocabularies to share positions with, of another data set or a model.
        where: keeps rows whose column equals a value, or one of a tuple: {"split": "train", "fold": (1, 2)}.
    Raises:
        BadDataset: if the file is missing or breaks these rules.
    """
    # pyarrow takes 0.2 s to import; those who cut data sets do not need it.
    from kt_models import tables

    return tables.read(Path(path), columns=columns or Columns(), concepts=concepts, items=items, where=where or {})


def write(data: Dataset, path: Path | str) -> None:
    """Writes a data set as `read` reads it, as CSV if the path ends so, else as Parquet.

    Positions beyond the vocabularies have no id: read the source without foreign vocabularies to write it.
    """
    from kt_models import tables

    tables.write(data, Path(path))


@final
@dataclass(frozen=True)
class Columns:
    """Names of the columns in a file. Absent ones among item, timestamp and the last three are taken as unknown."""

    learner: str = "learner"
    concept: str = "concept"
    correct: str = "correct"
    item: str = "item"
    timestamp: str = "timestamp"
    response_seconds: str = "response_seconds"
    hints: str = "hints"
    attempt: str = "attempt"


def _encode_items(vocabulary: Vocabulary, items: Int) -> Int:
    out = np.full(len(items), -1, dtype=np.int64)
    known = items >= 0
    out[known] = vocabulary.encode(items[known])
    return out


def _step_within(row: Int) -> Float:
    """0, 1, 2, ... within each run of equal rows."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(row) != 0])) if len(row) else np.empty(0, np.int64)
    lengths = np.diff(np.append(starts, len(row)))
    return (np.arange(len(row)) - np.repeat(starts, lengths)).astype(np.float64)


def _hash(ids: Int, seed: int) -> NDArray[np.uint64]:
    """splitmix64 of each id, keyed by the seed; wraps modulo 2^64 by design."""
    key = np.uint64((seed * 0xD1342543DE82EF95 + 1) % 2**64)
    with np.errstate(over="ignore"):
        x = (np.asarray(ids).astype(np.uint64) ^ key) + np.uint64(_GOLDEN)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
