"""What is believed of a learner, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import steps
from tests.people import Caller
from tutor.accounts.models import Learner, School


@pytest.fixture
def practised(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo answered six items on halves an hour ago, all rightly."""
    now = timezone.now()
    given = [steps.answer(bo, fractions, 0, seconds=(now - timedelta(minutes=60 - i)).timestamp()) for i in range(6)]
    steps.record(school, given, now=now)
    steps.work(now=now)
    return bo


def read(client: Caller, learner: Learner, what: str) -> Any:
    return client.get(f"/api/v1/learners/{learner.pk}/{what}")


def by_key(said: Any) -> dict[str, Any]:
    return {row["concept"]["key"]: row for row in said.json()["data"]}


def test_every_concept_has_an_estimate_with_its_interval_and_source(client: Caller, practised: Learner) -> None:
    rows = by_key(read(client, practised, "mastery"))
    assert list(rows) == ["halves", "equal-parts", "adding"]
    for row in rows.values():
        e = row["estimate"]
        assert 0 < e["low"] < e["value"] < e["high"] < 1
        assert e["model"]["name"] == "half-life" and e["as_of"] is not None
    assert [row["estimate"]["status"] for row in rows.values()] == ["mastered", "not_enough_data", "locked"]
    assert [row["estimate"]["n"] for row in rows.values()] == [6, 0, 0]


def test_recall_fades_with_time_and_mastery_falls_due(client: Caller, practised: Learner) -> None:
    now = by_key(read(client, practised, "mastery"))["halves"]
    assert now["due_at"] is not None
    later = datetime.fromisoformat(now["due_at"]) + timedelta(minutes=1)
    then = by_key(read(client, practised, f"mastery?at={later.isoformat().replace('+', '%2B')}"))["halves"]
    assert then["estimate"]["value"] < now["estimate"]["value"]
    assert then["estimate"]["status"] == "due_for_review"


def test_a_status_explains_itself(client: Caller, practised: Learner) -> None:
    rows = by_key(read(client, practised, "mastery?explain=true"))
    assert rows["halves"]["explanation"]["recent"] == [True] * 6
    assert rows["halves"]["explanation"]["text"].startswith("Mastered")
    assert rows["halves"]["explanation"]["criteria"]["mastered_at"] == pytest.approx(0.8)
    assert [c["key"] for c in rows["adding"]["explanation"]["weak_prerequisites"]] == ["equal-parts"]


def test_a_list_is_narrowed_by_concept_and_status(client: Caller, practised: Learner) -> None:
    assert list(by_key(read(client, practised, "mastery?status=locked"))) == ["adding"]
    assert list(by_key(read(client, practised, "mastery?concepts=halves,adding"))) == ["halves", "adding"]


def test_a_time_before_the_last_answer_is_refused(client: Caller, practised: Learner) -> None:
    problem(read(client, practised, "mastery?at=2020-01-01T00:00:00Z"), 400, "bad-parameter")


def test_a_forecast_tells_what_practice_now_would_change(client: Caller, practised: Learner) -> None:
    day = (datetime.now(UTC) + timedelta(days=14)).date()
    row = by_key(read(client, practised, f"forecast?date={day}"))["halves"]
    assert row["estimate"]["value"] < row["after_practice"]
    assert row["estimate"]["value"] < row["now"]


@pytest.mark.parametrize("date", ["", "?date=yesterday", "?date=2020-01-01", "?date=2099-01-01"])
def test_a_forecast_needs_a_day_within_a_year(client: Caller, practised: Learner, date: str) -> None:
    problem(read(client, practised, f"forecast{date}"), 400, "bad-parameter")


@pytest.mark.parametrize(("zone", "date"), [("Asia/Tokyo", "0001-01-01"), ("Pacific/Honolulu", "9999-12-31")])
def test_a_day_that_utc_has_not_is_refused(client: Caller, practised: Learner, zone: str, date: str) -> None:
    practised.timezone, practised.day_cutoff_hour = zone, 4 if zone == "Asia/Tokyo" else 23
    practised.save()
    problem(read(client, practised, f"forecast?date={date}"), 400, "bad-parameter")


def test_the_agenda_lists_reviews_by_the_day_they_fall_due(client: Caller, practised: Learner) -> None:
    due = by_key(read(client, practised, "mastery"))["halves"]["due_at"]
    said = read(client, practised, "agenda?days=365").json()["data"]
    assert [(row["concept"]["key"], row["due_at"], row["is_due"]) for row in said] == [("halves", due, False)]


def test_an_agendas_day_begins_at_the_learners_own_hour(client: Caller, practised: Learner) -> None:
    read_agenda = lambda: read(client, practised, "agenda?days=365").json()["data"][0]  # noqa: E731
    due = datetime.fromisoformat(read_agenda()["due_at"])
    Learner.objects.filter(pk=practised.pk).update(timezone="UTC", day_cutoff_hour=(due.hour + 1) % 24 or 23)
    after_cutoff = due.hour >= ((due.hour + 1) % 24 or 23)
    assert read_agenda()["day"] == str(due.date() - timedelta(days=0 if after_cutoff else 1))


@pytest.mark.parametrize("what", ["mastery", "forecast?date=2027-01-01", "agenda"])
def test_another_school_asks_in_vain(outsider: Caller, other_school: School, practised: Learner, what: str) -> None:
    people.a_curriculum(other_school.pk)
    problem(read(outsider, practised, what), 404, "not-found")


def test_a_learner_of_whom_nothing_is_known_has_the_prior(client: Caller, ana: Learner, fractions: Curriculum) -> None:
    rows = by_key(read(client, ana, "mastery"))
    assert {row["estimate"]["n"] for row in rows.values()} == {0}
    assert rows["halves"]["estimate"]["status"] == "not_enough_data"
    assert rows["halves"]["estimate"]["as_of"] is None
