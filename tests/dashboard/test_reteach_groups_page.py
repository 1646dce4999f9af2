"""Suggested groups rest on evidence; all others are told of as well, and the noticeboard tells nothing but names."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.words import LABELS
from tutor.tracing.status import Status

Open = Callable[..., Any]


@pytest.fixture
def open_groups(ms_diaz: User, signed_in: SignIn) -> Open:
    """A class's groups as Ms Diaz opens them: the response."""

    def open_(group: Group, /, **parameters: Any) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{group.pk}/reteach-groups/", parameters)

    return open_


@pytest.fixture
def give(school: School, fractions: Curriculum, now: datetime) -> Callable[[Learner, str, str], None]:
    def give_(learner: Learner, item: str, outcomes: str) -> None:
        take_in(school, answers(learner, fractions, item, outcomes, last=now), now=now)

    return give_


@pytest.fixture
def mixed(class_7b: Group, school: School, bo: Learner, ana: Learner, give: Any) -> Group:
    """Bo and Ana struggle with halves, Cy alone with equal parts; Dan has mastered halves, and Eve never came."""
    cy, dan, eve = (people.a_learner(school, name) for name in ("Cy", "Dan", "Eve"))
    class_7b.learners.add(cy, dan, eve)
    for learner in (bo, ana):
        give(learner, "halves-1", "00000000")
    give(cy, "halves-1", "1111111")
    give(cy, "equal-parts-1", "0" * 16)
    give(dan, "halves-1", "1111111")
    return class_7b


def names(cells: Any) -> list[str]:
    return [cell.person.name for cell in cells]


def test_who_needs_the_same_is_together_and_everybody_else_is_told_of(mixed: Group, open_groups: Open) -> None:
    page = open_groups(mixed).context["page"]
    (card,) = page.cards
    assert (card.concept.key, names(card.members)) == ("halves", ["Ana", "Bo"])
    assert "2 struggle with it. Once mastered it opens “Equal-Parts” for 2 of them." in card.reason
    assert [(each.cell.person.name, each.concept.key) for each in page.left] == [("Cy", "equal-parts")]
    assert [(each.person.name, each.concept.key) for each in page.asks] == [("Eve", "halves")]
    assert [(each.person.name, [card.number for card in each.helps]) for each in page.frees] == [("Dan", [1])]
    assert page.frees[0].upcoming.first.concept == "Equal-Parts"


def test_a_need_that_rests_on_another_waits_for_it(
    mixed: Group, ana: Learner, bo: Learner, give: Any, open_groups: Open
) -> None:
    for learner in (ana, bo):
        give(learner, "equal-parts-1", "00000000")
    page = open_groups(mixed).context["page"]
    # Three struggle with equal parts; but for two of them halves come first.
    assert [(card.concept.key, names(card.members)) for card in page.cards] == [("halves", ["Ana", "Bo"])]


def test_without_answers_nobody_is_put_into_a_group(
    mixed: Group, school: School, give: Any, open_groups: Open
) -> None:  # fmt: skip
    # One answer is below the evidence limit, whatever it was.
    fay = people.a_learner(school, "Fay")
    mixed.learners.add(fay)
    give(fay, "halves-1", "0")
    for need in ("struggling", "unmastered", "due"):
        page = open_groups(mixed, need=need).context["page"]
        assert "Fay" in [each.person.name for each in page.asks]
        assert all("Fay" not in names(card.members) for card in page.cards)


@pytest.mark.parametrize("need", ["struggling", "unmastered", "due"])
@pytest.mark.parametrize(("smallest", "largest"), [(2, 2), (2, 5), (3, 6), (4, 4)])
def test_everybody_is_told_of_once_and_every_group_is_of_the_sizes_asked_for(
    need: str, smallest: int, largest: int, school: School, ms_diaz: User, open_groups: Open, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=14, now=now)
    page = open_groups(group, need=need, smallest=str(smallest), largest=str(largest)).context["page"]
    wanted = {"struggling": 1, "unmastered": 2, "due": 3}[need]
    statuses = (Status.STRUGGLING, Status.LEARNING, Status.DUE_FOR_REVIEW)[:wanted]
    told = [each.person.name for each in (*page.asks, *page.frees)] + [each.cell.person.name for each in page.left]
    for card in page.cards:
        assert smallest <= len(card.members) <= largest
        assert all(cell.status in statuses for cell in card.members)
        told += names(card.members)
    assert sorted(told) == sorted(learner.name for learner in group.learners.all())


def test_the_file_has_a_row_a_learner(mixed: Group, ms_diaz: User, signed_in: SignIn) -> None:
    rows = table(signed_in(ms_diaz).get(f"/classes/{mixed.pk}/reteach-groups.csv", {"view": "board"}))
    said = {row["Learner"]: (row["Group"], row["Concept key"], row["What to do"], row["Status"]) for row in rows}
    assert said == {
        "Ana": ("1", "halves", "In a group", "Struggling"),
        "Bo": ("1", "halves", "In a group", "Struggling"),
        "Cy": ("", "equal-parts", "Too few for a group", "Struggling"),
        "Eve": ("", "halves", "Not known yet: ask two items", ""),
        "Dan": ("", "", "Goes on with: Equal-Parts", ""),
    }
    assert all(row["Recall now (%)"].isdecimal() for row in rows if row["Status"])


def test_the_noticeboard_has_names_and_concepts_and_nothing_else_of_learners(
    mixed: Group, open_groups: Open
) -> None:  # fmt: skip
    answer = open_groups(mixed, view="board")
    shown = re.sub(r"<[^>]+>", " ", answer.content.decode().split("<h1>", 1)[1].split("</main>", 1)[0])
    for name in ("Ana", "Bo", "Cy", "Dan", "Eve"):
        assert name in shown
    # Who is left, unknown or free stands in one list by name.
    assert re.search(r"own plan\s+Cy\s+Dan\s+Eve", shown)
    assert "%" not in shown
    assert re.findall(r"\d+", shown.replace("7b", "")) == ["1"]  # the group's number
    for word in (*LABELS.values(), "struggle", "known", "help"):
        assert word.casefold() not in shown.casefold()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"smallest": "1"}, "“1” is no value of “smallest”, a whole number from 2 to 6"),
        ({"largest": "9"}, "“9” is no value of “largest”, a whole number from 2 to 6"),
        ({"smallest": "4", "largest": "3"}, "Groups of 4 to 3 cannot be: the largest is taken as 4."),
        ({"need": "luck"}, "“luck” is no value of “need”, which may be struggling, unmastered, due"),
        ({"view": "x"}, "“x” is no value of “view”"),
        ({"area": "Magic"}, "“Magic” is no subject area of Fractions"),
    ],
)
def test_what_an_address_cannot_mean_is_said_and_left_out(
    parameters: dict[str, str], text: str, mixed: Group, open_groups: Open
) -> None:
    answer = open_groups(mixed, **parameters)
    assert answer.status_code == 200
    assert text in answer.content.decode()


def test_a_class_whose_needs_differ_is_told_what_else_to_ask_for(mixed: Group, open_groups: Open) -> None:
    assert "No 3 learners need the same" in open_groups(mixed, smallest="3").content.decode()
