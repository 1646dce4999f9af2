"""Counts, rates and pauses of a learner before a question, for trees: with a cut after which answers are not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from kt_models.base import Float32, Interactions, Query
from kt_models.recall import Float, Int
from tests.bench.rivals.tasks import first_concept

Features = Float32
#: Answers at the base rate that the rate of an item or concept is drawn by.
_CALM: Final = 8.0
#: Of the rates of late: this many answers back.
_RECENT: Final = (3, 10)
NAMES: Final = (
    "item rate", "item answers", "concept rate", "given", "ahead", "learner right", "learner wrong",
    "learner surprise", "late surprise 3", "late surprise 10", "concept right", "concept wrong", "concept surprise",
    "concept late surprise", "log pause of concept", "log pause of learner", "concepts met", "item right", "item wrong",
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Rates:
    """Smoothed P(correct) of items (items,) and concepts (concepts,), and the answers that items' rest on."""

    item: Float
    item_answers: Float
    concept: Float

    @classmethod
    def of(cls, seen: Interactions, n_concepts: int, n_items: int) -> Rates:
        """Items are drawn towards their concept, concepts towards the base rate."""
        concept, correct = first_concept(seen), seen.correct.astype(np.float64)
        base = float(correct.mean()) if len(seen) else 0.5
        right, total = np.bincount(concept, correct, n_concepts), np.bincount(concept, minlength=n_concepts)
        concepts = (right + _CALM * base) / (total + _CALM)
        home = np.full(n_items, base)
        home[seen.item] = concepts[concept]
        right, total = np.bincount(seen.item, correct, n_items), np.bincount(seen.item, minlength=n_items)
        return cls((right + _CALM * home) / (total + _CALM), total.astype(np.float64), concepts)

    def expected(self, query: Query | Interactions) -> Float:
        """(questions,) what an average learner gives: the item's rate, or the concept's if nobody met the item."""
        item = self.item[query.item]
        return np.where(self.item_answers[query.item] > 0, item, self.concept[first_concept(query)])


@final
class Log:
    """Answers of some learners, ready to be counted up to a cut."""

    def __init__(self, seen: Interactions, n_learners: int, expected: Float) -> None:
        """`expected` (answers,): what an average learner gives; surprises are counted from it."""
        self.seen = seen
        self.offset = np.searchsorted(seen.learner, np.arange(n_learners + 1))
        self.right = _running(seen.correct.astype(np.float64))
        self.surprise = _running(seen.correct - expected)
        step = np.arange(len(seen)) - self.offset[seen.learner]
        concept = first_concept(seen)
        self.by_concept = _Groups(seen.learner, concept, step, seen.correct - expected, seen)
        self.by_item = _Groups(seen.learner, seen.item, step, seen.correct - expected, seen)
        new = np.ones(len(seen))
        new[self.by_concept.order[~self.by_concept.starts]] = 0.0
        self.concepts_met = _running(new)

    def features(self, query: Query, cut: Int, ahead: Int, rates: Rates) -> Features:
        """(questions, features), from the first `cut` (questions,) answers of each one's learner."""
        begin = self.offset[query.learner]
        end = begin + cut
        expected = rates.expected(query)
        right = self.right[end] - self.right[begin]
        concept, item = first_concept(query), query.item
        of_concept = self.by_concept.at(query.learner, concept, cut)
        of_item = self.by_item.at(query.learner, item, cut)
        last = self.seen.seconds[np.maximum(end - 1, 0)] if len(self.seen) else np.zeros(len(cut))
        columns = [
            expected, np.log1p(rates.item_answers[item]), rates.concept[concept], np.log1p(cut), ahead,
            right, cut - right, _drawn(self.surprise[end] - self.surprise[begin], cut),
            *(self._late(begin, end, n) for n in _RECENT),
            of_concept.right, of_concept.count - of_concept.right, _drawn(of_concept.surprise, of_concept.count),
            of_concept.late, _log_pause(query.seconds - of_concept.last, of_concept.count),
            _log_pause(query.seconds - last, cut), self.concepts_met[end] - self.concepts_met[begin],
            of_item.right, of_item.count - of_item.right,
        ]  # fmt: skip
        return np.stack([np.asarray(c, dtype=np.float32) for c in columns], axis=1)

    def _late(self, begin: Int, end: Int, n: int) -> Float:
        start = np.maximum(end - n, begin)
        return _drawn(self.surprise[end] - self.surprise[start], end - start, 1.0)


@final
@dataclass(frozen=True, eq=False)
class _Met:
    """What a learner had met of something before a cut, shapes (questions,)."""

    count: Int
    right: Float
    surprise: Float
    late: Float
    last: Float


@final
class _Groups:
    """Answers by (learner, thing), in time order within each."""

    def __init__(self, learner: Int, thing: Int, step: Int, surprise: Float, seen: Interactions) -> None:
        self.width = int(thing.max(initial=0)) + 1
        self.depth = int(step.max(initial=0)) + 2
        key = learner * self.width + thing
        self.order = np.argsort(key, kind="stable")
        self.key = key[self.order]
        self.starts = np.diff(self.key, prepend=-1) != 0
        #: Ascends: the rows of a pair are in time order.
        self.place = self.key * self.depth + step[self.order]
        self.right, self.surprise = (
            _running(seen.correct[self.order].astype(np.float64)),
            _running(surprise[self.order]),
        )
        self.seconds = np.append(seen.seconds[self.order], 0.0)

    def at(self, learner: Int, thing: Int, cut: Int) -> _Met:
        inside = thing < self.width
        key = learner * self.width + np.where(inside, thing, 0)
        begin = np.searchsorted(self.key, key)
        end = np.searchsorted(self.place, key * self.depth + np.minimum(cut, self.depth - 1))
        end = np.where(inside, np.maximum(end, begin), begin)
        start = np.maximum(end - _RECENT[0], begin)
        return _Met(
            count=end - begin,
            right=self.right[end] - self.right[begin],
            surprise=self.surprise[end] - self.surprise[begin],
            late=_drawn(self.surprise[end] - self.surprise[start], end - start, 1.0),
            last=self.seconds[np.maximum(end - 1, 0)],
        )


def _running(values: Float) -> Float:
    """(n + 1,) sums of the first 0, 1, ... values."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _drawn(total: Float, n: Int, calm: float = 4.0) -> Float:
    return np.asarray(total / (n + calm), dtype=np.float64)


def _log_pause(seconds: Float, count: Int) -> Float:
    """NaN where there was none before: trees have a branch for it."""
    return np.where(count > 0, np.log1p(np.maximum(seconds, 0.0)), np.nan)
