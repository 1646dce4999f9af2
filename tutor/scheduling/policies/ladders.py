"""Schedules that every learner gets alike, from the answers alone: fixed ladder, Leitner's boxes, SM-2.

A review comes when its interval has passed since the last answer; the latest for its interval comes first, then new
concepts in the order of the curriculum. That order is ours: the sources schedule cards one by one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kt_models.recall import SECONDS_PER_DAY, Float, Int
from tutor.scheduling.policies.choice import Reason
from tutor.scheduling.policies.ranking import Ranking, places
from tutor.scheduling.policies.situation import History, Situation
from tutor.tracing.evidence import RIGHT

#: Days until the review after 1, 2, ... right answers in a row.
RUNGS: Final = np.array([1.0, 6.0, 12.0, 48.0, 96.0, 180.0])
#: Days until a box of Leitner's is looked through again; who answers right goes on to the next.
BOXES: Final = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
#: Of SM-2: the ease to begin with, the least, and the first two intervals in days.
_EASE: Final = 2.5
_LEAST_EASE: Final = 1.3
_FIRST_DAYS: Final = (1.0, 6.0)
#: Quality (0 to 5) of an answer by `grades`: wrong, "correct with difficulty", "correct after a hesitation".
_QUALITY: Final = (1, 3, 4)


class NoHistory(ValueError):
    """A policy that keeps a schedule of its own was not told of the answers."""

    def __init__(self) -> None:
        super().__init__("this policy reads the learner's answers: give Situation.history (History.none() if none)")


def fixed_ladder(situation: Situation) -> Ranking:
    """1, 6, 12, 48, 96, 180 days: a right answer climbs a rung, a wrong one falls to the first.

        due = last + rung(r),   r = right answers in a row since the last wrong one

    After a wrong answer (r = 0) the first rung is waited for as well. Every answer counts, early ones too.
    """
    streak = _streak(situation)
    return by_schedule(situation, RUNGS[np.clip(streak - 1, 0, len(RUNGS) - 1)])


def leitner(situation: Situation) -> Ranking:
    """Leitner (1972): boxes looked through every 1, 2, 4, 8, 16, 32 days; right: one box on, wrong: back to the first.

    due = last + 2 ** (box - 1) days,   box = min(1 + right answers in a row, 6)
    """
    return by_schedule(situation, BOXES[np.minimum(_streak(situation), len(BOXES) - 1)])


def sm2(situation: Situation) -> Ranking:
    """SM-2 (Wozniak 1990).

        I(1) = 1,  I(2) = 6,  I(n) = ceil(I(n - 1) ease) days;   ease += 0.1 - (5 - q)(0.08 + (5 - q) 0.02), >= 1.3

    A quality below 3 begins the intervals anew and leaves the ease. Credit says quality as it does in Open Spaced
    Repetition's benchmark: full is q = 4, part from one half on 3, less is a lapse. Who lapsed is asked again in the
    same session by what holds for all policies.
    """
    history = answers_of(situation)
    known: dict[int, tuple[int, float, float]] = {}
    for concept, grade in zip(history.concept.tolist(), grades(history).tolist(), strict=True):
        known[concept] = _stepped(*known.get(concept, (0, _EASE, 1.0)), _QUALITY[grade])
    days = np.ones(situation.content.n_concepts)
    days[list(known)] = [interval for _, _, interval in known.values()]
    return by_schedule(situation, days)


def _stepped(n: int, ease: float, days: float, quality: int) -> tuple[int, float, float]:
    """Repetitions in a row, ease and interval after one more answer."""
    if quality < 3:
        return 0, ease, _FIRST_DAYS[0]
    days = _FIRST_DAYS[n] if n < len(_FIRST_DAYS) else float(np.ceil(round(days * ease, 6)))
    missed = 5 - quality
    return n + 1, max(ease + 0.1 - missed * (0.08 + missed * 0.02), _LEAST_EASE), days


def answers_of(situation: Situation) -> History:
    """Raises: NoHistory: if there is none."""
    if situation.history is None:
        raise NoHistory
    return situation.history


def grades(history: History) -> Int:
    """(rows,) 0 for a wrong answer, 1 for one of partial credit, 2 for full credit."""
    return (history.correct >= RIGHT).astype(np.int64) + (history.correct >= 1.0)


def _streak(situation: Situation) -> Int:
    """(concepts,) right answers in a row up to the last."""
    history, n = answers_of(situation), situation.content.n_concepts
    right, at = history.correct >= RIGHT, np.arange(len(history))
    last_wrong = np.full(n, -1)
    # Rows are in time order, and the last write wins.
    last_wrong[history.concept[~right]] = at[~right]
    since = at > last_wrong[history.concept]
    return np.bincount(history.concept[since], minlength=n)


def by_schedule(situation: Situation, days: Float) -> Ranking:
    """A ranking from intervals, (concepts,) days since the last answer.

    score = 2 + x / (1 + x),  x = (now - due) / interval    for reviews whose time has come
            1 / (2 + place)                                 for new concepts, by place in the order of the curriculum
    """
    history, content = answers_of(situation), situation.content
    begun, last = situation.practised.copy(), situation.column("seconds")
    begun[history.concept] = True
    last[history.concept] = history.seconds
    due = np.where(begun, last + days * SECONDS_PER_DAY, np.inf)
    late = np.maximum(situation.now - np.where(begun, due, situation.now), 0.0) / (days * SECONDS_PER_DAY)
    score = np.where(begun, np.where(due <= situation.now, 2.0 + late / (1.0 + late), -np.inf), new_score(situation))

    def why(concept: int) -> tuple[Reason, float]:
        if begun[concept]:
            return Reason.SCHEDULED, round(float(days[concept]), 2)
        return Reason.READY, float(content.prerequisites.counts[concept])

    return Ranking(score, due, why)


def new_score(situation: Situation) -> Float:
    """(concepts,) below 1, of concepts that come one after the other."""
    return 1.0 / (2.0 + places(situation.content))
