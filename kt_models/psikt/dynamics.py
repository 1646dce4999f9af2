"""One step of PSI-KT: pause, expectation, answer. For numpy (serving) and torch (fitting) alike; see `algebra`.

Shapes: B learners, M concepts an answer, P parents a concept. The logit of an answer to an item is

    x = mean over its concepts k of (z_k + lasting_k + quick_k - novelty [k is new]) + form - d_item + e_item

z_k is the strength (an Ornstein-Uhlenbeck process around mu + c_k + gamma u_k), u_k what the prerequisites of k add;
lasting and quick are what practice added, for good and for minutes; form is the learner's, and fades within
sessions; e is what sets the item apart for the learner, known once it was answered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kt_models.psikt import algebra
from kt_models.psikt.algebra import LEVEL, LOG_RATE, LOG_RATE_BOUNDS, MIN_VARIANCE, TRANSFER, Array, Strength
from kt_models.psikt.config import Config
from kt_models.psikt.parameters import Parameters


class Learner(NamedTuple):
    """Belief about learners: traits (B, 3), covariance (B, 3, 3), momentary form: mean, and variance less the
    stationary one, (B,). `log_volatility` (B,) is the population's, or a given one."""

    traits: Array
    covariance: Array
    form: Array
    form_variance: Array
    log_volatility: Array


class Cell(NamedTuple):
    """Belief about strengths (B, M) as stored: mean as of the anchor of the traits, slope (B, M, 3) in the traits,
    variance given the traits; lasting and quick gain, at the time last settled."""

    mean: Array
    slope: Array
    variance: Array
    lasting: Array
    quick: Array


class Present(NamedTuple):
    """Strengths now, (B, M): as of the learner's own traits."""

    strength: Strength
    lasting: Array
    quick: Array


class Memory(NamedTuple):
    """Belief (B,) about what sets an item apart for a learner who has met it: mean, variance less the stationary one,
    and the traces of its answers, lasting and quick."""

    mean: Array
    variance: Array
    lasting: Array
    quick: Array


class Expected(NamedTuple):
    """The logit of an answer before it, (B,): mean, variance; the part of variance that traits bring; slope (B, 3)
    in the traits, and covariance (B, 3) with them; mean and variance of form now."""

    mean: Array
    variance: Array
    shared: Array
    slope: Array
    toward: Array
    form: Array
    form_variance: Array
    memory: Memory


def rates(xp: Any, config: Config, p: Parameters, learner: Learner) -> tuple[Array, Array]:
    """Forgetting rate alpha a day and stationary variance of strengths, (B,)."""
    rate = xp.exp(xp.clip(learner.traits[..., LOG_RATE], *LOG_RATE_BOUNDS))
    if config.common_spread:
        return rate, p.rest_variance + 0.0 * rate
    return rate, xp.exp(2.0 * learner.log_volatility) / (2.0 * rate)


def sigmoid(xp: Any, x: Array) -> Array:
    return 0.5 * (1.0 + xp.tanh(0.5 * x))


def wait(xp: Any, config: Config, p: Parameters, learner: Learner, days: Array) -> Learner:
    """Traits and form after a pause of `days` (B,) and one answer: both return to the population's.

    theta_2 <- m + h (theta_2 - m),  Sigma <- H Sigma H + (1 - h^2) s^2,  h = exp(-drift . (1, days)),

    H and R of the paper.
    """
    form = p.form
    kept = xp.exp(-form[0] - form[1] * days)
    learner = learner._replace(form=learner.form * kept, form_variance=learner.form_variance * kept * kept)
    if not config.drift:
        return learner
    h = xp.exp(-p.drift[0] - p.drift[1] * days)
    one = xp.ones_like(h)
    scale = xp.stack([one, h, one], -1)
    gained = xp.stack([0.0 * h, (1.0 - h * h) * p.trait_sd[LEVEL] ** 2, 0.0 * h], -1)
    covariance = algebra.outer(scale, scale) * learner.covariance
    return learner._replace(
        traits=p.anchor + scale * (learner.traits - p.anchor), covariance=covariance + xp.eye(3) * gained[..., None, :]
    )


