"""Eight weeks of answers of learners who are simulated: they learn by practice, forget, and build on prerequisites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.synthetic import Course, Nature, Student
from tutor.scheduling.demo import lessons
from tutor.scheduling.demo.people import PUPILS, SOURCE, TIMEZONE, Kind, external_id
from tutor.scheduling.intake import AnswerIn

SEED: Final = 7
#: Long-run level of a concept by grade, logits, for a class that is in grade 7.
LEVELS: Final = {"3": 1.8, "4": 1.4, "5": 0.9, "6": 0.0, "7": -0.6, "8": -1.2, "9": -1.6}
LEVEL_SD: Final = 0.35
NATURE: Final = Nature(
    start_level=-1.5, ability_sd=0.35, half_life_days=9.0, half_life_log_sd=0.3, gain=0.9, ceiling=2.2, retained=0.3,
    prerequisite_effect=0.6, response_median_seconds=22.0,
)  # fmt: skip
#: Of each kind: added to the start level, half-life as a multiple, chance of homework on a weekday.
KINDS: Final = {
    Kind.TYPICAL: (0.0, 1.0, 0.40),
    Kind.STRONG: (1.1, 1.6, 0.50),
    Kind.STRUGGLING: (-1.3, 0.7, 0.25),
    Kind.FORGETFUL: (0.1, 0.4, 0.25),
    Kind.INACTIVE: (-0.3, 1.0, 0.30),
    Kind.NEW: (0.0, 1.0, 0.0),
}
INACTIVE_FOR: Final = timedelta(days=21)
#: Whole days before the last one on which those who ask Trellis do nothing else.
EVENINGS: Final = 3
#: Hints asked for, on average, where a right answer is out of reach; fewer where it is not.
HINT_SHARE: Final = 0.5
PAUSE_SECONDS: Final = 8.0


def answers(content: Snapshot, now: datetime) -> list[AnswerIn]:
    """What an LMS knows of the class from the eight weeks before `now`, in time order; equal for equal days."""
    given = [answer for _, past in lives(content, now, range(len(PUPILS))) for answer in past]
    return sorted(given, key=lambda answer: (answer.occurred_at, answer.id))


def lives(content: Snapshot, now: datetime, numbers: Sequence[int]) -> Iterator[tuple[Life, list[AnswerIn]]]:
    """Pupils at their places in `PUPILS`, at the end of what an LMS knows of them, with that in time order."""
    course, last = _course(content), last_day(now)
    plan = lessons.plan(content, last)
    for number in numbers:
        life = Life(content, course, number)
        yield life, list(life.answers(plan, last, now.timestamp()))


def last_day(now: datetime) -> date:
    """With which the eight weeks end."""
    return now.astimezone(ZoneInfo(TIMEZONE)).date()


def _course(content: Snapshot) -> Course:
    chance = np.random.default_rng(SEED)
    grades = [(each.grade if each else None) or "7" for each in content.concept_contents]
    level = np.array([LEVELS.get(grade, 0.0) for grade in grades]) + chance.normal(0, LEVEL_SD, content.n_concepts)
    parents = content.prerequisites
    return Course(level, parents.flat, parents.owner, content.item_difficulty, content.item_concepts)


class Life:
    """One pupil at a desk: whom the answers change, and which items lie before them."""

    def __init__(self, content: Snapshot, course: Course, number: int) -> None:
        self.name, self._pupil = external_id(number), PUPILS[number]
        offset, memory, self._diligence = KINDS[self._pupil.kind]
        nature = replace(NATURE, start_level=NATURE.start_level + offset, half_life_days=NATURE.half_life_days * memory)
        self._content, self._chance = content, np.random.default_rng([SEED, number])
        self._student = Student(course, self._chance, nature)
        self._attempts: dict[int, int] = {}

    def answers(self, plan: lessons.Plan, last: date, until: float) -> Iterator[AnswerIn]:
        """In time order, up to the Unix time `until`."""
        number, at = count(1), 0.0
        for session in self._sessions(plan, last):
            # Homework may overlap the next session; nobody answers two questions at once.
            at = max(at, session.start.timestamp())
            for concept in session.concepts:
                answer, at = self.answer(self._next_item(concept), f"{self.name}-{next(number)}", at)
                if at >= until:
                    return
                yield answer

    def answer(self, item: int, identity: str, at: float) -> tuple[AnswerIn, float]:
        """The answer to an item, begun at a Unix time, and when the next one may begin. Times must not go back."""
        self._attempts[item] = self._attempts.get(item, 0) + 1
        difficulty, concepts = float(self._content.item_difficulty[item]), concepts_of(self._content, item)
        out_of_reach = 1.0 - self._student.chance(difficulty, concepts, at)
        correct, taken = self._student.answer(difficulty, concepts, at)
        at += taken + PAUSE_SECONDS * float(self._chance.exponential())
        answer = AnswerIn(
            id=identity,
            learner=f"external:{SOURCE}:{self.name}",
            item=self._content.item_keys[item],
            correct=correct,
            occurred_at=datetime.fromtimestamp(round(at, 3), UTC),
            curriculum=str(self._content.curriculum_id),
            source=SOURCE,
            response_seconds=round(taken, 1),
            hints=int(self._chance.poisson(HINT_SHARE * out_of_reach)),
            attempt=self._attempts[item],
        )
        return answer, at

    def _sessions(self, plan: lessons.Plan, last: date) -> Iterator[lessons.Session]:
        if self._pupil.kind is Kind.NEW:
            return iter(())
        until = last - INACTIVE_FOR if self._pupil.kind is Kind.INACTIVE else last
        if self._pupil.asks:
            until = last - timedelta(days=EVENINGS + 1)
        return lessons.sessions(plan, ZoneInfo(TIMEZONE), self._diligence, last, until, self._chance)

    def _next_item(self, concept: int) -> int:
        """Easy ones of the concept first, none twice until all were seen."""
        lists, difficulty = self._content.concept_items, self._content.item_difficulty
        items: list[int] = lists.flat[lists.offset[concept] : lists.offset[concept + 1]].tolist()
        # An item on two concepts belongs to the lesson of its first.
        own = [item for item in items if concepts_of(self._content, item)[0] == concept]
        options = sorted(own, key=lambda item: (self._attempts.get(item, 0), difficulty[item], item))
        return options[min(int(self._chance.exponential(2.0)), len(options) - 1)]


def concepts_of(content: Snapshot, item: int) -> list[int]:
    lists = content.item_concepts
    found: list[int] = lists.flat[lists.offset[item] : lists.offset[item + 1]].tolist()
    return found
