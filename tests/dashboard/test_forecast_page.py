"""The forecast of a class says what the API says of each learner and day, and no more than is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.dashboard.wide_curriculum import a_wide_document
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.forecast_asked import USUAL_DAYS
from tutor.dashboard.forecast_files import TABLES
from tutor.scheduling import agreements, class_forecasts
from tutor.scheduling.class_forecasts import DAYS_AHEAD
from tutor.scheduling.forecasts import until
from tutor.tracing.status import DEFAULT

Open = Callable[..., Any]
FIGURES = {
    "Recall if nothing is practised (%)": ("estimate", "value"),
    "Recall if nothing is practised, lowest (%)": ("estimate", "low"),
    "Recall if nothing is practised, highest (%)": ("estimate", "high"),
    "Recall if the agenda is followed (%)": ("with_agenda",),
    "Chance of mastery if nothing is practised (%)": ("mastered",),
    "Chance of mastery if the agenda is followed (%)": ("mastered_with_agenda",),
}


@pytest.fixture
def open_(ms_diaz: User, signed_in: SignIn) -> Open:
    """A page of a class's forecast, or a file of it, as Ms Diaz opens it: the response."""

    def opened(group: Group, of: str = "", /, *, part: bool = False, **parameters: Any) -> Any:
        headers = {"HX-Request": "true"} if part else {}
        return signed_in(ms_diaz).get(f"/classes/{group.pk}/forecast/{of}", parameters, headers=headers)

    return opened


@pytest.fixture
def today(school: School, now: datetime) -> date:
    return class_forecasts.today(school, now)


