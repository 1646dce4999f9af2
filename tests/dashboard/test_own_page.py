"""A learner's own page: what the API and the teacher are told, in the learner's words, and nobody else's business."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.own_pages import OwnReader, a_link, browser_of
from tests.flow import agreed
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts import services as accounts
from tutor.accounts.models import Group, Learner, LearnerToken, School, User
from tutor.dashboard.own_page import OwnPage
from tutor.interactions import services as interactions
from tutor.scheduling.models import Decision, Plan


def page_of(answer: Any) -> OwnPage:
    assert answer.status_code == 200
    page: OwnPage = answer.context["page"]
    return page


def own(learner: Learner) -> Any:
    return browser_of(learner).get("/me/")


def text_of(answer: Any) -> str:
    """Without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def practised(class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime) -> Learner:
    """Bo has mastered halves, and answered once to equal parts."""
    given = answers(bo, fractions, "halves-1", "1111", last=now - timedelta(hours=2))
    given += answers(bo, fractions, "equal-parts-1", "0", last=now - timedelta(hours=1))
    take_in(school, given, now=now)
    return bo


def test_every_figure_is_the_api_s(practised: Learner, client: Caller) -> None:
    rows = page_of(own(practised)).rows
    said = {row["concept"]["key"]: row for row in client.get(f"/api/v1/learners/{practised.pk}/mastery").json()["data"]}
    assert {row.key for row in rows} == said.keys()
    for row in rows:
        told = said[row.key]["estimate"]
        assert (row.status.value, row.estimate.n) == (told["status"], told["n"])
        assert row.estimate.value == pytest.approx(told["value"], abs=1e-3)


def test_each_concept_says_where_it_stands_and_what_is_due(practised: Learner, ana: Learner) -> None:
    shown, fresh = (OwnReader(own(learner).content.decode()) for learner in (practised, ana))
    assert shown.statuses == {"halves": "mastered", "equal-parts": "not_enough_data", "adding": "not_enough_data"}
    assert fresh.statuses == {"halves": "not_enough_data", "equal-parts": "locked", "adding": "locked"}
    assert "review around" in shown.texts["halves"]
    assert "1 answer; one more, and it can be told" in " ".join(shown.texts["equal-parts"].split())
    assert "First: Equal-Parts" in fresh.texts["adding"]


def test_below_the_evidence_limit_no_figure_is_told(practised: Learner) -> None:
    answer = own(practised)
    shown = OwnReader(answer.content.decode())
    assert "%" in shown.texts["halves"]
    assert "%" not in shown.texts["equal-parts"] + shown.texts["adding"]
    steps = {step.title: step.reasons for step in page_of(answer).steps}
    assert steps
    assert not any("%" in reason for title in steps if title != "Halves" for reason in steps[title])
    assert all(steps.values())


def test_what_comes_next_is_what_would_be_offered_without_its_items(practised: Learner, client: Caller) -> None:
    answer = own(practised)
    offered = client.get(f"/api/v1/learners/{practised.pk}/next").json()["data"][0]
    assert page_of(answer).steps[0].title == offered["concept"]["title"]
    before_the_log = answer.content.decode().partition('id="answers"')[0]
    assert offered["item"]["statement"] not in before_the_log


def test_looking_offers_nothing_and_changes_nothing(practised: Learner) -> None:
    plans = list(Plan.objects.values_list("body", flat=True))
    page_of(own(practised))
    assert not Decision.objects.exists()
    assert list(Plan.objects.values_list("body", flat=True)) == plans


def test_reviews_are_told_by_the_learner_s_own_days(practised: Learner, now: datetime) -> None:
    page = page_of(own(practised))
    due = next(row.due_on for row in page.rows if row.key == "halves")
    assert due is not None
    assert [(day.date, day.titles) for day in page.days] == [(due, ("Halves",))]
    accounts.update_learner(Learner.objects.get(pk=practised.pk), {"timezone": "Pacific/Auckland"}, now=now)
    shown = own(practised).content.decode()
    last = page.last_answer
    assert last is not None
    with timezone.override("Pacific/Auckland"):
        assert timezone.localtime(last).strftime("%H:%M") in shown


def test_the_criteria_are_those_of_the_class(practised: Learner, class_7b: Group, now: datetime) -> None:
    assert "80% likely or more" in text_of(own(practised))
    agreed.settle_on(class_7b, retention=0.75, now=now)
    assert "down to 75% of what it was" in text_of(own(practised))


