"""What a threshold would change is told by name before it is saved; then it holds on every page and in the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import agreements

AGREED = {"struggling_after": "4", "in_need_from": "1", "inactive_days": "14", "trend_drop": "20"}


@pytest.fixture
def story(
    class_7b: Group, school: School, fractions: Curriculum, bo: Learner, ana: Learner, now: datetime
) -> Group:  # fmt: skip
    """Bo struggles by five answers, Ana by ten to one concept and six to another; Cy was there five days ago."""
    cy = people.a_learner(school, "Cy")
    class_7b.learners.add(cy)
    given = [
        *answers(bo, fractions, "halves-1", "00000", last=now),
        *answers(ana, fractions, "halves-1", "0" * 10, last=now),
        *answers(ana, fractions, "equal-parts-1", "0" * 6, last=now),
        *answers(cy, fractions, "halves-1", "0101", last=now - timedelta(days=5)),
    ]
    take_in(school, given, now=now)
    return class_7b


@pytest.fixture
def teacher(ms_diaz: User, signed_in: SignIn) -> Client:
    return signed_in(ms_diaz)


def look(browser: Client, group: Group, **asked: str) -> Any:
    return browser.get(f"/classes/{group.pk}/need/", asked)


def lists(answer: Any) -> dict[str, list[str]]:
    page = answer.context["page"]
    return {name: [line.name for line in getattr(page, name)] for name in ("in_need", "inactive")}


@pytest.mark.parametrize(
    ("asked", "need", "away"),
    [
        ({"struggling_after": "6"}, (2, 1, [], ["Bo"]), (0, 0, [], [])),
        ({"struggling_after": "7", "in_need_from": "2"}, (2, 0, [], ["Ana", "Bo"]), (0, 0, [], [])),
        ({"in_need_from": "2"}, (2, 1, [], ["Bo"]), (0, 0, [], [])),
        ({"inactive_days": "3"}, (2, 2, [], []), (0, 1, ["Cy"], [])),
    ],
)
def test_what_would_change_is_what_does_change(
    asked: dict[str, str], need: tuple[int, int, list[str], list[str]], away: tuple[int, int, list[str], list[str]],
    story: Group, teacher: Client,
) -> None:  # fmt: skip
    before = look(teacher, story, **asked)
    assert lists(before) == {"in_need": ["Ana", "Bo"], "inactive": []}, "a preview changes nothing"
    assert [each[1:] for each in before.context["preview"].differences] == [need, away]
    saved = teacher.post(f"/classes/{story.pk}/need/thresholds/", AGREED | asked)
    assert saved.headers["Location"] == f"/classes/{story.pk}/need/"
    after = lists(look(teacher, story))
    assert [len(after["in_need"]), len(after["inactive"])] == [need[1], away[1]]
    assert set(need[3]).isdisjoint(after["in_need"])
    assert set(away[2]) <= set(after["inactive"])


def test_a_preview_alone_is_a_part_of_the_page(story: Group, teacher: Client) -> None:
    answer = teacher.get(f"/classes/{story.pk}/need/preview/", AGREED | {"struggling_after": "6"})
    text = answer.content.decode()
    assert "<html" not in text
    assert "Save these thresholds" in text
    assert "Alerts on concepts: 3 now, 2 then." in text


def test_the_threshold_of_struggling_holds_in_the_api_too(
    story: Group, bo: Learner, teacher: Client, ms_diaz: User, client: Caller
) -> None:
    def status() -> str:
        rows = client.get(f"/api/v1/learners/{bo.pk}/mastery").json()["data"]
        return str(rows[0]["estimate"]["status"])

    assert status() == "struggling"
    teacher.post(f"/classes/{story.pk}/need/thresholds/", AGREED | {"struggling_after": "6"})
    assert status() == "learning"
    assert agreements.of_group(story).updated_by == ms_diaz
    assert "last changed by Ms Diaz" in look(teacher, story).content.decode()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"struggling_after": "1"}, "Struggling counts from: “1” cannot be: take a whole number from 2 to 1000."),
        ({"in_need_from": "0"}, "“0” cannot be: take a whole number from 1 to 50."),
        ({"inactive_days": "soon"}, "“soon” cannot be: take a whole number from 1 to 365."),
        ({"trend_drop": "12.5"}, "“12.5” cannot be: take a whole number from 5 to 90."),
        ({"trend_drop": "²"}, "“²” cannot be"),
    ],
)
def test_what_cannot_be_is_said_beside_its_name_and_not_saved(
    asked: dict[str, str], said: str, story: Group, teacher: Client
) -> None:
    answer = look(teacher, story, **asked)
    assert said in answer.content.decode()
    assert answer.context["preview"] is None
    refused = teacher.post(f"/classes/{story.pk}/need/thresholds/", AGREED | asked, follow=True)
    assert said in refused.content.decode()
    assert agreements.of_group(story).chosen == {}


def test_what_is_in_force_changes_nothing(story: Group, teacher: Client) -> None:
    assert "nothing would change" in look(teacher, story, **AGREED).content.decode()
    teacher.post(f"/classes/{story.pk}/need/thresholds/", AGREED)
    assert agreements.of_group(story).chosen == {}


def test_a_share_that_is_no_whole_percent_stays_as_it_was_agreed(
    story: Group, teacher: Client, ms_diaz: User, now: datetime
) -> None:
    agreements.change_group(story, {"trend_drop": 0.125}, by_whom=ms_diaz, now=now)
    teacher.post(f"/classes/{story.pk}/need/thresholds/", AGREED | {"trend_drop": "12", "in_need_from": "2"})
    chosen = agreements.knobs_of(agreements.of_group(story))
    assert (chosen.trend_drop, chosen.in_need_from) == (0.125, 2)


def test_whose_statuses_another_class_tells_is_named(
    story: Group, school: School, bo: Learner, fractions: Curriculum, teacher: Client
) -> None:
    people.a_group(school, "Support", learners=(bo,), curriculum=fractions)
    answer = look(teacher, story, struggling_after="6")
    assert answer.context["preview"].elsewhere == ("Bo",)
    assert answer.context["preview"].differences[0].dropped == []
