"""Learners that are simulated: they learn by practice, forget between sessions, and build on prerequisites.

For learner l and concept c the strength z (logits) reverts to a long-run level, wanders, and jumps at each practice:

    dz = a_l (m_lc - z) dt + s sqrt(2 a_l) dW,     m_lc = base_lc + e sum over parents k of sigmoid(z_lk)
    P(correct) = sigmoid(mean over the item's concepts of z - difficulty)
    at practice: g = gain sigmoid(ceiling - z), less if wrong;  z += g;  base_lc += retained g

a_l is the learner's forgetting rate (half-life ln 2 / a_l), s the spread of wandering. Prerequisites count at their
strength when last practised. Deterministic in the seed or the generator given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
from numpy.random import Generator

from kt_models import data
from kt_models.base import ConceptLists, Interactions
from kt_models.data import Dataset, Vocabulary
from kt_models.metrics import Bool
from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid

#: Unix time at which simulated data begin: 1 September 2025, 08:00 UTC.
START_SECONDS: Final = 1_756_713_600.0
#: Share of answers that go back to an earlier concept.
_REVIEW_SHARE: Final = 0.35


@final
@dataclass(frozen=True)
class Nature:
    """How simulated learners learn; strengths and spreads in logits.

    Attributes:
        start_level: long-run level of an average learner at an average concept without practice or prerequisites.
        ability_sd, concept_sd, difficulty_sd: spread between learners, concepts, items.
        aptitude_sd: spread between the concepts of a learner, beyond ability.
        half_life_days: median over learners of the time in which a gain halves; `half_life_log_sd` its log-spread.
        wander_sd: stationary spread of strength around its level.
        gain: logits a right answer adds when far below `ceiling`; a wrong one adds `wrong_share` of it.
        retained: share of a gain that is never forgotten.
        prerequisite_effect: logits that a fully mastered prerequisite adds to the long-run level.
        response_median_seconds, response_log_sd: time to answer when the chance is even, and its log-spread.
    """

    start_level: float = -1.0
    ability_sd: float = 0.8
    aptitude_sd: float = 0.5
    concept_sd: float = 0.5
    difficulty_sd: float = 0.7
    half_life_days: float = 5.0
    half_life_log_sd: float = 0.6
    wander_sd: float = 0.3
    gain: float = 0.7
    wrong_share: float = 0.5
    ceiling: float = 1.5
    retained: float = 0.15
    prerequisite_effect: float = 0.8
    response_median_seconds: float = 15.0
    response_log_sd: float = 0.5


@final
@dataclass(frozen=True)
class Scenario:
    """Whom and what `simulate` simulates. Answers come in sessions; new concepts follow the order of the course."""

    learners: int = 200
    concepts: int = 20
    items_per_concept: int = 8
    days: float = 30.0
    sessions_per_day: float = 0.4
    answers_per_session: float = 12.0
    parents_per_concept: float = 1.2
    #: Share of items that exercise a second, earlier concept.
    two_concept_share: float = 0.0
    nature: Nature = field(default_factory=Nature)

    def __post_init__(self) -> None:
        for name in ("learners", "concepts", "items_per_concept", "days"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} {getattr(self, name)}: must be above 0")
        for name in ("sessions_per_day", "answers_per_session", "parents_per_concept", "two_concept_share"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} {getattr(self, name)}: must not be negative")


@final
@dataclass(frozen=True, eq=False)
class Course:
    """What is learnt: concepts with prerequisites, and items. `parent[i]` is a prerequisite of `child[i]`.

    Attributes:
        level: (concepts,) added to the long-run level of each concept, logits.
        difficulty: (items,) logits.     item_concepts: (items,) concepts of each.
    """

    level: Float
    parent: Int
    child: Int
    difficulty: Float = field(default_factory=lambda: np.empty(0))
    item_concepts: ConceptLists = field(default_factory=lambda: ConceptLists.of([]))

    @property
    def n_concepts(self) -> int:
        return int(self.level.shape[0])

    def parents(self) -> ConceptLists:
        """The prerequisites of each concept; many have none."""
        order = np.argsort(self.child, kind="stable")
        counts = np.bincount(self.child, minlength=self.n_concepts)
        return ConceptLists(self.parent[order], np.concatenate([[0], np.cumsum(counts)]))


@final
@dataclass(frozen=True, eq=False)
class Response:
    """Answers of distinct learners, shapes (answers,). `chance` is the P(correct) that the answer was drawn with."""

    correct: Bool
    seconds: Float
    chance: Float


class Population:
    """Simulated learners of one course, with a memory: each answer changes who answered."""

    def __init__(self, course: Course, n_learners: int, nature: Nature, generator: Generator) -> None:
        self.course, self.nature, self._generator = course, nature, generator
        self.ability = generator.normal(0, nature.ability_sd, n_learners)
        half_life = nature.half_life_days * np.exp(generator.normal(0, nature.half_life_log_sd, n_learners))
        self.rate_per_day = np.log(2) / half_life
        aptitude = generator.normal(0, nature.aptitude_sd, (n_learners, course.n_concepts))
        self._base = nature.start_level + self.ability[:, None] + course.level[None, :] + aptitude
        self._strength = self._base.copy()
        self._settled = np.full(self._base.shape, -np.inf)
        self._parents = course.parents()

    def answer(self, learner: Int, concepts: ConceptLists, difficulty: Float, seconds: Float) -> Response:
        """Answers of distinct learners, shapes (answers,), none earlier than the learner's last, who learns from it."""
        owner, row, concept = concepts.owner, learner[concepts.owner], concepts.flat
        mean, spread = self._ahead(row, concept, seconds[owner])
        strength = mean + spread * self._generator.normal(size=len(row))
        logit = np.bincount(owner, weights=strength, minlength=len(learner)) / concepts.counts - difficulty
        chance = sigmoid(logit)
        correct = self._generator.random(len(learner)) < chance
        share = np.where(correct, 1.0, self.nature.wrong_share)[owner]
        self._practise(row, concept, strength, share, seconds[owner])
        noise = self._generator.normal(0, self.nature.response_log_sd, len(learner))
        # Easy questions are answered faster, up to about e^0.6 times.
        taken = self.nature.response_median_seconds * np.exp(noise - 0.6 * np.tanh(0.5 * logit))
        return Response(correct, taken, chance)

    def strength(self, learner: Int, concept: Int, seconds: Float) -> Float:
        """Expected strength at a time, shapes (pairs,)."""
        return self._ahead(learner, concept, seconds)[0]

    def _ahead(self, learner: Int, concept: Int, seconds: Float) -> tuple[Float, Float]:
        """Mean and spread of strength at a time, given the strength at the last practice."""
        level = self._level(learner, concept)
        days = np.maximum(seconds - self._settled[learner, concept], 0.0) / SECONDS_PER_DAY
        kept = np.exp(-self.rate_per_day[learner] * days)
        mean = level + np.where(np.isfinite(days), kept * (self._strength[learner, concept] - level), 0.0)
        return mean, self.nature.wander_sd * np.sqrt(1 - np.square(kept))

    def _level(self, learner: Int, concept: Int) -> Float:
        parents = self._parents.take(concept)
        support = sigmoid(self._strength[learner[parents.owner], parents.flat])
        total = np.bincount(parents.owner, weights=support, minlength=len(concept))
        return np.asarray(self._base[learner, concept] + self.nature.prerequisite_effect * total)

    def _practise(self, learner: Int, concept: Int, strength: Float, share: Float, seconds: Float) -> None:
        gain = share * self.nature.gain * sigmoid(self.nature.ceiling - strength)
        self._strength[learner, concept] = strength + gain
        self._base[learner, concept] += self.nature.retained * gain
        self._settled[learner, concept] = seconds


