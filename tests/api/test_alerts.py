"""Alerts of a class and marks on them, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.dashboard.classroom import answers, take_in
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School
from tutor.scheduling.models import AlertMark

Give = Callable[..., None]


@pytest.fixture
def give(school: School, fractions: Curriculum) -> Give:
    def give_(learner: Learner, item: str, outcomes: str, days: float = 0.0) -> None:
        now = timezone.now()
        last = now - timedelta(days=days)
        take_in(school, answers(learner, fractions, item, outcomes, last=last, minutes=1), now=now)

    return give_


@pytest.fixture
def path(class_7b: Group, bo: Learner, ana: Learner, give: Give) -> str:
    """Bo struggles with halves, Ana with two concepts."""
    give(bo, "halves-1", "00000")
    give(ana, "halves-1", "00000")
    give(ana, "equal-parts-1", "00000")
    return f"/api/v1/classes/{class_7b.pk}/alerts"


def listed(client: Caller, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(path).json()["data"]
    return rows


def test_learners_come_from_most_to_least_in_need_each_with_the_evidence(
    client: Caller, path: str, bo: Learner, ana: Learner
) -> None:
    rows = listed(client, path)
    assert [row["learner_id"] for row in rows] == [str(ana.pk), str(ana.pk), str(bo.pk)]
    last = rows[2]
    assert (last["kind"], last["concept"]["key"], last["in_need"], last["aside"], last["mark"]) == (
        "struggling", "halves", True, False, None,
    )  # fmt: skip
    evidence = last["evidence"]
    assert (evidence["answers"], evidence["right"], evidence["of"]) == (5, 0, 5)
    assert evidence["low"] < evidence["recall"] < evidence["high"] < 0.8
    assert evidence["change"] is None
    estimate = client.get(f"/api/v1/learners/{bo.pk}/mastery").json()["data"][0]["estimate"]
    assert evidence["recall"] == pytest.approx(estimate["value"], abs=1e-3)


def test_a_mark_is_told_with_who_made_it_and_puts_the_alert_aside(
    client: Caller, path: str, bo: Learner, give: Give
) -> None:
    alert = listed(client, f"{path}?learner={bo.pk}")[0]["id"]
    marked = client.post(f"{path}/{alert}/mark", {"useful": False, "note": "was ill"}).json()
    assert (marked["aside"], marked["in_need"]) == (True, False)
    assert (marked["mark"]["useful"], marked["mark"]["note"], marked["mark"]["marked_by"]) == (False, "was ill", "LMS")
    assert listed(client, f"{path}?learner={bo.pk}") == []
    assert listed(client, f"{path}?learner={bo.pk}&state=aside")[0]["mark"] == marked["mark"]
    again = client.post(f"{path}/{alert}/mark", {"useful": True}).json()
    assert (again["aside"], again["in_need"], again["mark"]["note"]) == (False, True, "")
    assert AlertMark.objects.count() == 1
    client.post(f"{path}/{alert}/mark", {"useful": False})
    give(bo, "halves-1", "00000")
    back = listed(client, f"{path}?learner={bo.pk}")[0]
    assert (back["id"], back["mark"]) == (alert, None)


def test_kinds_and_states_narrow_the_list_and_pages_divide_it(client: Caller, path: str) -> None:
    assert len(listed(client, f"{path}?kind=struggling")) == 3
    assert listed(client, f"{path}?kind=gone_quiet") == []
    first = client.get(f"{path}?limit=2").json()
    rest = client.get(f"{path}?limit=2&cursor={first['next_cursor']}").json()
    assert first["data"] + rest["data"] == listed(client, path)
    problem(client.get(f"{path}?kind=sad"), 400, "bad-parameter")


def test_who_has_gone_quiet_is_not_in_need(client: Caller, class_7b: Group, bo: Learner, give: Give) -> None:
    give(bo, "halves-1", "00000", days=30)
    (row,) = listed(client, f"/api/v1/classes/{class_7b.pk}/alerts")
    assert (row["kind"], row["in_need"], row["concept"]) == ("gone_quiet", False, None)
    assert row["evidence"]["last_answer_at"]
    assert row["evidence"]["recall"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/useful"), ({"useful": "yes"}, "/useful"), ({"useful": True, "note": "x" * 2001}, "/note"),
     ({"useful": True, "why": ""}, "/why")],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(body: dict[str, Any], pointer: str, client: Caller, path: str) -> None:
    alert = listed(client, path)[0]["id"]
    fault = problem(client.post(f"{path}/{alert}/mark", body), 422, "invalid")["errors"][0]
    assert fault["pointer"] == pointer
    assert not AlertMark.objects.exists()


def test_what_does_not_stand_is_absent(client: Caller, path: str, bo: Learner, dee: Learner) -> None:
    for alert in ("x", f"gone_quiet.{bo.pk}", f"struggling.{bo.pk}.{uuid4()}", f"gone_quiet.{dee.pk}"):
        problem(client.post(f"{path}/{alert}/mark", {"useful": True}), 404, "not-found")
    problem(client.get(f"{path}?learner={dee.pk}"), 404, "not-found")


def test_an_outsider_finds_no_alerts_and_marks_none(outsider: Caller, client: Caller, path: str) -> None:
    alert = listed(client, path)[0]["id"]
    problem(outsider.get(path), 404, "not-found")
    problem(outsider.post(f"{path}/{alert}/mark", {"useful": False}), 404, "not-found")
    assert not AlertMark.objects.exists()


def test_reading_is_one_scope_and_marking_another(school: School, path: str, client: Caller) -> None:
    alert = listed(client, path)[0]["id"]
    reader = people.a_client(school, "mastery:read")
    assert reader.get(path).status_code == 200
    problem(reader.post(f"{path}/{alert}/mark", {"useful": True}), 403, "missing-scope")


def test_statements_do_not_grow_with_the_class(
    client: Caller, class_7b: Group, school: School, fractions: Curriculum
) -> None:
    counts = []
    for n in (2, 12):
        members, now = [people.a_learner(school, f"Learner {i}") for i in range(n)], timezone.now()
        class_7b.learners.set(members)
        take_in(school, [a for m in members for a in answers(m, fractions, "halves-1", "00000", last=now)], now=now)
        client.get(f"/api/v1/classes/{class_7b.pk}/alerts")
        with statements() as sent:
            assert client.get(f"/api/v1/classes/{class_7b.pk}/alerts").status_code == 200
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 12
