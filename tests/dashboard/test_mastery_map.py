"""The mastery map says what the API says, of those asked for, in the order asked for, and no more than is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import MapReader, Shown, table
from tests.flow import agreed
from tests.flow.situations import ORIGIN, contents, evidences, tables
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.matrix_cells import CLASSES, LETTERS, Figures, markup
from tutor.dashboard.words import LABELS
from tutor.registry import reviews
from tutor.registry.reviews import Verb
from tutor.scheduling import agreements
from tutor.scheduling import contents as school_contents
from tutor.tracing.beliefs import Belief
from tutor.tracing.estimates import estimates
from tutor.tracing.status import DEFAULT, Criteria, Status

OpenMap = Callable[..., Any]


@pytest.fixture
def open_map(ms_diaz: User, signed_in: SignIn) -> OpenMap:
    """A class's map as Ms Diaz opens it: the response."""

    def open_(group: Group, /, **parameters: Any) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{group.pk}/mastery/", parameters)

    return open_


def read(answer: Any) -> MapReader:
    assert answer.status_code == 200
    return MapReader(answer.content.decode())


def said(client: Caller, learner: object) -> dict[str, dict[str, Any]]:
    """What the API says, by key of the concept."""
    rows = client.get(f"/api/v1/learners/{learner}/mastery").json()["data"]
    return {row["concept"]["key"]: row["estimate"] for row in rows}


def agrees(shown: Shown, estimate: dict[str, Any]) -> bool:
    status = Status(estimate["status"])
    if (shown.kind, shown.letter) != (CLASSES[status], str(LETTERS[status])):
        return False
    if estimate["n"] < DEFAULT.enough:
        return shown.lines[1:] == ((f"n{estimate['n']}",) if estimate["n"] else ())
    figures = [int(figure) for figure in re.findall(r"\d+", " ".join(shown.lines))]
    expected = [100 * estimate[name] for name in ("value", "low", "high")]
    return figures[-1] == estimate["n"] and bool(np.allclose(figures[-4:-1], expected, atol=0.51))


@pytest.mark.parametrize("seed", [7, 8])
def test_every_cell_says_what_the_api_says(
    seed: int, school: School, ms_diaz: User, open_map: OpenMap, client: Caller, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=6, now=now, seed=seed)
    shown, seen = read(open_map(group)), set()
    assert sorted(shown.learners) == sorted(str(learner.pk) for learner in group.learners.all())
    for learner in shown.learners:
        estimate, cells = said(client, learner), shown.of(learner)
        assert cells.keys() == estimate.keys()
        for key, cell in cells.items():
            assert agrees(cell, estimate[key]), (cell, estimate[key])
        seen |= {each["status"] for each in estimate.values()}
    assert seen == {status.value for status in Status}


@st.composite
def beliefs(draw: st.DrawFn) -> tuple[Belief, Any]:
    content = draw(contents())
    practised = sorted(draw(st.sets(st.integers(0, content.n_concepts - 1))))
    table_, evidence = draw(tables(content.n_concepts, practised)), draw(evidences(practised, content.n_items))
    belief = Belief(
        uuid4(), uuid4(), content.curriculum_id, uuid4(), "half-life", False, 0, ORIGIN, table_, evidence
    )  # fmt: skip
    return belief, content


@given(known=beliefs(), enough=st.integers(1, 3), days=st.sampled_from([0.0, 1.0, 40.0]))
def test_a_cell_has_the_one_status_and_below_the_evidence_limit_no_figure(
    known: tuple[Belief, Any], enough: int, days: float
) -> None:
    belief, content = known
    criteria, at = Criteria(enough=enough), ORIGIN + days * 86_400
    figures = Figures.of([belief], [content], [criteria], at)
    columns = np.flatnonzero(content.concept_active)
    cells = str(markup(figures, 0, columns, np.ones(len(columns), np.bool_), texts=True)).split("<td class=")[1:]
    for cell, estimate in zip(cells, estimates(belief, content, at, criteria), strict=True):
        kind, text = cell.split(">")
        assert kind == CLASSES[estimate.status]
        assert text.split()[0] == LETTERS[estimate.status]
        if estimate.n < enough:
            assert estimate.status in (Status.NOT_ENOUGH_DATA, Status.LOCKED)
            assert re.fullmatch(rf"\S(\nn{estimate.n})?", text)
        else:
            assert f"{round(100 * estimate.low)}\N{EN DASH}{round(100 * estimate.high)} n{estimate.n}" in text


