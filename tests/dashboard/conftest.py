from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.dashboard import models_room
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.models_room import Room
from tests.dashboard.pages import Reader
from tests.flow import judged
from tutor import kept
from tutor.accounts import learner_tokens
from tutor.accounts.access import Client as ApiCaller
from tutor.accounts.models import ApiClient, Group, Learner, School, User
from tutor.dashboard import own_session
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.scheduling import contents

SignIn = Callable[[User], Client]
Post = Callable[..., str]


def text_of(answer: Any) -> str:
    """What is read, in one line."""
    html = re.sub(r"<(style|script).*?</\1>", "", answer.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture(autouse=True)
def fresh_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once a test: statements are counted, and a slow machine must not have it read again in between."""
    contents.forget()
    monkeypatch.setattr(kept, "KEPT_SECONDS", float("inf"))


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def signed_in() -> SignIn:
    def sign_in(user: User) -> Client:
        browser = Client()
        browser.force_login(user)
        return browser

    return sign_in


@pytest.fixture
def ms_roth(school: School) -> User:
    """Teaches at Elm School too, but not class 7b."""
    return people.a_teacher(school, "Ms Roth")


@pytest.fixture
def head(school: School) -> User:
    return people.a_teacher(school, "Head", role=User.Role.ADMIN)


@pytest.fixture
def open_class(ms_diaz: User, class_7b: Group, signed_in: SignIn) -> Callable[..., Any]:
    """Class 7b as Ms Diaz opens it: the response."""

    def open_(**parameters: str) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/", parameters)

    return open_


@pytest.fixture
def open_learner(ms_diaz: User, class_7b: Group, signed_in: SignIn) -> Callable[..., Any]:
    """A learner of class 7b as Ms Diaz opens them: the response."""

    def open_(learner: Any) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/learners/{learner.pk}/")

    return open_


@pytest.fixture
def story(school: School, ms_diaz: User, now: datetime) -> Room:
    """Of the models of a class in the middle of the year."""
    return models_room.a_story(school, a_classroom(school, ms_diaz, n=6, now=now), now=now)


@pytest.fixture
def readers(
    story: Room, school: School, ms_diaz: User, head: User, signed_in: SignIn, now: datetime
) -> dict[Reader, Client]:
    """Everybody who opens pages, of a school of which every page has something to say."""
    learner = Group.objects.get(curriculum=story.curriculum).learners.order_by("pk")[0]
    people.a_client(school, "recommend:read").get(f"/api/v1/learners/{learner.pk}/next")
    key = ApiClient.objects.get(school=school)
    made_by = ApiCaller(id=key.pk, school_id=school.pk, name=key.name, scopes=frozenset(key.scopes))
    own = Client()
    own.get(own_session.address(learner_tokens.create(made_by, learner, now=now).token))
    return {
        Reader.NOBODY: Client(),
        Reader.TEACHER: signed_in(ms_diaz),
        Reader.ADMIN: signed_in(head),
        Reader.LEARNER: own,
    }


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@example.org", "x")


@pytest.fixture
def their_head(other_school: School) -> User:
    return people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN)


@pytest.fixture
def baseline(fractions: Curriculum) -> ModelVersion:
    """It serves all schools."""
    found = registry.ensure_served(fractions.pk)
    assert found
    return found


@pytest.fixture
def version(fractions: Curriculum, school: School, class_7b: Group, baseline: ModelVersion) -> ModelVersion:
    """A candidate of Elm School's."""
    return judged.a_judged_version(fractions, school_id=school.pk, groups={class_7b.pk: 20})


@pytest.fixture
def post(head: User, signed_in: SignIn) -> Post:
    """As the head presses a button: what the next page says."""

    def post_(path: str, **fields: str) -> str:
        return text_of(signed_in(head).post(f"/models/{path}/", fields, follow=True))

    return post_


@pytest.fixture
def practised(class_7b: Group, fractions: Curriculum, school: School, bo: Learner, ana: Learner, now: datetime) -> None:
    given = [one for who in (bo, ana) for one in answers(who, fractions, "halves-1", "01", last=now)]
    take_in(school, given, now=now)
