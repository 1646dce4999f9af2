"""What lies ahead of a learner, over HTTP."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import steps
from tests.flow.agreed import settle_on, wide
from tests.flow.come_true import days_come
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Learner, School, User
from tutor.scheduling import agreements, events, forecasts, mastery_coverage, own_paces, told
from tutor.scheduling.coverage import coverage, deciles
from tutor.scheduling.event_models import Event
from tutor.tracing.models import Score


def practise(
    school: School, learner: Learner, curriculum: Curriculum, *, days_ago: float = 0, seconds: float | None = None
) -> None:
    """Six right answers on halves, a minute each, an hour before."""
    now = timezone.now()
    begin = now - timedelta(days=days_ago, minutes=60)
    times = [(begin + timedelta(minutes=i)).timestamp() for i in range(6)]
    given = [steps.answer(learner, curriculum, 0, seconds=t, response_seconds=seconds) for t in times]
    steps.record(school, given, now=now)
    steps.work(now=now)


@pytest.fixture
def practised(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo answered six items on halves an hour ago, all rightly."""
    practise(school, bo, fractions)
    return bo


def read(client: Caller, learner: Learner, what: str) -> Any:
    return client.get(f"/api/v1/learners/{learner.pk}/{what}")


def by_key(said: Any) -> dict[str, Any]:
    return {row["concept"]["key"]: row for row in said.json()["data"]}


def in_days(n: int) -> date:
    return (datetime.now(UTC) + timedelta(days=n)).date()


# The agenda


def test_the_agenda_lists_reviews_by_the_day_they_fall_due(client: Caller, practised: Learner) -> None:
    due = by_key(read(client, practised, "mastery"))["halves"]["due_at"]
    said = read(client, practised, "agenda?days=365").json()["data"]
    told = [(row["concept"]["key"], datetime.fromisoformat(row["due_at"]), row["is_due"]) for row in said]
    assert told == [("halves", datetime.fromisoformat(due), False)]


def test_an_agendas_day_begins_at_the_learners_own_hour(client: Caller, practised: Learner) -> None:

    def first() -> dict[str, str]:
        found: dict[str, str] = read(client, practised, "agenda?days=365").json()["data"][0]
        return found

    due = datetime.fromisoformat(first()["due_at"])
    cutoff = (due.hour + 1) % 24 or 23
    Learner.objects.filter(pk=practised.pk).update(timezone="UTC", day_cutoff_hour=cutoff)
    assert first()["day"] == str(due.date() - timedelta(days=due.hour < cutoff))


def test_an_agenda_tells_what_each_day_takes(client: Caller, practised: Learner) -> None:
    """Halves come back; equal parts are taken up today, adding when they are learnt."""
    said = read(client, practised, "agenda?days=60").json()
    assert len(said["days"]) == 60 and said["days"][0]["date"] == str(today(practised))
    for day in said["days"]:
        assert day["minutes"] == pytest.approx(sum(visit["minutes"] for visit in day["visits"]), abs=0.02)
    firsts: dict[tuple[str, str], str] = {}
    for day in said["days"]:
        for visit in day["visits"]:
            firsts.setdefault((visit["concept"]["key"], visit["kind"]), day["date"])
    assert firsts["halves", "review"] == said["data"][0]["day"]
    assert firsts["equal-parts", "new"] == said["days"][0]["date"] < firsts["adding", "new"]


def test_reviews_alone_are_told_on_request(client: Caller, practised: Learner) -> None:
    said = read(client, practised, "agenda?days=60&new_per_day=0").json()
    assert said["new_per_day"] == 0
    assert {visit["kind"] for day in said["days"] for visit in day["visits"]} == {"review"}


def test_what_is_overdue_comes_first_and_today(
    client: Caller, school: School, bo: Learner, fractions: Curriculum
) -> None:
    practise(school, bo, fractions, days_ago=100)
    said = read(client, bo, "agenda").json()
    assert [(row["concept"]["key"], row["is_due"]) for row in said["data"]] == [("halves", True)]
    assert "review" in {visit["kind"] for visit in said["days"][0]["visits"]}


