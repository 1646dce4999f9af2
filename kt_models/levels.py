"""Item difficulties and concept bases by penalised logistic regression on a given offset. Numpy and scipy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from scipy.optimize import minimize

from kt_models.base import Interactions
from kt_models.recall import Float, Int, sigmoid
from kt_models.walk import sums

#: L-BFGS steps; the likelihood of the sets in tests/bench changes in the fifth digit after that.
MAX_STEPS: Final = 120
#: p (1 - p) of a typical answer.
CURVATURE: Final = 0.15


@final
@dataclass(frozen=True, eq=False)
class Design:
    """Which item and concepts each answer exercises, ready for sums over answers.

    `item` (answers,) holds `n_items` for unknown ones; `concept`, `owner`, `weight` are flat over (answer, concept)
    pairs, the weights of an answer summing to one over all its concepts, known or not.
    """

    n_concepts: int
    n_items: int
    item: Int
    concept: Int
    owner: Int
    weight: Float

    @classmethod
    def of(cls, seen: Interactions, n_concepts: int, n_items: int) -> Design:
        item = np.where((seen.item < 0) | (seen.item >= n_items), n_items, seen.item)
        concept, owner = np.minimum(seen.concepts.flat, n_concepts), seen.concepts.owner
        return cls(n_concepts, n_items, item, concept, owner, 1.0 / seen.concepts.counts[owner])

    def level(self, base: Float, difficulty: Float) -> Float:
        """Mean base of the concepts less the difficulty, (answers,); unknown positions count 0."""
        concept = sums(self.owner, self.weight * np.append(base, 0.0)[self.concept], len(self.item))
        hardness: Float = np.append(difficulty, 0.0)[self.item]
        return concept - hardness

    def by_concept(self, value: Float) -> Float:
        """Weighted sum of a value of each answer, over the answers of each concept, (n_concepts,)."""
        return sums(self.concept, self.weight * value[self.owner], self.n_concepts + 1)[:-1]

    def by_item(self, value: Float) -> Float:
        """Sum of a value of each answer, over the answers of each item, (n_items,)."""
        return sums(self.item, value, self.n_items + 1)[:-1]


@final
@dataclass(frozen=True, eq=False)
class Levels:
    """Logits: of an average learner at an average item, of each concept around it, and of each item below it."""

    intercept: float
    base: Float
    difficulty: Float

    @classmethod
    def zero(cls, n_concepts: int, n_items: int) -> Levels:
        return cls(0.0, np.zeros(n_concepts), np.zeros(n_items))

    def at(self, concept: Int, item: Int) -> Levels:
        """The levels of positions, each possibly one beyond the last, which stands at 0."""
        return Levels(self.intercept, np.append(self.base, 0.0)[concept], np.append(self.difficulty, 0.0)[item])


def fit_levels(
    design: Design, correct: Float, offset: Float, scale: Float, start: Levels, *, concept_sd: float, item_sd: float
) -> Levels:
    """Maximum a posteriori levels of

        P(correct) = sigmoid(scale (offset + intercept + mean base - difficulty)),   base ~ N(0, concept_sd^2),
        difficulty ~ N(0, item_sd^2)

    Args:
        design, correct, offset, scale: of each answer, (answers,).     start: where the search begins.
    """
    n_concepts, penalty = design.n_concepts, _penalty(design, concept_sd, item_sd)

    def loss(x: Float) -> tuple[float, Float]:
        logit = scale * (offset + x[0] + design.level(x[1 : n_concepts + 1], x[n_concepts + 1 :]))
        slope = scale * (sigmoid(logit) - correct)
        gradient = np.concatenate([[slope.sum()], design.by_concept(slope), -design.by_item(slope)])
        return log_likelihood_loss(logit, correct) + 0.5 * float(np.sum(penalty * x * x)), gradient + penalty * x

    x0 = np.concatenate([[start.intercept], start.base, start.difficulty])
    x = descend(loss, x0, penalty + CURVATURE * _answers(design))
    return Levels(float(x[0]), x[1 : n_concepts + 1], x[n_concepts + 1 :])


def descend(loss: Callable[[Float], tuple[float, Float]], start: Float, curvature: Float) -> Float:
    """The minimum of a convex loss that returns its gradient too, by L-BFGS in coordinates of equal curvature.

    Without them the search stalls: a concept is seen ten thousand times, an item three times.
    """
    step = 1.0 / np.sqrt(curvature)

    def scaled(u: Float) -> tuple[float, Float]:
        value, gradient = loss(u * step)
        return value, gradient * step

    found: Float = minimize(scaled, start / step, jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS}).x
    return found * step


def log_likelihood_loss(logit: Float, correct: Float) -> float:
    """Sum of -log P(what was answered), partial credit as a mixture."""
    return float(np.sum(np.logaddexp(0.0, logit) - correct * logit))


def _penalty(design: Design, concept_sd: float, item_sd: float) -> Float:
    concepts = np.full(design.n_concepts, concept_sd**-2.0)
    return np.concatenate([[0.0], concepts, np.full(design.n_items, item_sd**-2.0)])


def _answers(design: Design) -> Float:
    """Answers that bear on each parameter, in the order of `fit_levels`."""
    one = np.ones(len(design.item))
    return np.concatenate([[one.sum()], design.by_concept(one), design.by_item(one)])
