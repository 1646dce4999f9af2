"""Learner + concept (+ item) on the logit scale, all shrunk, with the shrinkage estimated.

    logit P(correct) = c + t_l + b_k (+ d_i),    t ~ N(0, sd_l^2), b ~ N(0, sd_k^2), d ~ N(0, sd_i^2)

Learners are integrated out on a fixed grid, so sd_l and c are of maximum marginal likelihood; b and d are at their
modes, their spreads by EM with the variance of the mode's curvature. A question is answered with E[P(correct)] over
what is known of the learner, so a learner with few answers gets no extreme predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from scipy.optimize import minimize

from kt_models.base import Interactions, Query
from kt_models.data import Dataset
from kt_models.recall import Float, Int, sigmoid
from tests.bench.rivals.tasks import Situation, first_concept, in_batches

#: Standardised abilities, and the log weight of each under the prior.
_GRID: Final[Float] = np.linspace(-4.0, 4.0, 21)
_LOG_PRIOR: Final[Float] = -0.5 * _GRID**2 - np.log(np.exp(-0.5 * _GRID**2).sum())
#: Alternations between effects and their spreads; the spreads settle to two digits.
_ROUNDS: Final = 6
_STEPS: Final = 30
_ROWS: Final = 200_000


@final
@dataclass(frozen=True, eq=False)
class Additive:
    """Fitted effects; `item` is empty without item effects."""

    intercept: float
    learner_sd: float
    concept: Float
    item: Float

    @classmethod
    def with_concepts(cls, data: Dataset, seed: int) -> Additive:
        del seed
        return _fit(data, with_items=False)

    @classmethod
    def with_items(cls, data: Dataset, seed: int) -> Additive:
        del seed
        return _fit(data, with_items=True)

    def ahead(self, situation: Situation) -> Float:
        past = situation.past
        evidence = _by_learner(self._log_likelihood(past), past.learner, situation.n_learners)
        weight = _posterior(evidence)
        base = self.base(situation.future)
        out = np.empty(len(base))
        for rows in in_batches(len(base), _ROWS):
            p = sigmoid(base[rows, None] + self.learner_sd * _GRID)
            out[rows] = (p * weight[situation.future.learner[rows]]).sum(axis=1)
        return out

    def base(self, query: Query) -> Float:
        """(questions,) logit of an average learner."""
        base = self.intercept + np.append(self.concept, 0.0)[np.minimum(first_concept(query), len(self.concept))]
        if len(self.item):
            base = base + np.append(self.item, 0.0)[np.minimum(query.item, len(self.item))]
        return np.asarray(base, dtype=np.float64)

    def _log_likelihood(self, past: Interactions) -> Float:
        return _log_likelihood(self.base(past.query()), past.correct.astype(np.float64), self.learner_sd)


@final
class _Problem:
    """The penalised marginal likelihood of one data set, as a function of (c, log sd_l, effects)."""

    def __init__(self, data: Dataset, with_items: bool) -> None:
        seen = data.interactions
        self.learner, self.n_learners = seen.learner, data.n_learners
        self.correct = seen.correct.astype(np.float64)
        self.n_concepts, self.n_items = data.concepts.size, data.items.size if with_items else 0
        #: Effects of an answer: one column of positions in the vector of all effects, or two.
        self.columns = [first_concept(seen)] + ([self.n_concepts + seen.item] if with_items else [])
        self.n_effects = self.n_concepts + self.n_items

    def sums(self, values: Float) -> Float:
        """(effects,) sum of the values of the answers of each."""
        return np.asarray(
            np.sum([np.bincount(c, weights=values, minlength=self.n_effects) for c in self.columns], axis=0),
            dtype=np.float64,
        )

    def loss(self, point: Float, precision: Float) -> tuple[float, Float]:
        intercept, sd, effects = point[0], np.exp(point[1]), point[2:]
        base = intercept + np.sum([effects[c] for c in self.columns], axis=0)
        evidence = _by_learner(_log_likelihood(base, self.correct, sd), self.learner, self.n_learners)
        joint = evidence + _LOG_PRIOR
        top = joint.max(axis=1, keepdims=True)
        total = float((top[:, 0] + np.log(np.exp(joint - top).sum(axis=1))).sum())
        surprise = (self.correct[:, None] - sigmoid(base[:, None] + sd * _GRID)) * _posterior(evidence)[self.learner]
        of_answer = surprise.sum(axis=1)
        slope = np.concatenate([
            [of_answer.sum(), sd * float((surprise @ _GRID).sum())], self.sums(of_answer) - precision * effects
        ])  # fmt: skip
        return 0.5 * float((precision * effects**2).sum()) - total, -slope

    def spreads(self, point: Float, precision: Float) -> Float:
        """(effects,) new precisions: one over the mean of squared mode plus its variance, of effects with answers."""
        base = point[0] + np.sum([point[2:][c] for c in self.columns], axis=0)
        p = sigmoid(base)
        curvature, seen = self.sums(p * (1 - p)), self.sums(np.ones(len(base))) > 0
        second = point[2:] ** 2 + 1.0 / (curvature + precision)
        out = precision.copy()
        for part in (slice(0, self.n_concepts), slice(self.n_concepts, self.n_effects)):
            if seen[part].any():
                out[part] = 1.0 / second[part][seen[part]].mean()
        return out


def _fit(data: Dataset, with_items: bool) -> Additive:
    problem = _Problem(data, with_items)
    rate = float(np.clip(problem.correct.mean(), 0.01, 0.99))
    point = np.concatenate([[np.log(rate / (1 - rate)), -0.3], np.zeros(problem.n_effects)])
    precision = np.full(problem.n_effects, 4.0)
    bounds = [(-8.0, 8.0), (-5.0, 2.0)] + [(-8.0, 8.0)] * problem.n_effects
    for _ in range(_ROUNDS):
        point = minimize(
            problem.loss, point, args=(precision,), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": _STEPS},
        ).x  # fmt: skip
        precision = problem.spreads(point, precision)
    effects = point[2:]
    n = problem.n_concepts
    return Additive(float(point[0]), float(np.exp(point[1])), effects[:n], effects[n:])


def _log_likelihood(base: Float, correct: Float, sd: float) -> Float:
    """(answers, grid) log P(answer | ability)."""
    signed = (2 * correct - 1)[:, None] * (base[:, None] + sd * _GRID)
    return -np.logaddexp(0.0, -signed)


def _by_learner(values: Float, learner: Int, n: int) -> Float:
    """(learners, grid) sums; learners ascend."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    at = np.searchsorted(learner, np.arange(n + 1))
    return np.asarray(total[at[1:]] - total[at[:-1]], dtype=np.float64)


def _posterior(evidence: Float) -> Float:
    """(learners, grid) weights that sum to 1."""
    joint = evidence + _LOG_PRIOR
    weight = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float64)