class Cells(HTMLParser):
    """Rows of tables that name their learner: the texts of their cells by learner, table by table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[tuple[str, list[str]]] = []
        self._learner = ""
        self._text: list[str] | None = None
        self.feed(html)
        self.close()

    def of(self, learner: Learner) -> list[list[str]]:
        return [cells for pk, cells in self.rows if pk == str(learner.pk)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._learner = dict(attrs).get("data-learner") or ""
            if self._learner:
                self.rows.append((self._learner, []))
        elif tag in ("td", "th") and self._learner:
            self.rows[-1][1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self._learner = ""

    def handle_data(self, data: str) -> None:
        if self._learner and self.rows[-1][1]:
            self.rows[-1][1][-1] = " ".join((self.rows[-1][1][-1] + data).split())


def shown(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def said(client: Caller, learner: Learner, day: date) -> dict[str, dict[str, Any]]:
    rows = client.get(f"/api/v1/learners/{learner.pk}/forecast?date={day}").json()["data"]
    return {row["concept"]["key"]: row for row in rows}


@pytest.mark.parametrize(("seed", "days"), [(7, 0), (7, 1), (8, 45), (9, 200)])
def test_every_figure_is_that_of_the_api(
    seed: int, days: int, school: School, ms_diaz: User, open_: Open, client: Caller, now: datetime, today: date
) -> None:
    group, day = a_classroom(school, ms_diaz, n=6, now=now, seed=seed), today + timedelta(days=days)
    agreements.change_group(group, {"quiet_weekdays": ["sunday"], "retention": 0.85}, by_whom=ms_diaz, now=now)
    rows = table(open_(group, "cells.csv", date=day))
    assert len(rows) == 6 * 89
    learners = {str(learner.pk): said(client, learner, day) for learner in group.learners.all()}
    for row in rows:
        told = learners[row["Learner id"]][row["Concept key"]]
        assert int(row["Answers"]) == told["estimate"]["n"]
        for column, path in FIGURES.items():
            value = told
            for name in path:
                value = value[name]
            expected = pytest.approx(100 * value, abs=0.11) if told["estimate"]["n"] >= DEFAULT.enough else None  # type: ignore[operator]
            assert (float(row[column]) if row[column] else None) == expected, (row, told)


def test_a_cell_and_a_score_say_what_the_file_says(
    school: School, ms_diaz: User, open_: Open, now: datetime, today: date
) -> None:
    group = a_classroom(school, ms_diaz, n=5, now=now)
    asked = {"date": today + timedelta(days=30), "area": "Whole numbers"}
    page = Cells(open_(group, **asked).content.decode())
    rows = table(open_(group, "cells.csv", **asked))
    scores = {row["Learner id"]: row for row in table(open_(group, "learners.csv", **asked))}
    for learner in group.learners.all():
        score, cells = page.of(learner)
        own = [row for row in rows if row["Learner id"] == str(learner.pk)]
        assert len(own) == len(cells) - 1 == 16
        for cell, row in zip(cells[1:], own, strict=True):
            if int(row["Answers"]) < DEFAULT.enough:
                assert re.fullmatch(r"\?( n1)?", cell)
                continue
            figures = [int(figure) for figure in re.findall(r"\d+", cell)]
            names = ("Recall if nothing is practised", "Recall if the agenda is followed")
            ends = [f"{names[1]}, {end}" for end in ("lowest", "highest")]
            assert figures[:4] == [pytest.approx(float(row[f"{name} (%)"]), abs=0.56) for name in (*names, *ends)]
            assert figures[4] == int(row["Answers"])
        expected = scores[str(learner.pk)]["Expected score if the agenda is followed (%)"]
        if expected:  # the page rounds to a whole per cent what the file rounds to a tenth
            (shown,) = re.findall(r"(\d+)%", score[3])
            assert int(shown) == pytest.approx(float(expected), abs=0.56)
        else:
            assert score[1:] == ["not enough data"]


def test_minutes_are_those_of_the_api(
    school: School, ms_diaz: User, open_: Open, client: Caller, now: datetime, today: date
) -> None:
    group = a_classroom(school, ms_diaz, n=4, now=now)
    day = today + timedelta(days=40)
    rows = table(open_(group, "minutes.csv", date=day, retentions="75, 85"))
    standing = {row["Learner id"]: row for row in table(open_(group, "learners.csv", date=day))}
    for learner in group.learners.all():
        # By the clock of the school it may be a day later than by the learner's.
        days, path = until(day, learner, now).days, f"/api/v1/learners/{learner.pk}"
        own = {row["Retention (%)"]: row["Minutes a day"] for row in rows if row["Learner id"] == str(learner.pk)}
        loads = client.get(f"{path}/workload?days={days}&retention=0.75,0.85,0.9").json()["data"]
        for load in loads:
            expected = pytest.approx(load["minutes_per_day"], abs=0.06)
            assert float(own[f"{100 * load['retention']:.1f}"]) == expected
        agenda = client.get(f"{path}/agenda?days={days}").json()["days"]
        mean = sum(day["minutes"] for day in agenda) / days
        assert float(standing[str(learner.pk)]["Minutes a day by the agenda"]) == pytest.approx(mean, abs=0.06)


def test_the_day_is_the_classs_exam_unless_another_is_asked_for(
    class_7b: Group, ms_diaz: User, open_: Open, now: datetime, today: date
) -> None:
    page = shown(open_(class_7b))
    assert "No exam is agreed for this class" in page and "four weeks ahead" in page
    assert f'value="{today + timedelta(days=USUAL_DAYS)}"' in page
    exam = today + timedelta(days=60)
    agreements.change_group(class_7b, {"exam_on": exam}, by_whom=ms_diaz, now=now)
    page = shown(open_(class_7b))
    assert "on the day of the exam" in page and f'value="{exam}"' in page and "No exam" not in page
    page = shown(open_(class_7b, date=today))
    assert "nothing can be practised before" in page and "Back to the exam" in page


def test_an_exam_that_is_over_is_said_to_be(
    class_7b: Group, ms_diaz: User, open_: Open, now: datetime, today: date
) -> None:
    before = now - timedelta(days=30)
    agreements.change_group(class_7b, {"exam_on": today - timedelta(days=5)}, by_whom=ms_diaz, now=before)
    assert re.search(r"exam of \d+ \w+ \d+ is over\. The forecast is for", shown(open_(class_7b)))


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"date": "tomorrow"}, "“tomorrow” is no date: write year, month and day"),
        ({"date": "2020-02-30"}, "“2020-02-30” is no date"),
        ({"date": "2020-01-01"}, "1 January 2020 is past: choose a day from today to"),
        ({"date": "2999-01-01"}, "1 January 2999 is further ahead than forecasts reach"),
        ({"wanted": "110"}, "“110” is no wanted score: give a whole number from 1 to 99. Taken instead: 70."),
        ({"sort": "age"}, "“age” is no value of “sort”"),
        ({"area": "Music"}, "“Music” is no subject area with concepts that count"),
    ],
)
def test_what_cannot_be_is_named_with_the_way_out(
    class_7b: Group, open_: Open, asked: dict[str, str], problem: str
) -> None:
    assert problem in shown(open_(class_7b, **asked))


@pytest.mark.parametrize("wrong", ["often", "20", "70,80,85,90,92,94,95", "100"])
def test_retentions_that_cannot_be_are_named(class_7b: Group, bo: Learner, open_: Open, wrong: str) -> None:
    page = shown(open_(class_7b, "minutes/", retentions=wrong))
    assert f"“{wrong}” are no retentions to compare: give 6 whole numbers at most, from 50 to 99" in page


def test_the_first_and_the_last_day_within_reach_are_shown(class_7b: Group, open_: Open, today: date) -> None:
    for days in (0, DAYS_AHEAD):
        page = shown(open_(class_7b, date=today + timedelta(days=days)))
        assert "choose a day" not in page
    assert "further ahead" in shown(open_(class_7b, date=today + timedelta(days=DAYS_AHEAD + 1)))


def test_of_whom_nothing_is_known_nothing_is_shown(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, ana: Learner, open_: Open, now: datetime
) -> None:
    """Ana has answered once, which is not enough."""
    take_in(school, answers(bo, fractions, "halves-1", "0011", last=now), now=now)
    take_in(school, answers(ana, fractions, "halves-1", "1", last=now), now=now)
    page = Cells(open_(class_7b).content.decode())
    score, cells = page.of(ana)
    assert score[1:] == ["not enough data"]
    assert [cell[0] for cell in cells[1:]] == ["?"] * len(cells[1:])
    assert "%" in page.of(bo)[0][3]
    (efforts,) = Cells(open_(class_7b, "minutes/").content.decode()).of(ana)
    assert efforts[1:] == ["not enough data", "?", "?", "?", "?"]
    for of in ("learners", "cells", "minutes"):
        rows = [row for row in table(open_(class_7b, f"{of}.csv")) if row["Learner"] == "Ana"]
        figures = [value for row in rows for name, value in row.items() if "%" in name and name != "Retention (%)"]
        assert rows and set(figures) == {""}


def test_those_below_the_wanted_score_are_named(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, ana: Learner, open_: Open, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "00000000", last=now), now=now)
    take_in(school, answers(ana, fractions, "halves-1", "11111111", last=now), now=now)
    rows = {row["Learner"]: row for row in table(open_(class_7b, "learners.csv"))}
    scores = {name: float(row["Expected score if the agenda is followed (%)"]) for name, row in rows.items()}
    assert scores["Bo"] < scores["Ana"]
    between = round((scores["Bo"] + scores["Ana"]) / 2)
    page = shown(open_(class_7b, wanted=between))
    below = page.split('id="below"')[1].split("</section>")[0]
    assert ">Bo<" in below and ">Ana<" not in below
    assert page.index(f'data-learner="{bo.pk}"') < page.index(f'data-learner="{ana.pk}"')
    by_name = shown(open_(class_7b, wanted=between, sort="name"))
    assert by_name.index(f'data-learner="{ana.pk}"') < by_name.index(f'data-learner="{bo.pk}"')


def test_scores_are_over_the_classs_goals_unless_all_are_asked_for(
    class_7b: Group, ms_diaz: User, open_: Open, now: datetime
) -> None:
    agreements.change_group(class_7b, {"goals": ["adding"]}, by_whom=ms_diaz, now=now)
    assert "1 concept counts: the class's goal" in shown(open_(class_7b))
    assert "3 concepts count" in shown(open_(class_7b, counts="all"))
    assert {row["Concept key"] for row in table(open_(class_7b, "concepts.csv"))} == {"adding"}


def test_a_wide_curriculum_is_shown_by_area_and_its_concepts_on_demand(
    school: School, ms_diaz: User, open_: Open
) -> None:
    document = a_wide_document(60)
    curriculum = people.a_curriculum(school.pk, "wide", concepts=document["concepts"], items=document["items"])
    bo = people.a_learner(school, "Bo")
    group = people.a_group(school, "9c", teachers=(ms_diaz,), learners=(bo,), curriculum=curriculum)
    whole = Cells(open_(group).content.decode())
    assert len(whole.of(bo)[1]) == 1 + 3
    part = Cells(open_(group, area="Part 2").content.decode())
    assert len(part.of(bo)[1]) == 1 + 25
    assert shown(open_(group)).count('class="unknown"') == 1 + 8
    assert shown(open_(group, list="all")).count('class="unknown"') == 1 + 60


def test_more_concepts_than_a_page_holds_go_over_several(school: School, ms_diaz: User, open_: Open) -> None:
    document = a_wide_document(90)
    for concept in document["concepts"]:
        del concept["domain"]
    curriculum = people.a_curriculum(school.pk, "wide", concepts=document["concepts"], items=document["items"])
    bo = people.a_learner(school, "Bo")
    group = people.a_group(school, "9c", teachers=(ms_diaz,), learners=(bo,), curriculum=curriculum)
    assert [len(Cells(open_(group, area="-", page=page).content.decode()).of(bo)[1]) for page in (1, 2, 3)] == [
        41,
        41,
        11,
    ]
    assert ">81 to 90<" in shown(open_(group, area="-"))


def test_what_takes_longer_is_a_part_for_the_page_and_a_page_without_scripts(class_7b: Group, open_: Open) -> None:
    for of in ("minutes/", "trust/"):
        part, whole = (open_(class_7b, of, part=each).content.decode() for each in (True, False))
        assert part.lstrip().startswith("<section") and "<html" not in part
        assert "<html" in whole and f'id="{of.rstrip("/")}"' in whole
        assert f"/forecast/{of}?" in open_(class_7b).content.decode()


def test_days_and_quiet_days_are_told(class_7b: Group, ms_diaz: User, open_: Open, now: datetime, today: date) -> None:
    day = today + timedelta(days=3)
    agreements.change_group(class_7b, {"quiet_dates": [day]}, by_whom=ms_diaz, now=now)
    assert "in 28 days (1 of them quiet)" in shown(open_(class_7b))


def test_a_limit_that_is_agreed_is_told_beside_the_minutes(
    class_7b: Group, ms_diaz: User, open_: Open, now: datetime
) -> None:
    agreements.change_group(class_7b, {"minutes_a_day": 10}, by_whom=ms_diaz, now=now)
    assert "agreed on 10 min a day at most" in shown(open_(class_7b, "minutes/"))
    assert "are not taken off" in shown(open_(class_7b))


@pytest.fixture
def pages(class_7b: Group) -> list[str]:
    files = [f"{of}.csv" for of in TABLES]
    return [f"/classes/{class_7b.pk}/forecast/{of}" for of in ("", "minutes/", "trust/", *files)]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_the_forecast_does_not_exist(
    outsider: str, pages: list[str], mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    assert {signed_in(users[outsider]).get(page).status_code for page in pages} == {404}


def test_teachers_and_their_administrator_see_it_and_only_see(
    pages: list[str], ms_diaz: User, head: User, signed_in: SignIn
) -> None:
    for user in (ms_diaz, head):
        assert {signed_in(user).get(page).status_code for page in pages} == {200}
    assert {signed_in(ms_diaz).post(page).status_code for page in pages} == {405}
    for page in pages:
        assert Client().get(page).headers["Location"].startswith("/login/?next=")


def test_there_is_no_other_file(class_7b: Group, open_: Open) -> None:
    assert open_(class_7b, "grades.csv").status_code == 404


def test_names_and_titles_cannot_carry_markup(school: School, ms_diaz: User, open_: Open, now: datetime) -> None:
    curriculum = people.a_curriculum(school.pk, title="<i>Maths</i>", concepts=[
        {"key": "a", "title": "<b>A</b>", "domain": "<u>D</u>", "prerequisites": []}], items=[])  # fmt: skip
    eve = people.a_learner(school, "<script>alert(1)</script>")
    group = people.a_group(school, "x", teachers=(ms_diaz,), learners=(eve,), curriculum=curriculum)
    for of in ("", "minutes/"):
        page = open_(group, of, area="<u>D</u>").content.decode()
        assert not re.search("<script>alert|<b>A|<i>Maths|<u>D", page)
        assert "&lt;script&gt;" in page


def test_statements_do_not_grow_with_the_class(
    school: School, ms_diaz: User, open_: Open, now: datetime, today: date
) -> None:
    few = a_classroom(school, ms_diaz, n=6, now=now)
    document = a_wide_document(60)
    wide = people.a_curriculum(school.pk, "wide", concepts=document["concepts"], items=document["items"])
    learners = [people.a_learner(school, f"Learner {place}") for place in range(12)]
    many = people.a_group(school, "9c", teachers=(ms_diaz,), learners=tuple(learners), curriculum=wide)
    for learner in learners[1:]:
        take_in(school, answers(learner, wide, "i0", "1101", last=now), now=now)
    for of in ("", "minutes/", "trust/", "cells.csv"):
        counts = []
        for group in (few, many):
            open_(group, of)
            with statements() as seen:
                open_(group, of)
            counts.append(len(seen))
        assert counts[0] == counts[1] <= 24, (of, counts)


def test_an_empty_class_says_how_to_fill_it(school: School, ms_diaz: User, fractions: Curriculum, open_: Open) -> None:
    group = people.a_group(school, "8b", teachers=(ms_diaz,), curriculum=fractions)
    assert "Nobody is in this class yet" in shown(open_(group))
    assert open_(group, "minutes/").status_code == 200
    assert [len(table(open_(group, f"{of}.csv"))) for of in ("learners", "cells", "minutes", "days")] == [0] * 4


def test_a_class_without_a_curriculum_says_so(school: School, ms_diaz: User, open_: Open) -> None:
    group = people.a_group(school, "8b", teachers=(ms_diaz,))
    assert "no published curriculum for this class yet" in shown(open_(group))
