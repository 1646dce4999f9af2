"""A teacher says whether an alert was useful; what they said holds until the evidence has changed, and is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.need_page import NeedPage
from tutor.scheduling import alert_marks, alerting, contents
from tutor.scheduling.alert_marks import Share
from tutor.scheduling.alerts import Kind
from tutor.scheduling.models import AlertMark

Give = Callable[..., None]


@pytest.fixture
def give(school: School, fractions: Curriculum, bo: Learner, now: datetime) -> Give:
    """Bo answers to halves."""

    def give_(outcomes: str, *, days: float = 0.0) -> None:
        last = now - timedelta(days=days)
        take_in(school, answers(bo, fractions, "halves-1", outcomes, last=last, minutes=1), now=now)

    return give_


@pytest.fixture
def teacher(ms_diaz: User, signed_in: SignIn) -> Client:
    return signed_in(ms_diaz)


def page_of(browser: Client, group: Group) -> NeedPage:
    page: NeedPage = browser.get(f"/classes/{group.pk}/need/").context["page"]
    return page


def say(browser: Client, group: Group, alert: str, useful: str, *, note: str = "", **headers: str) -> Any:
    to = f"/classes/{group.pk}/need/alerts/{alert}/"
    return browser.post(to, {"useful": useful, "note": note}, headers=headers)


def test_a_mark_is_kept_with_who_said_it_when_and_on_what_evidence(
    class_7b: Group, bo: Learner, ms_diaz: User, teacher: Client, give: Give
) -> None:
    give("00000")
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    answer = say(teacher, class_7b, alert.id, "yes", note=" went over it with her ")
    assert answer.headers["Location"] == f"/classes/{class_7b.pk}/need/#{alert.id}"
    row = AlertMark.objects.get()
    assert (row.group, row.learner, row.kind, row.useful, row.note) == (
        class_7b, bo, "struggling", True, "went over it with her",
    )  # fmt: skip
    assert row.marked_by == ms_diaz
    assert (row.evidence["n"], row.evidence["right"]) == (5, 0)
    assert row.evidence["recall"] == pytest.approx(alert.practice.recall, abs=1e-3)  # type: ignore[union-attr]
    assert row.evidence["model"] and row.evidence["model_version"] and row.evidence["curriculum_version"]
    assert row.evidence["thresholds"]["struggling_after"] == 4
    text = teacher.get(f"/classes/{class_7b.pk}/need/").content.decode()
    assert "went over it with her" in text
    assert "Ms Diaz" in text.split(f'id="{alert.id}"')[1].split("</summary>")[0]


def test_what_was_not_useful_is_put_aside_until_five_more_answers(class_7b: Group, teacher: Client, give: Give) -> None:
    give("00000", days=0.5)
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    say(teacher, class_7b, alert.id, "no")
    for more, is_aside in (("0", True), ("000", True), ("0", False)):
        give(more)
        page = page_of(teacher, class_7b)
        assert [line.name for line in page.in_need] == ([] if is_aside else ["Bo"])
        bo = next(line for line in page.lines if line.name == "Bo")
        assert [len(bo.folded), len(bo.open)] == ([1, 0] if is_aside else [0, 1])
    text = teacher.get(f"/classes/{class_7b.pk}/need/").content.decode()
    assert "the evidence has changed since" in text


def test_a_mark_can_be_changed_and_stays_one(
    class_7b: Group, school: School, teacher: Client, head: User, signed_in: SignIn, give: Give
) -> None:
    give("00000")
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    say(teacher, class_7b, alert.id, "no")
    say(signed_in(head), class_7b, alert.id, "yes")
    row = AlertMark.objects.get()
    assert (row.useful, row.marked_by) == (True, head)
    assert [line.name for line in page_of(teacher, class_7b).in_need] == ["Bo"]


def test_what_was_said_of_an_earlier_alert_stays_as_it_was(class_7b: Group, teacher: Client, give: Give) -> None:
    give("00000", days=0.5)
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    say(teacher, class_7b, alert.id, "no", note="first")
    kept = AlertMark.objects.get().evidence
    give("00000")
    say(teacher, class_7b, alert.id, "yes", note="second")
    first, second = AlertMark.objects.order_by("id")
    assert (first.note, first.useful, first.evidence) == ("first", False, kept)
    assert (second.note, second.useful, second.evidence["n"]) == ("second", True, 10)


def test_who_was_put_aside_as_gone_quiet_comes_back_after_the_next_silence(
    class_7b: Group, school: School, fractions: Curriculum, bo: Learner, ms_diaz: User, now: datetime
) -> None:
    def seen(at: datetime) -> Any:
        observed = alerting.observe(class_7b, contents.latest(fractions.pk), [bo.pk], now=at)
        return observed, observed.judged()[0]

    take_in(school, answers(bo, fractions, "halves-1", "010101", last=now - timedelta(days=60)), now=now)
    observed, judged = seen(now)
    assert [each.alert.kind for each in judged.open] == [Kind.GONE_QUIET]
    alert_marks.mark(ms_diaz, observed, judged.open[0], useful=False, now=now)
    later = now + timedelta(days=100)
    assert [each.is_folded for each in seen(later)[1].seen] == [True]
    take_in(school, answers(bo, fractions, "halves-1", "0", last=now - timedelta(days=30)), now=now)
    assert [each.is_folded for each in seen(later)[1].seen] == [False]


def test_the_page_tells_what_share_was_useful_by_kind(
    class_7b: Group, school: School, fractions: Curriculum, ms_diaz: User, teacher: Client, now: datetime
) -> None:
    members = [people.a_learner(school, f"Learner {i}") for i in range(6)]
    class_7b.learners.set(members)
    take_in(school, [a for m in members for a in answers(m, fractions, "halves-1", "00000", last=now)], now=now)
    marked = [line.open[0].id for line in page_of(teacher, class_7b).in_need]
    for alert in marked[:4]:
        say(teacher, class_7b, alert, "yes")
    text = teacher.get(f"/classes/{class_7b.pk}/need/").content.decode()
    assert re.search(r"4 of 4 useful, too few for a share", text)
    for alert in marked[4:]:
        say(teacher, class_7b, alert, "no")
    assert alert_marks.shares(class_7b)[1] == Share(Kind.STRUGGLING, 6, 4)
    assert re.search(r"<b>67\s?%</b>", teacher.get(f"/classes/{class_7b.pk}/need/").content.decode())
    rows = table(teacher.get(f"/classes/{class_7b.pk}/need/marks.csv"))
    assert [row["Useful"] for row in rows] == ["not useful"] * 2 + ["useful"] * 4
    assert {(row["By"], row["Concept"], row["Answers to the concept"]) for row in rows} == {("Ms Diaz", "Halves", "5")}


def test_erasing_a_learner_removes_what_was_said_of_them(
    class_7b: Group, bo: Learner, teacher: Client, give: Give
) -> None:
    give("00000")
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    say(teacher, class_7b, alert.id, "yes", note="Bo was ill")
    bo.delete()
    assert not AlertMark.objects.exists()


def test_a_script_gets_the_alert_as_it_now_stands(class_7b: Group, teacher: Client, give: Give) -> None:
    give("00000")
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    answer = say(teacher, class_7b, alert.id, "no", hx_request="true")
    text = answer.content.decode()
    assert text.lstrip().startswith('<li class="alert struggling folded"')
    assert "Put aside until there are 5 more answers" in text
    assert "<html" not in text


@pytest.mark.parametrize(
    ("useful", "note", "text"),
    [("perhaps", "", "“perhaps” is no mark: use yes or no"), ("yes", "x" * 2001, "the note has 2001 characters")],
)
def test_what_cannot_be_said_is_refused_with_the_way_out(
    useful: str, note: str, text: str, class_7b: Group, teacher: Client, give: Give
) -> None:
    give("00000")
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    say(teacher, class_7b, alert.id, useful, note=note)
    assert text in teacher.get(f"/classes/{class_7b.pk}/need/").content.decode()
    scripted = say(teacher, class_7b, alert.id, useful, note=note, hx_request="true")
    assert (scripted.status_code, scripted.headers["HX-Redirect"]) == (204, f"/classes/{class_7b.pk}/need/")
    assert not AlertMark.objects.exists()


def test_an_alert_that_has_ended_is_not_marked(class_7b: Group, teacher: Client, give: Give) -> None:
    give("00000", days=0.5)
    (alert,) = page_of(teacher, class_7b).in_need[0].open
    give("11111")
    say(teacher, class_7b, alert.id, "yes")
    assert "the alert has ended meanwhile" in teacher.get(f"/classes/{class_7b.pk}/need/").content.decode()
    assert not AlertMark.objects.exists()


def test_what_names_no_alert_of_the_class_is_absent(
    class_7b: Group, dee: Learner, bo: Learner, teacher: Client
) -> None:
    for name in ("x", f"gone_quiet.{dee.pk}", f"sad.{bo.pk}", "struggling.1.2"):
        assert say(teacher, class_7b, name, "yes").status_code == 404
