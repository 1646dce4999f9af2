"""Target policies over logged candidates: what would have been chosen among the same ones.

A target that ranks whole catalogues is judged on the candidates that were logged: what it would have chosen beyond them
is not in the data, and no estimator can tell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kt_models.recall import Float
from tutor.scheduling.ope.logged import Logged, Target

#: One score a candidate, shape (candidates,): the higher, the sooner chosen.
Scores = Callable[[Logged], Float]


def logging_policy(logged: Logged) -> Float:
    """What was done."""
    return logged.probability


def uniform(logged: Logged) -> Float:
    """Any candidate, alike."""
    return np.repeat(1 / logged.counts, logged.counts)


def best(scores: Scores) -> Target:
    """The candidate of the highest score, the first of several: one-hot."""

    def choose(logged: Logged) -> Float:
        order = np.lexsort((-scores(logged), logged.row))
        probability = np.zeros(len(logged.probability))
        probability[order[logged.offset[:-1]]] = 1.0
        return probability

    return choose


def softmax(scores: Scores, temperature: float) -> Target:
    """pi(a) ~ exp(score(a) / temperature)."""
    if not temperature > 0:
        raise ValueError(f"temperature {temperature} is not above 0: use `best` for the highest score alone")

    def choose(logged: Logged) -> Float:
        scaled = scores(logged) / temperature
        top = np.maximum.reduceat(scaled, logged.offset[:-1])
        raw = np.exp(scaled - top[logged.row])
        return raw / logged.sums(raw)[logged.row]

    return choose


def mixture(one: Target, other: Target, share: float) -> Target:
    """`one` with the chance `share`, else `other`: a roll-out guard, or exploration."""
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not from 0 to 1")
    return lambda logged: share * one(logged) + (1 - share) * other(logged)


def logged_score(logged: Logged) -> Float:
    """The score that the logging policy gave: `best(logged_score)` is that policy without exploration."""
    return logged.score
