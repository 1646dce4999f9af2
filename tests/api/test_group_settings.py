"""What is agreed with a class and with a learner, over HTTP."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import steps
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School
from tutor.scheduling.knobs import NAMES, WEEKDAYS


@pytest.fixture
def path(class_7b: Group) -> str:
    return f"/api/v1/classes/{class_7b.pk}/settings"


def test_a_class_begins_with_the_defaults(client: Caller, path: str) -> None:
    said = client.get(path).json()
    assert {*NAMES} <= said.keys()
    assert (said["policy"], said["retention"], said["differs"], said["updated_by"]) == ("gain", 0.9, [], None)


def test_a_change_needs_the_tag_of_what_was_read(client: Caller, path: str) -> None:
    problem(client.patch(path, {"retention": 0.8}), 428, "precondition-required")
    read = client.get(path)
    changed = client.patch(path, {"retention": 0.8, "quiet_weekdays": ["sunday"]}, if_match=read["ETag"])
    assert (changed.json()["retention"], changed.json()["quiet_weekdays"]) == (0.8, ["sunday"])
    assert (changed.json()["differs"], changed.json()["updated_by"]) == (["retention", "quiet_weekdays"], "LMS")
    problem(client.patch(path, {"retention": 0.7}, if_match=read["ETag"]), 412, "stale")
    assert client.get(path, if_none_match=changed["ETag"]).status_code == 304


def test_null_sets_a_knob_back_and_what_is_not_sent_stays(client: Caller, path: str) -> None:
    client.patch(path, {"retention": 0.8, "answers_a_day": 20, "policy": "threshold"}, if_match="*")
    said = client.patch(path, {"retention": None, "policy": None}, if_match="*").json()
    assert (said["retention"], said["answers_a_day"], said["policy"]) == (0.9, 20, "gain")


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ({"retention": 1.2}, "/retention", "retention 1.2 cannot be: take 0.5 to 0.99"),
        ({"look_ahead": 9}, "/look_ahead", "look_ahead 9 cannot be: take 1 to 3"),
        ({"retention": "0.8"}, "/retention", "must be a number"),
        ({"explores": 1}, "/explores", "must be true or false"),
        ({"answers_a_day": True}, "/answers_a_day", "must be a whole number"),
        ({"policy": "magic"}, "/policy", "policy 'magic' cannot be: take one of"),
        ({"policy": "exam"}, "/exam_on", "needs a date after"),
        ({"policy": "exam", "exam_on": "2020-01-01"}, "/exam_on", "needs a date after"),
        ({"goals": ["physics"]}, "/goals", "goals 'physics' cannot be"),
        ({"quiet_weekdays": ["noday"]}, "/quiet_weekdays/0", "not a valid choice"),
        ({"colour": "red"}, "/colour", "there is no such field"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    body: dict[str, Any], pointer: str, said: str, client: Caller, path: str
) -> None:
    fault = problem(client.patch(path, body, if_match="*"), 422, "invalid")["errors"][0]
    assert (fault["pointer"], said in fault["message"]) == (pointer, True)
    assert client.get(path).json()["differs"] == []


def test_every_knob_can_be_set(client: Caller, path: str) -> None:
    values = {
        "retention": 0.85, "ready_at": 0.7, "success": 0.8, "explores": False, "exploration": 0.2, "horizon_days": 30,
        "exam_on": f"{timezone.now().date() + timedelta(days=90)}", "goals": ["adding"], "answers_a_day": 30,
        "new_a_day": 3, "minutes_a_day": 20.5, "quiet_weekdays": ["saturday", "sunday"], "quiet_dates": ["2027-01-01"],
        "in_a_row": 2, "retry_after": 3, "item_gap": 10, "spinning_after": 20, "spinning": "rest",
        "spread_reviews": False, "look_ahead": 2, "struggling_after": 6, "in_need_from": 2, "inactive_days": 7,
        "trend_drop": 0.3, "after_placement": "threshold",
    }  # fmt: skip
    assert values.keys() == {*NAMES}
    said = client.patch(path, {**values, "policy": "exam"}, if_match="*").json()
    assert {name: said[name] for name in values} == values
    assert {*said["differs"]} == {*NAMES, "policy"}


def test_what_is_agreed_holds_from_the_next_question_on(
    client: Caller, path: str, bo: Learner, fractions: Curriculum
) -> None:
    before = client.get(f"/api/v1/learners/{bo.pk}/next").json()
    client.patch(path, {"policy": "curriculum_order"}, if_match="*")
    after = client.get(f"/api/v1/learners/{bo.pk}/next").json()
    assert (before["policy"], after["policy"]) == ("gain", "curriculum_order")


def test_the_criteria_of_the_class_are_told(
    client: Caller, path: str, school: School, bo: Learner, fractions: Curriculum
) -> None:
    steps.record(school, steps.right_and_wrong(bo, fractions, "111111"))
    steps.work()
    client.patch(path, {"retention": 0.6, "ready_at": 0.75}, if_match="*")
    row = client.get(f"/api/v1/learners/{bo.pk}/mastery?explain=true").json()["data"][0]
    assert (row["explanation"]["criteria"]["retention"], row["explanation"]["criteria"]["ready_at"]) == (0.6, 0.75)
    assert client.get(f"/api/v1/learners/{bo.pk}/agenda").json()["retention"] == 0.6


def test_an_outsider_cannot_touch_what_is_agreed(outsider: Caller, path: str, bo: Learner) -> None:
    for address in (path, f"/api/v1/learners/{bo.pk}/settings"):
        problem(outsider.get(address), 404, "not-found")
        problem(outsider.patch(address, {"explores": False}, if_match="*"), 404, "not-found")


def test_reading_is_one_scope_and_changing_another(school: School, path: str, bo: Learner) -> None:
    reader = people.a_client(school, "recommend:read")
    for address in (path, f"/api/v1/learners/{bo.pk}/settings"):
        assert reader.get(address).status_code == 200
        problem(reader.patch(address, {"explores": False}, if_match="*"), 403, "missing-scope")


def test_a_learner_may_opt_out_of_chance_and_want_fewer_minutes(client: Caller, bo: Learner) -> None:
    path = f"/api/v1/learners/{bo.pk}/settings"
    read = client.get(path)
    assert (read.json()["explores"], read.json()["minutes_a_day"]) == (True, None)
    changed = client.patch(path, {"explores": False, "minutes_a_day": 15}, if_match=read["ETag"])
    assert (changed.json()["explores"], changed.json()["minutes_a_day"]) == (False, 15)
    problem(client.patch(path, {"explores": True}, if_match=read["ETag"]), 412, "stale")
    back = client.patch(path, {"explores": None, "minutes_a_day": None}, if_match="*").json()
    assert (back["explores"], back["minutes_a_day"]) == (True, None)
    fault = problem(client.patch(path, {"minutes_a_day": 0}, if_match="*"), 422, "invalid")["errors"][0]
    assert "minutes_a_day 0.0 cannot be: take 1 to 600" in fault["message"]


def test_a_learner_may_have_other_days_than_the_class(client: Caller, bo: Learner) -> None:
    path = f"/api/v1/learners/{bo.pk}/settings"
    read = client.get(path)
    assert (read.json()["spread_reviews"], read.json()["quiet_weekdays"]) == (None, None), "as the class has it"
    own = {"spread_reviews": False, "quiet_weekdays": ["friday", "saturday"]}
    changed = client.patch(path, own, if_match=read["ETag"]).json()
    assert {name: changed[name] for name in own} == own and changed["explores"]
    assert client.patch(path, {"quiet_weekdays": []}, if_match="*").json()["quiet_weekdays"] == []
    back = client.patch(path, dict.fromkeys(own), if_match="*").json()
    assert (back["spread_reviews"], back["quiet_weekdays"]) == (None, None)
    for days in (["someday"], list(WEEKDAYS)):
        problem(client.patch(path, {"quiet_weekdays": days}, if_match="*"), 422, "invalid")


def test_dates_are_told_as_they_were_said(client: Caller, path: str) -> None:
    holidays = [f"{date(2027, 12, day)}" for day in (24, 25, 26)]
    assert client.patch(path, {"quiet_dates": holidays}, if_match="*").json()["quiet_dates"] == holidays
