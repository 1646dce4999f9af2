"""The one door: who sees whom. "Absent" and "not yours" look the same."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from curricula.models import Curriculum
from tests import people
from tutor.accounts.access import (
    Client,
    NotFound,
    Principal,
    access_curriculum,
    access_group,
    access_learner,
    groups_visible,
    learner_id,
    learner_ids,
    learners_visible,
)
from tutor.accounts.models import Group, Learner, School, User


def machine(school: School) -> Client:
    return Client(uuid4(), school.pk, "LMS", frozenset())


def refused(access: Callable[..., object], principal: Principal, ref: object) -> str:
    with pytest.raises(NotFound) as refusal:
        access(principal, ref)
    return str(refusal.value).replace(str(ref), "...")


def test_a_machine_sees_its_school(school: School, bo: Learner, dee: Learner) -> None:
    assert access_learner(machine(school), bo.pk) == bo
    assert access_learner(machine(school), "external:lms:bo") == bo
    assert list(learners_visible(machine(school))) == [bo]


def test_another_schools_learner_looks_like_nobody(school: School, dee: Learner) -> None:
    assert refused(access_learner, machine(school), dee.pk) == refused(access_learner, machine(school), uuid4())


def test_a_teacher_sees_the_learners_of_her_classes_only(
    school: School, ms_diaz: User, class_7b: Group, bo: Learner, ana: Learner
) -> None:
    cy = people.a_learner(school, "Cy")
    people.a_group(school, "7c", learners=(cy, bo))
    assert set(learners_visible(ms_diaz)) == {bo, ana}
    assert list(groups_visible(ms_diaz)) == [class_7b]
    refused(access_learner, ms_diaz, cy.pk)


def test_mr_chen_cannot_see_bo(mr_chen: User, bo: Learner, class_7b: Group, fractions: Curriculum) -> None:
    refused(access_learner, mr_chen, bo.pk)
    refused(access_group, mr_chen, class_7b.pk)
    refused(access_curriculum, mr_chen, fractions.pk)


def test_a_class_in_two_hands_shows_nothing_of_another_school(mr_chen: User, class_7b: Group, bo: Learner) -> None:
    class_7b.teachers.add(mr_chen)  # a mistake in the roster
    refused(access_group, mr_chen, class_7b.pk)
    refused(access_learner, mr_chen, bo.pk)


def test_an_administrator_sees_the_school(school: School, bo: Learner, class_7b: Group, dee: Learner) -> None:
    head = people.a_teacher(school, "Head", role=User.Role.ADMIN)
    assert access_group(head, str(class_7b.pk)) == class_7b
    assert access_learner(head, bo.pk) == bo
    refused(access_learner, head, dee.pk)


@pytest.mark.parametrize("change", [{"is_active": False}, {"school": None}], ids=str)
def test_who_has_left_sees_nobody(ms_diaz: User, class_7b: Group, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(ms_diaz, name, value)
    assert not learners_visible(ms_diaz).exists()
    assert not groups_visible(ms_diaz).exists()


def test_an_inactive_administrator_sees_nobody(school: School, bo: Learner) -> None:
    head = people.a_teacher(school, "Head", role=User.Role.ADMIN)
    head.is_active = False
    refused(access_learner, head, bo.pk)


def test_a_shared_curriculum_is_read_by_all_and_edited_by_none(school: School, fractions: Curriculum) -> None:
    shared = people.a_curriculum(None, "shared")
    assert access_curriculum(machine(school), shared.pk) == shared
    assert access_curriculum(machine(school), fractions.pk, edit=True) == fractions
    with pytest.raises(NotFound):
        access_curriculum(machine(school), shared.pk, edit=True)


@pytest.mark.parametrize(
    "ref",
    ["", "bo", "external:", "external:lms", "external::bo", "external:lms:", "x" * 36, "\0" * 36, "external:lms:\0"],
)
def test_what_is_no_reference_finds_nobody(school: School, bo: Learner, ref: str) -> None:
    people.a_learner(school, "nameless")
    refused(access_learner, machine(school), ref)
    refused(learner_id, machine(school), ref)


def test_many_references_are_resolved_and_strangers_left_out(
    school: School, bo: Learner, ana: Learner, dee: Learner
) -> None:
    refs = ["external:lms:bo", str(ana.pk), str(dee.pk), "external:lms:nobody", "?"]
    assert learner_ids(machine(school), refs) == {"external:lms:bo": bo.pk, str(ana.pk): ana.pk}


def test_an_external_id_may_hold_colons(school: School) -> None:
    cy = people.a_learner(school, "Cy", source="xapi", external_id="https://lms.example.org/users/7")
    assert access_learner(machine(school), "external:xapi:https://lms.example.org/users/7") == cy
    assert learner_id(machine(school), "external:xapi:https://lms.example.org/users/7") == cy.pk