def first(xp: Any, config: Config, p: Parameters, target: Array, transfer_slope: Array) -> Strength:
    """Strengths never practised, in the shape of their long-run level `target`."""
    zero = 0.0 * target
    if config.start_at_level:
        return Strength(target, xp.stack([zero, zero + 1.0, transfer_slope], -1), zero + p.start_variance)
    return Strength(zero + p.start_mean, xp.stack([zero, zero, zero], -1), zero + p.start_variance)


def present(
    xp: Any, config: Config, p: Parameters, learner: Learner, cell: Cell, fresh: Array, days: Array,
    intercept: Array, support: Array | None, support_slope: Array | None = None,
) -> Present:  # fmt: skip
    """Strengths now, (B, M).

    Args:
        learner: with a last axis of 1 before B's own where the arguments have M: see `spread`.
        fresh: never met.     days: since last settled; a strength never met begins when it is looked at.
        intercept: c_k.     support: u_k, None without a graph.
        support_slope: (..., 3) d u_k / d theta, if it counts.
    """
    rate, rest = rates(xp, config, p, learner)
    target = learner.traits[..., LEVEL] + intercept
    transfer_slope = 0.0 * target
    if support is not None:
        transfer = sigmoid(xp, learner.traits[..., TRANSFER])
        target = target + transfer * support
        transfer_slope = transfer * (1.0 - transfer) * support
        if support_slope is not None:
            support_slope = transfer[..., None] * support_slope
    new = first(xp, config, p, target, transfer_slope)
    away = learner.traits - p.anchor
    days = xp.where(fresh, 0.0 * days, days)
    before = Strength(
        xp.where(fresh, new.mean, cell.mean + algebra.dot(cell.slope, away)),
        xp.where(fresh[..., None], new.slope, cell.slope),
        xp.where(fresh, new.variance, cell.variance),
    )
    now = algebra.settle(xp, before, days, rate, target, transfer_slope, rest, support_slope)
    return Present(now, cell.lasting, cell.quick * xp.exp(-p.quick_rate * days))


def supports(
    xp: Any, config: Config, p: Parameters, learner: Learner, parents: Cell, met: Array, days: Array,
    intercept: Array, weight: Array,
) -> Array:  # fmt: skip
    """The terms (..., P) of u_k, what prerequisites add to the long-run level, each as it stands now.

    u_k = sum_i w_ik (r_i (z_i - level_i) + lasting_i),   level_i = mu + c_i, added back unless the config centres

    Their own prerequisites count only as far as they have reached z_i.
    """
    rate, _ = rates(xp, config, p, learner)
    level = learner.traits[..., LEVEL] + intercept
    above = cell_mean(parents, learner, p) - level
    standing = xp.where(met, xp.exp(-rate * days) * above + parents.lasting, 0.0 * above)
    return weight * (standing if config.centred else standing + level)


def support(
    xp: Any, config: Config, p: Parameters, learner: Learner, parents: Cell, met: Array, days: Array,
    intercept: Array, weight: Array,
) -> Array:  # fmt: skip
    """u_k (...), the sum of `supports`."""
    return supports(xp, config, p, learner, parents, met, days, intercept, weight).sum(-1)


def cell_mean(cell: Cell, learner: Learner, p: Parameters) -> Array:
    """The mean of strengths as of the learner's own traits, at the time last settled."""
    return cell.mean + algebra.dot(cell.slope, learner.traits - p.anchor)


def recollect(xp: Any, p: Parameters, stored: Memory, met: Array, days: Array) -> Memory:
    """Memories of items after `days`; of items never met, nothing is known. The variance is the whole of it."""
    known = 1.0 * met
    kept, quick_kept = xp.exp(-p.item_rates[0] * days), xp.exp(-p.item_rates[1] * days)
    return Memory(
        known * stored.mean * kept,
        p.item_variance + known * stored.variance * kept * kept,
        known * stored.lasting,
        known * stored.quick * quick_kept,
    )


def remember(p: Parameters, before: Memory, push: Array, h: Array, correct: Array) -> Memory:
    """The memory of an item after an answer to it."""
    return Memory(
        before.mean + push * before.variance,
        before.variance - before.variance * before.variance * h - p.item_variance,
        p.item_kept * before.lasting + p.item_lasting[1] + (p.item_lasting[0] - p.item_lasting[1]) * correct,
        p.item_kept * before.quick + p.item_quick[1] + (p.item_quick[0] - p.item_quick[1]) * correct,
    )


