"""How much of a new policy may be mixed in, so that learners surely lose no more than a stated share. Pure.

A share l of the plans is the new policy's, the rest the approved one's. With values a and b of a choice, in [0, 1], of
one learner under the approved and the new policy, the mixture keeps its promise as long as

    E[l b + (1 - l) a]  >=  (1 - alpha) E[a],     that is     E[Y(l)] >= 0,   Y(l) = l b - (l - alpha) a

l is the largest share at which a lower confidence bound of the mean of Y is not below 0 (conservative bandits: Wu et
al. 2016; Kazerouni et al. 2017, with both values unknown and each learner their own control). Before any result b may
be 0, and l = alpha keeps the promise whatever the new policy does; so l is never below alpha. The bound is Maurer and
Pontil's empirical Bernstein bound over learners, who are independent where their choices are not: no distribution is
assumed. Each look at results spends some of the risk, 6 / (pi k)^2 of it at the k-th, so that all looks together keep
the promise.

Taken for granted: what each policy is worth stays as it was while these results came in, learners who have met both
are like the others, and what one policy does to a learner does not show in the other's later choices.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, final

from kt_models.recall import Float

ALPHA: Final = 0.05
CONFIDENCE: Final = 0.95
#: Learners who must have met both policies before a bound is worth its name.
WARM_UP: Final = 30
#: A trial always leaves so much to the approved policy, or nobody could tell any more which is better.
MOST: Final = 0.9
#: Halvings of the interval in which the share lies: finer than one plan in ten thousand.
_HALVINGS: Final = 14


@final
@dataclass(frozen=True)
class Promise:
    """What must hold, and how surely.

    Attributes:
        alpha: share of the approved policy's value that may be lost.     confidence: over all looks together.
        warm_up: learners who must have met both before the share rises.
        least_gain: by how much the new one must surely be better before it is proposed.
    """

    alpha: float = ALPHA
    confidence: float = CONFIDENCE
    warm_up: int = WARM_UP
    least_gain: float = 0.0

    def __post_init__(self) -> None:
        rules = (
            ("alpha", self.alpha, 0.0 < self.alpha <= 0.5, "above 0, at most 0.5"),
            ("confidence", self.confidence, 0.5 <= self.confidence < 1.0, "from 0.5 to below 1"),
            ("warm_up", self.warm_up, self.warm_up >= 2, "2 or more: of one learner nothing can be told"),
            ("least_gain", self.least_gain, 0.0 <= self.least_gain < 1.0, "from 0 to below 1"),
        )
        for name, value, holds, rule in rules:
            if not holds:
                raise ValueError(f"{name} is {value!r}: it must be {rule}")

    def risk(self, look: int) -> float:
        """What may be risked at a look, the first being 1; summed over all looks, what `confidence` leaves."""
        return (1.0 - self.confidence) * 6.0 / (math.pi * look) ** 2


@final
@dataclass(frozen=True)
class Figures:
    """What the results say at one look.

    Attributes:
        share: that may be mixed in.     learners: who have met both policies.
        approved, new: mean values, a learner counting once.     low, high: bounds of new less approved.
        verdict: "worse" or "better" where all of the interval says so, "open", or "warming up".
    """

    share: float
    learners: int
    approved: float
    new: float
    low: float
    high: float
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """Plain values; null where a figure is undefined."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


def look(approved: Float, new: Float, promise: Promise, *, at: int) -> Figures:
    """What results allow and say at the `at`-th look.

    The share and the verdict have a risk each, `promise.risk`; the verdict's is shared by its two bounds.

    Args:
        approved, new: (learners,) mean value of each learner's choices under each policy, in [0, 1]; of learners who
            have met both.

    Raises:
        ValueError: if a value is outside [0, 1], or there is one of a learner without the other.
    """
    if approved.shape != new.shape:
        raise ValueError(f"{approved.shape} values of the approved policy, {new.shape} of the new: give both of each")
    for values in (approved, new):
        if not bool(((values >= 0) & (values <= 1)).all()):
            raise ValueError("a value is outside [0, 1]: bounds hold only there, so take a reward that is within")
    n, risk = len(new), promise.risk(at)
    means = _mean(approved), _mean(new)
    if n < promise.warm_up:
        return Figures(promise.alpha, n, *means, -1.0, 1.0, "warming up")
    gain = new - approved
    low, high = lower(gain, 2.0, risk / 2), -lower(-gain, 2.0, risk / 2)
    verdict = "better" if low > promise.least_gain else "worse" if high < 0 else "open"
    return Figures(share(approved, new, promise, risk), n, *means, max(low, -1.0), min(high, 1.0), verdict)


def _mean(values: Float) -> float:
    return float(values.mean()) if len(values) else math.nan


def share(approved: Float, new: Float, promise: Promise, risk: float) -> float:
    """The largest share at which the mixture surely keeps the promise; at least `alpha`, at most `MOST`.

    The bound is concave in the share. Only where it is not below 0 at `alpha` already do all shares up to the one found
    have it so, the largest that truly keeps the promise among them: one bound's risk, then, not that of many.
    """

    def keeps(mixed: float) -> bool:
        kept = mixed * new - (mixed - promise.alpha) * approved
        return lower(kept, 2 * mixed - promise.alpha, risk) >= 0

    if not keeps(promise.alpha):
        return promise.alpha
    if keeps(MOST):
        return MOST
    low, high = promise.alpha, MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low


def lower(values: Float, width: float, risk: float) -> float:
    """A bound that lies above the true mean with a chance of `risk` at most.

        mean - sqrt(2 V log(2 / risk) / n) - 7 width log(2 / risk) / (3 (n - 1)),     V the sample variance

    Maurer and Pontil 2009, "Empirical Bernstein bounds and sample variance penalization", theorem 4.

    Args: values: (n,) independent, n >= 2.     width: of the interval that they lie in.
    """
    n, doubt = len(values), math.log(2.0 / risk)
    spread = math.sqrt(2.0 * float(values.var(ddof=1)) * doubt / n)
    return float(values.mean()) - spread - 7.0 * width * doubt / (3.0 * (n - 1))
