"""A school whose items are known: one has a wrong key, others are too hard, too easy, slow, and met by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tutor.accounts.models import Group, Learner, School, User
from tutor.interactions import item_figures
from tutor.interactions import services as interactions
from tutor.interactions.services import Answer
from tutor.scheduling import contents

#: Sound items; those that are not are named after what is the matter with them.
SOUND: Final = 24
BROKEN: Final = ("reversed", "steep", "trivial", "lengthy", "unmet")
CONCEPTS: Final = {"halves": "Fractions", "thirds": "Fractions", "angles": "Geometry", "circles": "Geometry"}
_ASKED: Final = (
    "What is half of {n}?", "Shade three quarters of a strip of {n} squares.", "How many degrees are left of {n}?",
    "A circle has radius {n}. How long is its diameter, and how do you know?",
)  # fmt: skip


def a_document(key: str = "known") -> dict[str, Any]:
    concepts = [{"key": each, "title": each.title(), "domain": area} for each, area in CONCEPTS.items()]
    names = [*BROKEN, *(f"sound-{n}" for n in range(SOUND))]
    items = [
        {
            "key": name,
            "concepts": [list(CONCEPTS)[place % 4]],
            "statement": _ASKED[place % 4].format(n=place + 2),
            "minutes": 1.0,
            "answer": str(place + 2),
            "choices": [str(place + 2), str(place + 3), str(place + 4)],
        }
        for place, name in enumerate(names)
    ]
    return people.a_document(key, title="Known items", concepts=concepts, items=items)


def a_curriculum(owner: UUID | None, key: str = "known", *, now: datetime) -> Curriculum:
    draft = curricula.create(a_document(key), owner=owner, now=now)
    curricula.publish(draft.curriculum, now=now)
    return draft.curriculum


def a_school_of_items(
    school: School, teacher: User, *, now: datetime, others: int = 70, in_class: int = 20, seed: int = 1
) -> Group:
    """Class 7b of some of its learners; everybody has answered most items once, and the figures are measured."""
    curriculum = a_curriculum(school.pk, now=now)
    own = [people.a_learner(school, f"Pupil {n:02}") for n in range(in_class)]
    rest = [people.a_learner(school, f"Elsewhere {n:02}") for n in range(others)]
    answer_all(school, curriculum, [*own, *rest], now=now, seed=seed)
    contents.forget()
    item_figures.measure(now=now)
    return people.a_group(school, "7b", teachers=(teacher,), learners=tuple(own), curriculum=curriculum)


def answer_all(
    school: School, curriculum: Curriculum, learners: Sequence[Learner], *, now: datetime, seed: int = 1
) -> None:
    """By ability and difficulty, with times about a minute."""
    chance = np.random.default_rng(seed)
    n_items = len(BROKEN) + SOUND
    ability = chance.normal(0.8, 1.1, len(learners))
    difficulty = np.concatenate([[-0.6, 3.8, -4.0, 0.0, 0.0], chance.normal(0.0, 0.5, SOUND)])
    answers = []
    for who, learner in enumerate(learners):
        for item in chance.permutation(n_items).tolist():
            if item == BROKEN.index("unmet") or chance.random() < 0.1:
                continue
            right = chance.random() < 1 / (1 + np.exp(1.4 * (difficulty[item] - ability[who])))
            if item == BROKEN.index("reversed"):
                right = not right
            seconds = chance.lognormal(5.6 if item == BROKEN.index("lengthy") else 3.8, 0.5)
            at = now - timedelta(days=60 * float(chance.random()), minutes=5)
            answers.append(an_answer(learner, curriculum, item, float(right), at, seconds, int(chance.random() < 0.2)))
    for start in range(0, len(answers), 1000):
        interactions.record(school_id=school.pk, answers=answers[start : start + 1000], now=now - timedelta(minutes=1))


def an_answer(
    learner: Learner,
    curriculum: Curriculum,
    item: int,
    correct: float,
    at: datetime,
    seconds: float | None = None,
    hints: int | None = None,
) -> Answer:
    return Answer(
        learner_id=learner.pk, curriculum_id=curriculum.pk, item=item, concepts=[item % 4], correct=correct,
        seconds=at.timestamp(), source="lms", client_id=str(uuid4()), response_seconds=seconds, hints=hints,
    )  # fmt: skip
