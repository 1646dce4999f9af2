"""How good predictions of answers are, with intervals by a bootstrap over learners. Numpy only.

Answers of one learner are alike, so learners are resampled, not answers: replicate b gives learner l the weight
w[b, l] ~ Multinomial(L, 1/L), and every metric is recomputed with weighted counts. Sums are one matrix product for
all replicates; the AUC sorts once and then costs two passes over the answers a replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float, Int

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

REPLICATES: Final = 400
#: Mass of an interval; its ends are percentiles of the replicates.
LEVEL: Final = 0.95
#: Equal-width bins of the predicted probability in ECE and the reliability diagram.
RELIABILITY_BINS: Final = 20
#: At and above this fraction of credit an answer counts as correct in AUC, accuracy and F1.
THRESHOLD: Final = 0.5
#: Groups of equal-rank scores in a replicate's AUC. Pairs within a group count half: off by at most 1 / (2 groups).
_AUC_GROUPS: Final = 8192
#: Predictions are kept this far from 0 and 1 so that one certain error does not make a log loss infinite.
_TINY: Final = 1e-12


@final
@dataclass(frozen=True)
class Estimate:
    """A metric and its 95 % interval. NaN where undefined: AUC with one class, an interval with one learner."""

    value: float
    low: float
    high: float


@final
@dataclass(frozen=True, eq=False)
class Answers:
    """Predicted answers, shapes (answers,): who answered, P(correct) as predicted, and credit (0 to 1) given."""

    learner: Int
    p: Float
    correct: Float

    def __len__(self) -> int:
        return int(self.p.shape[0])

    def take(self, rows: Int | Bool) -> Answers:
        return Answers(self.learner[rows], self.p[rows], self.correct[rows])

    @property
    def is_correct(self) -> Bool:
        return self.correct >= THRESHOLD

    @property
    def n_learners(self) -> int:
        return int(np.unique(self.learner).shape[0])


def log_loss_each(answers: Answers) -> Float:
    """-(y log p + (1 - y) log(1 - p)), natural logarithm, y the credit given."""
    p = np.clip(answers.p, _TINY, 1 - _TINY)
    return -(answers.correct * np.log(p) + (1 - answers.correct) * np.log1p(-p))


def auc(answers: Answers) -> float:
    """P(a correct answer was predicted higher than a wrong one), ties half (Mann-Whitney), exact; NaN if one class."""
    group: Int = np.unique(answers.p, return_inverse=True)[1]
    return _auc_of_counts(_sums(group, ~answers.is_correct), _sums(group, answers.is_correct))


def reliability(answers: Answers) -> list[dict[str, float]]:
    """Per bin of the predicted probability that has answers: its limits, n, mean p and mean credit."""
    counts = _bin_counts(answers, _reliability_bin(answers.p), RELIABILITY_BINS)
    width = 1 / RELIABILITY_BINS
    return [
        {"low": b * width, "high": (b + 1) * width, "n": int(n), "p": p / n, "y": y / n}
        for b, (n, p, y) in enumerate(counts.T.tolist())
        if n
    ]


def estimates(
    answers: Answers, seed: int, bins: Int | None = None, replicates: int = REPLICATES
) -> dict[str, Estimate]:
    """All metrics with intervals; equal seeds give equal resamples of the learners, so models can be compared pairwise.

    Args:
        bins: (answers,) group of each answer for `rmse_bins`, which is absent without.
    """
    resamples = _Resamples(answers, seed, replicates)
    out = {"auc": resamples.estimate_auc(), **resamples.estimate_sums()}
    out["ece"] = resamples.estimate_binned(_reliability_bin(answers.p), _ece)
    if bins is not None:
        out["rmse_bins"] = resamples.estimate_binned(np.unique(bins, return_inverse=True)[1], _rmse_bins)
    return out


def slice_estimates(answers: Answers, seed: int, replicates: int = REPLICATES) -> dict[str, Estimate]:
    """AUC and log loss with intervals, for parts of the answers."""
    resamples = _Resamples(answers, seed, replicates)
    return {"auc": resamples.estimate_auc(), "log_loss": resamples.estimate_sums()["log_loss"]}


def differences(one: Answers, other: Answers, seed: int, replicates: int = REPLICATES) -> dict[str, Estimate]:
    """AUC, log loss and Brier score of one less those of the other, paired: each resample has the same learners.

    Args:
        one, other: predictions of the same answers in the same order.
    """
    draws = [_Resamples(answers, seed, replicates).paired_draws() for answers in (one, other)]
    interval = _Resamples(one, seed, 1).interval
    return {name: interval(draws[0][name] - draws[1][name]) for name in draws[0]}


class _Resamples:
    """Learners of some answers drawn with replacement, and metrics of each draw."""

    def __init__(self, answers: Answers, seed: int, replicates: int) -> None:
        self.answers = answers
        ids, self.row = np.unique(answers.learner, return_inverse=True)
        self.n_learners = len(ids)
        generator = np.random.default_rng(seed)
        even = np.full(self.n_learners, 1 / self.n_learners)
        #: (1 + replicates, learners); the first row is the sample itself.
        self.weights = np.ones((1 + replicates, self.n_learners), dtype=np.float32)
        self.weights[1:] = generator.multinomial(self.n_learners, even, size=replicates)

    def estimate_auc(self) -> Estimate:
        draws = np.array([auc(self.answers), *self._auc_draws()])
        return self.interval(draws)

    def _auc_draws(self) -> Iterator[float]:
        group = _rank_groups(self.answers.p)
        key = 2 * group + self.answers.is_correct
        order = np.argsort(key, kind="stable")
        present, start = np.unique(key[order], return_index=True)
        row, counts = self.row[order], np.zeros(2 * int(group.max()) + 2)
        for weights in self.weights[1:]:
            counts[present] = np.add.reduceat(weights[row], start)
            yield _auc_of_counts(counts[0::2], counts[1::2])

    def paired_draws(self) -> dict[str, Float]:
        """(1 + replicates,) values of the metrics that `differences` compares, the sample's own first."""
        a = self.answers
        columns = (np.ones(len(a)), log_loss_each(a), np.square(a.p - a.correct))
        n, loss, square = (self.weights @ _sums(self.row, column, self.n_learners) for column in columns)
        ranked = np.array([auc(a), *self._auc_draws()])
        return {"auc": ranked, "log_loss": loss / n, "brier": square / n}

    def estimate_sums(self) -> dict[str, Estimate]:
        """The metrics that are functions of sums over answers."""
        a, right, called = self.answers, self.answers.is_correct, self.answers.p >= THRESHOLD
        columns = [np.ones(len(a)), log_loss_each(a), np.square(a.p - a.correct), right == called]
        columns += [right & called, right != called]
        by_learner = np.stack([_sums(self.row, c, self.n_learners) for c in columns], axis=1)
        n, loss, square, hits, both, differ = (self.weights @ by_learner).T
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = {
                "log_loss": loss / n,
                "accuracy": hits / n,
                # F1 = 2 TP / (2 TP + FP + FN): with no correct answer, called or given, there is none to find.
                "f1": 2 * both / (2 * both + differ),
                "brier": square / n,
            }
        return {name: self.interval(values) for name, values in draws.items()}

    def estimate_binned(self, group: Int, metric: Callable[[Float], float]) -> Estimate:
        """A metric of (2, groups) n and sum of p - y. The interval is centred on the estimate.

        Resampling adds noise of its own to every bin's gap between p and y, which absolute values do not cancel:
        uncentred percentiles would lie above the estimate.
        """
        key = group * self.n_learners + self.row
        cell, of_cell = np.unique(key, return_inverse=True)
        columns = (np.ones(len(self.answers)), self.answers.p - self.answers.correct)
        sums = np.stack([_sums(of_cell, column) for column in columns])
        row, start = cell % self.n_learners, np.flatnonzero(np.diff(cell // self.n_learners, prepend=-1))
        draws = [metric(np.add.reduceat(weights[row] * sums, start, axis=1)) for weights in self.weights]
        estimate = self.interval(np.array(draws))
        shift = draws[0] - float(np.median(draws))
        return Estimate(estimate.value, max(estimate.low + shift, 0.0), estimate.high + shift)

    def interval(self, draws: Float) -> Estimate:
        """`draws[0]` is the sample's own value."""
        value, others = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
        if self.n_learners < 2 or others.size == 0 or not np.isfinite(value):
            return Estimate(value, float("nan"), float("nan"))
        low, high = np.quantile(others, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Estimate(value, float(low), float(high))


def _ece(counts: Float) -> float:
    """Expected calibration error: sum over bins of n / N |mean p - mean y|."""
    n, gap = counts
    return float(np.abs(gap).sum() / n.sum())


def _rmse_bins(counts: Float) -> float:
    """Square root of the mean over answers of the squared gap between mean p and mean y of their bin."""
    n, gap = counts
    return float(np.sqrt((np.square(gap) / np.maximum(n, 1)).sum() / n.sum()))


def _sums(group: Int, values: NDArray[Any], n_groups: int = 0) -> Float:
    """Sum of the values of each group."""
    return np.asarray(np.bincount(group, weights=values, minlength=n_groups), dtype=np.float64)


def _bin_counts(answers: Answers, group: Int, n_groups: int) -> Float:
    columns = (np.ones(len(answers)), answers.p, answers.correct)
    return np.stack([_sums(group, column, n_groups) for column in columns])


def _reliability_bin(p: Float) -> Int:
    return np.minimum((p * RELIABILITY_BINS).astype(np.int64), RELIABILITY_BINS - 1)


def _auc_of_counts(wrong: Float, right: Float) -> float:
    """AUC of weighted counts by ascending score."""
    pairs = wrong.sum() * right.sum()
    below = np.cumsum(wrong) - 0.5 * wrong
    return float(right @ below / pairs) if pairs else float("nan")


def _rank_groups(p: Float) -> Int:
    """Groups 0, 1, ... of ascending score and about equal size; equal scores always share one."""
    values, index, counts = np.unique(p, return_inverse=True, return_counts=True)
    if len(values) <= _AUC_GROUPS:
        return index
    first = np.cumsum(counts) - counts
    return (first * _AUC_GROUPS // len(p))[index]
