"""Who needs help stands first with the evidence for it; who is absent stands apart; nobody is flagged on nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.flow import agreed
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.need_page import NeedPage
from tutor.scheduling import agreements
from tutor.scheduling.alerts import Kind, Presence, Trend
from tutor.tracing.status import Status

OpenNeed = Callable[..., Any]


@pytest.fixture
def open_need(ms_diaz: User, signed_in: SignIn) -> OpenNeed:
    """A class's page as Ms Diaz opens it: the response."""

    def open_(group: Group, /, **parameters: Any) -> Any:
        answer = signed_in(ms_diaz).get(f"/classes/{group.pk}/need/", parameters)
        assert answer.status_code == 200
        return answer

    return open_


@pytest.fixture
def give(school: School, fractions: Curriculum, now: datetime) -> Callable[..., None]:
    """A learner answers an item so, the last time some days ago."""

    def give_(learner: Learner, item: str, outcomes: str, *, days: float = 0.1, minutes: float = 10) -> None:
        last = now - timedelta(days=days)
        take_in(school, answers(learner, fractions, item, outcomes, last=last, minutes=minutes), now=now)

    return give_


def page_of(answer: Any) -> NeedPage:
    page: NeedPage = answer.context["page"]
    return page


def names(lines: Any) -> list[str]:
    return [line.name for line in lines]


def test_who_struggles_with_most_comes_first_with_the_evidence(
    class_7b: Group, bo: Learner, ana: Learner, open_need: OpenNeed, give: Callable[..., None]
) -> None:
    give(bo, "halves-1", "00000")
    give(ana, "halves-1", "00000")
    give(ana, "equal-parts-1", "000100")
    answer = open_need(class_7b)
    assert names(page_of(answer).in_need) == ["Ana", "Bo"]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
    assert "6 answers, 1 of the last 6 right" in text
    alert = page_of(answer).in_need[1].open[0]
    assert f"recall {round(100 * alert.practice.recall)}% ({round(100 * alert.practice.low)}" in text.replace(" %", "%")  # type: ignore[union-attr]
    assert f'href="/classes/{class_7b.pk}/mastery/halves/?learner={bo.pk}"' in answer.content.decode()
    assert f'href="/classes/{class_7b.pk}/learners/{bo.pk}/"' in answer.content.decode()


@pytest.mark.parametrize("outcomes", ["", "0", "00", "000"])
def test_a_few_wrong_answers_flag_nobody(
    outcomes: str, class_7b: Group, bo: Learner, open_need: OpenNeed, give: Callable[..., None]
) -> None:
    if outcomes:
        give(bo, "halves-1", outcomes)
    page = page_of(open_need(class_7b))
    assert page.in_need == ()
    assert names(page.others if outcomes else page.silent) == (["Bo"] if outcomes else ["Ana", "Bo"])
    assert all(not line.open for line in page.lines)


def test_every_alert_on_a_concept_is_the_status_that_the_api_tells(
    school: School, ms_diaz: User, open_need: OpenNeed, client: Caller, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=12, now=now)
    page = page_of(open_need(group))
    assert page.in_need
    for line in page.lines:
        rows = client.get(f"/api/v1/learners/{line.learner.pk}/mastery").json()["data"]
        struggling = {row["concept"]["key"] for row in rows if row["estimate"]["status"] == Status.STRUGGLING}
        assert {each.key for each in line.struggling} == struggling
        flagged = {alert.key for alert in line.open if alert.kind is Kind.STRUGGLING}
        if line.judged.standing.presence is Presence.ACTIVE:
            spun = {alert.key for alert in line.open if alert.kind is Kind.SPINNING}
            assert flagged == struggling - spun
        else:
            assert not flagged


def test_who_practises_without_getting_anywhere_spins(
    class_7b: Group, bo: Learner, open_need: OpenNeed, give: Callable[..., None]
) -> None:
    give(bo, "halves-1", "00100100010001")
    (line,) = page_of(open_need(class_7b)).in_need
    assert [(alert.kind, alert.concept) for alert in line.open] == [(Kind.SPINNING, "Halves")]


