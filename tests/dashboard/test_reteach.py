"""What to reteach: ranked by evidence alone, with what it keeps locked and what it would open, for its teacher only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
from tutor.dashboard.reteach_page import Line
from tutor.registry import reviews
from tutor.registry.reviews import Verb
from tutor.scheduling import contents
from tutor.tracing.status import DEFAULT, Status

Open = Callable[..., Any]


@pytest.fixture
def open_list(ms_diaz: User, signed_in: SignIn) -> Open:
    """A class's list as Ms Diaz opens it: the response."""

    def open_(group: Group, path: str = "reteach/", /, **parameters: Any) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{group.pk}/{path}", parameters)

    return open_


@pytest.fixture
def bo_struggles(class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime) -> Group:
    """With halves, on which equal parts and adding rest; Ana has begun nothing, and Cy one answer to equal parts."""
    cy = people.a_learner(school, "Cy")
    class_7b.learners.add(cy)
    take_in(school, answers(bo, fractions, "halves-1", "00000000", last=now), now=now)
    take_in(school, answers(cy, fractions, "equal-parts-1", "0", last=now), now=now)
    return class_7b


def ranked(answer: Any) -> list[Line]:
    assert answer.status_code == 200
    return [each.line for each in answer.context["page"].shown]


def test_a_concept_comes_with_who_struggles_and_what_it_keeps_locked(bo_struggles: Group, open_list: Open) -> None:
    answer = open_list(bo_struggles)
    (line,) = ranked(answer)
    assert (line.key, line.rank, line.struggling, line.unknown, line.answers) == ("halves", 1, 1, 2, 8)
    # Bo cannot begin the other two; of Ana and Cy too little is known to say that halves keep them from anything.
    assert (line.alone, line.together) == (2, 0)
    assert line.unsure == 2 + 0
    assert [person.name for who in answer.context["page"].shown[0].who for person in who.people] == ["Bo"]


def test_too_few_answers_are_never_ranked_as_failing(bo_struggles: Group, open_list: Open) -> None:
    page = open_list(bo_struggles).context["page"]
    assert "equal-parts" not in [each.line.key for each in page.shown]
    # Cy's one answer keeps adding locked, as far as anybody knows.
    assert [(line.key, line.judged, line.unsure) for line in page.unknown] == [("equal-parts", 0, 1)]
    assert "Too little is known" in open_list(bo_struggles).content.decode()


def test_a_concept_is_ranked_only_if_enough_is_known_of_as_many_learners_as_asked(
    bo_struggles: Group, open_list: Open
) -> None:
    page = open_list(bo_struggles, least="2").context["page"]
    assert not page.shown
    assert [line.key for line in page.unknown] == ["halves", "equal-parts"]


@pytest.mark.parametrize("seed", [7, 8])
def test_figures_are_those_of_the_api(
    seed: int, school: School, ms_diaz: User, client: Caller, open_list: Open, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=6, now=now, seed=seed)
    said: dict[str, list[dict[str, Any]]] = {}
    for learner in group.learners.all():
        for row in client.get(f"/api/v1/learners/{learner.pk}/mastery").json()["data"]:
            said.setdefault(row["concept"]["key"], []).append(row["estimate"])
    lines = ranked(open_list(group))
    assert lines
    for line in lines:
        estimates = said[line.key]
        count = {status: sum(each["status"] == status for each in estimates) for status in Status}
        assert line.struggling == count[Status.STRUGGLING]
        assert line.learning == count[Status.LEARNING]
        assert line.due == count[Status.DUE_FOR_REVIEW]
        assert line.unknown == count[Status.NOT_ENOUGH_DATA]
        assert line.answers == sum(each["n"] for each in estimates)
        shown = [each for each in estimates if each["n"] >= DEFAULT.enough]
        for name in ("value", "low", "high"):
            assert getattr(line, name) == pytest.approx(sum(each[name] for each in shown) / len(shown), abs=2e-3)


def test_orders_rank_by_what_they_say(school: School, ms_diaz: User, open_list: Open, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=8, now=now)
    keys: dict[str, Callable[[Line], Any]] = {
        "struggling": lambda line: (-line.struggling, -line.blocks, -line.due),
        "blocked": lambda line: (-line.blocks, -line.alone, -line.struggling),
        "due": lambda line: (-line.due, -line.struggling, -line.blocks),
    }
    for sort, key in keys.items():
        lines = ranked(open_list(group, sort=sort))
        assert [line.rank for line in lines] == list(range(1, len(lines) + 1))
        assert [key(line) for line in lines] == sorted(key(line) for line in lines)
        assert all(line.struggling + line.learning + line.due for line in lines)