def test_of_several_classes_the_one_that_holds_for_the_api_holds_here(
    practised: Learner, class_7b: Group, school: School, ms_roth: User, fractions: Curriculum, client: Caller,
    now: datetime,
) -> None:  # fmt: skip
    strict = people.a_group(school, "Club", teachers=(ms_roth,), learners=(practised,), curriculum=fractions)
    agreed.settle_on(strict, retention=0.97, now=now)
    said = client.get(f"/api/v1/learners/{practised.pk}/mastery").json()["data"]
    shown = OwnReader(own(practised).content.decode())
    assert shown.statuses == {row["concept"]["key"]: row["estimate"]["status"] for row in said}


def test_a_teacher_s_word_is_told_and_its_reason_is_not(
    practised: Learner, class_7b: Group, ana: Learner, ms_diaz: User, fractions: Curriculum, now: datetime
) -> None:
    agreed.say(ms_diaz, practised, fractions, "mastered", "equal-parts", now=now)
    agreed.say(ms_diaz, practised, fractions, "pin", "adding", now=now)
    answer = own(practised)
    shown = OwnReader(answer.content.decode())
    assert shown.statuses["equal-parts"] == "mastered"
    assert "Your teacher says that you know this." in shown.texts["equal-parts"]
    assert "%" not in shown.texts["equal-parts"]
    page = answer.content.decode()
    assert not [secret for secret in ("seen in class", "Diaz", "Ana", "7b") if secret in page]


def test_a_learner_sees_the_last_answers(practised: Learner) -> None:
    log = page_of(own(practised)).answers
    assert [answer.statement for answer in log] == ["equal-parts 1?"] + ["halves 1?"] * 4


def test_answers_that_wait_are_told(practised: Learner, fractions: Curriculum, school: School, now: datetime) -> None:
    given = answers(practised, fractions, "halves-2", "1", last=now)
    interactions.record(school_id=school.pk, answers=given, now=now)
    assert "1 new answer of yours is being taken in" in own(practised).content.decode()


def test_every_subject_of_a_learner_has_its_page(practised: Learner, school: School, fractions: Curriculum) -> None:
    other = people.a_curriculum(school.pk, "shapes", title="Shapes")
    strange = people.a_curriculum(school.pk, "not-ours", title="Not ours")
    people.a_group(school, "Club", learners=(practised,), curriculum=other)
    browser = browser_of(practised)
    first = browser.get("/me/")
    assert [subject.title for subject in page_of(first).subjects] == ["Shapes", "Fractions"]
    assert page_of(browser.get(f"/me/{fractions.pk}/")).subject.title == "Fractions"
    assert browser.get(f"/me/{strange.pk}/").status_code == 404


def test_what_was_answered_outside_of_any_class_is_told(
    ana: Learner, school: School, fractions: Curriculum, now: datetime
) -> None:
    take_in(school, answers(ana, fractions, "halves-1", "11", last=now), now=now)
    assert OwnReader(own(ana).content.decode()).statuses["halves"] == "learning"


def test_without_a_curriculum_there_is_nothing_yet(bo: Learner) -> None:
    assert "There is nothing to show yet" in own(bo).content.decode()


def test_a_learner_without_a_name_or_answers_has_a_page_too(school: School, class_7b: Group) -> None:
    nameless = people.a_learner(school, "")
    class_7b.learners.add(nameless)
    text = text_of(own(nameless))
    assert "Hello " in text and "Your first answer starts this page." in text


def test_names_cannot_carry_markup(school: School, class_7b: Group) -> None:
    evil = people.a_learner(school, "<script>alert(1)</script>")
    class_7b.learners.add(evil)
    assert "<script>alert" not in own(evil).content.decode()


def test_statements_do_not_grow_with_the_history(school: School, ms_diaz: User, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=4, now=now)
    counts = set()
    for learner in group.learners.all():
        browser = browser_of(learner)
        browser.get("/me/")
        with statements() as sent:
            assert browser.get("/me/").status_code == 200
        counts.add(len(sent))
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= 14


