"""What answers say about items: how hard, how telling, how long. Numpy only; loads without torch.

Only first answers count, one a learner and item, so that the answers to an item are independent of each other. Learners
choose neither what they are asked nor in which order: a tutor gives hard items to able learners, and then shares right
say little. So items are compared by a Rasch model, and each answer is set against what its learner did elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]

#: Groups by ability that an item's curve has at most, and learners that each has at least.
GROUPS: Final = 10
GROUP_LEARNERS: Final = 10
#: Other first answers that tell a learner's ability well enough to be set against the answer to an item.
REST: Final = 5
#: Of the two-sided normal 95 % interval.
Z95: Final = 1.959964

#: Standard deviation, in logits, of the prior of items' difficulties about their mean: wide, it only holds back items
#: that everybody has right or wrong.
_DIFFICULTY_SPREAD: Final = 2.5
_ROUNDS: Final = 100
#: A fit has settled when no difficulty moves by more, in logits; a hundredth of the error of any of them.
_SETTLED: Final = 1e-3
_LONGEST_STEP: Final = 1.0

#: One row an item. All counts but `n` are parts of it: of the first answers to the item.
#:   n, right                    first answers; those that are right
#:   difficulty, difficulty_se   logits above a learner of average ability, Rasch; NaN without answers
#:   expected                    share right that the same learners would have of an item of average difficulty
#:   rated, rated_right          answers of learners with `REST` other first answers; those that are right
#:   discrimination              correlation of being right with ability by all other answers, of those rated; NaN if
#:                               undefined
#:   able, able_right, able_expected    the abler half of those rated; those right; as `expected`
#:   timed, long                 answers with a time; those that took longer than was asked about
#:   low, middle, high           quartiles of log seconds
#:   middle_low, middle_high     95 % interval of the median
#:   hinted, hints_known         answers with at least one hint; answers of which hints are known
#:   group_n, group_right, group_expected     those rated, in groups of equal size from the least able to the ablest
ITEM: Final = np.dtype(
    [("n", "<i4"), ("right", "<i4"), ("difficulty", "<f4"), ("difficulty_se", "<f4"), ("expected", "<f4"),
     ("rated", "<i4"), ("rated_right", "<i4"), ("discrimination", "<f4"),
     ("able", "<i4"), ("able_right", "<i4"), ("able_expected", "<f4"),
     ("timed", "<i4"), ("long", "<i4"), ("low", "<f4"), ("middle", "<f4"), ("high", "<f4"),
     ("middle_low", "<f4"), ("middle_high", "<f4"),
     ("hinted", "<i4"), ("hints_known", "<i4"),
     ("group_n", "<i4", (GROUPS,)), ("group_right", "<i4", (GROUPS,)), ("group_expected", "<f4", (GROUPS,))]
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class FirstAnswers:
    """Each learner's first answer to each item, in any order, shapes (answers,).

    Attributes:
        learner, item: rows, from 0.     right: whether it counts as right.
        seconds: that it took, NaN unknown.     hints: number used, -1 unknown.
    """

    learner: Int
    item: Int
    right: Bool
    seconds: Float
    hints: Int


@final
@dataclass(frozen=True, eq=False)
class Rasch:
    """P(right) = sigmoid(ability - difficulty), ability ~ N(0, spread^2).

    Attributes:
        ability, variance: of each learner's posterior, shape (learners,).     spread: standard deviation of abilities.
        difficulty, difficulty_se: (items,) logits, NaN for items without answers.
        average: median of the difficulties.
    """

    ability: Float
    variance: Float
    spread: float
    difficulty: Float
    difficulty_se: Float
    average: float


def rasch(answers: FirstAnswers, n_learners: int, n_items: int) -> Rasch:
    """Fits abilities and difficulties together.

    Difficulties solve sum(y) = sum(E p) with the expectation over each learner's normal posterior (MacKay's probit
    approximation), abilities are posterior modes, and their spread is their second moment: an approximate EM. The
    error of a difficulty is sqrt(sum p(1 - p)) / |d sum(E p) / d difficulty|, joined with its prior.
    """
    y, who, what = answers.right.astype(np.float64), answers.learner, answers.item
    n = np.bincount(what, minlength=n_items)
    ability: Float = np.zeros(n_learners)
    variance: Float = np.ones(n_learners)
    spread2 = 1.0
    share = (np.bincount(what, y, n_items) + 0.5) / (n + 1.0)
    difficulty: Float = -np.log(share / (1.0 - share))
    precision = 1.0 / _DIFFICULTY_SPREAD**2
    average = 0.0
    slope: Float = np.ones(n_items)
    noise: Float = np.ones(n_items)
    for _ in range(_ROUNDS):
        p = _sigmoid(ability[who] - difficulty[what])
        curvature = _sums(who, p * (1 - p), n_learners) + 1.0 / spread2
        ability = ability + _step((_sums(who, y - p, n_learners) - ability / spread2) / curvature)
        variance = np.asarray(1.0 / curvature, np.float64)
        spread2 = max(float(np.mean(ability**2 + variance)), 1e-2) if n_learners else 1.0
        shrink = _shrink(variance)[who]
        p = _sigmoid(shrink * (ability[who] - difficulty[what]))
        noise = _sums(what, p * (1 - p), n_items)
        slope = _sums(what, shrink * p * (1 - p), n_items)
        average = float(np.median(difficulty[n > 0])) if n.any() else 0.0
        pull = _sums(what, p - y, n_items) - (difficulty - average) * precision
        move = _step(pull / (slope + precision))
        difficulty = difficulty + move
        if np.max(np.abs(move[n > 0]), initial=0.0) < _SETTLED:
            break
    error = 1.0 / np.sqrt(slope**2 / np.maximum(noise, 1e-12) + precision)
    asked = n > 0
    return Rasch(
        ability, variance, float(np.sqrt(spread2)), np.where(asked, difficulty, np.nan),
        np.where(asked, error, np.nan), average,
    )  # fmt: skip


def figures(answers: FirstAnswers, n_learners: int, long: Float) -> tuple[NDArray[np.void], Rasch]:
    """A row of `ITEM` an item, and the model that they come from; a second for 200,000 answers.

    Args:
        long: seconds beyond which an answer took long, NaN where that is not asked, shape (items,).
    """
    n_items = len(long)
    fit = rasch(answers, n_learners, n_items)
    out = np.zeros(n_items, ITEM)
    out["n"] = np.bincount(answers.item, minlength=n_items)
    out["right"] = np.bincount(answers.item, answers.right, n_items)
    out["difficulty"], out["difficulty_se"] = fit.difficulty, fit.difficulty_se
    out["hints_known"] = np.bincount(answers.item, answers.hints >= 0, n_items)
    out["hinted"] = np.bincount(answers.item, answers.hints > 0, n_items)
    elsewhere = _elsewhere(answers, fit)
    typical = _sigmoid(_shrink(fit.variance)[answers.learner] * (elsewhere - fit.average))
    out["expected"] = _mean(answers.item, typical, n_items)
    _rate(out, answers, elsewhere, typical, n_learners)
    _time(out, answers, long)
    return out, fit


def discrimination_interval(value: Float, n: Int) -> tuple[Float, Float]:
    """95 % interval of correlations by Fisher's z; NaN where n is 3 or fewer."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.arctanh(np.clip(value, -0.999, 0.999))
        half = np.where(n > 3, Z95 / np.sqrt(np.maximum(n - 3, 1)), np.nan)
    return np.tanh(z - half), np.tanh(z + half)


