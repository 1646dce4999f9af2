"""Small regressions, fitted on some learners and told of others, so that no row is predicted by what it taught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from kt_models.recall import Float, Int
from tutor.scheduling.ope.logged import Bool

#: A regression: (rows, k) inputs and (rows,) values -> a function of new inputs.
Predict = Callable[[Float], Float]
Regression = Callable[[Float, Float], Predict]

FOLDS: Final = 5
#: Of standardised inputs, in rows: as much as one row that says there is no effect.
PENALTY: Final = 1.0
_STEPS: Final = 12
#: Rows predicted at once: products of inputs are many columns.
_BLOCK: Final = 65_536
_FURTHEST: Final = 12.0


def folds(learner: Int, n_folds: int, seed: int) -> Int:
    """(rows,) the fold of each row, all rows of a learner in one."""
    code: Int = np.unique(learner, return_inverse=True)[1]
    n = int(code.max(initial=-1)) + 1
    shuffled = np.random.default_rng(seed).permutation(n) % max(min(n_folds, n), 1)
    return np.asarray(shuffled[code], dtype=np.int64)


def ridge(x: Float, y: Float) -> Predict:
    """Linear regression on standardised inputs with a small penalty; the mean of y where there are no inputs.

    min |y - m - z b|^2 + PENALTY |b|^2,     z = (x - mean x) / sd x
    """
    middle, spread = _scale(x)
    z, mean = (x - middle) / spread, float(y.mean()) if len(y) else 0.0
    slope = np.linalg.solve(z.T @ z + PENALTY * np.eye(z.shape[1]), z.T @ (y - mean))
    return lambda new: mean + ((new - middle) / spread) @ slope


def logistic(x: Float, y: Float) -> Predict:
    """P(y = 1) by penalised logistic regression, Newton's steps; the intercept is not penalised."""
    middle, spread = _scale(x)
    z = np.column_stack([np.ones(len(x)), (x - middle) / spread])
    penalty = PENALTY * np.eye(z.shape[1])
    penalty[0, 0] = 1e-6  # keeps the step finite where all y are equal
    slope = np.zeros(z.shape[1])
    for _ in range(_STEPS):
        p = _sigmoid(z @ slope)
        curve = z.T @ (z * (p * (1 - p))[:, None]) + penalty
        slope = slope + np.linalg.solve(curve, z.T @ (y - p) - penalty @ slope)
    return lambda new: _sigmoid(slope[0] + ((new - middle) / spread) @ slope[1:])


def bent(fit: Regression) -> Regression:
    """The same on the inputs, their squares and their products two by two."""

    def fitted(x: Float, y: Float) -> Predict:
        middle, spread = _scale(x)
        inner = fit(_products((x - middle) / spread), y)

        def predict(new: Float) -> Float:
            parts = range(0, len(new), _BLOCK)
            told = [inner(_products((new[at : at + _BLOCK] - middle) / spread)) for at in parts]
            return np.concatenate([np.zeros(0), *told])

        return predict

    return fitted


#: Rewards by what was known of learner and candidate.
quadratic: Final[Regression] = bent(ridge)
#: Chances, likewise.
quadratic_logistic: Final[Regression] = bent(logistic)


def out_of_fold(fit: Regression, x: Float, y: Float, fold: Int, fitted_on: Bool) -> Float:
    """(rows,) each predicted by the regression that was fitted on the other folds' rows of `fitted_on`."""
    told = np.empty(len(y))
    for each in np.unique(fold):
        here, there = fold == each, (fold != each) & fitted_on
        told[here] = fit(x[there], y[there])(x[here])
    return told


def _products(z: Float) -> Float:
    left, right = np.triu_indices(z.shape[1])
    return np.concatenate([z, z[:, left] * z[:, right]], axis=1)


def _scale(x: Float) -> tuple[Float, Float]:
    if not len(x):
        return np.zeros(x.shape[1]), np.ones(x.shape[1])
    spread = x.std(axis=0)
    return x.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)


def _sigmoid(logits: Float) -> Float:
    return 1 / (1 + np.exp(-np.clip(logits, -_FURTHEST, _FURTHEST)))
