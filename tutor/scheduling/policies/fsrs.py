"""FSRS-6, the scheduler of Anki, as the package `fsrs` has it: intervals from a stability and a difficulty a card."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from kt_models.recall import SECONDS_PER_DAY
from tutor.scheduling.policies.ladders import answers_of, by_schedule, grades
from tutor.scheduling.policies.ranking import Ranking
from tutor.scheduling.policies.situation import Situation

if TYPE_CHECKING:
    from fsrs import Scheduler

#: Answers to one concept whose outcome is kept: a plan made again pays for new answers only. About 300 bytes each.
_KEPT: Final = 65_536


def fsrs(situation: Situation) -> Ranking:
    """A concept is a card; it is due when its retrievability falls to the desired retention, in whole days.

    Default parameters, learning steps (1 and 10 minutes) and relearning step (10 minutes) of the package, without
    fuzz; the retention is that of the criteria. Ratings: full credit is Good, part from one half on Hard, less Again;
    Easy cannot be told from an answer. What is due is ordered as in `ladders`. Source: Ye et al., Open Spaced
    Repetition, FSRS-6; mapping of credit and order are ours.
    """
    history = answers_of(situation)
    days = np.ones(situation.content.n_concepts)
    order = np.argsort(history.concept, kind="stable")
    concepts, starts = np.unique(history.concept[order], return_index=True)
    seconds, graded = history.seconds[order], grades(history)[order]
    ends = [*starts[1:].tolist(), len(order)][: len(starts)]
    for concept, start, end in zip(concepts.tolist(), starts.tolist(), ends, strict=True):
        given = tuple(seconds[start:end].tolist()), tuple(graded[start:end].tolist())
        days[concept] = _interval(situation.criteria.retention, *given)
    return by_schedule(situation, days)


@lru_cache(maxsize=_KEPT)
def _interval(retention: float, seconds: tuple[float, ...], graded: tuple[int, ...]) -> float:
    """Days from the last of some answers to one concept until its review."""
    from fsrs import Card, Rating

    ratings = (Rating.Again, Rating.Hard, Rating.Good)
    scheduler = _scheduler(retention)
    # Named, because a card without a number waits a millisecond for one of its own.
    card = Card(card_id=0, due=_moment(seconds[0]))
    for at, grade in zip(seconds, graded, strict=True):
        card, _ = scheduler.review_card(card, ratings[grade], _moment(at))
    return (card.due - _moment(seconds[-1])).total_seconds() / SECONDS_PER_DAY


@lru_cache(maxsize=64)
def _scheduler(retention: float) -> Scheduler:
    from fsrs import Scheduler

    return Scheduler(desired_retention=retention, enable_fuzzing=False)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
