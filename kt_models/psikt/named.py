"""What people say of edges before answers are seen, as chances of pairs of concepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.prior_edges import PriorEdges
from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]

#: An expert's edge runs as he says with this chance, if it is there.
EXPERT_DIRECTION: Final = 0.9
#: What is locked has this log odds, or minus them, in the dynamics; where graphs are drawn, it has no alternative.
CERTAIN: Final = 1.0 - 1e-6
#: Pairs are linked with at most this chance unless that is locked: named for both directions they may sum to more.
MOST: Final = 0.98


@final
@dataclass(frozen=True, eq=False)
class Expert:
    """Edges that people vouch for, (edges,): from parent to child, there with chance `probability`. Self-loops and
    positions outside the vocabulary are passed over; of both directions of a pair, the direction is left open."""

    parent: Int
    child: Int
    probability: float = 0.7


@final
@dataclass(frozen=True, eq=False)
class Told:
    """What people say of pairs, `key` = lower * n_concepts + upper, ascending; columns: lower -> upper, and back.

    `chance` (m, 2) of each direction; `locked` (m, 2): 1 it is there, -1 it is not, 0 answers decide. `counts` (m,):
    more is said than what cannot be, so that the pair is a candidate whoever practised it.
    """

    key: Int
    chance: Float
    locked: Int
    counts: Bool

    @classmethod
    def of(cls, expert: Expert | None, edges: PriorEdges | None, n_concepts: int, chance: float) -> Told:
        """Of both, the edges named one by one go before the expert's. `chance` of a pair that nobody names."""
        by_expert, lean = _named(expert, n_concepts)
        edges = edges or PriorEdges.of([])
        good = (np.minimum(edges.parent, edges.child) >= 0) & (np.maximum(edges.parent, edges.child) < n_concepts)
        parent, child = edges.parent[good], edges.child[good]
        named = np.minimum(parent, child) * n_concepts + np.maximum(parent, child)
        key = np.union1d(by_expert, named)
        found, locked = np.full((len(key), 2), chance / 2), np.zeros((len(key), 2), np.int64)
        if expert is not None:
            found[np.searchsorted(key, by_expert)] = expert.probability * np.stack([lean, 1 - lean], 1)
        at = np.searchsorted(key, named), (parent > child).astype(np.int64)
        found[at] = edges.probability[good]
        locked[at] = np.where(edges.locked[good], np.where(edges.probability[good] >= 0.5, 1, -1), 0)
        found[locked == -1] = 0.0
        counts = np.isin(key, by_expert) | np.isin(key, named[locked[at] != -1])
        return cls(key, found, locked, counts)

    @property
    def barred(self) -> Bool:
        """Neither direction can be."""
        return np.asarray((self.locked == -1).all(1))

    @property
    def held(self) -> Bool:
        return np.stack([(self.locked == 1).any(1), (self.locked != 0).any(1)], 1)

    @property
    def prior(self) -> Float:
        total = np.minimum(self.chance.sum(1), MOST)
        return np.where((self.locked == 1).any(1), CERTAIN, total)

    @property
    def lean(self) -> Float:
        up, down = self.locked.T
        is_up = (up == 1) | (down == -1)
        free = self.chance[:, 0] / np.maximum(self.chance.sum(1), 1e-12)
        return np.where(self.held[:, 1], np.where(is_up & (down != 1), CERTAIN, 1 - CERTAIN), free)


def _named(expert: Expert | None, n_concepts: int) -> tuple[Int, Float]:
    """The expert's pairs, as ascending lower * n_concepts + upper, and their lean."""
    if expert is None:
        return np.empty(0, np.int64), np.empty(0)
    if not 0 < expert.probability < 1:
        raise ValueError(f"the probability of an expert's edge is {expert.probability}, must lie between 0 and 1")
    parent, child = np.asarray(expert.parent, np.int64), np.asarray(expert.child, np.int64)
    good = (parent != child) & (np.minimum(parent, child) >= 0) & (np.maximum(parent, child) < n_concepts)
    parent, child = parent[good], child[good]
    key = np.minimum(parent, child) * n_concepts + np.maximum(parent, child)
    every, index = np.unique(key, return_inverse=True)
    up = np.bincount(index, parent < child, len(every)) > 0
    down = np.bincount(index, parent > child, len(every)) > 0
    return every, np.where(up == down, 0.5, np.where(up, EXPERT_DIRECTION, 1 - EXPERT_DIRECTION))
