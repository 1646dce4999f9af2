"""The look ahead of `outlook` where a day holds only so much: answers, minutes, new concepts, as agreed. Pure.

As `next` does, an answer is begun as long as something is left of the day's answers and minutes, so that the last one
may run over the minutes. What a day does not hold waits for the next one that has room and is not quiet. Of one day:
reviews before all else, those that have waited longest first; then what is under way; then what is taken up.

What was done late changes what follows: forgetting goes on meanwhile, the next review comes after the late one, and
what builds on a concept opens later. Where the allowance never binds, this is `outlook.follow` (a property test).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple, final

import numpy as np

from kt_models.recall import SECONDS_PER_DAY, Float, Int, RecallTable, logit, sigmoid
from tutor.scheduling import outlook
from tutor.scheduling.calendar import Bool
from tutor.scheduling.openings import Openings
from tutor.scheduling.outlook import AT_ONCE, GOES_ON_DAYS, KINDS, TRIES, Course, Prospect
from tutor.scheduling.policies.choice import Kind
from tutor.tracing.status import due_at, likely_mastered

REVIEW, PRACTICE, NEW = (KINDS.index(kind) for kind in (Kind.REVIEW, Kind.PRACTICE, Kind.NEW))


class Allowance(NamedTuple):
    """What may be done on a day: answers, concepts never practised before, minutes; None for no limit."""

    answers: int | None = None
    new: int | None = None
    minutes: float | None = None


NO_LIMIT: Final = Allowance()


class Allotted(NamedTuple):
    """Attributes: course: what would be practised.     full: (days,) on which something has to wait for room."""

    course: Course
    full: Bool


def follow(prospect: Prospect, today: Allowance, daily: Allowance, *, due: Float | None = None) -> Allotted:
    """What would be practised when, within what a day holds.

    Args:
        today: what is left of it.     daily: of each day after.
        due: (concepts,) Unix seconds of the first reviews, where they have been moved; else as they fall due.
    """
    if due is None:
        due = due_at(prospect.table, prospect.evidence, prospect.content, prospect.criteria)
    walk = _Walk(prospect, np.where(prospect.offered, due, np.inf))
    for day in np.flatnonzero(~prospect.quiet).tolist():
        walk.spend(day, today if day == 0 else daily)
    return walk.done()


@final
class _Room:
    """What is left of a day."""

    def __init__(self, allowance: Allowance) -> None:
        self._answers, self.new, self._minutes = (math.inf if each is None else each for each in allowance)

    @property
    def is_open(self) -> bool:
        return self._answers > 0 and self._minutes > 0

    def take(self, most: int, minutes: float) -> int:
        """How many answers of so many minutes there is room for, at most that many."""
        if not self.is_open:
            return 0
        begun = math.ceil(self._minutes / minutes - 1e-9) if minutes * most > self._minutes else most
        answers = int(min(most, self._answers, begun))
        self._answers -= answers
        self._minutes -= answers * minutes
        return answers


@final
class _Walk:
    """From day to day."""

    def __init__(self, prospect: Prospect, first: Float) -> None:
        self._prospect, self._tasks = prospect, tasks(prospect)
        self._minutes = prospect.minutes.tolist()
        self._due = [(at, concept) for concept, at in enumerate(first.tolist()) if at < prospect.days.starts[-1]]
        heapify(self._due)
        self._practices = np.zeros(prospect.content.n_concepts, np.int64)
        self._opened, self._started = 0, self._tasks.started
        #: Answers that what is under way still takes, in the order in which it was taken up.
        self._under_way: dict[int, int] = {}
        self._visits: list[tuple[int, int, int, int]] = []
        self._reviews: list[tuple[int, int, float]] = []
        self._full = np.zeros(len(prospect.days), np.bool_)

    def spend(self, day: int, allowance: Allowance) -> None:
        room = _Room(allowance)
        self._review(day, room)
        going_on = list(self._under_way)
        learnt = [concept for concept in going_on if self._practise(concept, day, PRACTICE, room)]
        learnt += self._take_up(day, room)
        self._schedule([(concept, float(self._session(day))) for concept in learnt if self._learns(concept, day)])

    def done(self) -> Allotted:
        columns = np.array(self._reviews, np.float64).reshape(-1, 3).T
        concept, day = (column.astype(np.int64) for column in columns[:2])
        return Allotted(_course(self._prospect, self._visits, concept, day, columns[2]), self._full)

    def _review(self, day: int, room: _Room) -> None:
        begins, ends = self._prospect.days.starts[day : day + 2].tolist()
        begins = max(begins, self._prospect.now)
        while reviewed := list(self._reviewed(begins, ends, room)):
            self._reviews += [(concept, day, seconds) for concept, seconds in reviewed]
            self._practices[[concept for concept, _ in reviewed]] += 1
            self._schedule(reviewed)
        self._full[day] |= bool(self._due and self._due[0][0] < ends)

    def _reviewed(self, begins: float, ends: float, room: _Room) -> Iterable[tuple[int, float]]:
        """Concepts, and when: as they fall due, at once if they have waited."""
        while self._due and self._due[0][0] < ends and room.take(1, self._minutes[self._due[0][1]]):
            due, concept = heappop(self._due)
            yield concept, max(due, begins)

    def _schedule(self, practised: list[tuple[int, float]]) -> None:
        """The next review of each, if it comes within the horizon."""
        if not practised:
            return
        concepts = np.array([concept for concept, _ in practised])
        pauses = _pause(self._prospect, concepts, self._practices[concepts]).tolist()
        for (concept, seconds), pause in zip(practised, pauses, strict=True):
            if seconds + pause < self._prospect.days.starts[-1]:
                heappush(self._due, (seconds + pause, concept))

    def _take_up(self, day: int, room: _Room) -> list[int]:
        """Those that are learnt on the same day."""
        self._opened += 1
        allowed = int(self._opened * self._prospect.new_per_day + 1e-9) - self._started
        learnt = []
        for concept in self._tasks.openings.take(allowed, day):
            is_new = bool(self._tasks.is_new[concept])
            has_room = room.is_open and (room.new > 0 or not is_new)
            if not has_room:
                self._full[day] = True
                self._tasks.openings.put_back(concept)
                continue
            room.new -= is_new
            self._started += 1
            self._under_way[concept] = int(self._tasks.answers[concept])
            if self._practise(concept, day, NEW if is_new else PRACTICE, room):
                learnt.append(concept)
        return learnt

    def _practise(self, concept: int, day: int, kind: int, room: _Room) -> bool:
        """Whether nothing more is to be practised of it."""
        wanted = min(self._under_way[concept], AT_ONCE)
        answers = room.take(wanted, self._minutes[concept])
        self._full[day] |= answers < wanted
        if answers:
            self._visits.append((concept, day, kind, answers))
            self._practices[concept] += answers
            self._under_way[concept] -= answers
        if self._under_way[concept]:
            return False
        del self._under_way[concept]
        return True

    def _learns(self, concept: int, day: int) -> bool:
        """Whether it is learnt now, and did not just take all the tries."""
        if not self._tasks.is_learnable[concept]:
            return False
        self._tasks.openings.learn(concept, day)
        return True

    def _session(self, day: int) -> Int | Float:
        return outlook.session(self._prospect, np.array(day))


class Tasks(NamedTuple):
    """What is to be learnt, before any of it is: answers until mastery by concept, and whether they will do; which
    were never practised, and what can be taken up. `started`: what goes on is taken first, and takes nothing from the
    rate.
    """

    answers: Int
    is_learnable: Bool
    is_new: Bool
    openings: Openings
    started: int


def tasks(prospect: Prospect) -> Tasks:
    content, k = prospect.content, prospect.content.n_concepts
    n, mastered = (prospect.evidence.column(name, k) for name in ("n", "mastered"))
    answers, is_learnable = _answers_needed(prospect, n)
    likely = likely_mastered(prospect.table, prospect.evidence, content, prospect.now, prospect.criteria)
    likely |= ~content.concept_active
    waiting = prospect.offered & (mastered == 0)
    recent = prospect.evidence.column("seconds", k) >= prospect.now - GOES_ON_DAYS * SECONDS_PER_DAY
    goes_on = waiting & (n > 0) & (n < TRIES) & recent
    turn = np.where(goes_on, 0, np.where(n > 0, 1, 2))
    openings = Openings(content.prerequisites, prospect.criteria.opened, likely, waiting, n > 0, turn)
    return Tasks(answers, is_learnable, n == 0, openings, -int(goes_on.sum()))


def _answers_needed(prospect: Prospect, n: Float) -> tuple[Int, Bool]:
    """(concepts,) answers until mastery is expected, `TRIES` at most, and whether they will do."""
    missing = logit(prospect.criteria.mastered_at) - prospect.strength[:, 0]
    gain = prospect.gain[:, 0]
    needed = np.where(missing > 0, np.ceil(missing / np.maximum(gain, 1e-9) - 1e-9), 0.0)
    needed = np.maximum(needed, np.maximum(prospect.criteria.mastered_after - n, 1.0))
    return np.minimum(needed, TRIES).astype(np.int64), needed <= TRIES


def _pause(prospect: Prospect, concepts: Int, practices: Int) -> Float:
    """Seconds from the last of so many practices of each concept until it falls due again, inf if it never does."""
    curve = prospect.strength[concepts] + practices[:, None] * prospect.gain[concepts]
    criteria = prospect.criteria
    level = np.maximum(criteria.review_at, criteria.retention * sigmoid(curve[:, 0]))
    recall, n = sigmoid(curve), concepts.shape[0]
    table = RecallTable(0.0, np.arange(n), recall, recall, recall, np.ones(n), np.ones(n), np.ones(n))
    return np.maximum(table.time_until(level), SECONDS_PER_DAY)


def _course(
    prospect: Prospect, begun: list[tuple[int, int, int, int]], concept: Int, day: Int, seconds: Float
) -> Course:
    k = prospect.content.n_concepts
    first, at, kind, each = np.array(begun, np.int64).reshape(-1, 4).T
    columns = (
        np.concatenate([first, concept]),
        np.concatenate([at, day]),
        np.concatenate([outlook.session(prospect, at), seconds]),
        np.concatenate([kind, np.full(concept.shape[0], REVIEW)]),
        np.concatenate([each, np.ones(concept.shape[0], np.int64)]),
    )
    order = np.lexsort((columns[0], columns[3], columns[2]))
    concept, day, seconds, kind, answers = (column[order] for column in columns)
    practices = np.bincount(concept, weights=answers, minlength=k).astype(np.int64)
    last = np.full(k, -np.inf)
    np.maximum.at(last, concept, seconds)
    return Course(concept, day, seconds, kind, answers, practices, last)
