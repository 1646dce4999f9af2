"""Learners who are just what PSI-KT says they are: its generative model, drawn. Recovery tests know the truth by it.

    traits of a learner   log alpha, mu, log sigma, logit gamma ~ N(mean, sd^2)        (alpha a day, levels in logits)
    graph                 w_ik = A_ik / max(1, number of parents of k), A without cycles, parent i by child k
    at the n-th answer    mu_nk = mu + gamma sum_i w_ik z_(n-1)i,     r = exp(-alpha (t_n - t_(n-1)))
                          z_nk ~ N(r z_(n-1)k + (1 - r) mu_nk, sigma^2 (1 - r^2) / (2 alpha)) for every concept k
                          y_n ~ Bernoulli(sigmoid(z_nk)) of the concept k that is asked;   z_1k ~ N(start)
    practice (optional)   z_k <- z_k + gain_y sigmoid(ceiling - z_k) of the concept that was asked

Zhou, Bamler, Wu, Tejero-Cantero, ICLR 2024, the weights of a concept's parents divided by their number. Numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from numpy.random import Generator

from kt_models.base import ConceptLists, Interactions
from kt_models.data import Dataset, Vocabulary
from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid

#: Population of (log alpha, mu, log sigma, logit gamma) that recovery is tested on.
TRAIT_MEAN: Final = (-1.2, 0.4, -0.5, 0.0)
TRAIT_SD: Final = (0.6, 1.0, 0.3, 1.0)


@final
@dataclass(frozen=True)
class Cohort:
    """Who is simulated. Each learner gives `steps` answers, on concepts that chance picks.

    Attributes:
        density: chance that two concepts are linked; 0 for a cohort without a graph.
        trait_mean, trait_sd: population of (log alpha, mu, log sigma, logit gamma).
        start_mean, start_sd: of all strengths at the first answer, logits.
        mean_gap_days: of the exponential pauses between answers.
        gain_right, gain_wrong: logits that practice adds; `ceiling` is where half of that is left.
    """

    learners: int = 200
    steps: int = 50
    concepts: int = 10
    density: float = 0.3
    trait_mean: tuple[float, float, float, float] = TRAIT_MEAN
    trait_sd: tuple[float, float, float, float] = TRAIT_SD
    start_mean: float = 0.0
    start_sd: float = 1.0
    mean_gap_days: float = 1.0
    gain_right: float = 0.0
    gain_wrong: float = 0.0
    ceiling: float = np.inf

    def __post_init__(self) -> None:
        for name in ("learners", "steps", "concepts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be 1 or more")
        if not 0 <= self.density <= 1:
            raise ValueError(f"density is {self.density}, must lie in [0, 1]")


@final
@dataclass(frozen=True, eq=False)
class Simulated:
    """Answers and what they came from; L learners of T answers each, K concepts.

    Attributes:
        data: the answers, learner by learner; one item a concept.
        traits: (L, 4) log alpha, mu, log sigma, logit gamma.
        adjacency: (K, K) 1 where the row's concept is a parent of the column's.
        days: (L, T) time of each answer.     concept, correct: (L, T).
        strength: (L, T, K) of all concepts at each answer, before it.
        chance: (L, T) of a correct answer, given the strength.
    """

    data: Dataset
    traits: Float
    adjacency: Float
    days: Float
    concept: Int
    correct: Float
    strength: Float
    chance: Float

    @property
    def weight(self) -> Float:
        """(K, K) with which parents act: columns sum to 1, or to 0 without parents."""
        return normalised(self.adjacency)


def simulate(cohort: Cohort, seed: int) -> Simulated:
    """Draws a graph, learners and their answers. Deterministic in the seed."""
    rng = np.random.default_rng(seed)
    adjacency = random_graph(cohort.concepts, cohort.density, rng)
    mean, sd = np.array(cohort.trait_mean), np.array(cohort.trait_sd)
    traits = mean + sd * rng.standard_normal((cohort.learners, 4))
    shape = (cohort.learners, cohort.steps)
    gaps = rng.exponential(cohort.mean_gap_days, shape)
    gaps[:, 0] = 0.0
    concept = rng.integers(0, cohort.concepts, shape)
    strength, correct = _answers(cohort, traits, normalised(adjacency), gaps, concept, rng)
    days = np.cumsum(gaps, axis=1)
    asked = np.take_along_axis(strength, concept[..., None], 2)[..., 0]
    found = as_dataset(days, concept, correct, cohort.concepts)
    return Simulated(found, traits, adjacency, days, concept, correct, strength, sigmoid(asked))


def random_graph(concepts: int, density: float, rng: Generator) -> Float:
    """(K, K) edges without cycles, from parent (row) to child: each pair is linked with chance `density`, in the
    direction of one random order."""
    place = rng.permutation(concepts)
    linked = np.triu(rng.random((concepts, concepts)) < density, 1)
    return np.asarray(linked[place][:, place], dtype=np.float64)


def normalised(adjacency: Float) -> Float:
    """Weights of edges (K, K): each divided by the number of its child's parents, if there are any."""
    return np.asarray(adjacency / np.maximum(1.0, adjacency.sum(0)), dtype=np.float64)