def test_what_is_due_shows_from_where_it_has_faded(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_map: OpenMap, now: datetime
) -> None:
    long_ago = now - timedelta(days=60)
    take_in(school, answers(bo, fractions, "halves-1", "0011111", last=long_ago), now=long_ago)
    cell = read(open_map(class_7b)).of(bo.pk)["halves"]
    was, is_now = (int(figure) for figure in re.fullmatch(r"R (\d+)→(\d+)", cell.lines[0]).groups())  # type: ignore[union-attr]
    assert was >= 80 > is_now


def test_a_class_s_own_criteria_hold_on_its_map(
    class_7b: Group,
    fractions: Curriculum,
    school: School,
    bo: Learner,
    ms_diaz: User,
    open_map: OpenMap,
    client: Caller,
    now: datetime,
) -> None:
    yesterday = now - timedelta(days=1)
    take_in(school, answers(bo, fractions, "halves-1", "0011111", last=yesterday), now=yesterday)
    assert read(open_map(class_7b)).of(bo.pk)["halves"].letter == "M"
    agreements.change_group(class_7b, {"retention": 0.97}, by_whom=ms_diaz, now=now)
    assert read(open_map(class_7b)).of(bo.pk)["halves"].letter == "R"
    assert said(client, bo.pk)["halves"]["status"] == "due_for_review"


def test_a_teacher_s_word_counts_without_any_answer(
    class_7b: Group, fractions: Curriculum, bo: Learner, ms_diaz: User, open_map: OpenMap, client: Caller, now: datetime
) -> None:
    agreed.say(ms_diaz, bo, fractions, "mastered", "halves", now=now)
    assert read(open_map(class_7b)).of(bo.pk)["halves"] == Shown("m", ("M",))
    assert said(client, bo.pk)["halves"]["status"] == "mastered"


def test_prerequisites_that_a_teacher_rejects_lock_nothing_on_the_map(
    class_7b: Group, bo: Learner, fractions: Curriculum, ms_diaz: User, open_map: OpenMap, client: Caller, now: datetime
) -> None:
    content = school_contents.latest(fractions.pk)
    edge = (content.concept_position["halves"], content.concept_position["equal-parts"])
    assert read(open_map(class_7b)).of(bo.pk)["equal-parts"].kind == "k"
    reviews.review(ms_diaz, fractions.pk, edge, Verb.REJECT, reason="no", now=now)
    school_contents.forget()
    assert read(open_map(class_7b)).of(bo.pk)["equal-parts"].kind == "q"
    assert said(client, bo.pk)["equal-parts"]["status"] == "not_enough_data"


@pytest.fixture
def bo_struggles(class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime) -> Group:
    """Bo with equal parts; Ana has begun halves, and Cy, who comes first by name, nothing."""
    ana = class_7b.learners.get(name="Ana")
    class_7b.learners.add(people.a_learner(school, "Aaron"))
    take_in(school, answers(bo, fractions, "equal-parts-1", "00000000", last=now), now=now)
    take_in(school, answers(ana, fractions, "halves-1", "01", last=now), now=now)
    return class_7b


def names(group: Group, shown: MapReader) -> list[str]:
    called = {str(learner.pk): learner.name for learner in group.learners.all()}
    return [called[learner] for learner in shown.learners]


def test_those_most_in_need_come_first(bo_struggles: Group, open_map: OpenMap) -> None:
    assert names(bo_struggles, read(open_map(bo_struggles))) == ["Bo", "Ana", "Aaron"]
    assert names(bo_struggles, read(open_map(bo_struggles, sort="name"))) == ["Aaron", "Ana", "Bo"]
    assert read(open_map(bo_struggles)).concepts == ["halves", "equal-parts", "adding"]
    assert read(open_map(bo_struggles, order="need")).concepts[0] == "equal-parts"


def test_a_status_leaves_the_learners_and_concepts_that_have_it(
    bo_struggles: Group, bo: Learner, open_map: OpenMap
) -> None:
    shown = read(open_map(bo_struggles, status=["struggling", "due_for_review"]))
    assert (shown.learners, shown.concepts) == ([str(bo.pk)], ["equal-parts"])
    both = read(open_map(bo_struggles, status=["struggling", "learning"]))
    assert [(cell.letter or "-") for learner in both.learners for cell in both.of(learner).values()] == [
        "-", "S", "L", "-",
    ]  # fmt: skip


