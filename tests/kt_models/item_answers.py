"""Answers of learners whose abilities are known to items some of which are broken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kt_models.items import Bool, FirstAnswers
from kt_models.recall import Float


class School(NamedTuple):
    """`broken`: (items,) those whose key is wrong.     `difficulty`: those by which the others were answered."""

    answers: FirstAnswers
    learners: int
    difficulty: Float
    ability: Float
    broken: Bool


def a_school(
    seed: int,
    *,
    learners: int = 200,
    items: int = 80,
    share: float = 0.5,
    reversed_: int = 0,
    unmeetable: int = 0,
    guessed: int = 0,
    adaptive: bool = False,
    slopes: float = 0.3,
) -> School:
    """The first items have a reversed key, the next one that nobody meets, the next are answered by guessing."""
    chance = np.random.default_rng(seed)
    ability, difficulty = chance.normal(0.0, 1.2, learners), chance.normal(-0.5, 1.0, items)
    who, what = np.repeat(np.arange(learners), items), np.tile(np.arange(items), learners)
    # A tutor asks mostly what a learner has right three times in four.
    near = 2.0 * np.exp(-0.5 * (ability[who] - difficulty[what] - 1.0) ** 2) if adaptive else 1.0
    asked = chance.random(who.size) < share * near
    who, what = who[asked], what[asked]
    slope = chance.lognormal(0.0, slopes, items)
    right = chance.random(who.size) < 1.0 / (1.0 + np.exp(slope[what] * (difficulty[what] - ability[who])))
    ends = np.cumsum([reversed_, unmeetable, guessed])
    right = np.where(what < ends[0], ~right, right)
    right[(what >= ends[0]) & (what < ends[1])] &= (
        chance.random(int(((what >= ends[0]) & (what < ends[1])).sum())) < 0.02
    )
    by_guess = (what >= ends[1]) & (what < ends[2])
    right[by_guess] = chance.random(int(by_guess.sum())) < 0.5
    answers = FirstAnswers(who, what, right, chance.lognormal(4.0, 0.6, who.size), chance.integers(0, 2, who.size))
    return School(answers, learners, difficulty, ability, np.arange(items) < ends[1])
