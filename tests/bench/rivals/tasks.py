"""What a rival is asked: given answers of some learners, the chance of later ones, at their true times, unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, final, runtime_checkable

import numpy as np

from kt_models import history
from kt_models.base import Interactions, Query
from kt_models.data import Dataset
from kt_models.metrics import Bool
from kt_models.recall import Float, Int


@final
@dataclass(frozen=True, eq=False)
class Situation:
    """Learners 0, ..., n_learners - 1, their answers so far, and questions after them that nobody has seen answered.

    `future` is grouped by learner in time order; none comes before its learner's last answer in `past`.
    """

    n_learners: int
    past: Interactions
    future: Query


@final
@dataclass(frozen=True, eq=False)
class Truth:
    """What became of the questions, shapes (questions,).

    Attributes:
        learner: external id.     ahead: 1 for the first question of a learner.
        given: answers of the learner that were given.
        gap: seconds since the concept was last practised among the given answers, infinite if never.
    """

    learner: Int
    correct: Float
    ahead: Int
    given: Int
    gap: Float

    @property
    def repeated(self) -> Bool:
        """Of concepts practised before: all that a model of memory speaks of."""
        return np.isfinite(self.gap)

    def take(self, rows: Int | Bool) -> Truth:
        return Truth(*(getattr(self, name)[rows] for name in _COLUMNS))


_COLUMNS: Final = ("learner", "correct", "ahead", "given", "gap")


def truth_of_all(parts: list[Truth]) -> Truth:
    """Some truths one after the other."""
    return Truth(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))


def open_loop(data: Dataset, given: int, horizon: int) -> tuple[Situation, Truth]:
    """`given` answers of every learner who has `horizon` more; those are the questions."""
    data = data.take(np.flatnonzero(data.lengths >= given + horizon)).first(given + horizon)
    seen, past = data.interactions, data.step < given
    practice = history.practice_before(seen, past)
    future = np.flatnonzero(~past)
    situation = Situation(data.n_learners, seen.take(np.flatnonzero(past)), seen.take(future).query())
    return situation, Truth(
        learner=data.learner_ids[seen.learner[future]],
        correct=seen.correct[future].astype(np.float64),
        ahead=data.step[future] - given + 1,
        given=np.full(len(future), given),
        gap=practice.gap[future],
    )


def prequential(data: Dataset) -> Truth:
    """Every answer as the question that follows the answers before it."""
    seen = data.interactions
    ones = np.ones(len(seen), np.int64)
    gap = history.practice_before(seen).gap
    return Truth(data.learner_ids[seen.learner], seen.correct.astype(np.float64), ones, data.step, gap)


class Forecaster(Protocol):
    """A fitted rival. NaN where it says nothing."""

    def ahead(self, situation: Situation) -> Float:
        """P(correct) of each question of `situation.future`, from `situation.past` alone."""


@runtime_checkable
class Follower(Forecaster, Protocol):
    """One that can be asked for the next answer of whole histories as well."""

    def following(self, data: Dataset) -> Float:
        """P(correct) of each answer, from the learner's earlier ones alone."""


class Rival(Protocol):
    """Fits what it takes from the answers of other learners, or from the given answers of these ones."""

    def __call__(self, data: Dataset, seed: int) -> Forecaster: ...


def follow(fitted: Forecaster, data: Dataset) -> Float:
    """P(correct) of each answer, from the learner's earlier ones alone.

    Raises:
        ValueError: if the forecaster knows horizons only.
    """
    if not isinstance(fitted, Follower):
        raise ValueError(f"{type(fitted).__name__} forecasts horizons only: name another rival, or take paper_protocol")
    return fitted.following(data)


def first_concept(query: Query | Interactions) -> Int:
    """(questions,) the first concept of each; the timed sets have no other."""
    return query.concepts.flat[query.concepts.offset[:-1]]


def step_within(learner: Int) -> Int:
    """0, 1, ... within each run of equal learners."""
    start = np.concatenate([[True], np.diff(learner) != 0]) if len(learner) else np.empty(0, np.bool_)
    index = np.arange(len(learner))
    return index - np.maximum.accumulate(np.where(start, index, 0)) if len(learner) else index


def folds(n_learners: int, n_folds: int, seed: int) -> Int:
    """(learners,) fold of each, of about equal size."""
    return np.random.default_rng(seed).permutation(n_learners) % n_folds


def set_aside(data: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Learners to fit on and learners, about `share` of all, to choose on."""
    fitted, chosen = data.split_learners((1 - share, share), seed + 1)
    return fitted, chosen


def in_batches(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
