"""What next, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import steps
from tests.flow.agreed import settle_on
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School
from tutor.interactions.models import LogHead
from tutor.scheduling.models import Decision

#: Wherever the learner is, today is one of them.
QUIET = tuple((datetime.now(UTC) + timedelta(days=n)).date() for n in (-1, 0, 1))


def next_of(client: Caller, learner: Learner, query: str = "") -> Any:
    return client.get(f"/api/v1/learners/{learner.pk}/next{query}")


@pytest.fixture
def practised(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo mastered halves, and has done nothing for months."""
    steps.record(school, steps.right_and_wrong(bo, fractions, "111111"))
    steps.work()
    return bo


def test_a_learner_of_whom_nothing_is_known_starts_at_the_beginning(
    client: Caller, bo: Learner, fractions: Curriculum
) -> None:
    said = next_of(client, bo).json()
    assert said["data"][0]["concept"]["key"] == "halves"
    assert (said["as_of"], said["model"]["name"], said["degraded"]) == (None, "half-life", False)


def test_answers_that_no_worker_takes_in_make_what_is_told_degraded(
    client: Caller, school: School, practised: Learner, fractions: Curriculum
) -> None:
    """After five minutes: until then a worker is on its way."""
    mastery = f"/api/v1/learners/{practised.pk}/mastery"
    now = timezone.now()
    steps.record(school, [steps.answer(practised, fractions, 2)], now=now - timedelta(minutes=4))
    assert (next_of(client, practised).json()["degraded"], client.get(mastery).json()["degraded"]) == (False, False)
    LogHead.objects.update(behind_since=now - timedelta(minutes=6))
    assert (next_of(client, practised).json()["degraded"], client.get(mastery).json()["degraded"]) == (True, True)
    steps.work(now=now)
    assert (next_of(client, practised).json()["degraded"], client.get(mastery).json()["degraded"]) == (False, False)


def test_a_recommendation_says_what_why_and_how_sure(client: Caller, practised: Learner) -> None:
    said = next_of(client, practised).json()
    first = said["data"][0]
    assert (first["kind"], first["concept"]["key"]) == ("review", "halves")
    assert first["item"]["statement"].startswith("halves")
    assert first["reasons"][0]["code"] == "due_for_review"
    assert all(reason["text"] for reason in first["reasons"])
    assert 0 < first["expected"] < 1 and 0 < first["propensity"] <= 1 and first["candidates_n"] >= 1
    assert said["as_of"].startswith("2026-03-02") and said["policy"] == "gain"


def test_the_same_is_recommended_until_it_is_answered(client: Caller, practised: Learner) -> None:
    first = next_of(client, practised).json()["data"][0]
    assert next_of(client, practised).json()["data"][0]["decision_id"] == first["decision_id"]
    assert Decision.objects.count() == 1
    answer = {"id": "a", "learner": str(practised.pk), "item": first["item"]["key"], "correct": True}
    client.post("/api/v1/interactions", {**answer, "recommendation": first["decision_id"]})
    assert next_of(client, practised).json()["data"][0]["item"]["key"] != first["item"]["key"]


def test_a_choice_is_narrowed_to_what_is_asked_for(client: Caller, practised: Learner) -> None:
    said = next_of(client, practised, "?n=5&exclude=equal-parts-1,halves-1").json()["data"]
    assert said and not {"equal-parts-1", "halves-1"} & {each["item"]["key"] for each in said}
    assert next_of(client, practised, "?concepts=equal-parts").json()["data"][0]["concept"]["key"] == "equal-parts"
    assert len(next_of(client, practised, "?n=9&minutes=2").json()["data"]) == 1


def test_when_nothing_is_left_the_answer_says_so(client: Caller, practised: Learner) -> None:
    said = next_of(client, practised, "?concepts=adding").json()
    assert (said["data"], said["nothing"]) == ([], "locked")
    assert "its prerequisites are not likely mastered yet" in said["explanation"]
    assert next_of(client, practised).json()["nothing"] is None


