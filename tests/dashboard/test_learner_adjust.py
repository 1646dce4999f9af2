"""What a teacher says of a learner's concepts and settings, from the page: the API's rules, and who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.flow.agreed import ask, concepts, say, settle_on
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling.knobs import WEEKDAYS
from tutor.scheduling.models import LearnerSettings, Override
from tutor.tracing.status import Status

Send = Callable[..., Any]


@pytest.fixture
def send(ms_diaz: User, class_7b: Group, bo: Learner, signed_in: SignIn) -> Send:
    """A form of Bo's page, filled in by Ms Diaz; the page that she then sees."""

    def send_(below: str, **fields: str) -> Any:
        return signed_in(ms_diaz).post(f"/classes/{class_7b.pk}/learners/{bo.pk}/{below}", fields, follow=True)

    return send_


def filled(**changes: str) -> dict[str, str]:
    return {"concept": "adding", "kind": "pin", "reason": "test on Friday", "until": "", "answers": "5", **changes}


def test_what_is_pinned_comes_next(
    send: Send, bo: Learner, ms_diaz: User, fractions: Curriculum, now: datetime
) -> None:
    say(ms_diaz, bo, fractions, "open", "adding", now=now)
    assert concepts(ask(bo, now=now)) == ["halves"]
    shown = send("say/", **filled(answers="3"))
    assert "What comes next for Bo is planned anew." in shown.content.decode()
    assert concepts(ask(bo, now=now + timedelta(minutes=1))) == ["adding"]
    made = Override.objects.get(kind="pin")
    assert (made.reason, made.answers, made.made_by, made.expires_at) == ("test on Friday", 3, ms_diaz, None)
    html = shown.content.decode()
    assert "test on Friday" in html and "Ms Diaz" in html and "until somebody takes it back" in html


def test_the_api_knows_what_was_said_on_the_page(send: Send, client: Caller, bo: Learner) -> None:
    send("say/", **filled(kind="exclude"))
    told = client.get(f"/api/v1/overrides?learner={bo.pk}").json()["data"]
    assert [(row["kind"], row["concept"]["key"], row["made_by"]) for row in told] == [("exclude", "adding", "Ms Diaz")]


def test_said_to_be_known_it_is_mastered_without_a_figure(send: Send, ms_diaz: User, class_7b: Group) -> None:
    shown = send("say/", **filled(kind="mastered", concept="halves"))
    browser = Client()
    browser.force_login(ms_diaz)
    learner = shown.context["page"].learner
    page = browser.get(f"/classes/{class_7b.pk}/learners/{learner.pk}/concepts/halves/")
    row = page.context["page"].row
    assert (row.status, row.said, row.has_enough) == (Status.MASTERED, True, False)
    assert "a teacher's word" in page.content.decode()


def test_it_holds_until_the_end_of_the_day_in_the_school_s_time(send: Send, now: datetime) -> None:
    day = (now + timedelta(days=3)).date()
    send("say/", **filled(until=day.isoformat()))
    made = Override.objects.get()
    assert made.expires_at is not None
    local = made.expires_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert (local.date(), local.hour, local.minute) == (day, 23, 59)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"reason": "  "}, "reason", "Say why"),
        ({"reason": "x" * 2001}, "reason", "2001 characters"),
        ({"concept": "nowhere"}, "concept", "“nowhere” is no concept"),
        ({"concept": ""}, "concept", "Choose a concept"),
        ({"kind": "forget"}, "kind", "Choose what is to be done"),
        ({"until": "2020-01-01"}, "until", "2020-01-01 is past"),
        ({"until": "tomorrow"}, "until", "“tomorrow” is no day"),
        ({"answers": "0"}, "answers", "1 to 100"),
        ({"answers": "many"}, "answers", "“many” answers"),
    ],
)
def test_what_cannot_be_is_told_at_the_field_and_nothing_is_lost(
    send: Send, changes: dict[str, str], field: str, said: str
) -> None:
    form = filled(**changes)
    shown = send("say/", **form)
    assert shown.status_code == 422
    problems = shown.context["page"].form.problems
    assert problems.keys() == {field}
    assert said in problems[field]
    assert shown.context["page"].form.values["reason"] == form["reason"].strip()
    assert not Override.objects.exists()


