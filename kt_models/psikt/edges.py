"""Learnt prerequisite edges as a fitted model keeps and reports them. Numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from kt_models.base import ConceptGraph
from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class Edges:
    """Both directions of every candidate pair, shapes (edges,): is `parent` a prerequisite of `child`?

    Attributes:
        existence: P(the two are linked), the same in both directions.
        direction: P(parent -> child | linked); 1 less that of the other direction.
        weight: with which the parent acts on the child in the dynamics: `probability`, divided by the sum over the
            child's parents where that exceeds one.
        prior: P(parent -> child) before answers.     expert: whether people vouch for the pair.
        evidence: learners who practised both.
        low, high: 90 % interval of P(parent -> child) over resampled learners; NaN where none were resampled.
    """

    parent: Int
    child: Int
    existence: Float
    direction: Float
    weight: Float
    prior: Float
    expert: Bool
    evidence: Int
    low: Float = field(default_factory=lambda: np.empty(0))
    high: Float = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, np.full(len(self.parent), np.nan))
        for each in fields(self):
            n = len(getattr(self, each.name))
            if n != len(self.parent):
                raise ValueError(f"{each.name} has {n} edges, parent has {len(self.parent)}: give equal lengths")

    def __len__(self) -> int:
        return int(self.parent.shape[0])

    @property
    def probability(self) -> Float:
        """P(parent -> child): of both directions of a pair, these sum to `existence`."""
        return self.existence * self.direction

    @classmethod
    def none(cls) -> Edges:
        whole, real = np.empty(0, np.int64), np.empty(0)
        return cls(whole, whole, real, real, real, real, np.empty(0, np.bool_), whole)

    def concept_graph(self, transfer: float) -> ConceptGraph:
        """As the contract of learner models has it. `transfer` is gamma of an average learner: of one logit by which a
        parent stands higher, the child's long-run level gets gamma times the weight."""
        return ConceptGraph(
            self.parent, self.child, self.existence, self.direction, transfer * self.weight, self.evidence
        )

    def matrix(self, n_concepts: int) -> Float:
        """(n_concepts, n_concepts) P(row's concept -> column's)."""
        matrix = np.zeros((n_concepts, n_concepts))
        matrix[self.parent, self.child] = self.probability
        return matrix

    def to_tensors(self) -> dict[str, Any]:
        """Arrays by name, as an artifact keeps them."""
        return {f"edges.{each.name}": getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Any]) -> Edges:
        return cls(**{each.name: np.asarray(tensors[f"edges.{each.name}"]) for each in fields(cls)})

    @classmethod
    def tensor_names(cls) -> tuple[str, ...]:
        """What `to_tensors` gives."""
        return tuple(f"edges.{each.name}" for each in fields(cls))
