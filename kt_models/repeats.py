"""How far off the logits of a model are, from learners who answer to one concept twice: what the models share."""

from __future__ import annotations

from typing import Final

import numpy as np

from kt_models.data import Dataset
from kt_models.recall import Float, Int, sigmoid

#: Variance of the logit where fewer than so many answers are followed by one to the same concept.
LEAST_REPEATS: Final = 100
DEFAULT_SPREAD: Final = (0.2, 0.3, 0.5)


def repeats(data: Dataset) -> tuple[Int, Int]:
    """Rows of answers to one concept and of the same learner's next answer to it, both with that concept alone."""
    seen = data.interactions
    alone = np.flatnonzero(seen.concepts.counts == 1)
    concept = np.full(len(seen), -1)
    concept[alone] = seen.concepts.flat[seen.concepts.offset[:-1][alone]]
    order = alone[np.lexsort((alone, concept[alone], seen.learner[alone]))]
    first, second = order[:-1], order[1:]
    same = (seen.learner[first] == seen.learner[second]) & (concept[first] == concept[second])
    return first[same], second[same]


def moments(data: Dataset, mean: Float, level: Float, damping: Float) -> tuple[Int, Float, Float]:
    """What repeated answers tell of the variance s^2 of the logit around the model's mean, before the first of them.

    Of both answers, predicted before the first, the residuals r = y - p covary because their logits share an error:
    E[r r'] = w w' s^2 to first order, w = damping p (1 - p).

    Args:
        mean, damping: (answers,) of the logit, P(correct) being sigmoid(damping mean).
        level: (answers,) what the mean owes to item and concept alone.
    Returns:
        Rows of the first answers, r r' and w w'.
    """
    first, second = repeats(data)
    scale, correct = damping[first], data.interactions.correct.astype(np.float64)
    p, q = sigmoid(scale * mean[first]), sigmoid(scale * (mean[first] - level[first] + level[second]))
    return first, (correct[first] - p) * (correct[second] - q), scale**2 * p * (1 - p) * q * (1 - q)


def spread(data: Dataset, logit: Float, level: Float, evidence: Float) -> Float:
    """(3,) variances v >= 0 of the logit around the model's, s^2 = evidence v, by least squares on `moments`.

    The logit is taken as sure where p (1 - p) is taken, so that s^2 is rather too small where it is large.

    Args:
        data: answers of learners who had no part in the fit.     logit, level: (answers,) as in `moments`.
        evidence: (answers, 3) as in `counts.evidence`.
    """
    # scipy takes its time to import; who only serves needs none of it.
    from scipy.optimize import nnls

    first, product, weight = moments(data, logit, level, np.ones(len(logit)))
    if len(first) < LEAST_REPEATS:
        return np.array(DEFAULT_SPREAD)
    return np.asarray(nnls(evidence[first] * weight[:, None], product)[0], dtype=np.float64)
