"""Gradient-boosted trees on running counts of answers in their order: no times, no items.

For sets that hold neither. Counts and rates of a learner and of the concept asked are of the answers before. Surprise
is what was given less the concept's rate among the learners fitted on, or among those of other folds where the learner
is one of them. The number of trees is chosen on the validation learners by log loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from kt_models.base import Float32
from kt_models.data import Dataset
from kt_models.metrics import Bool
from kt_models.recall import Float, Int
from tests.bench.rivals.tasks import first_concept, folds, in_batches

NAMES: Final = (
    "concept", "concept rate", "rate after the last answer", "answers of that", "learner right", "learner wrong",
    "learner surprise", "late surprise 3", "late surprise 10", "late surprise 30", "last", "last but one",
    "last but two", "streak", "concept right", "concept wrong", "concept surprise", "concept late surprise 5",
    "concept last", "concept last but one", "concept last but two", "concept streak", "steps since concept",
    "same concept as last", "run of last concept", "concepts met",
)  # fmt: skip
#: Answers at the base rate that a concept's rate is drawn by, and answers of no surprise beside those of a learner.
_CALM: Final = 8.0
_CALM_SURPRISE: Final = 3.0
#: Learners that have no part in the rates of concepts that they are described with.
_FOLDS: Final = 5
_SETTINGS: Final[dict[str, Any]] = {
    "learning_rate": 0.06, "max_leaf_nodes": 31, "min_samples_leaf": 80, "l2_regularization": 10.0,
    "max_features": 0.7, "max_iter": 600,
}  # fmt: skip
_PATIENCE: Final = 15
#: With more concepts than the trees can split as categories, the concept is to them the number it happens to have.
_CATEGORIES: Final = 255
#: Of what there is not, such as the last answer to a concept never asked; below all that is.
_NONE: Final = -1.0


@final
@dataclass(frozen=True, eq=False)
class Rates:
    """Smoothed P(correct) among some answers: of concepts (concepts,), and of concepts after what came just before.

    `after` and `seen`, the answers it rests on, are by (last concept, last outcome, concept), flat; drawn to `concept`.
    """

    concept: Float
    after: Float
    seen: Int

    @classmethod
    def of(cls, data: Dataset, among: Bool | None = None) -> Rates:
        """Among the answers where `among` holds; all by default."""
        rows = np.flatnonzero(np.ones(data.n_answers, np.bool_) if among is None else among)
        n, concept, correct = data.concepts.size, first_concept(data.interactions)[rows], _right(data)[rows]
        total, right = np.bincount(concept, minlength=n), np.bincount(concept, correct, n)
        rate = (right + _CALM * (correct.mean() if len(rows) else 0.5)) / (total + _CALM)
        context = _context(data)[rows]
        size = 2 * n * n + n
        seen, right = np.bincount(context, minlength=size), np.bincount(context, correct, size)
        after = (right.reshape(-1, n) + _CALM * rate) / (seen.reshape(-1, n) + _CALM)
        return cls(rate, after.ravel(), seen)

    def told(self, data: Dataset) -> Float:
        """(answers, 3): the concept's rate, its rate after the answer before, and the answers that rests on."""
        context = _context(data)
        rate = self.concept[first_concept(data.interactions)]
        return np.stack([rate, self.after[context], self.seen[context].astype(np.float64)], axis=1)


@final
@dataclass(frozen=True, eq=False)
class OrderTrees:
    """Fitted trees, and the rates among the answers fitted on."""

    forest: HistGradientBoostingClassifier
    rates: Rates

    @classmethod
    def fit(cls, training: Dataset, validation: Dataset, seed: int) -> OrderTrees:
        """Nothing but the number of trees depends on `validation`."""
        rates = Rates.of(training)
        forest = HistGradientBoostingClassifier(
            **_SETTINGS, early_stopping=True, n_iter_no_change=_PATIENCE, random_state=seed,
            categorical_features=[0] if training.concepts.size <= _CATEGORIES else None,
        )  # fmt: skip
        x, y = features(training, _out_of_fold(training, seed)), _right(training)
        forest.fit(x, y, X_val=features(validation, rates.told(validation)), y_val=_right(validation))
        return cls(forest, rates)

    def following(self, data: Dataset) -> Float:
        told = features(data, self.rates.told(data))
        parts = [self.forest.predict_proba(told[rows])[:, 1] for rows in in_batches(len(told), 200_000)]
        return np.concatenate(parts) if parts else np.empty(0)


