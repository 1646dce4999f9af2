"""World "power": forgetting by a power of time, a little differently for everybody, and no prerequisites.

    m(t) = floor + (peak - floor) (1 + t / age)^(-psi)            t since the last practice, days
    knows  P = m shifted by the ease of the item, in logits
    practice after t   peak <- m(t) + learn (ceiling - m(t)),
                       age  <- age + t if it was known, else age + relearnt t

The first line is Wickelgren's power law as Wixted & Carpenter 2007 write it, m = lambda (1 + beta t)^(-psi), with
age = 1 / beta. It is its own semigroup: from t on it goes on as a curve of age + t, so that old memories fade slower
than young ones (Jost's law), and a practice keeps the age: hence a spacing effect, and no practice at which it was
known lowers m at any later time. `floor` is what was known before, which stays. The numbers are round ones of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid
from kt_models.simulate.attendance import day_start
from kt_models.simulate.checks import require
from kt_models.simulate.world import Practice, World


def eased(p: Float, ease: ArrayLike) -> Float:
    """sigmoid(logit(p) + ease), exact where p is 0 or 1."""
    odds = np.exp(np.asarray(ease, dtype=np.float64))
    return np.asarray(p * odds / (1.0 - p + p * odds))


@final
@dataclass(frozen=True)
class PowerNature:
    """How fast who learns and forgets.

    Attributes:
        exponent, exponent_log_sd: median psi, and spread of its logarithm between learners; `concept_log_sd` between
            the concepts of a learner.
        young_days: age of a memory at its first practice.
        before, before_sd: logit of `floor` on an average concept, and what a standard deviation of ability adds.
        learn, learn_sd: logit of the share of the missing that one practice adds, and its spread between learners.
        ceiling: of m.     relearnt: share of t that adds to the age when it had been forgotten.
    """

    exponent: float = 0.25
    exponent_log_sd: float = 0.4
    concept_log_sd: float = 0.2
    young_days: float = 1.0 / 24.0
    before: float = -3.0
    before_sd: float = 0.8
    learn: float = 0.5
    learn_sd: float = 0.6
    ceiling: float = 0.98
    relearnt: float = 0.2

    def __post_init__(self) -> None:
        require(self, positive="exponent young_days", shares="ceiling relearnt")
        require(self, natural="exponent_log_sd concept_log_sd before_sd learn_sd")


@final
class PowerWorld(World[PowerNature]):
    """Power-law forgetting. `knowledge` is exact at every time to come."""

    kind: ClassVar[str] = "power"

    def _begin(self) -> None:
        nature, draws, learner = self.nature, self.draws, np.arange(self.n_learners)
        spread = nature.exponent_log_sd * draws.normal("exponent", learner)[:, None]
        spread = spread + nature.concept_log_sd * draws.normal("exponent", learner[:, None], np.arange(self.n_concepts))
        self.exponent = nature.exponent * np.exp(spread)
        self.learn_share = sigmoid(nature.learn + nature.learn_sd * draws.normal("learn", learner))
        before = nature.before + nature.before_sd * self.ability[:, None] + self.course.level
        self._floor = np.minimum(sigmoid(before), nature.ceiling)
        self._peak = self._floor.copy()
        self._age = np.full(self._floor.shape, nature.young_days)
        self._since = np.full(self._floor.shape, day_start(0))

    def _knowledge(self, seconds: float) -> Float:
        days = np.maximum(seconds - self._since, 0.0) / SECONDS_PER_DAY
        return np.asarray(self._floor + (self._peak - self._floor) * (1.0 + days / self._age) ** -self.exponent)

    def _present(self, row: Int, concept: Int, seconds: Float) -> tuple[Float, Float]:
        """(answers,) m, and days since it was last practised."""
        cell = row, concept
        days = np.maximum(seconds - self._since[cell], 0.0) / SECONDS_PER_DAY
        kept = (1.0 + days / self._age[cell]) ** -self.exponent[cell]
        return self._floor[cell] + (self._peak[cell] - self._floor[cell]) * kept, days

    def _knowing(self, row: Int, concept: Int, seconds: Float, ease: Float) -> Float:
        return eased(self._present(row, concept, seconds)[0], ease)

    def _learn(self, practice: Practice) -> None:
        cell = practice.row, practice.concept
        now, days = self._present(practice.row, practice.concept, practice.seconds)
        learnt = practice.weight * self.learn_share[practice.row] * (self.nature.ceiling - now)
        # Without effort the curve goes on as if nobody had asked.
        older = np.where(practice.knew | (practice.weight == 0), 1.0, self.nature.relearnt) * days
        self._peak[cell] = now + np.maximum(learnt, 0.0)
        self._age[cell] += np.where(practice.turn == 0, 0.0, older)
        self._since[cell] = practice.seconds
