"""The closed forms of PSI-KT's filter, for numpy arrays and torch tensors alike. Neither library is chosen in here.

Everything is a batch; `xp` is the module (numpy or torch) whose arrays are given, `ndtr` the standard normal
distribution function for them. Times are in days, strengths in logits. The learner's traits are

    theta = (log alpha, mu, logit gamma):   forgetting rate a day, long-run level, transfer

and the strength z of a concept, given the traits, is Gaussian: mean affine in theta, variance free of it (an arrow).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from kt_models.walk import MAX_LOGIT

#: A numpy array or a torch tensor.
Array: TypeAlias = Any

#: The traits that the filter tracks, by their place in theta.
LOG_RATE, LEVEL, TRANSFER = range(3)
#: Forgetting rates are held between exp(-6) and exp(3) a day: half-lives of nine months and of an hour.
LOG_RATE_BOUNDS: Final = (-6.0, 3.0)
#: Variances are held above this, so that float32 never turns one negative.
MIN_VARIANCE: Final = 1e-5

#: sigmoid(x) = sum_i WEIGHTS[i] Phi(SCALES[i] x) to 9e-7, and to 1e-4 of its value down to sigmoid(-12): a scale
#: mixture of normal distribution functions (Monahan & Stefanski 1992), its constants found by least squares.
WEIGHTS: Final = (
    3.56328210e-05, 1.90922447e-03, 2.27247357e-02, 1.08583670e-01,
    2.65260785e-01, 3.53098735e-01, 2.14989951e-01, 3.33972661e-02,
)  # fmt: skip
SCALES: Final = (0.19840493, 0.24681222, 0.30625177, 0.38454442, 0.49172144, 0.6407489, 0.84855447, 1.14807124)
_ROOT_TWO_PI: Final = 2.5066282746310002


class Strength(NamedTuple):
    """Belief about strengths: mean (...), slope (..., 3) of the mean in the traits, variance (...) given the traits."""

    mean: Array
    slope: Array
    variance: Array


class Surprise(NamedTuple):
    """What an answer brings, shapes (...): P(correct), log evidence, and first and minus second derivative of it."""

    p: Array
    log_evidence: Array
    push: Array
    pull: Array


def settle(
    xp: Any, before: Strength, days: Array, rate: Array, target: Array, transfer_slope: Array, rest: Array,
    support_slope: Array | None = None,
) -> Strength:  # fmt: skip
    """Strengths after a pause, without answers: one exact step of the Ornstein-Uhlenbeck process.

        r = exp(-alpha t);   m <- r m + (1 - r) target;   v <- r^2 v + (1 - r^2) rest
        slope <- r slope + (-(m - target) alpha t r, 1 - r, (1 - r) d target / d theta_3)

    Two steps with one target equal one of the summed time, so settling may wait until somebody looks.

    Args:
        days: t >= 0.     rate: alpha > 0 a day.     target: long-run mean.     rest: stationary variance.
        transfer_slope: d target / d logit gamma.     All broadcast to the shape of `before.mean`.
        support_slope: (..., 3) by which the traits move the target through its prerequisites; None if they are given.
    """
    x = rate * days
    kept, lost = xp.exp(-x), -xp.expm1(-x)
    off = before.mean - target
    change = xp.stack([-off * x * kept, lost, lost * transfer_slope], -1)
    if support_slope is not None:
        change = change + lost[..., None] * support_slope
    return Strength(
        target + kept * off,
        kept[..., None] * before.slope + change,
        kept * kept * before.variance - xp.expm1(-2.0 * x) * rest,
    )


def chance(xp: Any, ndtr: Any, mean: Array, variance: Array) -> Array:
    """E[sigmoid(x)] of x ~ N(mean, variance), shapes (...), to 1e-6."""
    mean, variance = _bounded(xp, mean, variance)
    total = 0.0
    for weight, scale in zip(WEIGHTS, SCALES, strict=True):
        total = total + weight * ndtr(mean * (scale / xp.sqrt(1.0 + scale * scale * variance)))
    return total


def surprise(xp: Any, ndtr: Any, mean: Array, variance: Array, correct: Array) -> Surprise:
    """The evidence of answers on x ~ N(mean, variance), shapes (...), and its derivatives in the mean.

        Z(m) = E[sigmoid(x)];   push = d log Z / dm,   pull = -d^2 log Z / dm^2     (of 1 - Z for a wrong answer)

    The posterior of x then has mean m + variance push and variance (1 - variance pull) variance, exactly
    (assumed-density
    filtering). A fraction of credit is that fraction of the evidence of either answer.
    """
    mean, variance = _bounded(xp, mean, variance)
    # (..., 8): one op for the whole mixture is what makes small batches fast.
    weight, scale = _mixture(xp, mean)
    b = scale / xp.sqrt(1.0 + scale * scale * variance[..., None])
    u = b * mean[..., None]
    density = weight * b * xp.exp(-0.5 * u * u) / _ROOT_TWO_PI
    right, wrong = (weight * ndtr(u)).sum(-1), (weight * ndtr(-u)).sum(-1)
    first, second = density.sum(-1), -(density * b * u).sum(-1)
    up, down = first / right, first / wrong
    push = correct * up - (1.0 - correct) * down
    pull = correct * (up * up - second / right) + (1.0 - correct) * (down * down + second / wrong)
    evidence = correct * xp.log(right) + (1.0 - correct) * xp.log(wrong)
    return Surprise(right, evidence, push, pull)


def _bounded(xp: Any, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Means within MAX_LOGIT, beyond which one certain error would make an infinite step, and variances that rounding
    has not made negative."""
    return xp.clip(mean, -MAX_LOGIT, MAX_LOGIT), xp.clip(variance, MIN_VARIANCE, None)


def _mixture(xp: Any, like: Array) -> tuple[Array, Array]:
    if xp.__name__ == "numpy":
        return xp.asarray(WEIGHTS), xp.asarray(SCALES)
    return like.new_tensor(WEIGHTS), like.new_tensor(SCALES)


def times(matrix: Array, vector: Array) -> Array:
    """(..., 3, 3) times (..., 3)."""
    return (matrix * vector[..., None, :]).sum(-1)


def dot(a: Array, b: Array) -> Array:
    """Sum of the products over the last axis."""
    return (a * b).sum(-1)


def outer(a: Array, b: Array) -> Array:
    """(..., n) and (..., m) to (..., n, m)."""
    return a[..., :, None] * b[..., None, :]
