"""Which items are probably broken, with many compared at once. Numpy only; loads without torch.

Each kind of flag is a family of one-sided tests, one an item (two for a wrong key), among which the procedure of
Benjamini and Hochberg (1995) chooses: of the items flagged so, on average at most a share `RATE` are by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from kt_models.items import Bool, discrimination_interval
from kt_models.recall import Float, Int

#: Of the flags of a kind, at most this share by chance.
RATE: Final = 0.05
#: Items with first answers of fewer learners are not judged.
JUDGED: Final = 20
#: A correlation is judged with at least so many right and so many wrong answers.
EACH: Final = 5
#: Of the abler half fewer than this right: a key that nobody meets, if of an average item they would have
#: `ABLE_EXPECTED` right.
FAILED: Final = 0.15
ABLE_EXPECTED: Final = 0.60
#: Times the author's minutes.
SLOW: Final = 2.0
#: Standard deviations from the mean to a quartile of a normal distribution.
QUARTILE: Final = 0.6745


class Band(NamedTuple):
    """Shares right between which items fit a class."""

    low: float
    high: float


@final
@dataclass(frozen=True, eq=False)
class Verdicts:
    """Shapes (items,).

    Attributes:
        reversed_: abler learners are right less often than others.     failed: nearly all of the abler half fail.
        hard, easy: out of the band even for the ablest quarter, even for the least able quarter; of items whose key
            is not in doubt.     slow: longer than `SLOW` times what the author says.
    """

    reversed_: Bool
    failed: Bool
    hard: Bool
    easy: Bool
    slow: Bool

    @property
    def wrong_key(self) -> Bool:
        return self.reversed_ | self.failed


def judge(rows: NDArray[np.void], *, timed: Bool, spread: float, band: Band) -> Verdicts:
    """Of rows of `items.ITEM`.

    Args:
        timed: whether the author says how long an item takes, and `long` counts from `SLOW` times that, shape (items,).
        spread: of abilities, logits.
    """
    low_end, high_end = discrimination_interval(rows["discrimination"], rows["rated"])
    reversed_, failed = _wrong_key(rows, low_end, high_end)
    sound = ~(reversed_ | failed)
    ability, error = QUARTILE * spread, np.maximum(rows["difficulty_se"].astype(np.float64), 1e-9)
    judged = (rows["n"] >= JUDGED) & sound
    hard = (_logit(band.low) - (ability - rows["difficulty"])) / error
    easy = ((-ability - rows["difficulty"]) - _logit(band.high)) / error
    return Verdicts(
        reversed_,
        failed,
        hard=discoveries(_upper_tail(hard), judged),
        easy=discoveries(_upper_tail(easy), judged),
        slow=_slow(rows, timed),
    )


def discoveries(p: Float, tested: Bool, rate: float = RATE) -> Bool:
    """Which null hypotheses Benjamini and Hochberg reject at a false discovery rate, among those `tested`."""
    out = np.zeros(len(p), np.bool_)
    family = np.flatnonzero(tested & ~np.isnan(p))
    if not len(family):
        return out
    order = family[np.argsort(p[family], kind="stable")]
    below = np.flatnonzero(p[order] <= rate * np.arange(1, len(order) + 1) / len(order))
    if len(below):
        out[order[: below[-1] + 1]] = True
    return out


def _wrong_key(rows: NDArray[np.void], low_end: Float, high_end: Float) -> tuple[Bool, Bool]:
    """(reversed, failed), of one family of two tests an item."""
    wrong, rated = rows["rated"] - rows["rated_right"], rows["rated"] >= JUDGED
    varied = rated & (rows["rated_right"] >= EACH) & (wrong >= EACH)
    with np.errstate(invalid="ignore"):
        z = -np.arctanh(np.clip(rows["discrimination"], -0.999, 0.999)) * np.sqrt(np.maximum(rows["rated"] - 3, 1))
    # Where being right goes with ability an item is hard, but its key holds.
    failing = rated & (rows["able_expected"] >= ABLE_EXPECTED) & ~(low_end > 0)
    tails = lower_tail(rows["able_right"], rows["able"], FAILED)
    found = discoveries(np.concatenate([_upper_tail(z), tails]), np.concatenate([varied, failing]))
    reversed_, failed = found[: len(rows)], found[len(rows) :]
    return reversed_ & (high_end < 0), failed


def _slow(rows: NDArray[np.void], asked: Bool) -> Bool:
    """The sign test: were the median no longer than that, at most half of the answers would be."""
    return discoveries(lower_tail(rows["timed"] - rows["long"], rows["timed"], 0.5), asked & (rows["timed"] >= JUDGED))


def _upper_tail(z: Float) -> Float:
    """P(Z > z) of a standard normal Z."""
    return np.array([math.nan if math.isnan(each) else 0.5 * math.erfc(each / math.sqrt(2.0)) for each in z.tolist()])


def lower_tail(k: Int, n: Int, share: float) -> Float:
    """P(X <= k) of X ~ Binomial(n, share), elementwise; 1 where k is above the mean, which rejects nothing."""
    pairs = zip(k.tolist(), n.tolist(), strict=True)
    return np.array([_binomial(a, b, share) if a <= share * b else 1.0 for a, b in pairs])


def _binomial(k: int, n: int, share: float) -> float:
    j = np.arange(k + 1)
    # log of C(n, j) as a running sum of log((n - j + 1) / j): no factorial overflows.
    choose = np.concatenate([[0.0], np.cumsum(np.log((n - j[1:] + 1) / j[1:]))])
    return float(min(np.exp(choose + j * math.log(share) + (n - j) * math.log1p(-share)).sum(), 1.0))


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))