def as_dataset(days: Float, concept: Int, correct: Float, n_concepts: int) -> Dataset:
    """Answers (L, T) as a data set: learner l has id l, and item and concept have the same id."""
    learners, steps = days.shape
    seen = Interactions(
        learner=np.repeat(np.arange(learners), steps),
        seconds=days.ravel() * SECONDS_PER_DAY,
        item=concept.ravel().astype(np.int64),
        concepts=ConceptLists.single(concept.ravel()),
        correct=correct.ravel().astype(np.float32),
    )
    ids = Vocabulary(np.arange(n_concepts))
    return Dataset(np.arange(learners), seen, ids, ids)


def shuffled(dataset: Dataset, seed: int) -> Dataset:
    """The same answers at the same times, but which answer came when is shuffled within each learner.

    All that order tells is gone, the graph first; the share of right answers by learner and concept is kept.
    """
    rng = np.random.default_rng(seed)
    seen = dataset.interactions
    order = np.lexsort((rng.random(len(seen)), seen.learner))
    answers = replace(
        seen,
        item=seen.item[order],
        concepts=seen.concepts.take(order),
        correct=seen.correct[order],
        response_seconds=seen.response_seconds[order],
        hints=seen.hints[order],
        attempt=seen.attempt[order],
    )
    return replace(dataset, interactions=answers)


def _answers(
    cohort: Cohort, traits: Float, weight: Float, gaps: Float, concept: Int, rng: Generator
) -> tuple[Float, Float]:
    """Strengths (L, T, K) before each answer, and the answers (L, T)."""
    rate, level, sigma = np.exp(traits[:, :1]), traits[:, 1:2], np.exp(traits[:, 2:3])
    transfer = sigmoid(traits[:, 3:])
    learners, steps = concept.shape
    rows = np.arange(learners)
    strength = np.empty((learners, steps, cohort.concepts))
    correct = np.empty((learners, steps))
    z = cohort.start_mean + cohort.start_sd * rng.standard_normal((learners, cohort.concepts))
    for n in range(steps):
        x = rate * gaps[:, n, None]
        target = level + transfer * (z @ weight)
        variance = -np.expm1(-2.0 * x) * sigma**2 / (2.0 * rate)
        z = target + np.exp(-x) * (z - target) + np.sqrt(variance) * rng.standard_normal(z.shape)
        strength[:, n] = z
        asked = rows, concept[:, n]
        correct[:, n] = rng.random(learners) < sigmoid(z[asked])
        gain = np.where(correct[:, n] > 0, cohort.gain_right, cohort.gain_wrong)
        z[asked] += gain * sigmoid(cohort.ceiling - z[asked])
    return strength, correct