def test_an_area_leaves_its_concepts(school: School, ms_diaz: User, open_map: OpenMap, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=3, now=now)
    content = school_contents.latest(group.curriculum_id)  # type: ignore[arg-type]
    expected = [c.key for c in content.concept_contents if c and c.domain == "Fractions"]
    shown = read(open_map(group, area="Fractions"))
    assert shown.concepts == expected
    assert len(expected) < content.n_concepts


def test_a_group_leaves_the_learners_who_are_in_both(
    bo_struggles: Group, school: School, bo: Learner, ms_diaz: User, open_map: OpenMap
) -> None:
    support = people.a_group(school, "Support", teachers=(ms_diaz,), learners=(bo, people.a_learner(school, "Eve")))
    assert "those also in Support" in open_map(bo_struggles).content.decode()
    assert read(open_map(bo_struggles, group=str(support.pk))).learners == [str(bo.pk)]


def test_a_colleague_s_group_is_no_filter(
    bo_struggles: Group, school: School, bo: Learner, ms_roth: User, open_map: OpenMap
) -> None:
    hers = people.a_group(school, "Counselling", teachers=(ms_roth,), learners=(bo,))
    answer = open_map(bo_struggles, group=str(hers.pk))
    assert len(read(answer).learners) == 3
    assert "Counselling" not in answer.content.decode()
    assert "shares no learners with this class" in answer.content.decode()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"status": "lost"}, "“lost” is no value of “status”, which may be not_enough_data"),
        ({"sort": "luck"}, "“luck” is no value of “sort”, which may be need, name"),
        ({"area": "Magic"}, "“Magic” is no subject area of Fractions"),
        ({"group": "x"}, "shares no learners with this class"),
        ({"page": "0"}, "“0” is no page"),
        ({"page": "7"}, "There is no page 7 of this map"),
    ],
)
def test_what_an_address_cannot_mean_is_said_and_left_out(
    parameters: dict[str, str], text: str, bo_struggles: Group, open_map: OpenMap
) -> None:
    answer = open_map(bo_struggles, **parameters)
    assert text in answer.content.decode()
    assert len(read(answer).learners) == 3


def test_more_concepts_than_a_page_holds_go_over_several(
    school: School, ms_diaz: User, open_map: OpenMap, signed_in: SignIn
) -> None:
    learners = tuple(people.a_learner(school, f"Learner {i}") for i in range(40))
    course = agreed.wide(school.pk, 420)
    group = people.a_group(school, "All", teachers=(ms_diaz,), learners=learners, curriculum=course)
    first, second = read(open_map(group)), read(open_map(group, page=2))
    assert first.concepts + second.concepts == [f"c{i}" for i in range(420)]
    assert len(second.concepts) == 20
    assert second.learners == first.learners
    file = signed_in(ms_diaz).get(f"/classes/{group.pk}/mastery.csv", {"page": 2})
    assert len(table(file)) == 40 * 420


def test_an_address_keeps_filters_and_orders_together(bo_struggles: Group, open_map: OpenMap) -> None:
    text = open_map(bo_struggles, status="struggling", sort="name", cells="shapes").content.decode()
    assert 'href="?status=struggling&amp;sort=name"' in text  # figures again
    assert 'href="?status=struggling&amp;cells=shapes"' in text  # by need again
    assert 'href="?sort=name&amp;cells=shapes"' in text  # all statuses again
    assert 'mastery.csv?status=struggling&amp;sort=name&amp;cells=shapes"' in text


def test_a_filter_that_leaves_nobody_says_so(class_7b: Group, open_map: OpenMap) -> None:
    text = open_map(class_7b, status="mastered").content.decode()
    assert "No learner has a concept of this status." in text
    assert "Clear all filters" in text