def test_an_agenda_keeps_to_the_minutes_of_a_day_and_says_so(
    client: Caller, school: School, bo: Learner, fractions: Curriculum, ms_diaz: User
) -> None:
    """An answer takes two minutes; one is begun a day, and what is new has to wait for what faded."""
    practise(school, bo, fractions, days_ago=100)
    free = read(client, bo, "agenda").json()
    assert free["allowance"] == {"answers_a_day": None, "new_a_day": None, "minutes_a_day": None}
    assert len(free["days"][0]["visits"]) == 2 and not any(day["is_full"] for day in free["days"])
    agreements.change_learner(bo, {"minutes_a_day": 1}, by_whom=ms_diaz, now=timezone.now())
    held = read(client, bo, "agenda").json()
    assert held["allowance"]["minutes_a_day"] == 1
    assert [sum(visit["answers"] for visit in day["visits"]) for day in held["days"][:10]] == [1] * 10
    assert [visit["kind"] for day in held["days"][:2] for visit in day["visits"]] == ["review", "new"]
    assert held["days"][0]["is_full"] and [row["waits"] for row in held["data"]] == [False]


@pytest.mark.parametrize("knobs", [{}, {"answers_a_day": 2, "spread_reviews": False}], ids=["free", "two a day"])
def test_a_classs_morning_and_the_agenda_tell_of_the_same_day(
    knobs: dict[str, Any], client: Caller, school: School, bo: Learner, ms_diaz: User
) -> None:
    """Three concepts faded long ago, learnt by somebody who takes half the time."""
    curriculum = wide(school.pk)
    group = people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo,), curriculum=curriculum)
    settle_on(group, **knobs)
    now = timezone.now()
    times = [(now - timedelta(days=100, minutes=n)).timestamp() for n in range(18)]
    given = [
        steps.answer(bo, curriculum, 2 * (n % 3), seconds=at, response_seconds=30) for n, at in enumerate(sorted(times))
    ]
    steps.record(school, given, now=now)
    steps.work(now=now)
    assert events.announce_days(now=now) == 1
    (told,) = Event.objects.get(kind=Event.Kind.AGENDA_DAILY).payload["learners"]
    said = read(client, bo, "agenda").json()
    reviews = [visit for visit in said["days"][0]["visits"] if visit["kind"] == "review"]
    assert said["pace"] < 1.0
    assert told == {
        "learner_id": str(bo.pk),
        "due": len(reviews),
        "waits": sum(row["waits"] for row in said["data"]),
        "minutes": pytest.approx(sum(visit["minutes"] for visit in reviews), abs=0.06),
        "day_minutes": pytest.approx(said["days"][0]["minutes"], abs=0.06),
    }
    assert (told["due"], told["waits"]) == (2, 1) if knobs else told["due"] >= 1


