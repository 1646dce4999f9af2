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

from kt_models.recall import Float, Int
from tutor.scheduling import outlook
from tutor.scheduling.calendar import Bool
from tutor.scheduling.courses import NEW, PRACTICE, Beginnings, Course
from tutor.scheduling.outlook import AT_ONCE, Prospect


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
        due = prospect.first_reviews(prospect.criteria)
    walk = _Walk(prospect, prospect.reviews_of(due))
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
        self._prospect, self._tasks = prospect, outlook.tasks(prospect)
        self._minutes = prospect.minutes.tolist()
        self._due = [(at, concept) for concept, at in enumerate(first.tolist()) if at < prospect.days.starts[-1]]
        heapify(self._due)
        self._practices = np.zeros(prospect.content.n_concepts, np.int64)
        self._opened, self._started = 0, 0
        #: Answers that what is under way still takes, in the order in which it was taken up.
        self._under_way: dict[int, int] = {}
        self._visits: list[tuple[int, int, int, int]] = []
        self._reviews: list[tuple[int, int, float]] = []
        self._learnt = np.full(prospect.content.n_concepts, -1)
        self._full = np.zeros(len(prospect.days), np.bool_)

    def spend(self, day: int, allowance: Allowance) -> None:
        room = _Room(allowance)
        self._review(day, room)
        going_on = list(self._under_way)
        learnt = [concept for concept in going_on if self._practise(concept, day, PRACTICE, room)]
        learnt += self._take_up(day, room)
        self._schedule([(concept, float(self._session(day))) for concept in learnt if self._learns(concept, day)])

    def done(self) -> Allotted:
        begun = Beginnings.of(self._visits, self._learnt)
        columns = np.array(self._reviews, np.float64).reshape(-1, 3).T
        concept, day = (column.astype(np.int64) for column in columns[:2])
        return Allotted(outlook.course_of(self._prospect, begun, concept, day, columns[2]), self._full)

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
        if not practised or not self._prospect.reviews:
            return
        concepts = np.array([concept for concept, _ in practised])
        pauses = outlook.pause(self._prospect, concepts, self._practices[concepts]).tolist()
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
            # As in `next`, what a teacher has pinned counts as new, and is not held back for it.
            has_room = room.is_open and (room.new > 0 or not is_new or concept in self._prospect.pinned)
            if not has_room:
                self._full[day] = True
                self._tasks.openings.put_back(concept)
                continue
            room.new -= is_new
            self._started += not self._tasks.goes_on[concept]
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
        self._learnt[concept] = day
        self._tasks.openings.learn(concept, day)
        return True

    def _session(self, day: int) -> Int | Float:
        return outlook.session(self._prospect, np.array(day))