def test_the_same_twice_is_refused_with_the_way_out(send: Send) -> None:
    send("say/", **filled())
    shown = send("say/", **filled(reason="again"))
    assert shown.status_code == 422
    assert "take it back first" in shown.context["page"].form.problems["general"]
    assert Override.objects.count() == 1


def test_what_is_taken_back_stays_on_record(send: Send, ms_diaz: User) -> None:
    send("say/", **filled())
    made = Override.objects.get()
    shown = send(f"said/{made.pk}/take-back/")
    assert "Taken back: Adding." in shown.content.decode()
    made.refresh_from_db()
    assert (made.end, made.ended_by) == (Override.End.WITHDRAWN, ms_diaz)
    assert shown.context["page"].said == ()


def test_a_word_on_the_whole_class_is_shown_but_not_taken_back_here(
    send: Send, ms_diaz: User, class_7b: Group, fractions: Curriculum, now: datetime
) -> None:
    said = say(ms_diaz, class_7b, fractions, "exclude", "adding", now=now)
    assert send(f"said/{said.pk}/take-back/").status_code == 404
    said.refresh_from_db()
    assert said.ended_at is None
    assert "whole class" in send("settings/", day_cutoff_hour="4", explores="on").content.decode()


def test_what_has_expired_is_no_longer_in_force(
    send: Send, ms_diaz: User, bo: Learner, fractions: Curriculum, now: datetime
) -> None:
    past = now - timedelta(days=9)
    say(ms_diaz, bo, fractions, "pin", "adding", now=past, expires_at=now - timedelta(days=1))
    assert send("settings/", day_cutoff_hour="4").context["page"].said == ()


def test_the_learner_s_own_settings_are_saved(send: Send, bo: Learner, ms_diaz: User) -> None:
    shown = send("settings/", minutes_a_day="12,5", timezone="Asia/Tokyo", day_cutoff_hour="3")
    assert "It holds from the next question on." in shown.content.decode()
    saved = LearnerSettings.objects.get(learner=bo)
    assert (saved.explores, saved.minutes_a_day, saved.updated_by) == (False, 12.5, ms_diaz)
    bo.refresh_from_db()
    assert (bo.timezone, bo.day_cutoff_hour) == ("Asia/Tokyo", 3)
    assert (saved.spread_reviews, saved.quiet_weekdays) == (None, None), "as the class has it"
    values = {name: value for name, value in shown.context["page"].settings.values.items() if value}
    assert values == {"minutes_a_day": "12.5", "timezone": "Asia/Tokyo", "day_cutoff_hour": "3"}


def test_days_and_spreading_of_the_learners_own_are_saved_and_taken_back(send: Send, bo: Learner) -> None:
    shown = send("settings/", day_cutoff_hour="4", spread_reviews="off", own_quiet="on", quiet_friday="on")
    saved = LearnerSettings.objects.get(learner=bo)
    assert (saved.spread_reviews, saved.quiet_weekdays) == (False, ["friday"])
    page = shown.context["page"]
    assert [day.label for day in page.weekdays if day.is_quiet] == ["Friday"] and not page.spreads_reviews
    send("settings/", day_cutoff_hour="4", own_quiet="on")
    saved.refresh_from_db()
    assert (saved.spread_reviews, saved.quiet_weekdays) == (None, []), "no day is quiet, whatever the class has"
    send("settings/", day_cutoff_hour="4", quiet_friday="on")
    saved.refresh_from_db()
    assert saved.quiet_weekdays is None


