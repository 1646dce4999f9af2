"""One concept of one learner: the curve into the future, what the agenda plans on it, and the answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from curricula.models import Curriculum
from kt_models.recall import SECONDS_PER_DAY
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.learner_concept import ConceptPage
from tutor.dashboard.learner_page import known
from tutor.dashboard.learner_pictures import HEIGHT, WIDTH, Future, recall_planned

Look = Callable[..., Any]
BERLIN: Final = ZoneInfo("Europe/Berlin")


@pytest.fixture
def look(ms_diaz: User, class_7b: Group, bo: Learner, signed_in: SignIn) -> Look:
    """A page below Bo's, as Ms Diaz opens it."""

    def open_(below: str, **parameters: str) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/learners/{bo.pk}/{below}", parameters)

    return open_


@pytest.fixture
def practised(school: School, bo: Learner, fractions: Curriculum, now: datetime) -> None:
    given = answers(bo, fractions, "halves-1", "1101111", last=now - timedelta(days=2), minutes=900)
    given += answers(bo, fractions, "equal-parts-1", "0", last=now - timedelta(days=1))
    take_in(school, given, now=now)


def page_of(answer: Any) -> ConceptPage:
    page: ConceptPage = answer.context["page"]
    return page


def test_what_is_planned_is_what_the_agenda_of_the_api_plans(
    practised: None, look: Look, client: Caller, bo: Learner
) -> None:
    days = client.get(f"/api/v1/learners/{bo.pk}/agenda?days=28").json()["days"]
    told = {
        (day["date"], visit["kind"], visit["answers"])
        for day in days
        for visit in day["visits"]
        if visit["concept"]["key"] == "halves"
    }
    visits = page_of(look("concepts/halves/")).visits
    # The learner's day begins at four: what is practised before counts for the evening before.
    days_of = [(visit.at.astimezone(BERLIN) - timedelta(hours=4)).date().isoformat() for visit in visits]
    assert {(day, visit.kind, visit.answers) for day, visit in zip(days_of, visits, strict=True)} == told
    assert told


def test_a_review_lifts_the_curve_and_what_is_not_practised_falls(practised: None, look: Look) -> None:
    page = page_of(look("concepts/halves/"))
    assert page.visits
    assert all(visit.after > visit.before for visit in page.visits)
    alone = [week.alone for week in page.weeks]
    assert alone == sorted(alone, reverse=True)
    assert page.weeks[0].alone == pytest.approx(page.row.estimate.value, abs=1e-6)
    assert page.weeks[-1].planned > page.weeks[-1].alone
    assert all(week.low <= week.alone <= week.high for week in page.weeks)


def test_before_the_first_visit_the_plan_is_the_curve_without_practice(
    practised: None, class_7b: Group, bo: Learner, now: datetime
) -> None:
    future = Future.of(known(class_7b, bo, now=now).ahead())
    course = future.ahead.agenda
    first = course.seconds[0]
    before = future.times < first
    np.testing.assert_allclose(future.planned[before], future.alone[before])
    end = future.now + 28 * SECONDS_PER_DAY
    np.testing.assert_allclose(recall_planned(future.ahead, end), future.ahead.recall_then(end)[0])


def test_pictures_stay_within_their_frame(practised: None, look: Look) -> None:
    for chart in page_of(look("concepts/halves/")).charts:
        frame = chart.frame
        for path in (chart.drawn.line, chart.drawn.plan):
            points = [pair.split() for pair in path[1:].split("L")]
            assert all(frame.left - 0.1 <= float(x) <= frame.left + frame.width + 0.1 for x, _ in points)
            assert all(frame.top - 0.1 <= float(y) <= frame.top + frame.height + 0.1 for _, y in points)
        assert {mark.verdict for mark in chart.marks} == {"right", "wrong"}
        assert sum(tick.is_now for tick in chart.ticks) == 1


def test_the_small_picture_has_the_same_visits(practised: None, look: Look) -> None:
    row = next(row for row in look("").context["page"].practised if row.key == "halves")
    assert row.curve is not None and row.curve.plan
    assert len(row.curve.dots) == len(page_of(look("concepts/halves/")).visits)
    assert all(0 <= float(dot.x) <= WIDTH and 0 <= float(dot.y) <= HEIGHT for dot in row.curve.dots)
    assert row.next_at == page_of(look("concepts/halves/")).visits[0].at


def test_below_the_evidence_limit_there_is_no_figure_anywhere(practised: None, look: Look) -> None:
    for below in ("", "concepts/equal-parts/"):
        page = look(below).context["page"]
        row = page.row if below else next(row for row in page.practised if row.key == "equal-parts")
        assert (row.estimate.n, row.has_enough, row.curve) == (1, False, None)
    shown = look("concepts/equal-parts/")
    assert not page_of(shown).charts
    assert not page_of(shown).weeks
    html = shown.content.decode()
    assert "Too few answers for a curve" in html
    assert "Recall expected before" not in html
    line = next(row for row in table(look("concepts.csv")) if row["Concept key"] == "equal-parts")
    figures = [value for name, value in line.items() if "%" in name]
    assert figures == [""] * 5
    assert (line["Status"], line["Answers"]) == ("Not enough data", "1")


def test_the_table_of_concepts_is_a_file(practised: None, look: Look) -> None:
    answer = look("concepts.csv")
    assert "bo-concepts-" in answer.headers["Content-Disposition"]
    rows = table(answer)
    page = look("").context["page"]
    shown = [*page.practised, *page.untouched]
    assert sorted(row["Concept"] for row in rows) == sorted(row.title for row in shown)
    halves = next(row for row in rows if row["Concept key"] == "halves")
    e = next(row.estimate for row in shown if row.key == "halves")
    assert (halves["Recall now (%)"], halves["Answers"]) == (str(round(100 * e.value)), "7")
    assert halves["Planned next"]


def test_the_sheet_for_parents_has_no_jargon(practised: None, look: Look) -> None:
    html = look("print/").content.decode()
    main = html[html.index("<main") : html.index("</main>")]
    assert "Can do this" in main
    assert "In the last four weeks: 8 answers" in main
    for word in ("recall", "half-life", "policy", "model", "%", "due"):
        assert word not in main.lower().replace("scheduled", ""), word


@pytest.mark.parametrize("below", ["concepts/nowhere/", "concepts//"])
def test_an_unknown_concept_has_no_page(look: Look, below: str) -> None:
    assert look(below).status_code == 404


def test_statements_do_not_grow_with_concepts_or_answers(
    school: School, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=6, now=now)
    browser = signed_in(ms_diaz)
    pages = ("", "concepts/place-value/", "concepts.csv", "answers/", "print/", "adjust/")
    for below in pages:
        counts = set()
        for learner in group.learners.all():
            page = f"/classes/{group.pk}/learners/{learner.pk}/{below}"
            browser.get(page)
            with statements() as sent:
                assert browser.get(page).status_code == 200
            counts.add(len(sent))
        # One more for who never came: no version knows them, so those that served before are asked too.
        assert max(counts) - min(counts) <= 1, below
        assert max(counts) <= 24, (below, counts)
