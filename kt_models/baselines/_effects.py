"""The coefficients of the logistic model (see `logistic`), and the logits that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.base import ConceptLists, Query
from kt_models.counts import CONCEPT_FEATURES, LEARNER_FEATURES, OWN_SLOPES, Features, evidence
from kt_models.levels import Levels
from kt_models.recall import Float, Int, sigmoid
from kt_models.walk import sums

#: Tensors of an artifact.
TENSORS: Final = (
    "learner", "concept", "own", "intercepts", "base", "difficulty", "reference_base", "reference_difficulty", "spread",
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Effects:
    """Coefficients of a fitted model.

    Attributes:
        learner: (learner features,) v.     concept: (concept features,) u.
        own: (n_concepts, 3) u_c, of the first three of them.     levels: intercept, b, d.
        reference: what an average learner gives, from which surprises are counted.
        spread: (3,) variance of the logit that stays, that a first practice of the concept, and that a first answer of
            the learner add: s^2 = spread . (1, mean 1 / (1 + practices), 1 / (1 + answers)).
    """

    learner: Float
    concept: Float
    own: Float
    levels: Levels
    reference: Levels
    spread: Float

    @classmethod
    def zero(cls, n_concepts: int, n_items: int) -> Effects:
        levels, own = Levels.zero(n_concepts, n_items), np.zeros((n_concepts, OWN_SLOPES))
        learner, concept = np.zeros(len(LEARNER_FEATURES)), np.zeros(len(CONCEPT_FEATURES))
        return cls(learner, concept, own, levels, levels, np.zeros(3))

    @property
    def n_concepts(self) -> int:
        return len(self.levels.base)

    @property
    def n_items(self) -> int:
        return len(self.levels.difficulty)

    def expected(self, query: Query) -> Float:
        """(questions,) P(correct) of an average learner without practice, from the reference."""
        base = np.append(self.reference.base, 0.0)[np.minimum(query.concepts.flat, self.n_concepts)]
        difficulty = np.append(self.reference.difficulty, 0.0)[np.minimum(query.item, self.n_items)]
        return sigmoid(self.reference.intercept + _mean(query.concepts, base) - difficulty)

    def logit(self, query: Query, learner: Features, concept: Features) -> Float:
        """(questions,) logits, of features (questions, learner's) and (pairs, concept's)."""
        difficulty = np.append(self.levels.difficulty, 0.0)[np.minimum(query.item, self.n_items)]
        of_concepts = _mean(query.concepts, self.of_concept(query.concepts.flat, concept))
        return np.asarray(self.of_learner(learner) + of_concepts - difficulty, dtype=np.float64)

    def of_learner(self, features: Features) -> Float:
        """(...,) part of the logit from (..., learner features), the intercept in it."""
        return np.asarray(self.levels.intercept + features @ self.learner, dtype=np.float64)

    def of_concept(self, position: Int, features: Features) -> Float:
        """(pairs, ...) part of the logit from positions (pairs,) and (pairs, ..., concept features)."""
        known = np.minimum(position, self.n_concepts)
        shape = (len(position), *(1,) * (features.ndim - 2))
        own = np.append(self.own, np.zeros((1, OWN_SLOPES)), axis=0)[known].reshape(*shape, OWN_SLOPES)
        base = np.append(self.levels.base, 0.0)[known].reshape(shape)
        slopes = np.sum(features[..., :OWN_SLOPES] * own, axis=-1)
        return np.asarray(base + features @ self.concept + slopes, dtype=np.float64)

    def sd(self, lists: ConceptLists, learner: Features, concept: Features) -> Float:
        """(questions,) standard deviation of the logit, of the same features as `logit`."""
        return np.sqrt(evidence(lists, learner, concept) @ self.spread)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        return {
            "learner": self.learner, "concept": self.concept, "own": self.own, "spread": self.spread,
            "intercepts": np.array([self.levels.intercept, self.reference.intercept]),
            "base": self.levels.base, "difficulty": self.levels.difficulty,
            "reference_base": self.reference.base, "reference_difficulty": self.reference.difficulty,
        }  # fmt: skip

    @classmethod
    def from_tensors(cls, stored: Mapping[str, NDArray[Any]]) -> Effects:
        intercept, other = stored["intercepts"].tolist()
        levels = Levels(intercept, stored["base"], stored["difficulty"])
        reference = Levels(other, stored["reference_base"], stored["reference_difficulty"])
        return cls(stored["learner"], stored["concept"], stored["own"], levels, reference, stored["spread"])


def _mean(lists: ConceptLists, value: Float) -> Float:
    """Mean over the concepts of each question."""
    return sums(lists.owner, value, len(lists)) / lists.counts
