"""World "space": a learner's state is a set of known concepts, and none is learnt before its prerequisites.

    knows   P = 1 if the concept is in the state, else 0; whatever the item
    learns  enters the state with chance learn_l at a practice, if all its parents are in the state at that time; again
            with chance relearn if it was known before
    forgets leaves the state in a night with chance 1 - exp(-1 / (keep_days f_l (1 + growth reviews)))

Learning follows knowledge spaces (Doignon & Falmagne 1985, 1999): the states that learning reaches are closed under
prerequisites. Transitions are all-or-none (Bower 1961; Corbett & Anderson 1995). Forgetting is ours, and slow: it takes
concepts one by one and may leave a hole below what is still known. `reviews` counts practices at which it was known,
half a day or more after the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, final

import numpy as np

from kt_models.metrics import Bool
from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid
from kt_models.simulate.attendance import day_of
from kt_models.simulate.checks import require
from kt_models.simulate.world import Practice, World

#: Reviews closer than this are one review.
_APART_DAYS: Final = 0.5


@final
@dataclass(frozen=True)
class SpaceNature:
    """How states begin, grow and shrink. The numbers are round ones of ours.

    Attributes:
        before, before_sd: logit of the chance that a concept whose parents are known is known at the start, and what a
            standard deviation of ability adds.
        learn, learn_sd: logit of `learn_l` of a median learner, and what a standard deviation of ability adds.
        relearn: chance of learning again what was forgotten.
        keep_days, keep_log_sd: mean time that a concept stays known without review, and spread of its logarithm between
            learners.     growth: by which each review makes that longer.
    """

    before: float = -1.5
    before_sd: float = 0.8
    learn: float = -0.8
    learn_sd: float = 0.6
    relearn: float = 0.6
    keep_days: float = 30.0
    keep_log_sd: float = 0.4
    growth: float = 1.0

    def __post_init__(self) -> None:
        require(self, positive="keep_days", shares="relearn", natural="before_sd learn_sd keep_log_sd growth")


@final
class SpaceWorld(World[SpaceNature]):
    """A knowledge space with forgetting. `knowledge` is 0 or 1 today, and exact at every time to come.

    Attributes:
        known: (L, K) the state of each learner.
    """

    kind: ClassVar[str] = "space"
    uses_prerequisites: ClassVar[bool] = True

    def _begin(self) -> None:
        nature, draws, learner = self.nature, self.draws, np.arange(self.n_learners)
        chance = sigmoid(nature.before + nature.before_sd * self.ability[:, None] + self.course.level)
        self.known = draws.uniform("before", learner[:, None], np.arange(self.n_concepts)) < chance
        for concept in range(self.n_concepts):
            self.known[:, concept] &= self._ready(learner, np.full(self.n_learners, concept))
        self._was_known = self.known.copy()
        self._reviews = np.zeros(self.known.shape)
        self._keep = nature.keep_days * np.exp(nature.keep_log_sd * draws.normal("keep", learner))
        self.learn_chance = sigmoid(nature.learn + nature.learn_sd * self.ability)

    def _ready(self, row: Int, concept: Int) -> Bool:
        """(answers,) whether all parents are known."""
        parents = self.course.prerequisites.take(concept)
        missing = ~self.known[row[parents.owner], parents.flat]
        return np.asarray(np.bincount(parents.owner, weights=missing, minlength=len(concept)) == 0)

    def _hazard(self) -> Float:
        """(L, K) -log of the chance to stay known over a night."""
        return np.asarray(1.0 / (self._keep[:, None] * (1.0 + self.nature.growth * self._reviews)))

    def _night(self) -> None:
        u = self.draws.uniform("night", np.arange(self.n_learners)[:, None], np.arange(self.n_concepts), self.day)
        self.known &= u >= -np.expm1(-self._hazard())

    def _knowledge(self, seconds: float) -> Float:
        nights = max(day_of(seconds) - self.day, 0)
        return np.asarray(self.known * np.exp(-nights * self._hazard()))

    def _knowing(self, row: Int, concept: Int, seconds: Float, ease: Float) -> Float:
        return self.known[row, concept].astype(np.float64)

    def _learn(self, practice: Practice) -> None:
        cell = practice.row, practice.concept
        u = self.draws.uniform("learn", practice.row, practice.concept, practice.turn)
        chance = np.where(self._was_known[cell], self.nature.relearn, self.learn_chance[practice.row])
        learns = (u < practice.weight * chance) & self._ready(practice.row, practice.concept)
        apart = practice.seconds - self.last_practised[cell] >= _APART_DAYS * SECONDS_PER_DAY
        self._reviews[cell] += practice.weight * (practice.knew & apart)
        self.known[cell] |= learns
        self._was_known[cell] |= learns
