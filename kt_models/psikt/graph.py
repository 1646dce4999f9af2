"""Prerequisite edges: sparse candidates, and their probabilities as torch parameters.

    a_ik = sigmoid(existence_ik) sigmoid(direction_ik),     direction_ki = -direction_ik

a_ik is the probability that i is a prerequisite of k, and the very weight with which i acts on k in the dynamics (divided by
the in-degree of k where that exceeds one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from torch import Tensor, nn

from kt_models.psikt.config import Config
from kt_models.recall import Float, Int

#: Size of an embedding of a concept, and the spread that embeddings start with.
EMBEDDING: Final = 16
EMBEDDING_SD: Final = 0.2


@final
@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs of concepts that may be linked. `parents` (n_concepts + 1, P) lists each concept's, -1 for none; the last
    row stands for unknown concepts. Of each cell of it, `pair` (n_concepts + 1, P) says which unordered pair it is and
    `sign` whether the parent is its lower end (+1) or its upper end (-1); `prior` is the expert's log-odds of existence,
    0 where there is none. `support` (pairs,) counts the learners whose answers bear on it."""

    parents: Int
    pair: Int
    sign: Float
    expert: Float
    support: Int

    @property
    def n_pairs(self) -> int:
        return int(self.support.shape[0])

    @classmethod
    def none(cls, n_concepts: int) -> Candidates:
        empty = np.empty((n_concepts + 1, 0), np.int64)
        return cls(empty, empty, empty.astype(np.float64), empty.astype(np.float64), np.empty(0, np.int64))


@final
class EdgeModel(nn.Module):
    """Free logits of existence and direction for each candidate pair."""

    def __init__(self, config: Config, n_concepts: int, candidates: Candidates) -> None:
        super().__init__()
        self.config, self.n_concepts = config, n_concepts
        self.register_buffer("parents", torch.as_tensor(candidates.parents), persistent=False)
        self.existence = nn.Parameter(torch.zeros(candidates.n_pairs))
        self.direction = nn.Parameter(torch.zeros(candidates.n_pairs))

    def weights(self) -> Tensor:
        return torch.zeros(self.parents.shape)

    def penalty(self) -> Tensor:
        return torch.zeros(())
