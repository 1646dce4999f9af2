"""What an average learner gives to a question, and what the question before says of it.

    expected(q) = sigmoid(intercept + mean of its concepts' base - difficulty)
    effect(a, r, b) = sum over answers to b right after a with outcome r of (answer - expected(b)) / (n + CALM)
    told(a, r, q) = logit(expected(q) + effect) - logit expected(q)

a and b are concepts (the first of an answer) in one table and items in another. Steps of one problem, and questions
that share a text, follow each other: an answer to one tells of the next what no level does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from kt_models.base import ConceptLists, Float32, Interactions
from kt_models.levels import Levels
from kt_models.recall import Float, Int, sigmoid
from kt_models.walk import sums

#: Answers without surprise that an effect is drawn to zero by.
CALM: Final = 8.0
#: Probabilities that an effect makes at most of a question's.
SURE: Final = (0.01, 0.99)
#: Pairs of questions that fewer answers bear on say nothing.
LEAST: Final = 2
#: Features of one table.
COLUMNS: Final = 2
#: Columns of a state that hold the last question and outcome, positions + 1, 0 if nothing was answered.
LAST_COLUMNS: Final = 3


@final
@dataclass(frozen=True, eq=False)
class Last:
    """The answer before each question: (rows,) concept and item, -1 if none or unknown, and whether it was right."""

    concept: Int
    item: Int
    right: Int

    @classmethod
    def within(cls, seen: Interactions, offset: Int, columns: Float32) -> Last:
        """Of answers of learners, who begin at `offset`, after what columns (learners, 3) say."""
        own, old = cls.of_answers(seen), cls.of_columns(columns)
        starts, learner = offset[:-1][np.diff(offset) > 0], np.flatnonzero(np.diff(offset))
        parts = []
        for mine, theirs in zip(own._parts(), old._parts(), strict=True):
            value = np.roll(mine, 1)
            value[starts] = theirs[learner]
            parts.append(value)
        return cls(*parts)

    @classmethod
    def of_answers(cls, seen: Interactions) -> Last:
        return cls(_first(seen.concepts), np.maximum(seen.item, -1), (seen.correct >= 0.5).astype(np.int64))

    @classmethod
    def of_columns(cls, columns: Float32) -> Last:
        whole = columns.astype(np.int64)
        return cls(whole[:, 0] - 1, whole[:, 1] - 1, whole[:, 2])

    def take(self, rows: Int) -> Last:
        return Last(*(part[rows] for part in self._parts()))

    def columns(self) -> Float32:
        return np.stack([self.concept + 1, self.item + 1, self.right], axis=1).astype(np.float32)

    def _parts(self) -> tuple[Int, Int, Int]:
        return self.concept, self.item, self.right


@final
@dataclass(frozen=True, eq=False)
class Table:
    """Effects of pairs of questions that followed each other, (pairs,) by ascending key, among `n` questions."""

    n: int
    key: Int
    effect: Float
    answers: Float

    @classmethod
    def of(cls, n: int, before: Int, right: Int, asked: Int, surprise: Float) -> Table:
        """From answers: (answers,) question before, its outcome, question, and answer less what was expected."""
        key = cls._key(n, before, right, asked)
        found, of, answers = np.unique(key, return_inverse=True, return_counts=True)
        effect = np.bincount(of, surprise, len(found)) / (answers + CALM)
        kept = (found >= 0) & (answers >= LEAST)
        return cls(n, found[kept], effect[kept], answers[kept].astype(np.float64))

    @staticmethod
    def _key(n: int, before: Int, right: Int, asked: Int) -> Int:
        known = (before >= 0) & (before < n) & (asked >= 0) & (asked < n)
        return np.where(known, (before * 2 + right) * n + asked, -1)

    def told(self, before: Int, right: Int, asked: Int) -> Float:
        """(rows, 2) effect, and log of 1 + the answers that it rests on."""
        key, out = self._key(self.n, before, right, asked), np.zeros((len(asked), COLUMNS))
        if len(self.key):
            place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
            hit = self.key[place] == key
            out[hit] = np.stack([self.effect[place[hit]], np.log1p(self.answers[place[hit]])], axis=1)
        return out


@final
@dataclass(frozen=True, eq=False)
class Told:
    """What is known of questions before they are answered, shapes (questions, ...).

    Attributes:
        expected: P(correct) of an average learner.     difficulty: of the item, logits, 0 if unknown.
        after: (questions, 2 a table) what the question before says in logits, and log of 1 + the answers it rests on.
    """

    expected: Float
    difficulty: Float
    after: Float

    @classmethod
    def nothing(cls, n: int, tables: int) -> Told:
        return cls(np.full(n, 0.5), np.zeros(n), np.zeros((n, COLUMNS * tables)))

    def put(self, rows: Int, other: Told) -> None:
        """Fills rows with those of another."""
        self.expected[rows], self.difficulty[rows], self.after[rows] = other.expected, other.difficulty, other.after


@final
@dataclass(frozen=True, eq=False)
class Reference:
    """Levels of the concepts and items that the model was fitted on, and tables of what follows what.

    `tables`: of concepts, and of items where they count; none without `Config.transitions`.
    """

    levels: Levels
    tables: tuple[Table, ...] = ()

    @property
    def n_concepts(self) -> int:
        return len(self.levels.base)

    @property
    def n_items(self) -> int:
        return len(self.levels.difficulty)

    def of(self, item: Int, concepts: ConceptLists, last: Last) -> Told:
        """Of questions to concepts and an item (questions,), -1 if unknown."""
        base = np.append(self.levels.base, 0.0)[np.minimum(concepts.flat, self.n_concepts)]
        place = np.where(item < 0, self.n_items, np.minimum(item, self.n_items))
        difficulty = np.append(self.levels.difficulty, 0.0)[place]
        mean = sums(concepts.owner, base, len(concepts)) / concepts.counts
        told = [
            table.told(before, last.right, asked)
            for table, before, asked in zip(
                self.tables, (last.concept, last.item), (_first(concepts), item), strict=False
            )
        ]
        level = self.levels.intercept + mean - difficulty
        expected = sigmoid(level)
        for columns in told:
            columns[:, 0] = _logit(np.clip(expected + columns[:, 0], *SURE)) - np.clip(level, *_logit(np.array(SURE)))
        after = np.concatenate(told, axis=1) if told else np.zeros((len(item), 0))
        return Told(expected, difficulty, after)

    def with_tables(self, seen: Interactions, offset: Int, *, items: bool) -> Reference:
        """The same with tables of answers of learners, who begin at `offset`."""
        last = Last.within(seen, offset, np.zeros((len(offset) - 1, LAST_COLUMNS), np.float32))
        surprise = seen.correct - self.of(seen.item, seen.concepts, last).expected
        tables = [Table.of(self.n_concepts, last.concept, last.right, _first(seen.concepts), surprise)]
        if items:
            tables.append(Table.of(self.n_items, last.item, last.right, seen.item, surprise))
        return Reference(self.levels, tuple(tables))


def _logit(p: Float) -> Float:
    return np.log(p) - np.log1p(-p)


def _first(concepts: ConceptLists) -> Int:
    return concepts.flat[concepts.offset[:-1]]
