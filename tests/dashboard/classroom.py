"""A class as a teacher finds it in the middle of the year: quick and slow learners, absent ones, one who never came."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import uuid4

from curricula import services as curricula
from curricula.demo import mathematics
from curricula.models import Curriculum
from curricula.snapshot import Snapshot, latest
from tests import people
from tutor.accounts.models import Group, Learner, School, User
from tutor.interactions import services as interactions
from tutor.interactions.services import Answer
from tutor.scheduling import contents
from tutor.scheduling import services as scheduling
from tutor.tracing import services as tracing

NAMES: Final = (
    "Ada Okafor", "Ben Yilmaz", "Chiara Rossi", "Daniel Novak", "Elif Demir", "Finn Berg", "Grace Adeyemi",
    "Hugo Martin", "Ines Costa", "Jonas Weber", "Kofi Mensah", "Lena Fischer", "Milan Petrov", "Nora Lindqvist",
    "Omar Haddad", "Priya Nair", "Quentin Dubois", "Rosa Jimenez", "Sami Virtanen", "Tara Walsh",
)  # fmt: skip
#: Answers go into the log in parts of this size.
_PART: Final = 1000


class Story(NamedTuple):
    """How a learner has worked: chance of a right answer at first, share of the way covered, days since the last."""

    skill: float
    covered: float
    days_away: float


def a_classroom(school: School, teacher: User, *, n: int = len(NAMES), now: datetime, seed: int = 7) -> Group:
    """Class 7b on the demo's mathematics, with everybody's answers until `now` taken in and planned for."""
    chance = random.Random(seed)
    curriculum = curricula.create(mathematics(), owner=school.pk, now=now).curriculum
    curricula.publish(curriculum, now=now)
    learners = [people.a_learner(school, NAMES[i % len(NAMES)]) for i in range(n)]
    group = people.a_group(school, "7b", teachers=(teacher,), learners=tuple(learners), curriculum=curriculum)
    content = latest(curriculum.pk)
    answers = [
        answer
        for place, learner in enumerate(learners)
        for answer in _history(learner, curriculum, content, _story(place, chance), chance, now)
    ]
    take_in(school, answers, now=now)
    return group


def take_in(school: School, answers: Sequence[Answer], *, now: datetime) -> None:
    """Into the log, the beliefs and the plans."""
    for start in range(0, len(answers), _PART):
        interactions.record(school_id=school.pk, answers=answers[start : start + _PART], now=now)
    contents.forget()
    while advanced := tracing.advance(limit=256, now=now):
        scheduling.plan(advanced, now=now)


def _story(place: int, chance: random.Random) -> Story:
    if place == 5:
        return Story(0.5, 0.0, 0.0)  # never came
    away = {3: 40.0, 11: 19.0}.get(place, chance.choice((0.1, 0.3, 1.0, 1.2, 2.0, 5.0)))
    return Story(chance.uniform(0.3, 0.85), chance.uniform(0.15, 0.6), away)


def _history(
    learner: Learner, curriculum: Curriculum, content: Snapshot, story: Story, chance: random.Random, now: datetime
) -> Iterator[Answer]:
    covered = int(content.n_concepts * story.covered)
    end = now - timedelta(days=story.days_away)
    for place in range(covered):
        lists = content.concept_items
        items = lists.flat[lists.offset[place] : lists.offset[place + 1]].tolist()
        taught = end - timedelta(days=60 * (1 - (place + 1) / covered) ** 1.2)
        weak = chance.random() < 0.18
        for trial in range(chance.choice((1, 3, 4, 5, 6))):
            p = story.skill * (0.15 if weak else 1.0) + (0.0 if weak else 0.08 * trial)
            item = chance.choice(items)
            yield Answer(
                learner_id=learner.pk,
                curriculum_id=curriculum.pk,
                item=item,
                concepts=_concepts(content, item),
                correct=float(chance.random() < p),
                seconds=(taught - timedelta(minutes=2.0 * (6 - trial))).timestamp(),
                source="lms",
                client_id=str(uuid4()),
                response_seconds=round(chance.uniform(4, 80), 1),
            )


def _concepts(content: Snapshot, item: int) -> list[int]:
    concepts: list[int] = content.item_concepts.flat[
        content.item_concepts.offset[item] : content.item_concepts.offset[item + 1]
    ].tolist()
    return concepts


def answers(
    learner: Learner, curriculum: Curriculum, item: str, outcomes: str, *, last: datetime, minutes: float = 10
) -> list[Answer]:
    """ "1101" to one item, so many minutes apart, the last of them at a time."""
    content = latest(curriculum.pk)
    position = content.item_position[item]
    return [
        Answer(
            learner_id=learner.pk,
            curriculum_id=curriculum.pk,
            item=position,
            concepts=_concepts(content, position),
            correct=float(outcome),
            seconds=(last - timedelta(minutes=minutes * (len(outcomes) - 1 - place))).timestamp(),
            source="lms",
            client_id=str(uuid4()),
        )
        for place, outcome in enumerate(outcomes)
    ]
