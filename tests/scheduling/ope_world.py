"""A world whose truth is known: learners of different ability, candidates of different difficulty, a policy that draws.

    r ~ Bernoulli(p),     p = .5 + .12 ability - .12 difficulty + .1 ability difficulty + likeness, in [0, 1]

Ability is seen with noise; the likeness, what a learner is like beside it, is not seen and makes one
learner's choices alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kt_models.recall import Float, Int
from tutor.scheduling.ope.logged import Logged, Target

CANDIDATES = 5


@dataclass(frozen=True)
class World:
    learners: int = 150
    choices: int = 20
    #: Chance that the policy draws at random; else it takes its best, as in service.
    exploration: float = 0.4
    #: Spread of what nobody sees of a learner.
    likeness: float = 0.08
    #: Share of rewards that never become known, more of the weak learners'.
    missing: float = 0.0

    def draw(self, seed: int, **changes: Any) -> Logged:
        """A log of the policy."""
        chance = np.random.default_rng(seed)
        rows = self.learners * self.choices
        learner = np.repeat(np.arange(self.learners), self.choices)
        ability = np.repeat(chance.normal(size=self.learners), self.choices)
        likeness = np.repeat(chance.normal(scale=self.likeness, size=self.learners), self.choices)
        difficulty = chance.uniform(-1.5, 1.5, size=(rows, CANDIDATES))
        seen = np.repeat(chance.normal(scale=0.3, size=self.learners), self.choices) + ability
        # The policy likes items of average difficulty.
        score = -np.abs(difficulty)
        probability = np.full((rows, CANDIDATES), self.exploration / CANDIDATES)
        probability[np.arange(rows), score.argmax(1)] += 1 - self.exploration
        place = (probability.cumsum(1) < chance.random((rows, 1))).sum(1)
        p = success(ability, difficulty[np.arange(rows), place], likeness)
        reward = (chance.random(rows) < p).astype(np.float64)
        lost = chance.random(rows) < 2 * self.missing / (1 + np.exp(2 * seen))
        return log_of(
            learner, difficulty, score, probability, place, np.where(lost, np.nan, reward), seen[:, None], **changes
        )

    def value(self, target: Target, seed: int = 10_000) -> float:
        """The true mean reward of a target policy, over as many learners as make the error negligible."""
        world = World(40_000, 4, self.exploration, self.likeness)
        logged = world.draw(seed)
        chance = np.random.default_rng(seed)
        ability = np.repeat(chance.normal(size=world.learners), world.choices)[logged.row]
        likeness = np.repeat(chance.normal(scale=self.likeness, size=world.learners), world.choices)[logged.row]
        p = success(ability, difficulty_of(logged), likeness)
        return float(logged.sums(target(logged) * p).mean())


def success(ability: Float, difficulty: Float, likeness: Float | float = 0.0) -> Float:
    """P(reward): strong learners gain by hard items, weak ones lose."""
    return np.clip(0.5 + 0.12 * ability - 0.12 * difficulty + 0.1 * ability * difficulty + likeness, 0, 1)


def log_of(
    learner: Int, difficulty: Float, score: Float, probability: Float, place: Int, reward: Float, features: Float,
    **changes: Any,
) -> Logged:  # fmt: skip
    """Rows with as many candidates each; the first three arrays of candidates have shape (rows, candidates)."""
    rows, n = probability.shape
    columns: dict[str, Any] = {
        "learner": learner,
        "seconds": np.arange(rows, dtype=np.float64),
        "offset": np.arange(rows + 1) * n,
        "concept": np.tile(np.arange(n), rows),
        "item": np.tile(np.arange(n), rows),
        "score": score.ravel(),
        "probability": probability.ravel(),
        "chosen": np.arange(rows) * n + place,
        "drawn": np.ones(rows, dtype=bool),
        "reward": reward,
        "answered": np.isfinite(reward),
        "credit": reward,
        "features": features,
        "candidate_features": difficulty.reshape(rows * n, 1),
        "chosen_features": np.zeros((rows, 0)),
    }
    return Logged(**columns | changes)


def difficulty_of(logged: Logged) -> Float:
    return logged.candidate_features[:, 0]


def suited(logged: Logged) -> Float:
    """Scores of a policy that gives hard items to those who seem strong, easy ones to the others."""
    return logged.features[logged.row, 0] * difficulty_of(logged)


def hardest(logged: Logged) -> Float:
    return difficulty_of(logged)
