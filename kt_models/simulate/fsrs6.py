"""World "fsrs": memory as FSRS-6 has it, with its default parameters, and no prerequisites.

    R(t) = (1 + F t / (f S))^C,   C = -w20,   F = 0.9^(1/C) - 1        t days; f a learner's own factor on S
    knows  P = R shifted by the ease of the item, in logits; 0 before the first practice
    first practice      S = w_(g-1),   D = w4 - e^(w5 (g - 1)) + 1               g: 1 again, 2 hard, 3 good, 4 easy
    after a day or more, known    S <- S (1 + e^w8 (11 - D) S^-w9 (e^(w10 (1 - R)) - 1) [w15 if hard] [w16 if easy])
               forgotten          S <- min(w11 D^-w12 ((S + 1)^w13 - 1) e^(w14 (1 - R)),  S e^(-w17 w18))
    within a day                  S <- S e^(w17 (g - 3 + w18)) S^-w19, not less than S unless again
    each time                     D <- w7 D_easy + (1 - w7) (D - w6 (g - 3) (10 - D) / 9),   kept in [1, 10]

Equations and parameters: those published with the `fsrs` package 6 (Ye et al., Open Spaced Repetition). Shares of
ratings: the defaults of the simulator of `fsrs-rs-python` 0.9 (`default_simulator_config`). That one brings its own
scheduler and lets no other policy choose; this world is the same memory, of our own making, under any policy and for
all learners at once. A rating is what the learner's memory went through; a tutor sees right or wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, final

import numpy as np
from scipy.special import ndtr, ndtri

from kt_models.metrics import Bool
from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid
from kt_models.simulate.attendance import day_start
from kt_models.simulate.checks import require
from kt_models.simulate.power import eased
from kt_models.simulate.world import Practice, World

#: w0 to w20 of FSRS-6, as the `fsrs` package 6.3 has them by default.
WEIGHTS: Final = (
    0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796, 1.4835, 0.0614, 0.2629,
    1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542,
)  # fmt: skip
#: Shares of again, hard, good, easy at the first practice; of hard, good, easy when known. See the module's head.
FIRST_SHARES: Final = (0.24, 0.094, 0.495, 0.171)
REVIEW_SHARES: Final = (0.224, 0.631, 0.145)
_LEAST_STABILITY, _MOST_STABILITY = 0.001, 36_500.0
_AGAIN, _HARD, _GOOD, _EASY = 1, 2, 3, 4


class Memory(NamedTuple):
    """Memories, any shape: stability S in days (time until R is 0.9), difficulty D in [1, 10]."""

    stability: Float
    difficulty: Float


def retrievability(stability: Float, days: Float) -> Float:
    """R after `days`; 0 where the stability is 0, of what was never learnt."""
    decay = -WEIGHTS[20]
    factor = 0.9 ** (1.0 / decay) - 1.0
    safe = np.where(stability > 0, stability, 1.0)
    return np.asarray(np.where(stability > 0, (1.0 + factor * np.maximum(days, 0.0) / safe) ** decay, 0.0))


def first_memory(rating: Int) -> Memory:
    """Memories after a first practice that went by `rating`, 1 to 4."""
    return Memory(np.array(WEIGHTS[:4])[rating - 1], np.clip(_first_difficulty(rating), 1.0, 10.0))


def next_memory(memory: Memory, days: Float, recall: Float, rating: Int) -> Memory:
    """Memories after a practice `days` after the last, at which they stood at `recall`, and that went by `rating`."""
    stability = np.where(
        days < 1.0,
        _same_day(memory.stability, rating),
        np.where(rating == _AGAIN, _forgotten(memory, recall), _recalled(memory, recall, rating)),
    )
    moved = memory.difficulty - WEIGHTS[6] * (rating - _GOOD) * (10.0 - memory.difficulty) / 9.0
    difficulty = WEIGHTS[7] * _first_difficulty(np.array(_EASY)) + (1.0 - WEIGHTS[7]) * moved
    return Memory(np.clip(stability, _LEAST_STABILITY, _MOST_STABILITY), np.clip(difficulty, 1.0, 10.0))


def _first_difficulty(rating: Int) -> Float:
    return np.asarray(WEIGHTS[4] - np.exp(WEIGHTS[5] * (rating - 1)) + 1.0)


def _same_day(stability: Float, rating: Int) -> Float:
    growth = np.exp(WEIGHTS[17] * (rating - _GOOD + WEIGHTS[18])) * stability ** -WEIGHTS[19]
    return np.asarray(stability * np.where(rating >= _HARD, np.maximum(growth, 1.0), growth))


def _recalled(memory: Memory, recall: Float, rating: Int) -> Float:
    bonus = np.where(rating == _HARD, WEIGHTS[15], np.where(rating == _EASY, WEIGHTS[16], 1.0))
    easier = np.exp(WEIGHTS[8]) * (11.0 - memory.difficulty) * memory.stability ** -WEIGHTS[9]
    return np.asarray(memory.stability * (1.0 + easier * np.expm1((1.0 - recall) * WEIGHTS[10]) * bonus))


def _forgotten(memory: Memory, recall: Float) -> Float:
    size = (memory.stability + 1.0) ** WEIGHTS[13] - 1.0
    anew = WEIGHTS[11] * memory.difficulty ** -WEIGHTS[12] * size * np.exp((1.0 - recall) * WEIGHTS[14])
    return np.asarray(np.minimum(anew, memory.stability * np.exp(-WEIGHTS[17] * WEIGHTS[18])))


@final
@dataclass(frozen=True)
class FsrsNature:
    """How learners differ; what is common to all is FSRS-6's.

    Attributes:
        stability_log_sd: spread between learners of the logarithm of f.
        before, before_sd: logit of the chance that a concept was learnt before (as after an easy first practice on the
            eve of day 0), and what a standard deviation of ability adds.
        skill: standard deviations by which one of ability shifts ratings, on the normal scale.
    """

    stability_log_sd: float = 0.4
    before: float = -3.0
    before_sd: float = 0.8
    skill: float = 0.4

    def __post_init__(self) -> None:
        require(self, natural="stability_log_sd before_sd skill")


@final
class FsrsWorld(World[FsrsNature]):
    """FSRS-6 memories. `knowledge` is exact at every time to come."""

    kind: ClassVar[str] = "fsrs"

    def _begin(self) -> None:
        nature, draws, learner = self.nature, self.draws, np.arange(self.n_learners)
        self.factor = np.exp(nature.stability_log_sd * draws.normal("stability", learner))
        chance = sigmoid(nature.before + nature.before_sd * self.ability[:, None] + self.course.level)
        before = draws.uniform("before", learner[:, None], np.arange(self.n_concepts)) < chance
        stability, difficulty = first_memory(np.full(before.shape, _EASY))
        self._stability = np.where(before, stability, 0.0)
        self._difficulty = difficulty
        self._since = np.full(before.shape, day_start(0))

    def _knowledge(self, seconds: float) -> Float:
        days = (seconds - self._since) / SECONDS_PER_DAY
        return retrievability(self.factor[:, None] * self._stability, days)

    def _present(self, row: Int, concept: Int, seconds: Float) -> tuple[Float, Float]:
        """(answers,) R, and days since it was last practised."""
        days = (seconds - self._since[row, concept]) / SECONDS_PER_DAY
        return retrievability(self.factor[row] * self._stability[row, concept], days), days

    def _knowing(self, row: Int, concept: Int, seconds: Float, ease: Float) -> Float:
        return eased(self._present(row, concept, seconds)[0], ease)

    def _learn(self, practice: Practice) -> None:
        cell = practice.row, practice.concept
        recall, days = self._present(practice.row, practice.concept, practice.seconds)
        old = Memory(self._stability[cell], self._difficulty[cell])
        new = old.stability == 0
        rating = self._rating(practice, new)
        begun = first_memory(rating)
        kept = Memory(np.where(new, 1.0, old.stability), old.difficulty)
        grown = next_memory(kept, days, recall, rating)
        # What practice is worth in part moves the logarithm of the stability in part.
        partly = np.exp(np.log(kept.stability) + practice.weight * (np.log(grown.stability) - np.log(kept.stability)))
        tried = practice.weight > 0
        self._stability[cell] = np.where(tried, np.where(new, begun.stability, partly), old.stability)
        self._difficulty[cell] = np.where(tried, np.where(new, begun.difficulty, grown.difficulty), old.difficulty)
        self._since[cell] = np.where(tried, practice.seconds, self._since[cell])

    def _rating(self, practice: Practice, new: Bool) -> Int:
        """How it went, 1 to 4: at the first practice by how well the explanation went in, later again if forgotten."""
        u = self.draws.uniform("rating", practice.row, practice.concept, practice.turn)
        u = ndtr(ndtri(u) + self.nature.skill * self.ability[practice.row])
        first = 1 + np.searchsorted(np.cumsum(FIRST_SHARES)[:-1], u, side="right")
        later = np.where(practice.knew, 2 + np.searchsorted(np.cumsum(REVIEW_SHARES)[:-1], u, side="right"), _AGAIN)
        return np.asarray(np.where(new, first, later), dtype=np.int64)