def test_every_locked_pair_waits_for_something(school: School, ms_diaz: User, open_list: Open, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=6, now=now)
    page = open_list(group).context["page"]
    blocked = page.state.blocked
    # Alone, each pair counts for one concept; together, for two at least.
    alone, together = blocked.alone.sum(), blocked.together.sum()
    assert alone <= page.state.locked.sum() <= alone + together / 2
    assert int(page.tally.blocks.sum() + page.tally.unsure.sum()) == alone + together


def test_an_area_leaves_its_concepts(school: School, ms_diaz: User, open_list: Open, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=4, now=now)
    lines = ranked(open_list(group, area="Fractions"))
    assert {line.area for line in lines} == {"Fractions"}
    assert len(lines) < len(ranked(open_list(group)))


def test_prerequisites_that_a_teacher_rejects_block_nothing(
    bo_struggles: Group, fractions: Curriculum, ms_diaz: User, open_list: Open, now: datetime
) -> None:
    place = contents.latest(fractions.pk).concept_position
    edge = place["halves"], place["equal-parts"]
    reviews.review(ms_diaz, fractions.pk, edge, Verb.REJECT, reason="no", now=now)
    contents.forget()
    (line,) = ranked(open_list(bo_struggles))
    assert line.blocks == 0
    assert not open_list(bo_struggles, "reteach/halves/").context["detail"].opens


def test_a_concept_opens_what_nothing_else_is_missing_for(bo_struggles: Group, bo: Learner, open_list: Open) -> None:
    detail = open_list(bo_struggles, "reteach/halves/").context["detail"]
    assert [(each.key, [person.pk for person in each.people]) for each in detail.opens] == [("equal-parts", [bo.pk])]
    assert (detail.n_ready, detail.behind, detail.together) == (1, 1, 0)
    (line,) = detail.lines
    assert (line.cell.person.name, line.opens, line.behind) == ("Bo", ("Equal-Parts",), 1)
    assert [person.name for person in detail.unknown] == ["Ana", "Cy"]
    for before, after in zip(detail.expected, detail.expected[1:], strict=False):
        assert 0 <= before.n <= after.n <= 1


def test_what_else_is_missing_is_named(
    bo_struggles: Group, fractions: Curriculum, school: School, bo: Learner, open_list: Open, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "equal-parts-1", "00000000", last=now), now=now)
    detail = open_list(bo_struggles, "reteach/equal-parts/").context["detail"]
    # It has been begun, so adding alone waits for it; and it rests on halves, which Bo has not mastered either.
    assert [each.key for each in detail.opens] == ["adding"]
    assert [(each.key, each.n) for each in detail.rests_on] == [("halves", 1)]
    # Halves keep nothing locked any more: what rests on them has been begun.
    (line,) = open_list(bo_struggles, "reteach/halves/").context["detail"].lines
    assert (line.opens, line.behind, line.waits_for) == ((), 0, ())


def test_the_concept_beside_the_list_stands_in_its_address(bo_struggles: Group, open_list: Open) -> None:
    page = open_list(bo_struggles).context["page"]
    assert (page.detail.key, page.shown[0].address) == ("halves", "?concept=halves")
    assert open_list(bo_struggles, concept="adding").context["page"].detail.key == "adding"


def test_within_the_list_only_the_details_are_sent(bo_struggles: Group, ms_diaz: User, signed_in: SignIn) -> None:
    page = f"/classes/{bo_struggles.pk}/reteach/halves/"
    part = signed_in(ms_diaz).get(page, headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<div class="about">')
    assert "<html" not in part
    assert "<h1>Halves</h1>" in signed_in(ms_diaz).get(page).content.decode()


def test_the_file_holds_the_concepts_of_the_list(
    school: School, ms_diaz: User, open_list: Open, now: datetime
) -> None:  # fmt: skip
    group = a_classroom(school, ms_diaz, n=4, now=now)
    answer = open_list(group, sort="blocked", least="2")
    page, rows = answer.context["page"], table(open_list(group, "reteach.csv", sort="blocked", least="2"))
    assert [row["Rank"] for row in rows if row["Rank"]] == [str(n + 1) for n in range(len(page.ranked))]
    assert len(rows) == len(page.ranked) + len(page.apart)
    for row, line in zip(rows, ranked(answer), strict=False):
        assert (row["Concept key"], row["Struggling"], row["Blocks alone"], row["Blocks with others"]) == (
            line.key, str(line.struggling), str(line.alone), str(line.together),
        )  # fmt: skip
        assert row["Mean recall now (%)"] == str(round(100 * line.value))
        assert len([name for name in row["Learners struggling"].split(", ") if name]) == line.struggling


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"sort": "luck"}, "“luck” is no value of “sort”, which may be struggling, blocked, due"),
        ({"least": "0"}, "“0” is no value of “least”, a whole number from 1 to 999"),
        ({"least": "many"}, "“many” is no value of “least”"),
        ({"area": "Magic"}, "“Magic” is no subject area of Fractions"),
        ({"page": "7"}, "There is no page 7 of this list"),
        ({"concept": "magic"}, "“magic” is no concept of Fractions: the first one is shown."),
    ],
)
def test_what_an_address_cannot_mean_is_said_and_left_out(
    parameters: dict[str, str], text: str, bo_struggles: Group, open_list: Open
) -> None:
    answer = open_list(bo_struggles, **parameters)
    assert text in answer.content.decode()
    assert [line.key for line in ranked(answer)] == ["halves"]