@pytest.mark.parametrize("parameters", [{}, {"status": ["struggling", "learning"], "sort": "name", "order": "need"}])
def test_the_file_holds_the_cells_of_the_page(
    parameters: dict[str, Any], school: School, ms_diaz: User, open_map: OpenMap, signed_in: SignIn, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=4, now=now)
    shown = read(open_map(group, **parameters))
    rows = table(signed_in(ms_diaz).get(f"/classes/{group.pk}/mastery.csv", parameters))
    of_page = [(who, key) for who in shown.learners for key, cell in shown.of(who).items() if cell.kind]
    assert [(row["Learner id"], row["Concept key"]) for row in rows] == of_page
    by_label = {label: str(LETTERS[status]) for status, label in LABELS.items()}
    for row in rows:
        cell = shown.of(row["Learner id"])[row["Concept key"]]
        assert cell.letter == by_label[row["Status"]]
        if len(cell.lines) == 2 and "\N{EN DASH}" in cell.lines[1]:
            figures = re.findall(r"\d+", " ".join(cell.lines))[-4:]
            assert figures == [row[name] for name in ("Recall now (%)", "Lowest (%)", "Highest (%)", "Answers")]
        else:
            assert not row["Recall now (%)"]


def test_a_concept_s_page_says_the_same_in_full(
    bo_struggles: Group, bo: Learner, ms_diaz: User, signed_in: SignIn, client: Caller
) -> None:
    browser, page = signed_in(ms_diaz), f"/classes/{bo_struggles.pk}/mastery/equal-parts/"
    cells = browser.get(page).context["page"].cells
    assert cells[0].name == "Bo"
    for cell in cells:
        estimate = said(client, cell.learner.pk)["equal-parts"]
        assert (cell.status, cell.estimate.n) == (estimate["status"], estimate["n"])
        assert cell.estimate.value == pytest.approx(estimate["value"], abs=1e-3)
        assert (cell.curve is None) == (estimate["n"] < DEFAULT.enough)
    alone = browser.get(page, {"learner": str(bo.pk)})
    assert [cell.learner for cell in alone.context["page"].cells] == [bo]


def test_a_concept_or_learner_who_is_not_there_is_absent(
    class_7b: Group, dee: Learner, ms_diaz: User, signed_in: SignIn
) -> None:
    browser, pages = signed_in(ms_diaz), f"/classes/{class_7b.pk}/mastery"
    for page in (f"{pages}/nothing/", f"{pages}/halves/?learner={dee.pk}", f"{pages}/halves/?learner=x"):
        assert browser.get(page).status_code == 404


@pytest.fixture
def pages(class_7b: Group) -> list[str]:
    start = f"/classes/{class_7b.pk}"
    return [f"{start}/mastery/", f"{start}/mastery.csv", f"{start}/mastery/halves/"]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_the_map_does_not_exist(
    outsider: str, pages: list[str], mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    assert [signed_in(users[outsider]).get(page).status_code for page in pages] == [404] * 3


def test_whoever_is_not_signed_in_is_asked_to(pages: list[str]) -> None:
    assert [Client().get(page).headers["Location"] for page in pages] == [f"/login/?next={page}" for page in pages]


def test_the_map_is_only_read_and_loads_nothing_from_elsewhere(
    pages: list[str], ms_diaz: User, head: User, signed_in: SignIn
) -> None:
    for page in pages:
        assert signed_in(ms_diaz).post(page).status_code == 405
        answer = signed_in(head).get(page)
        assert answer.status_code == 200
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "no-store" in answer.headers["Cache-Control"]


def test_names_and_titles_cannot_carry_markup(class_7b: Group, school: School, open_map: OpenMap) -> None:
    class_7b.learners.set([people.a_learner(school, "<script>alert(1)</script>")])
    assert "<script>alert" not in open_map(class_7b).content.decode()


def test_statements_do_not_grow_with_the_class(
    class_7b: Group, fractions: Curriculum, school: School, ms_diaz: User, signed_in: SignIn, pages: list[str],
    now: datetime,
) -> None:  # fmt: skip
    browser, counts = signed_in(ms_diaz), []
    for n in (2, 12):
        members = [people.a_learner(school, f"Learner {i}") for i in range(n)]
        class_7b.learners.set(members)
        take_in(school, [a for m in members for a in answers(m, fractions, "halves-1", "010", last=now)], now=now)
        for page in pages:
            browser.get(page)
            with statements() as sent:
                answer = browser.get(page)
                assert b"".join(answer) if answer.streaming else answer.content
            counts.append(len(sent))
    assert counts[:3] == counts[3:]
    assert max(counts) <= 12


def test_an_empty_class_says_how_to_fill_it(
    school: School, fractions: Curriculum, ms_diaz: User, open_map: OpenMap
) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,), curriculum=fractions)
    assert "Nobody is in this class yet" in open_map(group).content.decode()
