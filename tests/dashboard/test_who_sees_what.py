"""A class is seen by its teachers and its school's administrators; to everybody else it does not exist."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import people
from tests.dashboard.conftest import SignIn
from tutor.accounts.models import Group, Learner, School, User


@pytest.fixture
def pages(class_7b: Group, bo: Learner) -> list[str]:
    return [f"/classes/{class_7b.pk}/", f"/classes/{class_7b.pk}/learners/{bo.pk}/"]


def test_whoever_is_not_signed_in_is_asked_to(pages: list[str]) -> None:
    for page in ["/", *pages]:
        answer = Client().get(page)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={page}")


def test_ms_diaz_sees_her_class(pages: list[str], ms_diaz: User, signed_in: SignIn) -> None:
    for page in pages:
        assert signed_in(ms_diaz).get(page).status_code == 200


def test_an_administrator_sees_every_class_of_the_school(pages: list[str], head: User, signed_in: SignIn) -> None:
    assert ">7b<" in signed_in(head).get("/").content.decode()
    for page in pages:
        assert signed_in(head).get(page).status_code == 200


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_the_class_does_not_exist(
    outsider: str, pages: list[str], mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    browser = signed_in(users[outsider])
    assert ">7b<" not in browser.get("/").content.decode()
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 404
        assert ">Bo<" not in answer.content.decode()


def test_a_learner_of_another_class_is_not_in_this_one(
    school: School, class_7b: Group, dee: Learner, ms_diaz: User, signed_in: SignIn
) -> None:
    eve = people.a_learner(school, "Eve")
    people.a_group(school, "8a", learners=(eve,))
    for stranger in (eve, dee):
        page = f"/classes/{class_7b.pk}/learners/{stranger.pk}/"
        assert signed_in(ms_diaz).get(page).status_code == 404


def test_who_stops_teaching_a_class_stops_seeing_it(
    pages: list[str], class_7b: Group, ms_diaz: User, signed_in: SignIn
) -> None:
    browser = signed_in(ms_diaz)
    class_7b.teachers.clear()
    assert [browser.get(page).status_code for page in pages] == [404, 404]


def test_an_operator_is_shown_the_way_to_work(signed_in: SignIn, db: None) -> None:
    shown = signed_in(User.objects.create_superuser("op@example.org", "x")).get("/").content.decode()
    assert 'href="/admin/"' in shown
    assert 'href="/api/v1/docs"' in shown


def test_pages_may_load_nothing_from_elsewhere_and_are_not_kept(
    pages: list[str], ms_diaz: User, signed_in: SignIn
) -> None:
    for page in ["/", *pages]:
        headers = signed_in(ms_diaz).get(page).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "no-store" in headers["Cache-Control"]


def test_pages_are_only_read(pages: list[str], ms_diaz: User, signed_in: SignIn) -> None:
    assert [signed_in(ms_diaz).post(page).status_code for page in ["/", *pages]] == [405] * 3
