"""How likely it was that a reward would be known, so that the unknown ones are stood for by their like.

Rewards are taken to be missing at random given what these regressions see (inverse probability of observation
weighting: Robins, Rotnitzky and Zhao 1994). Whether a later answer comes depends on how the offer went, for a wrong
answer is asked again sooner; the credit of that answer is therefore among the inputs of the second stage, though it
came after the choice:

    g = P(answered | x) P(known | x, credit, answered)     where a reward needs the answer to the offer
    g = P(known | x, answered, credit)                     where it does not
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kt_models.recall import Float, Int
from tutor.scheduling.ope import crossfit
from tutor.scheduling.ope.crossfit import Regression
from tutor.scheduling.ope.logged import Bool, Logged

#: No row stands for more than this many others: below, a chance is known too badly to divide by.
LEAST: Final = 0.05


def chance_known(logged: Logged, fold: Int, regression: Regression = crossfit.quadratic_logistic) -> Float:
    """(rows,) g, cross-fitted and at least `LEAST`; 1 everywhere if nothing is missing."""
    known = logged.known
    if known.all() or not known.any():
        return np.ones(len(logged))
    x = before(logged)
    credit = np.where(logged.answered, logged.credit, 0.0)
    if (known & ~logged.answered).any():
        after = np.column_stack([x, logged.answered, credit])
        return _bounded(_stage(after, known, np.ones(len(logged), dtype=bool), fold, regression))
    answered = _stage(x, logged.answered, np.ones(len(logged), dtype=bool), fold, regression)
    later = _stage(np.column_stack([x, credit]), known, logged.answered, fold, regression)
    return _bounded(answered * later)


def before(logged: Logged) -> Float:
    """(rows, k) all that was known of the learner and of what was chosen, before it was offered."""
    return np.concatenate(
        [logged.features, logged.candidate_features[logged.chosen], logged.chosen_features], axis=1
    )  # fmt: skip


def _stage(x: Float, happened: Bool, among: Bool, fold: Int, regression: Regression) -> Float:
    if happened[among].all():
        return np.ones(len(x))
    return crossfit.out_of_fold(regression, x, happened.astype(np.float64), fold, among)


def _bounded(chance: Float) -> Float:
    return np.clip(chance, LEAST, 1.0)
