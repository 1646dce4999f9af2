"""Settings of PSI-KT: which model (switches), how it is fitted. Recorded whole in every artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, final

Mode = Literal["product", "faithful"]
#: lazy: a concept's parents count as they stand when it is looked at, O(1 + parents) an answer.
#: event: every concept is stepped at every answer with its parents frozen at the answer before (the paper's
#: discretisation), O(concepts). exact: the same, with the parents moving during the step. none: no graph.
Coupling = Literal["lazy", "event", "exact", "none"]
Practice = Literal["none", "global", "concept"]

_PRESETS: Final[dict[str, dict[str, Any]]] = {
    "product": {
        "coupling": "lazy", "concept_intercept": True, "item_difficulty": True, "item_memory": True,
        "practice": "global", "drift": True, "start_at_level": True, "centred": True, "common_spread": True,
        "normalise": True,
    },
    "faithful": {
        "coupling": "event", "concept_intercept": False, "item_difficulty": False, "item_memory": False,
        "practice": "none", "drift": False, "start_at_level": False, "centred": False, "common_spread": False,
        "normalise": True,
    },
}  # fmt: skip


@final
@dataclass(frozen=True)
class Config:
    """Switches of the model (those left None take the value of `mode`), and settings of the fit.

    Attributes:
        mode: product, or faithful to Zhou et al. 2024 (docs/models/psi-kt.md compares them switch by switch).
        coupling: how prerequisites act on the long-run level, see `Coupling`.
        normalise: each concept's edge weights are divided by its in-degree where that exceeds one.
        centred: prerequisites act by how far they are above their own long-run level, not by their level itself.
        concept_intercept, item_difficulty: zero-mean effects of concepts on the long-run level, of items on the answer.
        item_memory: what a learner showed at an item counts when it is asked again, within `remembered` answers.
        practice: what an answer adds to the strength: nothing, the same gain everywhere, or one for each concept.
        drift: the level of a learner wanders, with answers and with days.
        start_at_level: a concept never met stands at the learner's long-run level; else at N(m_z, v_z) for everybody.
        common_spread: the stationary variance of strengths is one number; else sigma^2 / (2 alpha) by learner.
        concept_sd, item_sd: prior standard deviations of intercepts and difficulties, logits.
        edge_prior: expected number of prerequisites of a concept.     max_parents: candidates kept for each concept.
        edge_learners: a pair of concepts is a candidate if at least so many learners practised one before the other.
        epochs, min_steps, batch_learners, learning_rate: of the fit: epochs at least, steps at least, learners a step.
        chunk: answers of a learner through which gradients flow.
        patience: epochs without a better log loss of validation learners, after which the fit ends.
        correction_steps, particles: of the importance-weighted objective at the end.
        bootstraps: resamples of the learners by which the chances of edges are calibrated; 0 leaves them as fitted.
        validation_share: of learners set aside for choosing, where the caller gives none.
    """

    mode: Mode = "product"
    coupling: Coupling | None = None
    normalise: bool | None = None
    centred: bool | None = None
    concept_intercept: bool | None = None
    item_difficulty: bool | None = None
    item_memory: bool | None = None
    remembered: int = 50
    practice: Practice | None = None
    drift: bool | None = None
    start_at_level: bool | None = None
    common_spread: bool | None = None
    concept_sd: float = 0.8
    item_sd: float = 1.0
    edge_prior: float = 1.0
    max_parents: int = 6
    edge_learners: int = 30
    epochs: int = 10
    min_steps: int = 300
    batch_learners: int = 512
    learning_rate: float = 0.05
    chunk: int = 100
    patience: int = 3
    correction_steps: int = 0
    particles: int = 8
    bootstraps: int = 20
    validation_share: float = 0.1

    def __post_init__(self) -> None:
        for name, value in _PRESETS[self.mode].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        positive = (
            "concept_sd",
            "item_sd",
            "edge_prior",
            "epochs",
            "batch_learners",
            "learning_rate",
            "chunk",
            "patience",
            "remembered",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be above 0")
        for name in ("max_parents", "edge_learners", "correction_steps", "bootstraps", "min_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be 0 or more")
        if self.dense and self.item_memory:
            raise ValueError(f"item_memory needs coupling lazy or none, this is {self.coupling}: switch one of them")
        if self.particles < 1:
            raise ValueError(f"particles is {self.particles}, must be 1 or more")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}, must lie between 0 and 1")

    @property
    def dense(self) -> bool:
        """Whether every concept is stepped at every answer."""
        return self.coupling in ("event", "exact")

    @property
    def lookback(self) -> int:
        """Answers within which an item asked again is known."""
        return self.remembered if self.item_memory else 0
