"""What simulated learners learn: concepts in the order of a curriculum, their prerequisites, their items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike

from kt_models.base import ConceptLists
from kt_models.recall import Float, Int
from kt_models.simulate.checks import require
from kt_models.simulate.draws import Draws

#: How far before a concept its prerequisites may stand in the order of the course.
_BACK: Final = (1, 2, 4)


@final
@dataclass(frozen=True)
class Shape:
    """Size of a course.

    Attributes:
        concepts: number of concepts.     items_per_concept: number of items of each.
        parents_per_concept: expected number of prerequisites, at most 3; the first concepts have fewer.
        level_sd: spread between concepts of what makes them hard, logits.
        difficulty_sd: spread between the items of a concept, logits.
    """

    concepts: int = 100
    items_per_concept: int = 6
    parents_per_concept: float = 1.2
    level_sd: float = 0.5
    difficulty_sd: float = 0.7

    def __post_init__(self) -> None:
        require(self, counts="concepts items_per_concept", natural="parents_per_concept level_sd difficulty_sd")
        if self.parents_per_concept > len(_BACK):
            raise ValueError(f"Shape.parents_per_concept is {self.parents_per_concept}: must be {len(_BACK)} or less")


@final
@dataclass(frozen=True, eq=False)
class Course:
    """K concepts of m items each. Parents stand before their children: positions are a topological order.

    Attributes:
        level: (K,) logits by which a concept is easier than an average one.
        parent, child: (edges,) `parent[i]` is a prerequisite of `child[i]`.
        difficulty: (K m,) logits, of mean 0 within each concept; item c m + j is the j-th of concept c.
    """

    level: Float
    parent: Int
    child: Int
    difficulty: Float

    def __post_init__(self) -> None:
        if self.n_items % self.n_concepts or not self.n_items:
            raise ValueError(f"{self.n_items} items for {self.n_concepts} concepts: give each concept equally many")
        if np.any(self.parent >= self.child):
            bad = int(np.flatnonzero(self.parent >= self.child)[0])
            raise ValueError(
                f"concept {self.parent[bad]} is a prerequisite of {self.child[bad]}, which does not come after it: "
                "number the concepts so that prerequisites come first"
            )

    @classmethod
    def draw(cls, shape: Shape, draws: Draws) -> Course:
        """A random course: prerequisites are mostly shortly before. A longer course begins like a shorter one."""
        k, m = shape.concepts, shape.items_per_concept
        child, back = np.repeat(np.arange(k), len(_BACK)), np.tile(np.array(_BACK), k)
        drawn = draws.uniform("edge", child, back) < shape.parents_per_concept / len(_BACK)
        chosen = drawn & (child >= back)
        difficulty = shape.difficulty_sd * draws.normal("difficulty", np.arange(k)[:, None], np.arange(m)[None, :])
        return cls(
            level=shape.level_sd * draws.normal("level", np.arange(k)),
            parent=(child - back)[chosen],
            child=child[chosen],
            difficulty=(difficulty - difficulty.mean(1, keepdims=True)).ravel(),
        )

    @property
    def n_concepts(self) -> int:
        return int(self.level.shape[0])

    @property
    def n_items(self) -> int:
        return int(self.difficulty.shape[0])

    @property
    def items_per_concept(self) -> int:
        return self.n_items // self.n_concepts

    def concept_of(self, item: Int) -> Int:
        """The concept of each item."""
        return np.asarray(item) // self.items_per_concept

    def item(self, concept: ArrayLike, turn: ArrayLike) -> Int:
        """The item that is next when the items of a concept are asked in turn, `turn` having been asked before."""
        concepts, turns = np.asarray(concept, dtype=np.int64), np.asarray(turn, dtype=np.int64)
        return np.asarray(concepts * self.items_per_concept + turns % self.items_per_concept)

    @cached_property
    def prerequisites(self) -> ConceptLists:
        """The parents of each concept; many have none."""
        order = np.argsort(self.child, kind="stable")
        counts = np.bincount(self.child, minlength=self.n_concepts)
        return ConceptLists(self.parent[order], np.concatenate([[0], np.cumsum(counts)]))

    @cached_property
    def weight(self) -> Float:
        """(K, K) from parent (row) to child: 1 by the number of the child's parents, so that columns sum to 1 or 0."""
        out = np.zeros((self.n_concepts, self.n_concepts))
        out[self.parent, self.child] = 1.0
        return np.asarray(out / np.maximum(1.0, out.sum(0)))