class TestTheWayIn:
    def test_the_link_leaves_no_token_behind(self, practised: Learner) -> None:
        link, browser = a_link(practised), Client()
        token = link.partition("token=")[2]
        answer = browser.get(link)
        assert (answer.status_code, answer["Location"]) == (303, "/me/")
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
        cookie = answer.cookies["trellis_own"]
        assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == ("/me/", True, "Lax", "")
        assert token not in str(cookie)
        assert token not in browser.get("/me/").content.decode()

    def test_over_tls_the_cookie_is_for_tls_alone(self, practised: Learner) -> None:
        assert Client().get(a_link(practised), secure=True).cookies["trellis_own"]["secure"]

    def test_without_a_link_the_page_says_what_it_is(self, db: None) -> None:
        answer = Client().get("/me/")
        assert answer.status_code == 403
        assert "This page opens with a link" in answer.content.decode()

    def test_a_teacher_without_a_link_is_told_where_to_look(
        self, class_7b: Group, ms_diaz: User, signed_in: SignIn
    ) -> None:
        answer = signed_in(ms_diaz).get("/me/")
        assert answer.status_code == 403
        assert "You are signed in as a teacher" in answer.content.decode()
        assert 'href="/"' in answer.content.decode()

    def test_a_link_opens_no_other_page(self, practised: Learner, class_7b: Group) -> None:
        browser = browser_of(practised)
        for page in ("/", f"/classes/{class_7b.pk}/", f"/classes/{class_7b.pk}/learners/{practised.pk}/", "/models/"):
            assert browser.get(page)["Location"] == f"/login/?next={page}"
        assert browser.get(f"/api/v1/learners/{practised.pk}/mastery").status_code == 401

    def test_a_link_beside_a_teacher_s_session_shows_the_learner_alone(
        self, practised: Learner, class_7b: Group, ms_diaz: User, signed_in: SignIn
    ) -> None:
        browser = signed_in(ms_diaz)
        browser.get(a_link(practised))
        assert page_of(browser.get("/me/")).learner == practised

    def test_two_learners_see_each_their_own(self, practised: Learner, ana: Learner, dee: Learner) -> None:
        shown = own(practised), own(ana)
        assert [page_of(answer).learner.name for answer in shown] == ["Bo", "Ana"]
        assert own(dee).status_code == 200  # of a school without a curriculum

    @pytest.mark.parametrize("end", ["revoked", "expired", "erased"])
    def test_what_ends_the_token_ends_the_page_at_once(self, end: str, practised: Learner, now: datetime) -> None:
        browser = browser_of(practised)
        assert browser.get("/me/").status_code == 200
        if end == "erased":
            LearnerToken.objects.get().learner.tokens.all().delete()
        else:
            LearnerToken.objects.update(**({"revoked_at": now} if end == "revoked" else {"expires_at": now}))
        assert browser.get("/me/").status_code == 403

    def test_a_link_that_has_ended_closes_what_another_opened(self, practised: Learner) -> None:
        browser = browser_of(practised)
        answer = browser.get("/me/enter/?token=trlt_copied-in-part")
        assert (answer.status_code, answer["Location"]) == (303, "/me/?ended")
        closed = browser.get("/me/?ended")
        assert closed.status_code == 403
        assert "This link opens nothing any more" in closed.content.decode()

    def test_an_api_key_is_no_link(self, client: Caller) -> None:
        assert Client().get(f"/me/enter/?token={client.key}")["Location"] == "/me/?ended"

    @pytest.mark.parametrize("change", [lambda c: c[:-2] + "xx", lambda c: "x" + c, lambda c: c.partition(":")[0]])
    def test_a_cookie_that_was_tampered_with_opens_nothing(self, practised: Learner, change: Any) -> None:
        browser = browser_of(practised)
        browser.cookies["trellis_own"] = change(browser.cookies["trellis_own"].value)
        assert browser.get("/me/").status_code == 403

    def test_closing_the_page_forgets_the_learner(self, practised: Learner) -> None:
        browser = browser_of(practised)
        assert browser.get("/me/leave/").status_code == 405
        assert browser.post("/me/leave/").status_code == 303
        assert browser.get("/me/").status_code == 403

    def test_the_page_is_only_read_and_loads_nothing_from_elsewhere(self, practised: Learner) -> None:
        browser = browser_of(practised)
        answer = browser.get("/me/")
        assert browser.post("/me/").status_code == 405
        assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "same-origin"
        assert browser.get("/me/", headers={"accept-language": "de"})["Content-Language"] == "de"