def spread(learner: Learner) -> Learner:
    """The same belief with an axis of 1 after the learners', to broadcast over concepts."""
    return Learner(
        learner.traits[..., None, :], learner.covariance[..., None, :, :], learner.form[..., None],
        learner.form_variance[..., None], learner.log_volatility[..., None],
    )  # fmt: skip


def expect(
    p: Parameters,
    learner: Learner,
    now: Present,
    share: Array,
    fresh: Array,
    difficulty: Array,
    doubt: Array,
    memory: Memory,
) -> Expected:
    """The logit of an answer, (B,). `share` (B, M) sums to 1; `doubt` (B,) is the variance of the difficulty."""
    above = now.strength.mean + now.lasting + now.quick - p.novelty * fresh
    form_variance = p.form[2] + learner.form_variance
    slope = (share[..., None] * now.strength.slope).sum(-2)
    toward = algebra.times(learner.covariance, slope)
    shared = algebra.dot(slope, toward)
    own = (share * share * now.strength.variance).sum(-1)
    item = memory.mean + memory.lasting + memory.quick - difficulty
    return Expected(
        (share * above).sum(-1) + learner.form + item,
        shared + own + form_variance + memory.variance + doubt,
        shared, slope, toward, learner.form, form_variance, memory,
    )  # fmt: skip


def learn(
    xp: Any, config: Config, p: Parameters, learner: Learner, now: Present, before: Expected, push: Array, pull: Array,
    share: Array, gain: tuple[Array, Array], correct: Array,
) -> tuple[Learner, Cell, Memory]:  # fmt: skip
    """The belief after an answer, given the derivatives (B,) of its evidence (`algebra.surprise`), and its practice.

        theta <- theta + push Sigma c,   Sigma <- Sigma - pull Sigma c (Sigma c)^T          (c: slope of the logit)
        z_k <- z_k + push (C_k Sigma c + s_k v_k),   h = pull / (1 - pull c^T Sigma c)      (s_k: share)
        C_k <- C_k - s_k v_k h c,   v_k <- v_k - (s_k v_k)^2 h

    Args:
        gain: of a right and a wrong answer, (B, M) or ().     correct: (B,).
    """
    traits = learner.traits + push[..., None] * before.toward
    covariance = learner.covariance - pull[..., None, None] * algebra.outer(before.toward, before.toward)
    h = pull / xp.clip(1.0 - pull * before.shared, 1e-3, None)
    form = before.form + push * before.form_variance
    form_variance = before.form_variance - before.form_variance**2 * h - p.form[2]
    part = share * now.strength.variance
    mean = now.strength.mean + push[..., None] * (algebra.dot(now.strength.slope, before.toward[..., None, :]) + part)
    slope = now.strength.slope - (part * h[..., None])[..., None] * before.slope[..., None, :]
    variance = xp.clip(now.strength.variance - part * part * h[..., None], MIN_VARIANCE, None)
    lasting, quick = now.lasting, now.quick
    if config.practice != "none":
        # Only what the item exercises is practised, wherever the step carries other concepts along.
        touched, y = 1.0 * (share > 0), correct[..., None]
        mean = mean + touched * (gain[1] + (gain[0] - gain[1]) * y) * sigmoid(xp, p.ceiling - mean)
        variance = variance + touched * p.jitter
        lasting = lasting + touched * _limited(p.lasting, y, lasting)
        quick = quick + touched * _limited(p.quick, y, quick)
    fixed = mean - algebra.dot(slope, (traits - p.anchor)[..., None, :])
    after = Learner(traits, covariance, form, form_variance, learner.log_volatility)
    memory = remember(p, before.memory, push, h, correct)
    return after, Cell(fixed, slope, variance, lasting, quick), memory


def _limited(gain: Array, correct: Array, held: Array) -> Array:
    """What one practice adds to a gain, which approaches its limit and never exceeds it."""
    return (gain[1] + (gain[0] - gain[1]) * correct) * (1.0 - held / gain[2])