def test_who_takes_twice_the_time_is_told_more_minutes(
    client: Caller, school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    """An item is expected to take two minutes; six answers move the pace a part of the way."""
    practise(school, bo, fractions, seconds=120)
    practise(school, ana, fractions, seconds=240)
    slow, usual = (read(client, learner, "agenda?days=60").json() for learner in (ana, bo))
    assert usual["pace"] == 1.0 < slow["pace"] < 2.0
    minutes = [sum(day["minutes"] for day in said["days"]) for said in (slow, usual)]
    assert minutes[0] == pytest.approx(slow["pace"] * minutes[1], rel=0.01)


def today(learner: Learner) -> date:
    return forecasts.calendar(learner, timezone.now().timestamp()).first


def test_pace_is_learnt_from_answers_and_bounded() -> None:
    assert own_paces.pace([], []) == 1.0
    assert own_paces.pace([60.0] * 200, [2.0] * 200) == pytest.approx(0.5 ** (200 / 220))
    assert own_paces.pace([1e6] * 10_000, [1.0] * 10_000) == pytest.approx(own_paces.PACE_LIMIT, rel=0.01)


# The workload


def test_minutes_rise_with_the_wanted_retention(client: Caller, practised: Learner) -> None:
    said = read(client, practised, "workload?retention=0.95,0.7,0.8&days=90").json()
    assert [row["retention"] for row in said["data"]] == [0.95, 0.7, 0.8]
    most, least, between = (row["minutes_per_day"] for row in said["data"])
    assert 0 < least <= between <= most > least
    for row in said["data"]:
        assert len(row["days"]) == 90
        assert sum(row["days"]) / 90 == pytest.approx(row["minutes_per_day"], abs=0.01)


def test_workload_and_agenda_come_from_one_simulation(client: Caller, practised: Learner) -> None:
    """One concept is no crowd, so balancing moves nothing."""
    agenda = read(client, practised, "agenda?days=30").json()
    workload = read(client, practised, f"workload?retention={agenda['retention']}&days=30").json()
    assert workload["data"][0]["days"] == [day["minutes"] for day in agenda["days"]]


def test_a_workload_tells_how_past_forecasts_came_true(client: Caller, practised: Learner) -> None:
    said = read(client, practised, "workload").json()
    assert [row["retention"] for row in said["data"]] == [0.7, 0.8, 0.9]
    assert said["coverage"] == {"answers": 0, "learners": 0, "error": None, "deciles": []}, "no pause yet"


# The forecast


def test_a_forecast_tells_what_practice_now_would_change(client: Caller, practised: Learner) -> None:
    row = by_key(read(client, practised, f"forecast?date={in_days(14)}"))["halves"]
    assert row["estimate"]["value"] < row["after_practice"]
    assert row["estimate"]["value"] < row["now"]


def test_a_forecast_tells_what_following_the_agenda_would_change(client: Caller, practised: Learner) -> None:
    said = by_key(read(client, practised, f"forecast?date={in_days(90)}"))
    for row in said.values():
        assert row["with_agenda"] > row["estimate"]["value"]
        assert 0 <= row["mastered"] < row["mastered_with_agenda"] <= 1
    alone = by_key(read(client, practised, f"forecast?date={in_days(90)}&new_per_day=0"))["adding"]
    assert alone["mastered_with_agenda"] == alone["mastered"], "it is never begun"


def test_chances_of_mastery_are_not_checked_before_enough_days_have_come(client: Caller, practised: Learner) -> None:
    said = read(client, practised, f"forecast?date={in_days(14)}").json()
    empty = {"is_checked": False, "checked": 0, "needed": 100, "waiting": 0, "bands": [], "first_answers": []}
    assert (said["coverage"], said["calibrated"]) == (empty, False)
    told.keep(now=timezone.now())
    mastery_coverage.forget()
    assert read(client, practised, f"forecast?date={in_days(14)}").json()["coverage"]["waiting"] > 0


def test_chances_of_mastery_are_told_with_what_came_of_past_ones_and_corrected_by_it(
    client: Caller, practised: Learner, school: School, fractions: Curriculum
) -> None:
    before = by_key(read(client, practised, f"forecast?date={in_days(90)}"))
    days_come(school, fractions)
    mastery_coverage.forget()
    answer = read(client, practised, f"forecast?date={in_days(90)}")
    said, after = answer.json(), by_key(answer)
    [band] = said["coverage"]["bands"]
    assert said["coverage"]["is_checked"] and said["calibrated"]
    assert (band["n"], band["forecast"], band["observed"]) == (240, 0.85, 0.4) and band["low"] < 0.4 < band["high"]
    assert [each["n"] for each in said["coverage"]["first_answers"]] == [240]
    for key, row in after.items():
        assert row["mastered"] == before[key]["mastered"] <= row["mastered_with_agenda"]
    assert any(row["mastered_with_agenda"] < before[key]["mastered_with_agenda"] for key, row in after.items())


def test_what_came_of_forecasts_at_one_school_is_told_at_no_other(
    client: Caller, practised: Learner, other_school: School, fractions: Curriculum
) -> None:
    days_come(other_school, fractions)
    said = read(client, practised, f"forecast?date={in_days(14)}").json()
    assert (said["coverage"]["checked"], said["coverage"]["bands"], said["calibrated"]) == (0, [], False)


def test_of_today_there_is_no_agenda_to_follow(client: Caller, practised: Learner) -> None:
    row = by_key(read(client, practised, f"forecast?date={today(practised)}"))["halves"]
    assert (row["with_agenda"], row["mastered_with_agenda"]) == (row["estimate"]["value"], row["mastered"])
    assert row["estimate"]["value"] == row["now"]


def test_a_forecast_is_narrowed_by_concept(client: Caller, practised: Learner) -> None:
    path = f"forecast?date={in_days(14)}&concepts"
    assert list(by_key(read(client, practised, f"{path}=halves,adding"))) == ["halves", "adding"]
    problem(read(client, practised, f"{path}=physics"), 400, "bad-parameter")


@pytest.mark.parametrize("date", ["", "?date=yesterday", "?date=2020-01-01", "?date=2099-01-01"])
def test_a_forecast_needs_a_day_within_a_year(client: Caller, practised: Learner, date: str) -> None:
    problem(read(client, practised, f"forecast{date}"), 400, "bad-parameter")


@pytest.mark.parametrize(("zone", "date"), [("Asia/Tokyo", "0001-01-01"), ("Pacific/Honolulu", "9999-12-31")])
def test_a_day_that_utc_has_not_is_refused(client: Caller, practised: Learner, zone: str, date: str) -> None:
    practised.timezone, practised.day_cutoff_hour = zone, 4 if zone == "Asia/Tokyo" else 23
    practised.save()
    problem(read(client, practised, f"forecast?date={date}"), 400, "bad-parameter")


# Who may ask, and for what

WHAT = ["agenda", "workload", "forecast?date=2027-01-01"]


@pytest.mark.parametrize("what", WHAT)
def test_another_school_asks_in_vain(outsider: Caller, other_school: School, practised: Learner, what: str) -> None:
    people.a_curriculum(other_school.pk)
    problem(read(outsider, practised, what), 404, "not-found")


@pytest.mark.parametrize(("what", "scope"), list(zip(WHAT, ["mastery:read"] * 2 + ["recommend:read"], strict=True)))
def test_a_key_without_the_scope_is_refused(school: School, practised: Learner, what: str, scope: str) -> None:
    problem(read(people.a_client(school, scope), practised, what), 403, "missing-scope")


@pytest.mark.parametrize(
    "what",
    [
        "agenda?days=0", "agenda?days=366", "agenda?new_per_day=-1", "agenda?colour=red", "workload?retention=1.2",
        "workload?retention=0.9,high", "workload?retention=0.2", "workload?days=many",
    ],
)  # fmt: skip
def test_a_parameter_without_sense_is_refused(client: Caller, practised: Learner, what: str) -> None:
    problem(read(client, practised, what), 400, "bad-parameter")


def test_a_learner_of_whom_nothing_is_known_starts_at_the_beginning(
    client: Caller, ana: Learner, fractions: Curriculum
) -> None:
    said = read(client, ana, "agenda").json()
    assert said["data"] == [] and said["pace"] == 1.0
    assert [visit["concept"]["key"] for visit in said["days"][0]["visits"]] == ["halves"]


def test_an_agenda_takes_few_statements(client: Caller, practised: Learner) -> None:
    read(client, practised, "agenda")
    with statements() as sent:
        read(client, practised, "agenda?days=60")
    assert len(sent) <= 8, sent


def test_no_torch_is_needed() -> None:
    code = "import django, sys; django.setup(); import api.v1.agenda; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# How past forecasts came true


def a_past(school: School, curriculum: Curriculum, *, honest: bool, learners: int = 40, answers: int = 20) -> None:
    """Forecasts of one answer a day; what came is as likely as was told, or a fifth less."""
    version = steps.believed(people.a_learner(school, "Cy"), curriculum).version_id
    random, begin = np.random.default_rng(0), timezone.now() - timedelta(days=30)
    for learner in steps.learners(school, learners):
        p = random.uniform(0.25, 0.95, answers)
        correct = (random.random(answers) < p - (0.0 if honest else 0.2)).astype(float)
        Score.objects.bulk_create(
            Score(
                version_id=version, learner_id=learner.pk, curriculum_id=curriculum.pk, seq=i + 1, p=p[i],
                occurred_at=begin + timedelta(days=i), scored_at=begin + timedelta(days=i), correct=correct[i],
                in_order=True,
            )
            for i in range(answers)
        )  # fmt: skip


def test_honest_forecasts_come_true(school: School, fractions: Curriculum) -> None:
    a_past(school, fractions, honest=True)
    found = coverage(school.pk, fractions.pk)
    assert (found.learners, found.answers) == (40, 40 * 19), "the first answer of each came after no pause"
    assert len(found.deciles) == 10 and {each.n for each in found.deciles} == {76}
    assert found.came_true >= 8 and found.error is not None and found.error < 0.06
    forecasts_told = [each.forecast for each in found.deciles]
    assert forecasts_told == sorted(forecasts_told)


def test_promises_that_were_not_kept_show(school: School, fractions: Curriculum) -> None:
    a_past(school, fractions, honest=False)
    found = coverage(school.pk, fractions.pk)
    assert found.came_true <= 2 and found.error == pytest.approx(0.2, abs=0.05)


def test_of_other_schools_nothing_is_told(school: School, other_school: School, fractions: Curriculum) -> None:
    a_past(school, fractions, honest=True, learners=3)
    assert coverage(other_school.pk, fractions.pk).answers == 0
    assert coverage(school.pk, uuid4()).version_id is None


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """90 % of the time, also where answers of a learner are alike."""
    random, held = np.random.default_rng(0), []
    for _ in range(400):
        learner = np.repeat(np.arange(60), 5)
        p = np.full(300, 0.7)
        ability = np.repeat(random.beta(7, 3, 60), 5)
        found = deciles(learner, p, (random.random(300) < ability).astype(float))
        held += [each.came_true for each in found]
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)


def test_the_command_tells_the_same(school: School, fractions: Curriculum, capsys: pytest.CaptureFixture[str]) -> None:
    a_past(school, fractions, honest=True)
    call_command("check_forecasts", school=school.name)
    told = capsys.readouterr().out
    assert "760 answers of 40 learners" in told
    assert f"{coverage(school.pk, fractions.pk).came_true} of 10 came true" in told
