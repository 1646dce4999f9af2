"""Teachers make and end the links by which a learner opens their own page."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from tests import people
from tests.dashboard.conftest import SignIn
from tutor.accounts.models import Group, Learner, LearnerToken, School, User


@pytest.fixture
def start(class_7b: Group, bo: Learner) -> str:
    return f"/classes/{class_7b.pk}/learners/{bo.pk}"


def made(browser: Client, start: str) -> str:
    """The link, as the page shows it."""
    answer = browser.post(f"{start}/links/")
    assert answer.status_code == 201
    [address] = re.findall(r'value="http://testserver(/me/[^"]+)"', answer.content.decode())
    return unescape(address)


def test_a_link_opens_the_learners_own_page_until_it_is_ended(start: str, ms_diaz: User, signed_in: SignIn) -> None:
    browser, learner = signed_in(ms_diaz), Client()
    address = made(browser, start)
    assert learner.get(address, follow=True).status_code == 200
    token = LearnerToken.objects.get()
    assert (token.made_by, token.revoked_at) == (ms_diaz, None)
    listed = browser.get(f"{start}/adjust/").content.decode()
    assert f"{token.prefix}…" in listed and "last used on" in listed
    assert address.partition("token=")[2] not in listed
    browser.post(f"{start}/links/{token.pk}/end/")
    assert learner.get("/me/").status_code != 200
    assert token.prefix not in browser.get(f"{start}/adjust/").content.decode()


def test_a_link_of_another_learner_is_not_ended_from_here(
    start: str, class_7b: Group, ana: Learner, ms_diaz: User, signed_in: SignIn
) -> None:
    browser = signed_in(ms_diaz)
    made(browser, f"/classes/{class_7b.pk}/learners/{ana.pk}")
    assert browser.post(f"{start}/links/{LearnerToken.objects.get().pk}/end/").status_code == 404
    assert LearnerToken.objects.get().revoked_at is None


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "their_head"])
def test_others_make_and_end_none(
    outsider: str, start: str, ms_diaz: User, mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    made(signed_in(ms_diaz), start)
    token = LearnerToken.objects.get()
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    for page in (f"{start}/links/", f"{start}/links/{token.pk}/end/"):
        assert signed_in(users[outsider]).post(page).status_code == 404
        assert Client().post(page).headers["Location"] == f"/login/?next={page}"
        assert signed_in(ms_diaz).get(page).status_code == 405
    assert LearnerToken.objects.get().revoked_at is None
