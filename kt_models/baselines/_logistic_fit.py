"""Estimating the logistic model: see `logistic.fit`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from kt_models import counts
from kt_models.base import Float32
from kt_models.baselines._effects import Effects
from kt_models.data import Dataset
from kt_models.kinds import Progress
from kt_models.levels import CURVATURE, Design, Levels, descend, fit_levels, log_likelihood_loss
from kt_models.recall import Float, sigmoid
from kt_models.repeats import spread
from kt_models.walk import sums

#: Share of learners that the spread is estimated on, where no validation set is given.
HELD_OUT: Final = 0.15
#: Features that vary less than this are left in their own unit.
LEAST_SCALE: Final = 1e-3


@final
@dataclass(frozen=True)
class Config:
    """Prior standard deviations, in logits; of effects per standard deviation of their feature.

    Attributes:
        concept_sd, item_sd: of bases and difficulties.     slope_sd: of how effects differ between concepts.
        effect_sd: of the effects common to all.
    """

    concept_sd: float = 1.0
    item_sd: float = 1.0
    slope_sd: float = 0.3
    effect_sd: float = 1.0

    def __post_init__(self) -> None:
        for name in ("concept_sd", "item_sd", "slope_sd", "effect_sd"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be above 0")


@final
@dataclass(frozen=True, eq=False)
class Material:
    """A data set as features: `common` (answers, all features), `own` (pairs, 3), in units of their spread."""

    design: Design
    correct: Float
    common: Float32
    own: Float
    common_scale: Float
    own_scale: Float

    @classmethod
    def of(cls, data: Dataset, reference: Levels) -> Material:
        seen, design = data.interactions, _design(data, reference)
        learner, concept = features(data, design, reference)
        pairs = (sums(design.owner, design.weight * column, len(seen)) for column in concept.T)
        mean = concept if len(concept) == len(seen) else np.stack(list(pairs), axis=1)
        common, own = np.concatenate([learner, mean], axis=1), concept[:, : counts.OWN_SLOPES]
        scales = _scale(common), _scale(own)
        common, weighted = (common / scales[0]).astype(np.float32), design.weight[:, None] * (own / scales[1])
        return cls(design, seen.correct.astype(np.float64), common, weighted, *scales)


def _design(data: Dataset, levels: Levels) -> Design:
    return Design.of(data.interactions, len(levels.base), len(levels.difficulty))


def features(data: Dataset, design: Design, reference: Levels) -> tuple[counts.Features, counts.Features]:
    """Features before each answer: (answers, learner's) and (pairs, concept's). Without times, those of time are 0."""
    expected = sigmoid(reference.intercept + design.level(reference.base, reference.difficulty))
    folded = counts.fold(counts.prior(data.n_learners), data.interactions, expected)
    if not data.has_time:
        folded.concept[:, counts.UNTIMED :] = 0.0
    return folded.learner, folded.concept


def _scale(features: counts.Features) -> Float:
    spread = features.std(axis=0, dtype=np.float64)
    return np.where(spread < LEAST_SCALE, 1.0, spread)


def estimate(
    data: Dataset, config: Config, seed: int, validation: Dataset | None, start: Effects, progress: Progress | None
) -> tuple[Effects, tuple[dict[str, float], ...]]:
    """Effects, and one record of how they do on learners set aside, on whom the spread is estimated."""
    aside = (data, validation) if validation is not None else data.split_learners((1 - HELD_OUT, HELD_OUT), seed)
    reference = _marginal(data, config, start)
    tried = replace(_effects(Material.of(aside[0], reference), config, start), reference=reference)
    loss, spread = judge(aside[1], tried)
    record = {"step": 0.0, "log_loss": loss, **dict(zip(("sd_new", "sd_known"), _ends(spread), strict=True))}
    if progress is not None:
        progress(record)
    found = tried if validation is not None else _effects(Material.of(data, reference), config, tried)
    return replace(found, reference=reference, spread=spread), (record,)


def _marginal(data: Dataset, config: Config, start: Effects) -> Levels:
    """What learners give to each item on average, whoever they are."""
    n = data.n_answers
    correct = data.interactions.correct.astype(np.float64)
    design = _design(data, start.reference)
    return fit_levels(
        design, correct, np.zeros(n), np.ones(n), start.reference, concept_sd=config.concept_sd, item_sd=config.item_sd
    )


def _effects(material: Material, config: Config, start: Effects) -> Effects:
    """Effects of most penalised likelihood; reference and spread are left at their start."""
    pack = _Packing(material, config)

    def loss(x: Float) -> tuple[float, Float]:
        logit = pack.logit(x)
        value = log_likelihood_loss(logit, material.correct) + 0.5 * float(np.sum(pack.penalty * x * x))
        return value, pack.pulled_back(sigmoid(logit) - material.correct) + pack.penalty * x

    return pack.effects(descend(loss, pack.vector(start), pack.curvature), start)


@final
class _Packing:
    """All coefficients as one vector: intercept, common effects, bases, difficulties, own slopes, in scaled units."""

    def __init__(self, material: Material, config: Config) -> None:
        self.material, design = material, material.design
        self.n_concepts, self.n_own = design.n_concepts, design.n_concepts * counts.OWN_SLOPES
        sizes = (1, material.common.shape[1], design.n_concepts, design.n_items, self.n_own)
        self.cuts = np.cumsum(sizes)[:-1]
        precisions = (0.0, *(sd**-2.0 for sd in (config.effect_sd, config.concept_sd, config.item_sd, config.slope_sd)))
        self.penalty = np.repeat(precisions, sizes)
        one, squares = np.ones(len(material.correct)), np.square(material.common).sum(axis=0, dtype=np.float64)
        own = self._own_sums(np.square(material.own))
        answers = (one[:1] * len(one), squares, design.by_concept(one), design.by_item(one), own)
        self.curvature = self.penalty + CURVATURE * np.concatenate(answers)

    def parts(self, x: Float) -> tuple[Float, Float, Float, Float, Float]:
        intercept, common, base, difficulty, own = np.split(x, self.cuts)
        return intercept, common, base, difficulty, own.reshape(self.n_concepts, counts.OWN_SLOPES)

    def logit(self, x: Float) -> Float:
        m, (intercept, common, base, difficulty, own) = self.material, self.parts(x)
        slopes = np.append(own, np.zeros((1, counts.OWN_SLOPES)), axis=0)[m.design.concept]
        of_pairs = sums(m.design.owner, np.sum(m.own * slopes, axis=1), len(m.correct))
        of_features: Float32 = m.common @ common.astype(np.float32)
        return intercept + of_features + m.design.level(base, difficulty) + of_pairs

    def pulled_back(self, slope: Float) -> Float:
        """Gradient of the loss in the vector from that in the logits, (answers,)."""
        m = self.material
        common: Float32 = slope.astype(np.float32) @ m.common
        own = self._own_sums(m.own * slope[m.design.owner, None])
        return np.concatenate([[slope.sum()], common, m.design.by_concept(slope), -m.design.by_item(slope), own])

    def _own_sums(self, value: Float) -> Float:
        concept, n = self.material.design.concept, self.n_concepts
        return np.stack([sums(concept, column, n + 1)[:-1] for column in value.T], axis=1).ravel()

    def vector(self, effects: Effects) -> Float:
        m, levels = self.material, effects.levels
        common = np.concatenate([effects.learner, effects.concept]) * m.common_scale
        own = (effects.own * m.own_scale).ravel()
        return np.concatenate([[levels.intercept], common, levels.base, levels.difficulty, own])

    def effects(self, x: Float, start: Effects) -> Effects:
        intercept, common, base, difficulty, own = self.parts(x)
        learner, concept = np.split(common / self.material.common_scale, [len(counts.LEARNER_FEATURES)])
        levels = Levels(float(intercept[0]), base, difficulty)
        return Effects(learner, concept, own / self.material.own_scale, levels, start.reference, start.spread)


def judge(data: Dataset, effects: Effects) -> tuple[float, Float]:
    """Log loss on learners who had no part in the effects, and the spread (3,) of their logits around the model's.

    The spread is the least-squares fit of `moments`, its coefficients at least 0. That takes the logit as sure where
    p (1 - p) is taken, so that s^2 is rather too small where it is large.
    """
    seen = data.interactions
    learner, concept = features(data, _design(data, effects.reference), effects.reference)
    logit = effects.logit(seen.query(), learner, concept)
    loss = log_likelihood_loss(logit, seen.correct.astype(np.float64)) / max(len(seen), 1)
    level = _design(data, effects.levels).level(effects.levels.base, effects.levels.difficulty)
    return loss, spread(data, logit, level, counts.evidence(seen.concepts, learner, concept))


def _ends(spread: Float) -> tuple[float, float]:
    """Standard deviation of the logit of a new learner at a new concept, and of one long known."""
    return float(np.sqrt(spread.sum())), float(np.sqrt(spread[0]))
