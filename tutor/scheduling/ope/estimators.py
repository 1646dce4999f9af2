"""What a target policy would have been worth a choice: IPS, SNIPS and doubly robust, with intervals over learners.

For row i: context x, chosen a, logged probability p, target probability pi, reward r, and

    w = pi(a|x) / p(a|x)         importance weight, at most `clip` if one is given
    o = known / g                1 over the chance that the reward would be known, 0 where it is not (`observation`)

Every value is a ratio of sums, V = sum A / sum B, so that each interval is written once. Rows of one learner are
dependent; learners are taken to be independent.

Taken for granted: logged probabilities are those that were drawn from; each slot of a plan is a choice of its own, its
candidates being what the slots before it left; what comes after a choice is as under the policy that was logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from scipy.special import stdtrit

from kt_models.metrics import LEVEL, REPLICATES, Estimate
from kt_models.recall import Float, Int
from tutor.scheduling.ope import crossfit
from tutor.scheduling.ope.crossfit import Regression
from tutor.scheduling.ope.logged import Logged

#: Learners' weights drawn at once: what a bootstrap holds in memory does not grow with the learners.
_DRAWN: Final = 2_000_000


@final
@dataclass(frozen=True, eq=False)
class Weighed:
    """Rows as estimators need them, shape (rows,).

    Attributes:
        weight: w.     seen: o.     reward: r, 0 where unknown.
        expected: q(x, a), what a regression expects of the chosen one.
        direct: sum over candidates of pi(a|x) q(x, a).
    """

    learner: Int
    weight: Float
    seen: Float
    reward: Float
    expected: Float
    direct: Float

    @property
    def used(self) -> Float:
        """w o, the weight of each reward."""
        return self.weight * self.seen


@final
@dataclass(frozen=True, eq=False)
class Ratio:
    """A value as sum of `above` over sum of `below`, shapes (rows,)."""

    above: Float
    below: Float

    @property
    def value(self) -> float:
        below = float(self.below.sum())
        return float(self.above.sum()) / below if below else float("nan")


def weigh(
    logged: Logged, target: Float, chance_known: Float, expected: Float | None = None, clip: float | None = None
) -> Weighed:
    """Rows of a log under a target policy.

    Args:
        target: (candidates,) probabilities of the target policy.     chance_known: (rows,) g.
        expected: (candidates,) q of each candidate; 0 if None, with which doubly robust is IPS.
    """
    q = np.zeros(len(logged.probability)) if expected is None else expected
    weight = target[logged.chosen] / logged.probability[logged.chosen]
    return Weighed(
        learner=logged.learner,
        weight=weight if clip is None else np.minimum(weight, clip),
        seen=logged.known / chance_known,
        reward=np.where(logged.known, logged.reward, 0.0),
        expected=q[logged.chosen],
        direct=logged.sums(target * q),
    )


def ips(rows: Weighed) -> Ratio:
    """Inverse propensity scoring, V = (1/n) sum w o r.

    Unbiased where the target does only what the log may have done. Horvitz and Thompson 1952.
    """
    return Ratio(rows.used * rows.reward, np.ones(len(rows.weight)))


def snips(rows: Weighed) -> Ratio:
    """Self-normalised IPS, V = sum w o r / sum w o: consistent, steadier, and moved along by a constant added to r.

    Swaminathan and Joachims 2015, "The self-normalized estimator for counterfactual learning".
    """
    return Ratio(rows.used * rows.reward, rows.used)


def doubly_robust(rows: Weighed) -> Ratio:
    """V = (1/n) sum [ sum_a pi(a|x) q(x, a) + w o (r - q(x, a)) ].

    Consistent if either the probabilities or the regression q are right. Dudik, Langford and Li 2011, "Doubly robust
    policy evaluation and learning"; q cross-fitted as in Chernozhukov et al. 2018.
    """
    return Ratio(rows.direct + rows.used * (rows.reward - rows.expected), np.ones(len(rows.weight)))


def as_logged(rows: Weighed) -> Ratio:
    """What the logged choices were worth: the mean reward, sum o r / sum o."""
    return Ratio(rows.seen * rows.reward, rows.seen)


#: By name, the steadiest last.
ESTIMATORS: Final[dict[str, Callable[[Weighed], Ratio]]] = {"ips": ips, "snips": snips, "dr": doubly_robust}


def effective_sample(weight: Float) -> float:
    """(sum w)^2 / sum w^2: as many rows of equal weight tell as much. Kish 1965, Survey Sampling."""
    square = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0


def effective_learners(weight: Float, learner: Int) -> float:
    """The same of the weights summed by learner: of how many independent histories this is the word."""
    return effective_sample(_by_learner(_numbered(learner), weight))


def expected_rewards(
    logged: Logged, fold: Int, regression: Regression = crossfit.quadratic, extra: Float | None = None
) -> Float:
    """(candidates,) q(x, a), fitted on the chosen ones whose reward is known, of learners in other folds.

    Args:
        extra: (candidates, k) inputs beside what the log holds of learners and candidates.
    """
    parts = [logged.features[logged.row], logged.candidate_features]
    x = np.concatenate(parts if extra is None else [*parts, extra], axis=1)
    taught, told = logged.known & logged.drawn, np.zeros(len(x))
    for each in np.unique(fold):
        there, here = taught & (fold != each), (fold == each)[logged.row]
        told[here] = regression(x[logged.chosen[there]], logged.reward[there])(x[here]) if there.any() else 0.0
    return told


def by_influence(ratio: Ratio, learner: Int, *, minus: Ratio | None = None) -> Estimate:
    """The value, less another's of the same rows, and its 95 % interval by the influence of each learner.

        psi_l = (A_l - V B_l) / sum B,     se^2 = L / (L - 1) sum psi_l^2,     Student's t with L - 1 degrees

    Linearisation of a ratio under cluster sampling: Cochran 1977, Sampling Techniques, chapters 6 and 9A.
    """
    row = _numbered(learner)
    n = int(row.max(initial=-1)) + 1
    value, influence = _influence(ratio, row)
    if minus is not None:
        other, of_other = _influence(minus, row)
        value, influence = value - other, influence - of_other
    if n < 2 or not np.isfinite(value):
        return Estimate(value, float("nan"), float("nan"))
    error = float(np.sqrt(n / (n - 1) * np.square(influence).sum()))
    reach = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    return Estimate(value, value - reach, value + reach)


def by_bootstrap(
    ratio: Ratio, learner: Int, *, seed: int, minus: Ratio | None = None, replicates: int = REPLICATES
) -> Estimate:
    """The same by percentiles over learners drawn with replacement; equal seeds draw the same learners.

    q and g are kept as they were fitted.
    """
    row = _numbered(learner)
    n = int(row.max(initial=-1)) + 1
    if n < 2:
        value = ratio.value - (minus.value if minus else 0.0)
        return Estimate(value, float("nan"), float("nan"))
    values = np.concatenate(list(_resampled(row, n, replicates, seed, ratio, minus)))
    others = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not others.size:
        return Estimate(float(values[0]), float("nan"), float("nan"))
    low, high = np.quantile(others, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values[0]), float(low), float(high))


def _influence(ratio: Ratio, row: Int) -> tuple[float, Float]:
    above, below = _by_learner(row, ratio.above), _by_learner(row, ratio.below)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ratio.value, (above - ratio.value * below) / below.sum()


def _resampled(row: Int, n: int, replicates: int, seed: int, ratio: Ratio, minus: Ratio | None) -> Iterator[Float]:
    """The sample's own value, then those of learners drawn with replacement."""
    sums = [(_by_learner(row, each.above), _by_learner(row, each.below)) for each in (ratio, minus) if each]
    generator, even = np.random.default_rng(seed), np.full(n, 1 / n)
    yield _of_weights(np.ones((1, n)), sums)
    block = max(_DRAWN // n, 1)
    for at in range(0, replicates, block):
        yield _of_weights(generator.multinomial(n, even, size=min(block, replicates - at)).astype(np.float64), sums)


def _of_weights(weights: Float, sums: list[tuple[Float, Float]]) -> Float:
    """(replicates,) the first ratio less the second, if there is one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        first, *others = ((weights @ above) / (weights @ below) for above, below in sums)
    return np.asarray(first - sum(others), dtype=np.float64)


def _by_learner(row: Int, values: Float) -> Float:
    return np.asarray(np.bincount(row, weights=values), dtype=np.float64)


def _numbered(learner: Int) -> Int:
    """0, 1, ... in place of any numbers."""
    return np.asarray(np.unique(learner, return_inverse=True)[1], dtype=np.int64)
