"""Differences that are not the choice's doing, taken out: partialling out with cross-fitting.

Where somebody outside the policy chose (a teacher who gives hard items to weak learners), no probability is logged and
weighting cannot help. What is left is to compare like with like on what is known to drive both the choice and its
outcome: who was assigned, what the learner knew before, how hard the item is.

    r = theta t + m(x) + noise,     t = e(x) + noise
    theta = sum (t - e)(r - m') / sum (t - e)^2,     e = E[t|x],  m' = E[r|x] fitted on other learners

Robinson 1988; Chernozhukov et al. 2018, "Double/debiased machine learning", partially linear model. It removes what the
confounders tell, no more: a cause that nobody recorded stays in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from kt_models.metrics import Estimate
from kt_models.recall import Float, Int
from tutor.scheduling.ope import crossfit
from tutor.scheduling.ope.crossfit import Regression
from tutor.scheduling.ope.estimators import Ratio, by_influence
from tutor.scheduling.ope.logged import Logged
from tutor.scheduling.ope.observation import before

#: A treatment of which the confounders leave less variance than this share has nothing left to compare.
LEAST_LEFT: Final = 0.01


@final
@dataclass(frozen=True)
class Contrast:
    """What one more unit of a treatment goes with: as it looks, and with confounders taken out.

    Attributes:
        left: share of the treatment's variance that the confounders do not tell.
    """

    naive: Estimate
    adjusted: Estimate
    left: float
    rows: int


def residual(values: Float, confounders: Float, fold: Int, regression: Regression = crossfit.quadratic) -> Float:
    """(rows,) values less what the confounders tell of them, by regressions on the other folds' learners."""
    everywhere = np.ones(len(values), dtype=bool)
    return values - crossfit.out_of_fold(regression, confounders, values, fold, everywhere)


def partial_out(
    treatment: Float,
    outcome: Float,
    confounders: Float,
    learner: Int,
    *,
    seed: int,
    regression: Regression = crossfit.quadratic,
    weight: Float | None = None,
) -> Contrast:
    """theta, with intervals over learners by influence; NaN where the confounders leave nothing to compare.

    Args:
        treatment, outcome: (rows,) known in every row.     confounders: (rows, k).
        weight: (rows,) of each row, 1 if None; stands for rows whose outcome is unknown.
    """
    weight = np.ones(len(treatment)) if weight is None else weight
    fold = crossfit.folds(learner, crossfit.FOLDS, seed)
    t = residual(treatment, confounders, fold, regression)
    r = residual(outcome, confounders, fold, regression)
    variance = float(treatment.var())
    left = float(np.square(t).mean()) / variance if variance > 0 else 0.0
    naive = _slope(treatment - _mean(treatment, weight), outcome - _mean(outcome, weight), weight, learner)
    unknown = Estimate(float("nan"), float("nan"), float("nan"))
    adjusted = _slope(t, r, weight, learner) if left >= LEAST_LEFT else unknown
    return Contrast(naive, adjusted, left, len(treatment))


def confounders(logged: Logged) -> Float:
    """(rows, k) whether somebody else set the choice, and all that was known before it was offered."""
    return np.column_stack([~logged.drawn, before(logged)])


def agreement(logged: Logged, target: Float, chance_known: Float, *, seed: int) -> Contrast | None:
    """How rewards go with the chance that the target would have chosen the same, what others set included.

    The agreement that was to be expected of the policy's own draw is among the confounders: it is known exactly. So is
    what the choices' features tell: a target whose whole merit is to choose by difficulty shows none here.
    None where no choice leaves the target anything to agree or disagree with.
    """
    rows = logged.known & (logged.counts > 1)
    treatment = target[logged.chosen]
    if not rows.any() or np.ptp(treatment[rows]) == 0:
        return None
    by_chance = np.where(logged.drawn, logged.sums(logged.probability * target), 0.0)
    x = np.column_stack([confounders(logged), by_chance])
    return partial_out(
        treatment[rows], logged.reward[rows], x[rows], logged.learner[rows], seed=seed, weight=1 / chance_known[rows]
    )


def _slope(t: Float, r: Float, weight: Float, learner: Int) -> Estimate:
    return by_influence(Ratio(weight * t * r, weight * t * t), learner)


def _mean(values: Float, weight: Float) -> float:
    return float((weight * values).sum() / weight.sum())
