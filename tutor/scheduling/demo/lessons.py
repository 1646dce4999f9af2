"""When class 7b works, and at what: a teacher's plan of eight weeks, and homework. Pure; chance is an argument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.random import Generator

from curricula.snapshot import Snapshot

WEEKS: Final = 8
DAYS: Final = 7 * WEEKS
#: Monday is 0: mathematics on Tuesdays and Thursdays.
LESSON_DAYS: Final = (1, 3)
SATURDAY: Final = 5
LESSON_AT: Final = time(10, 15)
#: Grades that the class brings along, tested in the first lessons; and those that the eight weeks are about.
KNOWN_GRADES: Final = ("3", "4", "5")
TAUGHT_GRADES: Final = ("6", "7")
#: Lessons spent on what the class brings along.
REVIEW_LESSONS: Final = 3
LESSON_ANSWERS: Final = (10, 16)
HOMEWORK_ANSWERS: Final = (6, 14)
#: Share of answers that go back to an earlier lesson.
BACK_IN_LESSON: Final = 0.15
BACK_AT_HOME: Final = 0.35


class Session(NamedTuple):
    """Some minutes of practice: when it starts, and the concept of each answer."""

    start: datetime
    concepts: list[int]


@dataclass(frozen=True)
class Plan:
    """The lessons up to a day, oldest first, and the concepts of each, in an order that respects prerequisites."""

    days: tuple[date, ...]
    topics: tuple[tuple[int, ...], ...]

    def before(self, day: date) -> int:
        """How many lessons there were before or on a day."""
        return sum(each <= day for each in self.days)


def plan(content: Snapshot, last: date) -> Plan:
    """What the class did in the weeks that end with the day `last`."""
    first = last - timedelta(days=DAYS - 1)
    days = [first + timedelta(days=n) for n in range(DAYS)]
    lessons = tuple(day for day in days if day.weekday() in LESSON_DAYS)
    known, taught = (_concepts(content, grades) for grades in (KNOWN_GRADES, TAUGHT_GRADES))
    topics = [*_cut(known, REVIEW_LESSONS), *_cut(taught, len(lessons) - REVIEW_LESSONS)]
    return Plan(lessons, tuple(topics))


def sessions(
    lessons: Plan, zone: ZoneInfo, diligence: float, last: date, until: date, chance: Generator
) -> Iterator[Session]:
    """One learner's sessions up to the day `until`, in time order.

    Args:
        diligence: chance of homework on a weekday evening; a third of it at weekends.
        last: the day with which the eight weeks end.
    """
    first = last - timedelta(days=DAYS - 1)
    for day in (first + timedelta(days=n) for n in range((until - first).days + 1)):
        if day in lessons.days and chance.random() < 0.93:
            start = datetime.combine(day, LESSON_AT, zone) + timedelta(seconds=int(chance.integers(30, 400)))
            yield Session(start, _choose(lessons, lessons.before(day), LESSON_ANSWERS, BACK_IN_LESSON, chance))
        wanted = diligence if day.weekday() < SATURDAY else diligence / 3
        if lessons.before(day) and chance.random() < wanted:
            start = datetime.combine(day, time(16), zone) + timedelta(minutes=float(chance.uniform(0, 270)))
            yield Session(start, _choose(lessons, lessons.before(day), HOMEWORK_ANSWERS, BACK_AT_HOME, chance))


def _choose(lessons: Plan, held: int, size: tuple[int, int], share_back: float, chance: Generator) -> list[int]:
    """Concepts of a session: mostly of the last lesson held, each a few times in a row, then some from before."""
    n = int(chance.integers(*size, endpoint=True))
    n_back = int(chance.binomial(n, share_back)) if held > 1 else 0
    topic = lessons.topics[held - 1]
    now = np.sort(chance.integers(0, len(topic), n - n_back))
    earlier = [concept for each in lessons.topics[: held - 1] for concept in each]
    back = chance.choice(earlier, n_back).tolist() if n_back else []
    return [topic[place] for place in now.tolist()] + back


def _concepts(content: Snapshot, grades: tuple[str, ...]) -> list[int]:
    """Active concepts of some grades, prerequisites first."""
    graded = [c for c, each in enumerate(content.concept_contents) if each and each.grade in grades]
    return sorted(graded, key=lambda c: (_grade(content, c), content.depth[c], c))


def _grade(content: Snapshot, concept: int) -> str:
    described = content.concept_contents[concept]
    return (described.grade if described else None) or ""


def _cut(concepts: list[int], parts: int) -> list[tuple[int, ...]]:
    return [tuple(part.tolist()) for part in np.array_split(np.array(concepts, np.int64), parts)]
