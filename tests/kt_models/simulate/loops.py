"""A reference loop: a world, a simple policy, day by day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from kt_models.recall import Int
from kt_models.simulate import Answering, Attendance, Outcome, Record, Scene, Shape, World, day_start

#: (world, learners who are there, day, generator) -> the concept of each.
Policy = Callable[[World[Any], Int, int, Generator], Int]

#: Seconds between an answer and the next question.
PAUSE = 5.0


def small(learners: int = 60, concepts: int = 12, **shape: float) -> Scene:
    return Scene(learners, Shape(concepts=concepts, **shape))  # type: ignore[arg-type]


def bare(learners: int = 200, concepts: int = 4, parents: float = 0.0) -> Scene:
    """Everybody comes, all items are alike, and seeing one again changes nothing."""
    shape = Shape(concepts, 6, parents, 0.0, 0.0)
    return Scene(learners, shape, Attendance.steady(600.0), Answering(familiar=0.0, wear=0.0))


def at_random(world: World[Any], row: Int, day: int, rng: Generator) -> Int:
    return rng.integers(0, world.n_concepts, len(row))


def longest_ago(world: World[Any], row: Int, day: int, rng: Generator) -> Int:
    """The concept that has waited longest; new ones first, in the order of the course."""
    return np.asarray(world.last_practised[row].argmin(1))


def crammed(world: World[Any], row: Int, day: int, rng: Generator) -> Int:
    """The order of the course, each concept five times in a row and never again, round and round."""
    return np.asarray(world.practised[row].sum(1) // 5 % world.n_concepts)


def run(world: World[Any], policy: Policy, days: int, most: int = 20) -> Record:
    """Up to `most` answers a learner and day, as long as there are minutes."""
    record, rng = Record.empty(days, world.n_learners), np.random.default_rng(0)
    for day in range(days):
        world.reach(day)
        visits = world.attendance(day)
        minutes, answers, now = np.zeros(world.n_learners), np.zeros(world.n_learners), visits.seconds.copy()
        for _ in range(most):
            row = np.flatnonzero(visits.present & (minutes < visits.minutes))
            outcome = ask(world, row, policy(world, row, day, rng), now[row])
            minutes[row] += outcome.minutes
            answers[row] += 1
            now[row] += 60.0 * outcome.minutes + PAUSE
        record.note(day, world.knowledge(day_start(day + 1) - 1.0), minutes, answers)
    return record


def ask(world: World[Any], row: Int, concept: Any, seconds: Any) -> Outcome:
    """The next item in turn of a concept."""
    concepts = np.broadcast_to(np.asarray(concept, dtype=np.int64), row.shape)
    return world.answer(row, world.course.item(concepts, world.practised[row, concepts]), seconds)


def practise(world: World[Any], concept: int, seconds: float) -> Outcome:
    """Everybody answers one item of a concept."""
    return ask(world, np.arange(world.n_learners), concept, seconds)
