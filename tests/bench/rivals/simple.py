"""Rivals that know next to nothing: the base rate, and a learner's own rate drawn towards it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln

from kt_models.data import Dataset
from kt_models.recall import Float, Int
from tests.bench.rivals.tasks import Situation

#: Bounds of the log of the beta prior's two counts: beyond e^8 answers nobody differs from anybody.
_LOG_COUNTS: Final = (-4.0, 8.0)


@final
@dataclass(frozen=True)
class Constant:
    """The base rate of the answers fitted on, for every question. As a class it is the majority."""

    rate: float

    @classmethod
    def fit(cls, data: Dataset, seed: int) -> Constant:
        del seed
        return cls(float(data.interactions.correct.mean()))

    def ahead(self, situation: Situation) -> Float:
        return np.full(len(situation.future.learner), self.rate)

    def following(self, data: Dataset) -> Float:
        return np.full(data.n_answers, self.rate)


@final
@dataclass(frozen=True)
class LearnerMean:
    """(right + a) / (answers + a + b), with Beta(a, b) by maximum likelihood over learners."""

    right: float
    wrong: float

    @classmethod
    def fit(cls, data: Dataset, seed: int) -> LearnerMean:
        del seed
        answers = data.lengths.astype(np.float64)
        right = _sums(data.interactions.learner, data.interactions.correct, data.n_learners)

        def loss(log_counts: Float) -> float:
            a, b = np.exp(log_counts)
            return -float((betaln(right + a, answers - right + b) - betaln(a, b)).sum())

        found = minimize(loss, np.log([2.0, 2.0]), method="L-BFGS-B", bounds=[_LOG_COUNTS] * 2)
        a, b = np.exp(found.x)
        return cls(float(a), float(b))

    def ahead(self, situation: Situation) -> Float:
        past = situation.past
        right = _sums(past.learner, past.correct, situation.n_learners)
        answers = _sums(past.learner, np.ones(len(past)), situation.n_learners)
        rate: Float = (right + self.right) / (answers + self.right + self.wrong)
        return rate[situation.future.learner]

    def following(self, data: Dataset) -> Float:
        correct = data.interactions.correct.astype(np.float64)
        before = np.cumsum(correct) - correct
        right = before - before[data.offset[data.interactions.learner]]
        return np.asarray((right + self.right) / (data.step + self.right + self.wrong), dtype=np.float64)


def _sums(group: Int, values: NDArray[np.floating[Any]], n: int) -> Float:
    return np.bincount(group, weights=values, minlength=n).astype(np.float64)
