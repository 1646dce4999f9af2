"""World "psikt": learners who are what PSI-KT says they are, with practice, on a graph.

    traits      log alpha, mu, log s, logit gamma of each learner                        (alpha a day, levels in logits)
    strength    dz_k = alpha (target_k - z_k) dt + s sqrt(2 alpha) dW_k
    target      mu + c_k + gamma sum_i w_ik (z_i + lasting_i),   w: edges by the child's number of parents
    knows       P = sigmoid(z_k + lasting_k + ease)
    practice    z_k <- z_k + gain_y sigmoid(ceiling - z_k),     lasting_k <- lasting_k + kept_y (1 - lasting_k / limit)

Zhou, Bamler, Wu, Tejero-Cantero, ICLR 2024, for traits, strength and target; practice is that of our PSI-KT in product
mode (`kt_models.psikt.parameters`: gain, ceiling, lasting). Parents are frozen from midnight to midnight, as the paper
freezes them between answers, and the noise of a whole day comes at midnight: exact in law at every midnight.

What is kept does not ask how far apart practice was: only what fades rewards spacing here, so that timing is worth
something over weeks and little over months.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from kt_models.recall import SECONDS_PER_DAY, Float, Int, logistic_normal_mean, sigmoid
from kt_models.simulate.attendance import day_of, day_start
from kt_models.simulate.checks import require
from kt_models.simulate.world import Practice, World


@final
@dataclass(frozen=True)
class CoupledNature:
    """Population of traits, and what practice adds; strengths in logits. The numbers are round ones of ours.

    Attributes:
        half_life_days, half_life_log_sd: median of ln 2 / alpha, and spread of its logarithm.
        level, level_sd: of mu, where an average learner's strength on an average concept settles without practice.
        wander_sd: median stationary spread s of strengths; `wander_log_sd` between learners.
        transfer, transfer_sd: mean and spread of logit gamma.
        gain_right, gain_wrong: logits that practice adds far below `ceiling`; they fade with alpha.
        kept_right, kept_wrong: logits that practice adds for good, at first; their sum stays below `limit`.
    """

    half_life_days: float = 8.0
    half_life_log_sd: float = 0.6
    level: float = -1.0
    level_sd: float = 0.8
    wander_sd: float = 0.3
    wander_log_sd: float = 0.2
    transfer: float = 0.0
    transfer_sd: float = 0.7
    gain_right: float = 0.8
    gain_wrong: float = 0.6
    ceiling: float = 1.5
    kept_right: float = 0.15
    kept_wrong: float = 0.1
    limit: float = 2.0

    def __post_init__(self) -> None:
        require(self, positive="half_life_days limit")
        require(self, natural="half_life_log_sd level_sd wander_sd wander_log_sd transfer_sd")
        require(self, natural="gain_right gain_wrong kept_right kept_wrong")


@final
class CoupledWorld(World[CoupledNature]):
    """PSI-KT's generator. `knowledge` after today is the mean path of strengths, spread by their own noise; that the
    noise of parents reaches children is left out there, and is in the world itself."""

    kind: ClassVar[str] = "psikt"
    uses_prerequisites: ClassVar[bool] = True

    def _begin(self) -> None:
        nature, draws, learner = self.nature, self.draws, np.arange(self.n_learners)
        half_life = nature.half_life_days * np.exp(nature.half_life_log_sd * draws.normal("half-life", learner))
        self.rate_per_day = np.log(2.0) / half_life
        self.transfer = sigmoid(nature.transfer + nature.transfer_sd * draws.normal("transfer", learner))
        self._sd = nature.wander_sd * np.exp(nature.wander_log_sd * draws.normal("wander", learner))
        self._level = nature.level + nature.level_sd * self.ability[:, None] + self.course.level
        self._lasting = np.zeros(self._level.shape)
        mean = self._settled()
        start = draws.normal("start", learner[:, None], np.arange(self.n_concepts))
        self._strength = mean + self._sd[:, None] * start
        self._since = np.full(mean.shape, day_start(0))
        self._target = self._toward(self._strength)

    def _settled(self) -> Float:
        """(L, K) where strengths rest without practice; parents stand before their children."""
        out = self._level.copy()
        parents = self.course.prerequisites
        for concept in np.flatnonzero(parents.counts).tolist():
            above = parents.flat[parents.offset[concept] : parents.offset[concept + 1]]
            out[:, concept] += self.transfer * out[:, above].mean(1)
        return out

    def _toward(self, strength: Float) -> Float:
        support = (strength + self._lasting) @ self.course.weight
        return np.asarray(self._level + self.transfer[:, None] * support)

    def _now(self, seconds: float) -> Float:
        """(L, K) strengths at a time of the present day."""
        days = np.maximum(seconds - self._since, 0.0) / SECONDS_PER_DAY
        return np.asarray(self._target + np.exp(-self.rate_per_day[:, None] * days) * (self._strength - self._target))

    def _night(self) -> None:
        midnight = day_start(self.day)
        noise = self.draws.normal("night", np.arange(self.n_learners)[:, None], np.arange(self.n_concepts), self.day)
        self._strength = self._now(midnight) + (self._sd * self._daily_spread())[:, None] * noise
        self._since[:] = midnight
        self._target = self._toward(self._strength)

    def _daily_spread(self) -> Float:
        """(L,) sqrt(1 - r^2) of one day, r = exp(-alpha)."""
        return np.asarray(np.sqrt(-np.expm1(-2.0 * self.rate_per_day)))

    def _knowledge(self, seconds: float) -> Float:
        last = max(day_of(seconds), self.day)
        if last == self.day:
            return sigmoid(self._now(seconds) + self._lasting)
        strength, variance = self._now(day_start(self.day + 1)), np.square(self._sd * self._daily_spread())
        for day in range(self.day + 1, last + 1):
            target = self._toward(strength)
            # The noise of a day comes at its beginning: none is added for the part of the last one.
            part = min((seconds - day_start(day)) / SECONDS_PER_DAY, 1.0)
            kept = np.exp(-self.rate_per_day * part)
            strength = target + kept[:, None] * (strength - target)
            added = np.square(self._sd * self._daily_spread()) if part == 1.0 else 0.0
            variance = np.square(kept) * variance + added
        return logistic_normal_mean(strength + self._lasting, np.sqrt(variance)[:, None])

    def _present(self, row: Int, concept: Int, seconds: Float) -> Float:
        cell = row, concept
        days = np.maximum(seconds - self._since[cell], 0.0) / SECONDS_PER_DAY
        away = self._strength[cell] - self._target[cell]
        return np.asarray(self._target[cell] + np.exp(-self.rate_per_day[row] * days) * away)

    def _knowing(self, row: Int, concept: Int, seconds: Float, ease: Float) -> Float:
        return sigmoid(self._present(row, concept, seconds) + self._lasting[row, concept] + ease)

    def _learn(self, practice: Practice) -> None:
        nature, cell = self.nature, (practice.row, practice.concept)
        strength = self._present(practice.row, practice.concept, practice.seconds)
        gain = practice.weight * np.where(practice.correct, nature.gain_right, nature.gain_wrong)
        kept = practice.weight * np.where(practice.correct, nature.kept_right, nature.kept_wrong)
        self._strength[cell] = strength + gain * sigmoid(nature.ceiling - strength)
        self._since[cell] = practice.seconds
        self._lasting[cell] += np.minimum(kept / nature.limit, 1.0) * (nature.limit - self._lasting[cell])
