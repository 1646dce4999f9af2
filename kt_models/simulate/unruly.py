"""World "unruly": what no model of ours assumes, all at once, to show what a policy is worth when its model is wrong.

    z = base + quick e^(-t / T_quick) + slow e^(-t / T_slow)        t days since the last practice; two exponentials, so
                                                                    neither a power law nor one exponential
    knows     P = sigmoid(z + ease + mood of the day - fatigue of the session)
    practice  quick <- quick + g (1 - quick / limit),   slow <- slow + share g (1 - slow / limit) (1 - e^(-t / apart))
              g = gain of the learner x fitness x (least + (1 - least) mean of sigmoid(z) over the parents)

So massed practice adds nothing that lasts (`apart`); tired learners learn less; prerequisites help softly; practice of
a concept weakens its twin, the neighbour in the curriculum (interference); some cells hardly learn at all
(wheel-spinning, Beck & Gong 2013); some learners guess fast (Wise & Kong 2005) and some ask for help where they could
think (help abuse, Aleven et al. 2006), and learn nothing then. Traces on several time scales: Mozer et al. 2009. The
numbers are round ones of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid
from kt_models.simulate.attendance import day_start
from kt_models.simulate.checks import require
from kt_models.simulate.world import Manner, Practice, World


@final
@dataclass(frozen=True)
class UnrulyNature:
    """What goes wrong, and how much.

    Attributes:
        level, level_sd: logits of an average learner without practice, and what a standard deviation of ability adds.
        aptitude_sd: spread between the concepts of a learner.     mood_sd: between the days of a learner.
        quick_days, slow_days: T_quick, T_slow, times to 1/e.     slow_log_sd: spread of T_slow between learners.
        gain, gain_log_sd: median logits of a first practice, and spread of its logarithm between learners.
        share: of the gain that goes to the slow trace.     limit: of either trace.     apart_days: `apart`.
        least: part of the gain without any known parent.
        fatigue: logits that ten minutes of a session take, beyond the first ten; gains fall by the same share of 1.
        interference: share of the twin's traces that one practice takes.
        stuck: share of cells in which a gain is a tenth.
        guessers, helped: shares of learners who guess, who abuse help; each in half of their answers.
    """

    level: float = -1.2
    level_sd: float = 0.7
    aptitude_sd: float = 0.5
    mood_sd: float = 0.4
    quick_days: float = 0.7
    slow_days: float = 40.0
    slow_log_sd: float = 0.5
    gain: float = 1.0
    gain_log_sd: float = 0.4
    share: float = 0.7
    limit: float = 3.5
    apart_days: float = 0.5
    least: float = 0.3
    fatigue: float = 0.3
    interference: float = 0.05
    stuck: float = 0.05
    guessers: float = 0.1
    helped: float = 0.1

    def __post_init__(self) -> None:
        require(self, positive="quick_days slow_days gain limit apart_days")
        require(self, shares="share least interference stuck guessers helped")
        require(self, natural="level_sd aptitude_sd mood_sd slow_log_sd gain_log_sd fatigue")


@final
class UnrulyWorld(World[UnrulyNature]):
    """A world that breaks the models' assumptions. `knowledge` is exact at every time to come, mood at its mean."""

    kind: ClassVar[str] = "unruly"
    uses_prerequisites: ClassVar[bool] = True

    def _begin(self) -> None:
        nature, draws, learner = self.nature, self.draws, np.arange(self.n_learners)
        column, concept = learner[:, None], np.arange(self.n_concepts)
        self._base = nature.level + nature.level_sd * self.ability[:, None] + self.course.level
        self._base = self._base + nature.aptitude_sd * draws.normal("aptitude", column, concept)
        self._quick, self._slow = np.zeros(self._base.shape), np.zeros(self._base.shape)
        self._since = np.full(self._base.shape, day_start(0))
        self._slow_days = nature.slow_days * np.exp(nature.slow_log_sd * draws.normal("slow", learner))
        gain = nature.gain * np.exp(nature.gain_log_sd * draws.normal("gain", learner))
        stuck = draws.uniform("stuck", column, concept) < nature.stuck
        self._gain = gain[:, None] * np.where(stuck, 0.1, 1.0)
        kind = draws.uniform("character", learner)
        #: (L,) fast guessers, and those who abuse help: nobody is both.
        self.guesser = kind < nature.guessers
        self.helped = ~self.guesser & (kind < nature.guessers + nature.helped)

    def _traces(self, row: Int, concept: Int, seconds: Float) -> tuple[Float, Float]:
        """(answers,) quick and slow as they stand now."""
        days = np.maximum(seconds - self._since[row, concept], 0.0) / SECONDS_PER_DAY
        quick = self._quick[row, concept] * np.exp(-days / self.nature.quick_days)
        return quick, self._slow[row, concept] * np.exp(-days / self._slow_days[row])

    def _strength(self, row: Int, concept: Int, seconds: Float) -> Float:
        quick, slow = self._traces(row, concept, seconds)
        return np.asarray(self._base[row, concept] + quick + slow)

    def _knowledge(self, seconds: float) -> Float:
        days = np.maximum(seconds - self._since, 0.0) / SECONDS_PER_DAY
        quick = self._quick * np.exp(-days / self.nature.quick_days)
        return sigmoid(self._base + quick + self._slow * np.exp(-days / self._slow_days[:, None]))

    def _knowing(self, row: Int, concept: Int, seconds: Float, ease: Float) -> Float:
        return sigmoid(self._strength(row, concept, seconds) + ease)

    def _tired(self, row: Int) -> Float:
        """(answers,) logits lost to the length of today's session."""
        return self.nature.fatigue * np.maximum(self._minutes_today[row] - 10.0, 0.0) / 10.0

    def _manner(self, row: Int, concept: Int, turn: Int) -> Manner:
        now = self.draws.uniform("whim", row, concept, turn) < 0.5
        guesses, helped = now & self.guesser[row], now & self.helped[row]
        mood = self.nature.mood_sd * self.draws.normal("mood", row, self.day)
        return Manner(~guesses, helped, mood - self._tired(row), np.where(guesses, 0.15, np.where(helped, 0.5, 1.0)))

    def _learn(self, practice: Practice) -> None:
        nature, row, concept = self.nature, practice.row, practice.concept
        quick, slow = self._traces(row, concept, practice.seconds)
        gap = (practice.seconds - self.last_practised[row, concept]) / SECONDS_PER_DAY
        gain = practice.weight * self._gain[row, concept] * self._support(practice)
        gain = gain * np.clip(1.0 - self._tired(row), 0.0, 1.0)
        room = np.maximum(1.0 - np.stack([quick, slow]) / nature.limit, 0.0)
        self._quick[row, concept] = quick + gain * room[0]
        self._slow[row, concept] = slow + nature.share * gain * room[1] * -np.expm1(-gap / nature.apart_days)
        self._since[row, concept] = practice.seconds
        self._disturb(practice)

    def _support(self, practice: Practice) -> Float:
        """(answers,) part of the gain that the parents allow."""
        parents = self.course.prerequisites.take(practice.concept)
        owner = parents.owner
        known = sigmoid(self._strength(practice.row[owner], parents.flat, practice.seconds[owner]))
        total = np.bincount(owner, weights=known, minlength=len(practice.row))
        mean = np.where(parents.counts > 0, total / np.maximum(parents.counts, 1), 1.0)
        return self.nature.least + (1.0 - self.nature.least) * mean

    def _disturb(self, practice: Practice) -> None:
        """Twins are concepts 0 and 1, 2 and 3, and so on; the last of an odd number has none."""
        twin = practice.concept ^ 1
        here = twin < self.n_concepts
        cell = practice.row[here], twin[here]
        left = 1.0 - self.nature.interference * practice.weight[here]
        self._quick[cell] *= left
        self._slow[cell] *= left