@pytest.mark.parametrize(
    ("knobs", "code", "said"),
    [
        ({"quiet_dates": QUIET}, "quiet_day", "Today is a quiet day"),
        ({"new_a_day": 0}, "enough_new_today", "Enough was begun today"),
    ],
)
def test_what_was_agreed_explains_why_there_is_nothing(
    knobs: dict[str, Any], code: str, said: str, client: Caller, bo: Learner, class_7b: Group
) -> None:
    settle_on(class_7b, now=timezone.now(), **knobs)
    found = next_of(client, bo).json()
    assert (found["data"], found["nothing"]) == ([], code)
    assert found["explanation"].startswith(said)
    assert datetime.fromisoformat(found["next_due_at"]) > timezone.now()
    assert "There will be something at" in found["explanation"]


def test_who_spins_the_wheels_is_told_of(client: Caller, school: School, bo: Learner, fractions: Curriculum) -> None:
    steps.record(school, steps.right_and_wrong(bo, fractions, "000000000000"))
    steps.work()
    told = next_of(client, bo).json()["alerts"]
    assert [(each["code"], each["concept"]["key"]) for each in told] == [("wheel_spinning", "halves")]


@pytest.mark.parametrize(
    "query", ["?n=0", "?n=51", "?n=x", "?minutes=-1", "?colour=red", "?concepts=physics", "?exclude=nowhere"]
)
def test_a_parameter_without_sense_is_refused(client: Caller, practised: Learner, query: str) -> None:
    problem(next_of(client, practised, query), 400, "bad-parameter")


def test_another_school_asks_in_vain(outsider: Caller, other_school: School, practised: Learner) -> None:
    people.a_curriculum(other_school.pk)
    problem(next_of(outsider, practised), 404, "not-found")
    assert not Decision.objects.exists()


def test_a_key_without_the_scope_is_refused(school: School, practised: Learner) -> None:
    problem(next_of(people.a_client(school, "mastery:read"), practised), 403, "missing-scope")


def test_the_rosters_name_will_do(client: Caller, practised: Learner) -> None:
    assert client.get("/api/v1/learners/external:lms:bo/next").json()["data"]


def test_how_long_the_choice_took_is_told(client: Caller, practised: Learner) -> None:
    assert "choose;dur=" in next_of(client, practised)["Server-Timing"]


def test_a_skipped_item_does_not_come_next(client: Caller, practised: Learner) -> None:
    first = next_of(client, practised).json()["data"][0]
    said = client.post(f"/api/v1/recommendations/{first['decision_id']}:outcome", {"outcome": "skipped"})
    assert said.json()["outcome"] == "skipped"
    assert first["item"]["key"] not in [e["item"]["key"] for e in next_of(client, practised, "?n=5").json()["data"]]


def test_an_outcome_reported_late_does_not_undo_a_later_one(client: Caller, practised: Learner) -> None:
    path = f"/api/v1/recommendations/{next_of(client, practised).json()['data'][0]['decision_id']}"
    assert [client.post(f"{path}:outcome", {"outcome": o}).json()["outcome"] for o in ("started", "shown")] == [
        "started",
        "started",
    ]


def test_what_was_answered_cannot_be_skipped(client: Caller, school: School, practised: Learner) -> None:
    first = next_of(client, practised).json()["data"][0]
    answer = {"id": "a", "learner": str(practised.pk), "item": first["item"]["key"], "correct": True}
    client.post("/api/v1/interactions", {**answer, "recommendation": first["decision_id"]})
    steps.work(now=timezone.now())
    path = f"/api/v1/recommendations/{first['decision_id']}"
    said = client.get(path).json()
    assert (said["outcome"], said["correct"]) == ("answered", 1.0)
    problem(client.post(f"{path}:outcome", {"outcome": "skipped"}), 409, "conflict")


def test_a_recommendation_is_its_own_schools(client: Caller, outsider: Caller, practised: Learner) -> None:
    path = f"/api/v1/recommendations/{next_of(client, practised).json()['data'][0]['decision_id']}"
    problem(outsider.get(path), 404, "not-found")
    problem(outsider.post(f"{path}:outcome", {"outcome": "shown"}), 404, "not-found")