def test_seven_quiet_days_cannot_be(send: Send) -> None:
    days = {f"quiet_{day}": "on" for day in WEEKDAYS}
    shown = send("settings/", day_cutoff_hour="4", own_quiet="on", **days)
    assert shown.status_code == 422 and shown.context["page"].settings.problems.keys() == {"quiet_weekdays"}
    assert not LearnerSettings.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("minutes_a_day", "0"), ("minutes_a_day", "soon"), ("minutes_a_day", "nan"), ("timezone", "Mars/Base"),
     ("day_cutoff_hour", "24"), ("day_cutoff_hour", "")],
)  # fmt: skip
def test_settings_that_cannot_be_change_nothing(send: Send, bo: Learner, field: str, value: str) -> None:
    fields = {"minutes_a_day": "10", "timezone": "Asia/Tokyo", "day_cutoff_hour": "3", field: value}
    shown = send("settings/", **fields)
    assert shown.status_code == 422
    assert shown.context["page"].settings.problems.keys() == {field}
    assert not LearnerSettings.objects.exists()
    bo.refresh_from_db()
    assert (bo.timezone, bo.day_cutoff_hour) == ("", 4)


def test_the_class_s_settings_are_told_beside_the_learner_s(
    class_7b: Group, bo: Learner, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    settle_on(class_7b, explores=False, minutes_a_day=25, spread_reviews=False, now=now)
    html = signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/learners/{bo.pk}/adjust/").content.decode()
    assert "The class has switched it off for everybody" in html
    assert "25 hold too" in html
    assert "not spread" in html


@pytest.fixture
def pages(class_7b: Group, bo: Learner, fractions: Curriculum, school: School, now: datetime) -> list[str]:
    take_in(school, answers(bo, fractions, "halves-1", "11", last=now - timedelta(days=1)), now=now)
    decision = ask(bo, now=now).entries[0].decision_id
    below = ("", "concepts/halves/", "concepts.csv", "answers/", "answers.csv", "print/", "adjust/",
             f"decisions/{decision}/", f"decisions/{decision}.csv")  # fmt: skip
    return [f"/classes/{class_7b.pk}/learners/{bo.pk}/{each}" for each in below]


@pytest.fixture
def forms(class_7b: Group, bo: Learner, ms_diaz: User, fractions: Curriculum, now: datetime) -> list[str]:
    said = say(ms_diaz, bo, fractions, "exclude", "adding", now=now)
    below = ("say/", f"said/{said.pk}/take-back/", "settings/")
    return [f"/classes/{class_7b.pk}/learners/{bo.pk}/{each}" for each in below]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_nothing_of_it_exists(
    outsider: str,
    pages: list[str],
    forms: list[str],
    mr_chen: User,
    ms_roth: User,
    other_school: School,
    signed_in: SignIn,
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    browser = signed_in(users[outsider])
    before = list(Override.objects.values_list("pk", "ended_at"))
    assert {browser.get(page).status_code for page in pages} == {404}
    assert {browser.post(form, {**filled(), "day_cutoff_hour": "1"}).status_code for form in forms} == {404}
    assert list(Override.objects.values_list("pk", "ended_at")) == before
    assert not LearnerSettings.objects.exists()


def test_an_administrator_sees_all_of_it(pages: list[str], head: User, signed_in: SignIn) -> None:
    assert {signed_in(head).get(page).status_code for page in pages} == {200}


def test_pages_are_only_read_and_forms_only_sent(
    pages: list[str], forms: list[str], ms_diaz: User, signed_in: SignIn
) -> None:
    browser = signed_in(ms_diaz)
    assert {browser.post(page).status_code for page in pages} == {405}
    assert {browser.get(form).status_code for form in forms} == {405}


def test_whoever_is_not_signed_in_is_asked_to(pages: list[str], forms: list[str]) -> None:
    answers_ = [Client().get(page) for page in pages] + [Client().post(form) for form in forms]
    assert {answer.status_code for answer in answers_} == {302}
    assert all(answer.headers["Location"].startswith("/login/") for answer in answers_)


def test_a_word_on_another_learner_is_not_taken_back_from_this_page(
    send: Send, ms_diaz: User, ana: Learner, fractions: Curriculum, now: datetime
) -> None:
    said = say(ms_diaz, ana, fractions, "pin", "adding", now=now)
    assert send(f"said/{said.pk}/take-back/").status_code == 404
    said.refresh_from_db()
    assert said.ended_at is None