def share_interval(right: Float | Int, n: Int) -> tuple[Float, Float]:
    """95 % interval of shares (Wilson 1927), within [0, 1] and never of no width; NaN where n is 0."""
    n = np.asarray(n, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share, z2 = np.asarray(right) / n, Z95**2
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = Z95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def right_share(difficulty: Float, ability: float = 0.0) -> Float:
    """P(right) of a learner of an ability, by Rasch difficulty in logits."""
    return _sigmoid(ability - difficulty)


def _elsewhere(answers: FirstAnswers, fit: Rasch) -> Float:
    """(answers,) the learner's ability by all answers but this one: one Newton step from that by all of them."""
    who = answers.learner
    p = _sigmoid(fit.ability[who] - fit.difficulty[answers.item])
    return fit.ability[who] - (answers.right - p) / np.maximum(1.0 / fit.variance[who] - p * (1 - p), 1e-9)


def _rate(out: NDArray[np.void], answers: FirstAnswers, elsewhere: Float, typical: Float, n_learners: int) -> None:
    """What those learners say whose ability is known elsewhere."""
    known = np.flatnonzero(np.bincount(answers.learner, minlength=n_learners)[answers.learner] > REST)
    # By item, then from the least able up.
    rows = known[np.lexsort((elsewhere[known], answers.item[known]))]
    item, x, y, typical = answers.item[rows], elsewhere[rows], answers.right[rows].astype(np.float64), typical[rows]
    size = len(out)
    n = np.bincount(item, minlength=size)
    rank = np.arange(len(rows)) - (np.cumsum(n) - n)[item]
    out["rated"], out["rated_right"] = n, np.bincount(item, y, size)
    out["discrimination"] = _correlation(item, x, y, n)
    able = 2 * rank + 1 > n[item]
    out["able"], out["able_right"] = np.bincount(item, able, size), np.bincount(item, y * able, size)
    out["able_expected"] = _mean(item[able], typical[able], size)
    groups = np.clip(n // GROUP_LEARNERS, 1, GROUPS)
    place = item * GROUPS + rank * groups[item] // n[item]
    out["group_n"] = np.bincount(place, minlength=size * GROUPS).reshape(size, GROUPS)
    out["group_right"] = np.bincount(place, y, size * GROUPS).reshape(size, GROUPS)
    out["group_expected"] = _mean(place, typical, size * GROUPS).reshape(size, GROUPS)


def _correlation(item: Int, x: Float, y: Float, n: Int) -> Float:
    """(items,) Pearson's, of x and y within each item; NaN where one of them does not vary."""
    x, y = x - _mean(item, x, len(n))[item], y - _mean(item, y, len(n))[item]
    xx, yy, xy = (np.bincount(item, product, len(n)) for product in (x * x, y * y, x * y))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = xy / np.sqrt(xx * yy)
    return np.where((xx > 1e-9) & (yy > 1e-9), found, np.nan)


def _time(out: NDArray[np.void], answers: FirstAnswers, long: Float) -> None:
    timed = np.flatnonzero(answers.seconds > 0)
    rows = timed[np.lexsort((answers.seconds[timed], answers.item[timed]))]
    logs = np.log(answers.seconds[rows])
    n = np.bincount(answers.item[rows], minlength=len(out))
    start, has = np.cumsum(n) - n, n > 0
    # The median of a sample of n lies between its order statistics n/2 -+ z sqrt(n)/2, with 95 % certainty.
    half = Z95 * np.sqrt(n) / 2
    ranks = {
        "low": 0.25 * (n - 1), "middle": 0.5 * (n - 1), "high": 0.75 * (n - 1),
        "middle_low": n / 2 - half - 0.5, "middle_high": n / 2 + half - 0.5,
    }  # fmt: skip
    out["timed"] = n
    out["long"] = np.bincount(answers.item[rows], answers.seconds[rows] > long[answers.item[rows]], len(out))
    for name, rank in ranks.items():
        out[name] = np.nan
        within = np.clip(rank, 0, np.maximum(n - 1, 0))[has]
        below = np.floor(within).astype(np.int64)
        above = np.minimum(below + 1, n[has] - 1)
        a, b = logs[start[has] + below], logs[start[has] + above]
        out[name][has] = a + (within - below) * (b - a)


def _sums(group: Int, values: Float, size: int) -> Float:
    """(size,) of each group."""
    return np.asarray(np.bincount(group, values, size), np.float64)


def _mean(group: Int, values: Float, size: int) -> Float:
    """(size,) of each group; NaN of an empty one."""
    with np.errstate(invalid="ignore"):
        return _sums(group, values, size) / np.bincount(group, minlength=size)


def _shrink(variance: Float) -> Float:
    # E sigmoid(x) = sigmoid(x / sqrt(1 + pi v / 8)) to within 0.02 (MacKay 1992).
    return 1.0 / np.sqrt(1.0 + np.pi * variance / 8.0)


def _step(move: Float) -> Float:
    return np.clip(move, -_LONGEST_STEP, _LONGEST_STEP)


def _sigmoid(x: Float) -> Float:
    return 1.0 / (1.0 + np.exp(-x))
