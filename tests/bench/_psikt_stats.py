"""Statistics of beliefs about learners, and of regressions within them, for `psikt_meaning`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from kt_models.recall import Float, Int


class Interval(NamedTuple):
    """A mean over groups, and its 95 % interval."""

    value: float
    low: float
    high: float


class Slope(NamedTuple):
    """Of a regression within learners: units of the outcome a unit, and standard error clustered by learner."""

    value: float
    error: float
    p: float
    per_sd: float


class Beliefs(NamedTuple):
    """About traits of learners: means (..., 3), covariances (..., 3, 3)."""

    mean: Float
    covariance: Float


def over_groups(values: Sequence[float]) -> Interval:
    """Mean and interval of independent values."""
    mean, n = float(np.mean(values)), len(values)
    half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Interval(mean, mean - half, mean + half)


def specificity(each: Beliefs) -> float:
    within = each.covariance.mean(axis=0)
    return (_log_det(np.cov(each.mean.T) + within) - _log_det(within)) / 2


def specificity_of_means(mean: Float) -> float:
    """Of means (learners, steps, 3)."""
    tiny = 1e-9 * np.eye(mean.shape[-1])
    every = np.cov(mean.reshape(-1, mean.shape[-1]).T) + tiny
    return (_log_det(every) - float(np.mean([_log_det(np.cov(steps.T) + tiny) for steps in mean]))) / 2


def total_correlation(covariance: Float) -> float:
    """Of Gaussians; what does not vary is alone with itself (transfer, where there is no candidate edge)."""
    varies = np.diag(covariance) > 0
    covariance = covariance[np.ix_(varies, varies)]
    return (float(np.log(np.diag(covariance)).sum()) - _log_det(covariance)) / 2


def _log_det(covariance: Float) -> float:
    return float(np.linalg.slogdet(covariance)[1])


def consistency(one: Beliefs, other: Beliefs) -> tuple[float, float]:
    """Mean distance of the beliefs about one learner, and about two different ones."""
    n = len(one.mean)
    own = float(distance(one, other).mean())
    # All other learners in turn would be n^2: a few shifts of a random order do.
    order = np.random.default_rng(0).permutation(n)
    shifts = range(1, min(n, 20))
    mixed = [distance(_taken(one, order), _taken(other, np.roll(order, shift))).mean() for shift in shifts]
    return own, float(np.mean(mixed))


def _taken(each: Beliefs, rows: Int) -> Beliefs:
    return Beliefs(each.mean[rows], each.covariance[rows])


def distance(p: Beliefs, q: Beliefs) -> Float:
    """(n,) (KL(p | q) + KL(q | p)) / 2 of Gaussians."""
    one, other = np.linalg.inv(p.covariance), np.linalg.inv(q.covariance)
    off = p.mean - q.mean
    mahalanobis = np.einsum("ni,nij,nj->n", off, one + other, off)
    trace = np.einsum("nij,nji->n", one, q.covariance) + np.einsum("nij,nji->n", other, p.covariance)
    return np.asarray((trace - 2 * off.shape[-1] + mahalanobis) / 4, dtype=np.float64)


def within(learner: Int, outcome: Float, regressor: Float, *controls: Float) -> Slope:
    """Slope on a regressor, beside controls, learners' means taken out of all; robust within learners."""
    group = np.unique(learner, return_inverse=True)[1]
    counts = np.bincount(group)

    def demeaned(x: Float) -> Float:
        return np.asarray(x - (np.bincount(group, x) / counts)[group], dtype=np.float64)

    x, y = np.stack([demeaned(column) for column in (regressor, *controls)], axis=1), demeaned(outcome)
    bread = np.linalg.pinv(x.T @ x)
    coefficient = bread @ (x.T @ y)
    error = y - x @ coefficient
    scores = np.stack([np.bincount(group, column * error) for column in x.T], axis=1)
    n = len(counts)
    variance = bread @ (scores.T @ scores) @ bread * n / max(n - 1, 1)
    value, se = float(coefficient[0]), float(np.sqrt(max(variance[0, 0], 0.0)))
    p = float(2 * stats.t.sf(abs(value) / se, max(n - 1, 1))) if se > 0 else float("nan")
    return Slope(value, se, p, value * float(x[:, 0].std()))