def test_an_address_keeps_filters_and_orders_together(
    school: School, ms_diaz: User, open_list: Open, now: datetime
) -> None:  # fmt: skip
    text = open_list(a_classroom(school, ms_diaz, n=3, now=now), area="Fractions", sort="due").content.decode()
    assert 'href="?area=Fractions&amp;sort=blocked"' in text
    assert 'reteach.csv?area=Fractions&amp;sort=due"' in text
    assert '<input type="hidden" name="sort" value="due">' in text
    assert 'reteach-groups/?area=Fractions"' in text


def test_a_class_that_needs_nothing_is_told_so(class_7b: Group, open_list: Open) -> None:
    assert "Nothing to reteach" in open_list(class_7b).content.decode()


def test_an_empty_class_says_how_to_fill_it(
    school: School, fractions: Curriculum, ms_diaz: User, open_list: Open
) -> None:  # fmt: skip
    group = people.a_group(school, "8a", teachers=(ms_diaz,), curriculum=fractions)
    for path in ("reteach/", "reteach-groups/"):
        assert "Nobody is in this class yet" in open_list(group, path).content.decode()
    assert open_list(group, "reteach/halves/").status_code == 200


def test_a_class_that_works_on_nothing_is_told_so(school: School, ms_diaz: User, open_list: Open) -> None:
    group = people.a_group(school, "8b", teachers=(ms_diaz,))
    for path in ("reteach/", "reteach.csv", "reteach/x/", "reteach-groups/", "reteach-groups.csv"):
        assert "There is no published curriculum for this class yet" in open_list(group, path).content.decode()


@pytest.fixture
def pages(class_7b: Group) -> list[str]:
    paths = ("reteach/", "reteach.csv", "reteach/halves/", "reteach-groups/", "reteach-groups/?view=board",
             "reteach-groups.csv")  # fmt: skip
    return [f"/classes/{class_7b.pk}/{path}" for path in paths]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_the_pages_do_not_exist(
    outsider: str, pages: list[str], mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    assert {signed_in(users[outsider]).get(page).status_code for page in pages} == {404}


def test_a_concept_that_is_not_there_is_absent(class_7b: Group, open_list: Open) -> None:
    assert open_list(class_7b, "reteach/nothing/").status_code == 404


def test_whoever_is_not_signed_in_is_asked_to(pages: list[str]) -> None:
    for page in pages:
        assert Client().get(page).headers["Location"].startswith("/login/?next=/classes/")


def test_the_pages_are_only_read(pages: list[str], ms_diaz: User, head: User, signed_in: SignIn) -> None:
    for page in pages:
        assert signed_in(ms_diaz).post(page).status_code == 405
        answer = signed_in(head).get(page)
        assert answer.status_code == 200
        assert "no-store" in answer.headers["Cache-Control"]


def test_names_cannot_carry_markup(bo_struggles: Group, bo: Learner, open_list: Open) -> None:
    Learner.objects.filter(pk=bo.pk).update(name="<script>alert(1)</script>")
    for path in ("reteach/", "reteach/halves/", "reteach-groups/", "reteach-groups/?view=board"):
        assert "<script>alert" not in open_list(bo_struggles, path).content.decode()


def test_statements_do_not_grow_with_the_class_or_the_curriculum(
    school: School, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    browser, counts = signed_in(ms_diaz), []
    for n in (2, 12):
        course = agreed.wide(school.pk, 5 * n, key=f"wide-{n}")
        learners = [people.a_learner(school, f"Learner {i}") for i in range(n)]
        group = people.a_group(school, f"{n}", teachers=(ms_diaz,), learners=tuple(learners), curriculum=course)
        given = [a for i in learners for c in range(n) for a in answers(i, course, f"c{c}-1", "00000", last=now)]
        take_in(school, given, now=now)
        paths = ("reteach/", "reteach.csv", "reteach/c0/", "reteach-groups/", "reteach-groups.csv")
        for path in paths:
            browser.get(f"/classes/{group.pk}/{path}")
            with statements() as sent:
                answer = browser.get(f"/classes/{group.pk}/{path}")
                assert b"".join(answer) if answer.streaming else answer.content
            counts.append(len(sent))
    assert counts[:5] == counts[5:]
    assert max(counts) <= 16