@final
class Student:
    """One simulated learner, online: for demonstrations, and for trying policies."""

    def __init__(self, course: Course, generator: Generator, nature: Nature | None = None) -> None:
        self._one = Population(course, 1, nature or Nature(), generator)
        self._row = np.zeros(1, np.int64)

    def answer(self, difficulty: float, concepts: Sequence[int], seconds: float) -> tuple[bool, float]:
        """Answers an item: whether correctly, and after how many seconds. Times must not go back."""
        response = self._one.answer(
            self._row, ConceptLists.of([concepts]), np.array([difficulty]), np.array([seconds], dtype=np.float64)
        )
        return bool(response.correct[0]), float(response.seconds[0])

    def chance(self, difficulty: float, concepts: Sequence[int], seconds: float) -> float:
        """P(correct) at a time, at the expected strength; changes nothing."""
        concept = np.asarray(concepts, dtype=np.int64)
        row, at = np.zeros(len(concept), np.int64), np.full(len(concept), seconds, dtype=np.float64)
        return float(sigmoid(self._one.strength(row, concept, at).mean() - difficulty))


@final
@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated answers, and what is true of them: `chance` (answers,) is the best prediction that there is."""

    data: Dataset
    course: Course
    chance: Float
    ability: Float
    rate_per_day: Float


def simulate(scenario: Scenario | None = None, *, seed: int) -> Simulation:
    """Answers of a whole population, over all sessions. Ids equal positions; equal arguments give equal answers."""
    scenario = scenario or Scenario()
    generator = np.random.default_rng(seed)
    course = draw_course(scenario, generator)
    learner, item, seconds = _timetable(scenario, generator)
    population = Population(course, scenario.learners, scenario.nature, generator)
    concepts = course.item_concepts.take(item)
    correct, taken, chance = np.zeros(len(item), np.float32), np.zeros(len(item), np.float32), np.zeros(len(item))
    plan = Interactions(learner, seconds, item, concepts, correct)
    for rows in plan.rounds():
        response = population.answer(learner[rows], concepts.take(rows), course.difficulty[item[rows]], seconds[rows])
        correct[rows], taken[rows], chance[rows] = response.correct, response.seconds, response.chance
    answers = data.of_columns(
        learner=learner,
        concepts=concepts,
        correct=correct,
        seconds=seconds,
        item=item,
        response_seconds=taken,
        concept_vocabulary=Vocabulary(np.arange(course.n_concepts)),
        item_vocabulary=Vocabulary(np.arange(len(course.difficulty))),
    )
    return Simulation(answers, course, chance, population.ability, population.rate_per_day)


def draw_course(scenario: Scenario, generator: Generator) -> Course:
    """A random course whose prerequisites come earlier in the order of concepts, mostly shortly before."""
    n, nature = scenario.concepts, scenario.nature
    child, back = np.repeat(np.arange(n), 3), np.tile(np.array([1, 2, 4]), n)
    chosen = (generator.random(3 * n) < scenario.parents_per_concept / 3) & (child >= back)
    n_items = n * scenario.items_per_concept
    first = np.arange(n_items) // scenario.items_per_concept
    second = (first * generator.random(n_items)).astype(np.int64)
    two = (generator.random(n_items) < scenario.two_concept_share) & (first > 0)
    lists = [[c, d] if both else [c] for c, d, both in zip(first.tolist(), second.tolist(), two.tolist(), strict=True)]
    return Course(
        level=generator.normal(0, nature.concept_sd, n),
        parent=(child - back)[chosen],
        child=child[chosen],
        difficulty=generator.normal(0, nature.difficulty_sd, n_items),
        item_concepts=ConceptLists.of(lists),
    )


def _timetable(scenario: Scenario, generator: Generator) -> tuple[Int, Int, Float]:
    """Who answers which item when, sorted by learner and time. Every learner has at least one session."""
    per_learner = 1 + generator.poisson(scenario.sessions_per_day * scenario.days, scenario.learners)
    session_learner = np.repeat(np.arange(scenario.learners), per_learner)
    start = generator.random(len(session_learner)) * scenario.days * SECONDS_PER_DAY
    start = start[np.lexsort((start, session_learner))]
    answers = 1 + generator.poisson(max(scenario.answers_per_session - 1, 0), len(start))
    session = np.repeat(np.arange(len(start)), answers)
    learner = session_learner[session]
    pause = 10.0 + generator.exponential(30.0, len(session))
    elapsed = np.cumsum(pause)
    begin = np.cumsum(answers) - answers
    seconds = start[session] + elapsed - elapsed[begin][session]
    # Sessions of a learner may overlap; time order comes first.
    order = np.lexsort((seconds, learner))
    share = (start / (scenario.days * SECONDS_PER_DAY))[session[order]]
    concept = _concepts_practised(scenario.concepts, share, generator)
    item = concept * scenario.items_per_concept + generator.integers(0, scenario.items_per_concept, len(concept))
    return learner[order], item, np.round(START_SECONDS + seconds[order])


def _concepts_practised(n_concepts: int, share: Float, generator: Generator) -> Int:
    """The newest concept at that share of the course, or one before it as a review."""
    newest = np.minimum((share * n_concepts).astype(np.int64), n_concepts - 1)
    review = generator.random(len(share)) < _REVIEW_SHARE
    return np.where(review, (generator.random(len(share)) * (newest + 1)).astype(np.int64), newest)