def features(data: Dataset, told: Float) -> Float32:
    """(answers, features) of what was known before each answer; `told` (answers, 3) is of rates among others."""
    seen, concept = data.interactions, first_concept(data.interactions)
    answers = np.arange(len(seen))
    learner = _Sequence(answers, seen.learner)
    order = np.argsort(seen.learner * data.concepts.size + concept, kind="stable")
    of_concept = _Sequence(order, (seen.learner * data.concepts.size + concept)[order])
    correct, surprise = seen.correct.astype(np.float64), seen.correct - told[:, 0]
    new, last_concept = of_concept.count == 0, learner.back(concept.astype(np.float64), 1)
    columns = [
        concept.astype(np.float64), *told.T, *_met(learner, correct, surprise),
        *(learner.late(surprise, n) for n in (3, 10, 30)), *(learner.back(correct, n) for n in (1, 2, 3)),
        learner.streak(correct), *_met(of_concept, correct, surprise), of_concept.late(surprise, 5),
        *(of_concept.back(correct, n) for n in (1, 2, 3)), of_concept.streak(correct),
        answers - of_concept.back(answers.astype(np.float64), 1), (last_concept == concept).astype(np.float64),
        learner.run(concept), learner.before(new.astype(np.float64)),
    ]  # fmt: skip
    # Not NaN: the trees refuse a column of nothing else, which a set without repeated practice has.
    return np.stack([np.nan_to_num(column, nan=_NONE).astype(np.float32) for column in columns], axis=1)


def _met(sequence: _Sequence, correct: Float, surprise: Float) -> list[Float]:
    right = sequence.before(correct)
    return [right, sequence.count - right, sequence.before(surprise) / (sequence.count + _CALM_SURPRISE)]


@final
class _Sequence:
    """Answers cut into sequences, each in time order. Values come and go by answer, (answers,)."""

    def __init__(self, order: Int, key: Int) -> None:
        """`order` (answers,) lists the answers by sequence; `key`, in that order, differs between sequences."""
        self.order, index = order, np.arange(len(order))
        self.start = np.maximum.accumulate(np.where(np.diff(key, prepend=-1) != 0, index, 0))
        self.place = index - self.start
        self.count = self._by_answer(self.place.astype(np.float64))

    def before(self, values: Float) -> Float:
        """Sum of the sequence's earlier values."""
        return self._by_answer(self._sum(values, self.start))

    def late(self, values: Float, n: int) -> Float:
        """Mean of the n values before, drawn to 0 by one more."""
        begin = np.maximum(np.arange(len(self.order)) - n, self.start)
        return self._by_answer(self._sum(values, begin) / (np.minimum(self.place, n) + 1))

    def back(self, values: Float, n: int) -> Float:
        """The value n places before; NaN if there are fewer."""
        source = self.order[np.maximum(np.arange(len(self.order)) - n, 0)]
        return self._by_answer(np.where(self.place >= n, values[source], np.nan))

    def run(self, values: Float | Int | Bool) -> Float:
        """How many values before are equal without a break."""
        ordered, index = values[self.order], np.arange(len(self.order))
        begins = (self.place == 0) | (np.diff(ordered, prepend=ordered[:1]) != 0)
        length = index - np.maximum.accumulate(np.where(begins, index, 0)) + 1
        return self._by_answer(np.where(self.place > 0, np.roll(length, 1), 0).astype(np.float64))

    def streak(self, correct: Float) -> Float:
        """Length of the run of equal outcomes before, below 0 of wrong ones."""
        return np.where(self.back(correct, 1) >= 0.5, 1.0, -1.0) * self.run(correct >= 0.5)

    def _sum(self, values: Float, begin: Int) -> Float:
        """Sum of the ordered values from `begin` up to but without each."""
        total = np.concatenate([[0.0], np.cumsum(values[self.order])])
        return np.asarray(total[:-1] - total[begin], dtype=np.float64)

    def _by_answer(self, ordered: Float) -> Float:
        out = np.empty(len(self.order))
        out[self.order] = ordered
        return out


def _context(data: Dataset) -> Int:
    """(answers,) number of (last concept, last outcome, concept); the last row of concepts is of first answers."""
    n, concept = data.concepts.size, first_concept(data.interactions)
    before = np.where(data.step > 0, np.roll(2 * concept + _right(data), 1), 2 * n)
    return np.asarray(before * n + concept, dtype=np.int64)


def _out_of_fold(data: Dataset, seed: int) -> Float:
    """(answers, 3) what the rates among the learners of other folds tell."""
    fold = folds(data.n_learners, _FOLDS, seed)[data.interactions.learner]
    out = np.empty((data.n_answers, 3))
    for k in range(_FOLDS):
        out[fold == k] = Rates.of(data, fold != k).told(data)[fold == k]
    return out


def _right(data: Dataset) -> Bool:
    return np.asarray(data.interactions.correct >= 0.5)