def test_the_inactive_and_those_without_answers_stand_apart_and_are_not_ranked(
    class_7b: Group, school: School, bo: Learner, ana: Learner, open_need: OpenNeed, give: Callable[..., None]
) -> None:
    class_7b.learners.add(people.a_learner(school, "Cy"))
    give(bo, "halves-1", "00000", days=20)
    give(ana, "halves-1", "01", days=30)
    page = page_of(open_need(class_7b))
    assert (names(page.in_need), names(page.inactive), names(page.silent)) == ([], ["Ana", "Bo"], ["Cy"])
    assert all(line.rank is None for line in page.lines)
    # Two answers are too few to have fallen silent.
    assert [[alert.kind for alert in line.open] for line in page.inactive] == [[], [Kind.GONE_QUIET]]
    assert [each.title for each in page.inactive[1].struggling] == ["Halves"]


def test_a_sure_fall_of_the_share_right_is_told_and_too_few_answers_are_not(
    class_7b: Group, bo: Learner, ana: Learner, open_need: OpenNeed, give: Callable[..., None]
) -> None:
    for learner, n in ((bo, 20), (ana, 6)):
        give(learner, "halves-1", "1" * n, days=20)
        give(learner, "adding-1", "10" * (n // 2), days=2)
    answer = open_need(class_7b)
    lines = {line.name: line for line in page_of(answer).lines}
    assert lines["Bo"].trend == Trend.of(20, 10, 20, 20)
    assert Kind.FALLING_BEHIND in [alert.kind for alert in lines["Bo"].open]
    assert lines["Bo"].judged.is_in_need
    assert lines["Ana"].trend is None
    assert "Not enough data: 6 answers in two weeks, 6 in the two before." in answer.content.decode()


def test_gaps_name_what_has_faded(
    class_7b: Group, school: School, bo: Learner, fractions: Curriculum, open_need: OpenNeed, now: datetime,
    give: Callable[..., None],
) -> None:  # fmt: skip
    long_ago = now - timedelta(days=60)
    take_in(school, answers(bo, fractions, "halves-1", "0011111", last=long_ago), now=long_ago)
    give(bo, "equal-parts-1", "0" * 9, minutes=0)
    (line,) = page_of(open_need(class_7b)).in_need
    assert [each.title for each in line.due] == ["Halves"]
    assert (line.judged.standing.activity.days, line.judged.standing.activity.days_before) == (1, 0)


def test_a_teacher_s_word_ends_an_alert(
    class_7b: Group, bo: Learner, fractions: Curriculum, ms_diaz: User, open_need: OpenNeed, now: datetime,
    give: Callable[..., None],
) -> None:  # fmt: skip
    give(bo, "halves-1", "00000")
    agreed.say(ms_diaz, bo, fractions, "mastered", "halves", now=now)
    assert page_of(open_need(class_7b)).in_need == ()


def test_the_file_holds_every_learner_and_alert(
    school: School, ms_diaz: User, open_need: OpenNeed, signed_in: SignIn, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=8, now=now)
    page = page_of(open_need(group))
    rows = table(signed_in(ms_diaz).get(f"/classes/{group.pk}/need.csv"))
    assert sum(bool(row["Alert"]) for row in rows) == sum(len(line.open) for line in page.lines)
    assert {row["Learner id"] for row in rows} == {str(line.learner.pk) for line in page.lines}
    ranked = [row["Learner"] for row in rows if row["Rank"]]
    assert list(dict.fromkeys(ranked)) == names(page.in_need)
    first, alert = rows[0], page.in_need[0].open[0]
    assert alert.practice is not None
    assert (first["Answers to the concept"], first["Right of the last"]) == (
        str(alert.practice.n), str(alert.practice.right),
    )  # fmt: skip


def test_of_many_alerts_three_are_shown_and_the_others_on_demand(
    school: School, ms_diaz: User, open_need: OpenNeed, now: datetime
) -> None:
    bo = people.a_learner(school, "Bo")
    course = agreed.wide(school.pk, 8)
    group = people.a_group(school, "7c", teachers=(ms_diaz,), learners=(bo,), curriculum=course)
    take_in(school, [a for i in range(8) for a in answers(bo, course, f"c{i}-1", "0" * 6, last=now)], now=now)

    def shown(**parameters: str) -> int:
        return str(open_need(group, **parameters).content.decode()).count('class="alert struggling"')

    assert len(page_of(open_need(group)).in_need[0].open) == 8
    assert (shown(), shown(all=str(bo.pk)), shown(view="print"), shown(all="x")) == (3, 8, 8, 3)


@pytest.fixture
def pages(class_7b: Group) -> list[str]:
    start = f"/classes/{class_7b.pk}"
    return [f"{start}/need/", f"{start}/need/preview/", f"{start}/need.csv", f"{start}/need/marks.csv"]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_nobody_is_in_need(
    outsider: str, pages: list[str], class_7b: Group, bo: Learner, mr_chen: User, ms_roth: User, other_school: School,
    signed_in: SignIn,
) -> None:  # fmt: skip
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    browser, start = signed_in(users[outsider]), f"/classes/{class_7b.pk}/need"
    assert [browser.get(page).status_code for page in pages] == [404] * 4
    assert browser.post(f"{start}/thresholds/", {"in_need_from": "2"}).status_code == 404
    assert browser.post(f"{start}/alerts/gone_quiet.{bo.pk}/", {"useful": "no"}).status_code == 404


def test_whoever_is_not_signed_in_is_asked_to(pages: list[str]) -> None:
    assert [Client().get(page).headers["Location"] for page in pages] == [f"/login/?next={page}" for page in pages]


def test_pages_are_only_read_and_actions_only_posted(
    pages: list[str], class_7b: Group, bo: Learner, ms_diaz: User, head: User, signed_in: SignIn
) -> None:
    for page in pages:
        assert signed_in(ms_diaz).post(page).status_code == 405
        answer = signed_in(head).get(page)
        assert answer.status_code == 200
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    start = f"/classes/{class_7b.pk}/need"
    for action in (f"{start}/thresholds/", f"{start}/alerts/gone_quiet.{bo.pk}/"):
        assert signed_in(ms_diaz).get(action).status_code == 405


def test_names_and_titles_cannot_carry_markup(class_7b: Group, school: School, open_need: OpenNeed) -> None:
    class_7b.learners.set([people.a_learner(school, "<script>alert(1)</script>")])
    assert "<script>alert" not in open_need(class_7b).content.decode()


def test_statements_do_not_grow_with_the_class(
    class_7b: Group, fractions: Curriculum, school: School, ms_diaz: User, signed_in: SignIn, pages: list[str],
    now: datetime,
) -> None:  # fmt: skip
    browser, counts = signed_in(ms_diaz), []
    for n in (2, 12):
        members = [people.a_learner(school, f"Learner {i}") for i in range(n)]
        class_7b.learners.set(members)
        take_in(school, [a for m in members for a in answers(m, fractions, "halves-1", "00000", last=now)], now=now)
        for page in (*pages, f"{pages[0]}?in_need_from=2"):
            browser.get(page)
            with statements() as sent:
                answer = browser.get(page)
                assert b"".join(answer) if answer.streaming else answer.content
            counts.append(len(sent))
    assert counts[:5] == counts[5:]
    assert max(counts) <= 16, counts


def test_an_empty_class_says_how_to_fill_it(
    school: School, fractions: Curriculum, ms_diaz: User, open_need: OpenNeed
) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,), curriculum=fractions)
    assert "Nobody is in this class yet" in open_need(group).content.decode()


def test_a_class_without_a_curriculum_says_so(school: School, ms_diaz: User, open_need: OpenNeed) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,))
    assert "no published curriculum" in open_need(group).content.decode()


def test_the_days_of_inactivity_are_those_of_the_class_on_every_page(
    class_7b: Group, bo: Learner, ms_diaz: User, open_need: OpenNeed, open_class: Callable[..., Any], now: datetime,
    give: Callable[..., None],
) -> None:  # fmt: skip
    give(bo, "halves-1", "01010", days=5)
    for days, away in ((14, False), (3, True)):
        agreements.change_group(class_7b, {"inactive_days": days}, by_whom=ms_diaz, now=now)
        assert ("Bo" in names(page_of(open_need(class_7b)).inactive)) == away
        lines = {line.name: line for line in open_class().context["page"].lines}
        assert lines["Bo"].is_inactive == away
