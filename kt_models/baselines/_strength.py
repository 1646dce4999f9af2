"""The arithmetic of the half-life model (see `half_life`): pauses, practice, updates of a belief by an answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, final

import numpy as np

from kt_models.base import Float32, Interactions
from kt_models.recall import SECONDS_PER_DAY, Float
from kt_models.state import LearnerState
from kt_models.walk import Met, Walk, held

#: Meaning of the columns below; a state of another schema is replayed from the log.
SCHEMA: Final = "hl1"

#: Columns of `LearnerState.learner`.
ABILITY, ABILITY_VARIANCE, ANSWERS = range(3)
#: Columns of `LearnerState.touched`: aptitude (mean, variance), strength, spaced practices n_c, practices.
APTITUDE, VARIANCE, STRENGTH, SPACED, PRACTICES = range(5)

#: Parameters that may be switched off.
MAY_BE_ZERO: Final = frozenset(
    {
        "ability_drift",
        "aptitude_drift",
        "half_life_growth",
        "wrong_practice",
        "gain_correct",
        "gain_wrong",
        "misfit_variance",
    }
)


@final
@dataclass(frozen=True)
class Config:
    """Parameters of the population, in logits, days and practices; those that `fit` estimates are its starting point.

    The defaults are between what `fit` finds on three tutor logs and on cloze practice (docs/models/half-life.md).

    Attributes:
        intercept: prior mean of the ability: logit of an average learner who never practised, at an average item.
        ability_variance: prior variance of the ability.     ability_drift: variance it regains with each answer.
        aptitude_variance: prior variance of the aptitude for a concept.     aptitude_drift: regained by each practice.
        aptitude_half_life_days: pause in which knowledge of the aptitude loses half its weight.
        half_life_days: h of a strength without spaced practice.     half_life_growth: exponent, 0 for a constant h.
        wrong_practice: what a wrong answer counts for n_c, a right one counting 1.
        gain_correct, gain_wrong: strength that a practice adds to none at all.
        strength_limit: strength at which practice adds nothing more; the gain falls linearly to there.
        misfit_variance: variance of the logit that the model knows nothing of; widens spreads, moves no expectation.
        concept_sd, item_sd: prior standard deviations of bases and difficulties.
        fit_learners, fit_answers: learners, and first answers of each, that parameters are estimated on.
        fit_rounds: alternations between parameters and difficulties.
    """

    intercept: float = 0.4
    ability_variance: float = 0.9
    ability_drift: float = 0.004
    aptitude_variance: float = 0.3
    aptitude_drift: float = 0.01
    aptitude_half_life_days: float = 30.0
    half_life_days: float = 1.5
    half_life_growth: float = 0.7
    wrong_practice: float = 0.5
    gain_correct: float = 0.7
    gain_wrong: float = 0.2
    strength_limit: float = 2.0
    misfit_variance: float = 0.2
    concept_sd: float = 1.0
    item_sd: float = 1.2
    fit_learners: int = 1_000
    fit_answers: int = 250
    fit_rounds: int = 3

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "intercept" and not (value >= 0 if name in MAY_BE_ZERO else value > 0):
                raise ValueError(f"{name} is {value}, must be {'0 or more' if name in MAY_BE_ZERO else 'above 0'}")
        if max(self.gain_correct, self.gain_wrong) > self.strength_limit:
            raise ValueError(f"a gain exceeds strength_limit {self.strength_limit}: raise the limit or lower the gain")


def half_life_days(config: Config, spaced: Float) -> Float:
    """h = half_life_days (1 + n_c)^half_life_growth, in days, any shape."""
    return config.half_life_days * (1.0 + spaced) ** config.half_life_growth


def retained(config: Config, spaced: Float, days: Float) -> Float:
    """Share 2^(-days / h) of a strength that is left after a pause; 0 after an infinite one."""
    return np.exp2(-days / half_life_days(config, spaced))


def widened(config: Config, variance: Float, days: Float) -> Float:
    """Variance of an aptitude after a pause: v0 + (v - v0) 2^(-days / aptitude_half_life_days)."""
    prior = config.aptitude_variance
    return prior + (variance - prior) * np.exp2(-days / config.aptitude_half_life_days)


def gain(config: Config, correct: Float) -> Float:
    """Strength that one practice adds to none at all; partial credit mixes the two gains."""
    return config.gain_wrong + (config.gain_correct - config.gain_wrong) * correct


def first_gain(config: Config, p: Float, days: float) -> Float:
    """Strength expected `days` after a first practice that succeeds with chance p; any shape."""
    right, wrong = (
        gain(config, y) * retained(config, spaced_by(config, y), np.full(1, days)) for y in (np.ones(1), np.zeros(1))
    )
    return wrong + (right - wrong) * p


def evidence_of_failure(config: Config) -> float:
    """Logits by which a wrong answer lowers what is expected of an average learner at a concept never practised."""
    variance = np.array(config.ability_variance + config.aptitude_variance)
    return float(variance * damping(variance) * chance(np.array(config.intercept), variance))


def practised(config: Config, strength: Float, correct: Float) -> Float:
    """Strength after a practice: k + gain (1 - k / strength_limit), which never exceeds the limit."""
    return strength + gain(config, correct) * (1.0 - strength / config.strength_limit)


def spaced_by(config: Config, correct: Float) -> Float:
    """What an answer after a complete pause adds to n_c."""
    return config.wrong_practice + (1.0 - config.wrong_practice) * correct


def spread(config: Config, variance: Float) -> Float:
    """Standard deviation of the logit, from the variance that the model knows of."""
    return np.sqrt(variance + config.misfit_variance)


def damping(variance: Float) -> Float:
    """1 / sqrt(1 + pi v / 8): E sigmoid(x) of x ~ N(m, v) is about sigmoid(damping m) (MacKay 1992)."""
    return 1.0 / np.sqrt(1.0 + (np.pi / 8.0) * variance)


def chance(mean: Float, variance: Float) -> Float:
    """P(correct) for a Gaussian logit, inside (0, 1)."""
    return held(damping(variance) * mean)


@final
@dataclass(frozen=True, eq=False)
class Belief:
    """What answers or questions are expected to bring.

    `settled` is the variance of the logit with aptitudes as sure as at their last practice. The probability is taken
    from it, so that a pause alone never raises recall; spreads and updates use `grown`, which knows of the pause.

    Attributes:
        left, strength, variance: (pairs,) share retained, strength left, variance of the aptitude now.
        mean, settled, grown, p: (answers,) of the logit, and P(correct).
    """

    left: Float
    strength: Float
    variance: Float
    mean: Float
    settled: Float
    grown: Float
    p: Float


def expect(config: Config, met: Met, level: Float) -> Belief:
    """The belief before answers or questions; `level` (answers,) is the mean base of the concepts less difficulty."""
    days = met.pause / SECONDS_PER_DAY
    left = retained(config, met.fields[:, SPACED], days)
    strength = met.fields[:, STRENGTH] * left
    variance = widened(config, met.fields[:, VARIANCE], days)
    mean = met.learner[:, ABILITY] + level + met.total(met.share * (met.fields[:, APTITUDE] + strength))
    settled = met.learner[:, ABILITY_VARIANCE] + met.total(met.share**2 * met.fields[:, VARIANCE])
    grown = met.learner[:, ABILITY_VARIANCE] + met.total(met.share**2 * variance)
    return Belief(left, strength, variance, mean, settled, grown, chance(mean, settled))


def learn(config: Config, met: Met, belief: Belief, correct: Float) -> tuple[Float, Float]:
    """Columns (answers, 3) of the learners and (pairs, 5) of the touched concepts after answers.

    The Gaussian with the moments of the posterior, of which the diagonal is kept. With the evidence of a correct answer
    Z(m) = sigmoid(g m), g = damping(S), the mean of a part of the logit moves by its variance times d log Z / dm, which
    is g (y - p), and its variance v falls by v^2 g^2 p (1 - p). Linear in `correct`, so partial credit is a fraction of
    the evidence, and before the answer the means are expected to stay where they are.
    """
    slope = damping(belief.grown)
    push, pull = slope * (correct - belief.p), slope**2 * belief.p * (1.0 - belief.p)
    learner, fields = met.learner.copy(), met.fields.copy()
    prior = met.learner[:, ABILITY_VARIANCE]
    learner[:, ABILITY] += prior * push
    learner[:, ABILITY_VARIANCE] = np.minimum(prior - pull * prior**2 + config.ability_drift, config.ability_variance)
    learner[:, ANSWERS] += 1.0
    weight, own = met.share * belief.variance, correct[met.owner]
    variance = belief.variance - pull[met.owner] * weight**2 + config.aptitude_drift
    fields[:, APTITUDE] += weight * push[met.owner]
    fields[:, VARIANCE] = np.minimum(variance, config.aptitude_variance)
    fields[:, STRENGTH] = practised(config, belief.strength, own)
    fields[:, SPACED] += spaced_by(config, own) * (1.0 - belief.left)
    fields[:, PRACTICES] += 1.0
    return learner, fields


def fresh(config: Config) -> Float32:
    """(5,) columns of a concept never touched."""
    return np.array([0.0, config.aptitude_variance, 0.0, 0.0, 0.0], dtype=np.float32)


def prior(config: Config, n_learners: int) -> LearnerState:
    """Learners of whom nothing is known."""
    row = np.array([config.intercept, config.ability_variance, 0.0], dtype=np.float32)
    return LearnerState.empty(SCHEMA, np.tile(row, (n_learners, 1)), 5)


@final
@dataclass(frozen=True, eq=False)
class Folded:
    """The state after answers, and what was expected of each just before it: (answers,), as in Belief."""

    state: LearnerState
    mean: Float
    settled: Float
    grown: Float

    @property
    def p(self) -> Float:
        return chance(self.mean, self.settled)


def fold(config: Config, state: LearnerState, seen: Interactions, level: Float) -> Folded:
    """Folds answers, one of every learner at a time; `level` (answers,) is the mean base less difficulty."""
    mean, settled, grown = (np.empty(len(seen)) for _ in range(3))
    correct = seen.correct.astype(np.float64)
    walk = Walk.start(state, seen, fresh(config))
    for met in walk.rounds():
        belief = expect(config, met, level[met.answer])
        walk.settle(met, *learn(config, met, belief, correct[met.answer]))
        mean[met.answer], settled[met.answer], grown[met.answer] = belief.mean, belief.settled, belief.grown
    return Folded(walk.done(), mean, settled, grown)


def curve(config: Config, strength: Float, spaced: Float, days: Float) -> Float:
    """(rows, delays) strength left after pauses of `days` (delays,) from now."""
    return strength[:, None] * np.exp2(days * (-1.0 / half_life_days(config, spaced))[:, None])


def curve_after(config: Config, belief: Belief, spaced: Float, days: Float) -> Float:
    """(rows, delays) the same expected after one practice of the concept alone now, over both outcomes.

    Of both outcomes only the strength is averaged: what an answer tells moves no expectation.
    """
    rest = 1.0 - belief.left
    right = practised(config, belief.strength, np.ones(1)), spaced + spaced_by(config, np.ones(1)) * rest
    wrong = practised(config, belief.strength, np.zeros(1)), spaced + spaced_by(config, np.zeros(1)) * rest
    after = curve(config, belief.p * right[0], right[1], days)
    after += curve(config, (1.0 - belief.p) * wrong[0], wrong[1], days)
    return after
