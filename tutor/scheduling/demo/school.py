"""Elm School: made once, and found again. Every step may be repeated: the next run finishes an interrupted one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from curricula import queries, snapshot
from curricula import services as curricula
from curricula.demo import mathematics
from curricula.models import Curriculum
from tutor.accounts import services as accounts
from tutor.accounts.access import Client
from tutor.accounts.models import Group, Learner, School, User
from tutor.interactions import partitions
from tutor.registry import deployments, training
from tutor.registry.models import Deployment, ModelVersion
from tutor.scheduling import contents, intake
from tutor.scheduling.demo import history, people
from tutor.scheduling.demo.lessons import DAYS
from tutor.scheduling.demo.people import SOURCE

#: By which it is found again, whatever it is called by then.
SCHOOL_ID: Final = UUID("0192e4a0-0000-7000-8000-00000000e1a5")


class Refused(RuntimeError):
    """An answer of the made-up history was not taken: the demo's content and history do not fit."""


def people_and_content(now: datetime) -> Group:
    """Class 7b with its school, teacher, learners and curriculum."""
    with transaction.atomic():
        school, _ = School.objects.get_or_create(
            id=SCHOOL_ID, defaults={"name": people.SCHOOL, "timezone": people.TIMEZONE}
        )
        admin = _user(school, *people.ADMIN, is_admin=True)
        teacher = _user(school, *people.TEACHER, is_admin=False)
        group = Group.objects.filter(school=school, source=SOURCE, external_id=people.CLASS).first()
        if group is None:
            named = {"name": people.CLASS, "source": SOURCE, "external_id": people.CLASS}
            group = accounts.create_group(school.pk, **named, curriculum=_curriculum(school, now))
            group.teachers.set([teacher, admin])
            accounts.set_members(group, [_learner(school, n).pk for n in range(len(people.PUPILS))])
    return group


def has_model(group: Group) -> bool:
    """Whether the school has its history and, made after it, its own model."""
    return Deployment.objects.filter(school=group.school_id, curriculum=group.curriculum_id).exists()


def answers(group: Group) -> list[intake.AnswerIn]:
    """The history, the same at every call: it ends when the class was made."""
    contents.forget()
    partitions.make(partitions.months_between(group.created_at - timedelta(days=DAYS + 1), group.created_at))
    return history.answers(snapshot.latest(curriculum_id(group)), group.created_at)


def submit(group: Group, given: list[intake.AnswerIn], now: datetime) -> Iterator[int]:
    """Sends the history the way that every answer goes; yields the size of each part.

    Raises:
        Refused: with the first reason.
    """
    sender = client(group)
    for start in range(0, len(given), intake.MAX_ROWS):
        part = given[start : start + intake.MAX_ROWS]
        for receipt in intake.submit(sender, part, now=now):
            if receipt.error:
                raise Refused(f"answer {receipt.id} of the demo: {receipt.error.message}")
        yield len(part)


def curriculum_id(group: Group) -> UUID:
    assert group.curriculum_id is not None  # noqa: S101  # made with it
    return group.curriculum_id


def fit(group: Group) -> ModelVersion:
    """The school's own model, fitted on its answers, which serves from now on."""
    version = training.fit_half_life(curriculum_id(group), school_id=group.school_id, seed=history.SEED)
    deployments.promote(version, school_id=group.school_id)
    return version


def client(group: Group) -> Client:
    """By whom everything is sent."""
    return Client(id=SCHOOL_ID, school_id=group.school_id, name="demo", scopes=frozenset())


def learner(group: Group, number: int = 0) -> Learner:
    """The pupil at a place in `people.PUPILS`."""
    return Learner.objects.get(school=group.school_id, source=SOURCE, external_id=people.external_id(number))


def _curriculum(school: School, now: datetime) -> Curriculum:
    document = mathematics()
    found = queries.editable(school.pk).filter(key=document["key"]).first()
    if found is None:
        found = curricula.create(document, owner=school.pk, now=now).curriculum
        curricula.publish(found, now=now)
    return found


def _user(school: School, email: str, name: str, *, is_admin: bool) -> User:
    """Without a password: `credentials` gives one. The administrator is the demo's operator as well."""
    role = User.Role.ADMIN if is_admin else User.Role.TEACHER
    found = User.objects.filter(email=email).first()
    return found or User.objects.create_user(
        email, None, name=name, school=school, role=role, is_staff=is_admin, is_superuser=is_admin
    )


def _learner(school: School, number: int) -> Learner:
    named = {"source": SOURCE, "external_id": people.external_id(number)}
    found = Learner.objects.filter(school=school, **named).first()
    return found or accounts.create_learner(school.pk, name=people.PUPILS[number].name, **named)
