"""The pages of items: what is broken comes first, with its evidence, and nothing tells of few learners elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from curricula import services as curricula
from tests import people
from tests.dashboard.conftest import SignIn
from tests.dashboard.item_school import (
    BROKEN,
    SOUND,
    a_curriculum,
    a_document,
    a_school_of_items,
    an_answer,
    answer_all,
)
from tests.dashboard.mastery_map import table
from tests.flow.steps import statements
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.items_lines import Line
from tutor.dashboard.items_words import Flag
from tutor.interactions import item_figures
from tutor.interactions import services as interactions
from tutor.scheduling import agreements, contents

Open = Callable[..., Any]


@pytest.fixture
def open_items(ms_diaz: User, signed_in: SignIn) -> Open:
    def open_(group: Group, /, **parameters: str) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{group.pk}/items/", parameters)

    return open_


@pytest.fixture
def open_item(ms_diaz: User, signed_in: SignIn) -> Open:
    def open_(group: Group, item: str) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{group.pk}/items/{item}/")

    return open_


@pytest.fixture
def elm(school: School, ms_diaz: User, now: datetime) -> Group:
    return a_school_of_items(school, ms_diaz, now=now)


def lines(answer: Any) -> dict[str, Line]:
    assert answer.status_code == 200
    return {line.key: line for line in answer.context["page"].lines}


def flags(line: Line) -> list[Flag]:
    return [each.flag for each in line.flags]


def test_broken_items_come_first_with_their_evidence(elm: Group, open_items: Open) -> None:
    answer = open_items(elm)
    shown = lines(answer)
    assert [*list(shown)[:3], list(shown)[-1]] == ["reversed", "steep", "lengthy", "unmet"]
    assert flags(shown["reversed"]) == [Flag.WRONG_KEY]
    assert flags(shown["steep"]) == [Flag.TOO_HARD]
    assert flags(shown["lengthy"]) == [Flag.SLOW]
    assert flags(shown["unmet"]) == [Flag.NEVER]
    assert not any(shown[f"sound-{n}"].flags for n in range(SOUND))
    text = answer.content.decode()
    assert "good at other items get it wrong more often than others: discrimination \N{MINUS SIGN}0." in text
    assert "the author says 60 s" in text


def test_figures_are_those_of_the_school_with_the_class_beside_them(elm: Group, open_items: Open) -> None:
    line = lines(open_items(elm))["sound-0"]
    assert line.first and line.n and line.right
    assert line.first.value == pytest.approx(line.right / line.n)
    assert line.first.low < line.first.value < line.first.high
    assert 60 < line.n <= 90 and 10 < line.own_n <= 20
    assert line.own and line.own.value == line.own_right / line.own_n
    assert line.typical and line.typical.low < line.typical.value < line.typical.high
    assert line.time and line.time.low < line.time.middle.value < line.time.high
    assert line.hints and 0.05 < line.hints.value < 0.4
    assert line.answers == line.n and line.learners == line.n and line.lately


def test_the_class_s_target_moves_what_is_too_hard(elm: Group, ms_diaz: User, open_items: Open, now: datetime) -> None:
    before = [key for key, line in lines(open_items(elm)).items() if Flag.TOO_HARD in flags(line)]
    agreements.change_group(elm, {"success": 0.95}, by_whom=ms_diaz, now=now)
    after = [key for key, line in lines(open_items(elm)).items() if Flag.TOO_HARD in flags(line)]
    assert set(before) < set(after)
    agreements.change_group(elm, {"success": 0.5}, by_whom=ms_diaz, now=now)
    assert Flag.TOO_EASY in flags(lines(open_items(elm))["trivial"])


def test_other_schools_answers_are_never_shown(
    school: School, other_school: School, ms_diaz: User, open_items: Open, now: datetime
) -> None:
    shared = a_curriculum(None, now=now)
    answer_all(other_school, shared, [people.a_learner(other_school, f"Far {n}") for n in range(40)], now=now)
    contents.forget()
    item_figures.measure(now=now)
    bo = people.a_learner(school, "Bo")
    group = people.a_group(school, "7b", teachers=(ms_diaz,), learners=(bo,), curriculum=shared)
    text = open_items(group).content.decode()
    assert "40 learners" not in text
    shown = lines(open_items(group))
    assert all(line.n is None and line.answers is None and not line.discrimination for line in shown.values())


def few_of(school: School, teacher: User, now: datetime, *, own: int, others: int) -> Group:
    """Everybody answers item 0 right once, a week ago, and seven other items."""
    course = a_curriculum(school.pk, now=now)
    mine = [people.a_learner(school, f"Mine {n}") for n in range(own)]
    rest = [people.a_learner(school, f"Theirs {n}") for n in range(others)]
    at = now - timedelta(days=7)
    interactions.record(
        school_id=school.pk,
        answers=[
            an_answer(learner, course, item, float((n + item) % 3 > 0), at, 30.0, 1)
            for n, learner in enumerate([*mine, *rest])
            for item in range(8)
        ],
        now=at,
    )
    contents.forget()
    item_figures.measure(now=now)
    return people.a_group(school, "7b", teachers=(teacher,), learners=tuple(mine), curriculum=course)


@pytest.mark.parametrize(("own", "others"), [(4, 5), (0, 9), (9, 0)])
def test_figures_of_fewer_than_ten_learners_are_not_shown(
    own: int, others: int, school: School, ms_diaz: User, open_items: Open, open_item: Open, now: datetime
) -> None:
    group = few_of(school, ms_diaz, now, own=own, others=others)
    answer = open_items(group)
    line = lines(answer)["reversed"]
    assert line.is_few and not line.is_withheld
    hidden = (line.n, line.answers, line.learners, line.last, line.first, line.typical, line.discrimination, line.time,
              line.hints)  # fmt: skip
    assert hidden == (None,) * 9
    assert (line.own_n, line.own_answers) == (own, own)
    assert "9 learners" not in answer.content.decode()
    assert "fewer than 10 learners of the school" in open_item(group, "reversed").content.decode()


def test_what_the_class_s_own_figures_would_give_away_is_not_shown(
    school: School, ms_diaz: User, open_items: Open, open_item: Open, signed_in: SignIn, now: datetime
) -> None:
    """Twelve of the class and three others: twelve taken from fifteen would tell how the three did."""
    group = few_of(school, ms_diaz, now, own=12, others=3)
    line = lines(open_items(group))["reversed"]
    assert line.is_withheld
    assert (line.n, line.right, line.first, line.answers, line.learners, line.rated, line.hints) == (None,) * 7
    assert line.typical and line.time and line.own_n == 12
    assert "it would tell of fewer than 10 learners" in open_item(group, "reversed").content.decode()
    row = next(
        row for row in table(signed_in(ms_diaz).get(f"/classes/{group.pk}/items.csv")) if row["Item key"] == "reversed"
    )
    assert (row["Learners"], row["First answers"], row["Right first time (%)"]) == ("", "", "")


@pytest.mark.parametrize("others", [0, 10])
def test_with_ten_others_or_none_counts_are_shown(
    others: int, school: School, ms_diaz: User, open_items: Open, now: datetime
) -> None:
    group = few_of(school, ms_diaz, now, own=12, others=others)
    line = lines(open_items(group))["reversed"]
    assert (line.n, line.own_n, line.answers) == (12 + others, 12, 12 + others)


def test_newer_answers_of_the_class_do_not_tell_who_the_others_are(
    school: School, ms_diaz: User, open_items: Open, now: datetime
) -> None:
    """The class's figures are as of the same time as the school's."""
    group = few_of(school, ms_diaz, now, own=12, others=10)
    learner = group.learners.all()[0]
    assert group.curriculum
    newer = an_answer(learner, group.curriculum, 0, 1.0, now)
    interactions.record(school_id=school.pk, answers=[newer], now=now + timedelta(minutes=1))
    line = lines(open_items(group))["reversed"]
    assert (line.own_answers, line.answers) == (12, 22)


def test_before_the_first_count_there_is_only_the_class_s_own(
    school: School, ms_diaz: User, open_items: Open, open_item: Open, bo: Learner, now: datetime
) -> None:
    course = a_curriculum(school.pk, now=now)
    interactions.record(school_id=school.pk, answers=[an_answer(bo, course, 0, 1.0, now)], now=now)
    group = people.a_group(school, "7b", teachers=(ms_diaz,), learners=(bo,), curriculum=course)
    answer = open_items(group)
    assert "have not been counted yet" in answer.content.decode()
    shown = lines(answer)
    assert (shown["reversed"].own_n, shown["reversed"].own_right) == (1, 1)
    assert not any(line.flags for line in shown.values())
    assert "have not been counted yet" in open_item(group, "reversed").content.decode()


def test_erased_learners_are_gone_after_the_next_count(
    school: School, ms_diaz: User, open_items: Open, now: datetime
) -> None:
    group = few_of(school, ms_diaz, now, own=0, others=12)
    assert lines(open_items(group))["reversed"].n == 12
    Learner.objects.filter(name__in=("Theirs 0", "Theirs 1")).delete()
    item_figures.measure(now=now)
    assert lines(open_items(group))["reversed"].n == 10


def test_an_item_that_was_changed_begins_anew(elm: Group, open_items: Open, open_item: Open, now: datetime) -> None:
    document = a_document()
    document["items"][0]["answer"] = "3"
    assert elm.curriculum
    curricula.save_draft(elm.curriculum, document, expected_digest=None, now=now)
    curricula.publish(elm.curriculum, now=now)
    contents.forget()
    item_figures.measure(now=now + timedelta(days=2))
    line = lines(open_items(elm))["reversed"]
    assert flags(line) == [Flag.NEVER]
    assert line.own_n == 0
    assert "only answers since then count" in open_item(elm, "reversed").content.decode()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"flag": "wrong_key"}, {"reversed"}),
        ({"flag": "any"}, {"reversed", "steep", "lengthy", "unmet"}),
        ({"area": "Fractions", "flag": "any"}, {"reversed", "steep", "unmet"}),
        ({"concept": "halves", "flag": "any"}, {"reversed", "unmet"}),
        ({"q": "DEGREES are left of 4"}, {"trivial"}),
        ({"q": "sound-2"}, {"sound-2", "sound-20", "sound-21", "sound-22", "sound-23"}),
        ({"q": "nothing like it"}, set()),
    ],
)
def test_the_address_narrows_the_list(asked: dict[str, str], expected: set[str], elm: Group, open_items: Open) -> None:
    assert set(lines(open_items(elm, **asked))) == expected


def test_items_without_flags_are_the_others(elm: Group, open_items: Open) -> None:
    flagged, sound = lines(open_items(elm, flag="any")), lines(open_items(elm, flag="none"))
    assert len(flagged) + len(sound) == SOUND + len(BROKEN)


@pytest.mark.parametrize(
    ("sort", "first"),
    [("hard", "steep"), ("time", "lengthy"), ("discrimination", "reversed"), ("curriculum", "reversed")],
)
def test_the_list_is_ordered_as_asked_for(sort: str, first: str, elm: Group, open_items: Open) -> None:
    shown = lines(open_items(elm, sort=sort))
    assert next(iter(shown)) == first
    if sort not in ("curriculum",):
        assert list(shown)[-1] == "unmet"


def test_the_most_used_come_first_where_that_is_asked_for(elm: Group, open_items: Open) -> None:
    answers = [line.answers or 0 for line in lines(open_items(elm, sort="use")).values()]
    assert answers == sorted(answers, reverse=True)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"sort": "luck"}, "“luck” is no value of “sort”, which may be flags, curriculum"),
        ({"flag": "x"}, "“x” is no value of “flag”, which may be any, wrong_key"),
        ({"area": "Magic"}, "“Magic” is no subject area of Known items"),
        ({"concept": "x"}, "“x” is no concept of Known items"),
        ({"page": "0"}, "“0” is no page"),
        ({"page": "9"}, "There is no page 9 of this list"),
    ],
)
def test_what_an_address_cannot_mean_is_said_and_left_out(
    asked: dict[str, str], text: str, elm: Group, open_items: Open
) -> None:
    answer = open_items(elm, **asked)
    assert text in answer.content.decode()
    assert len(lines(answer)) == SOUND + len(BROKEN)


def test_an_item_s_page_says_all_that_is_known(elm: Group, open_item: Open) -> None:
    answer = open_item(elm, "reversed")
    page, text = answer.context["page"], answer.content.decode()
    assert page.curve and 2 <= len(page.curve.groups) <= 10
    assert all(group.n >= 10 for group in page.curve.groups)
    assert sum(group.n for group in page.curve.groups) == page.line.rated
    assert page.curve.groups[0].right.value > page.curve.groups[-1].right.value
    assert "What is half of 2?" in text and "Check the answer key" in text
    assert len(page.answers) == page.line.own_answers
    names = {answer.name for answer in page.answers}
    assert names and all(name.startswith("Pupil") for name in names)
    assert "Elsewhere" not in text


def test_the_curve_of_an_item_is_a_file(elm: Group, open_item: Open, ms_diaz: User, signed_in: SignIn) -> None:
    curve = open_item(elm, "reversed").context["page"].curve
    rows = table(signed_in(ms_diaz).get(f"/classes/{elm.pk}/items/reversed/curve.csv"))
    assert [int(row["Learners"]) for row in rows] == [group.n for group in curve.groups]
    for row, group in zip(rows, curve.groups, strict=True):
        right = [float(row[end]) for end in ("Right (%)", "Lowest (%)", "Highest (%)")]
        assert right == pytest.approx([100 * share for share in group.right], abs=0.06)


def test_an_item_is_found_by_its_id_too(elm: Group, open_item: Open) -> None:
    content = contents.latest(elm.curriculum_id)  # type: ignore[arg-type]
    assert open_item(elm, str(content.item_ids[0])).context["page"].line.key == "reversed"


@pytest.mark.parametrize("item", ["nothing", "00000000-0000-7000-8000-000000000000"])
def test_an_item_that_is_not_there_is_absent(item: str, elm: Group, open_item: Open) -> None:
    assert open_item(elm, item).status_code == 404


def test_an_item_without_a_key_by_id_of_another_curriculum_is_absent(
    elm: Group, school: School, open_item: Open, now: datetime
) -> None:
    other = a_curriculum(school.pk, "another", now=now)
    assert open_item(elm, str(contents.latest(other.pk).item_ids[0])).status_code == 404


def test_the_file_holds_the_items_asked_for(elm: Group, ms_diaz: User, open_items: Open, signed_in: SignIn) -> None:
    for asked in ({}, {"flag": "any", "sort": "hard"}):
        shown = lines(open_items(elm, **asked))
        rows = table(signed_in(ms_diaz).get(f"/classes/{elm.pk}/items.csv", asked))
        assert [row["Item key"] for row in rows] == list(shown)
        for row in rows:
            line = shown[row["Item key"]]
            assert row["Right first time (%)"] == (str(round(100 * line.first.value, 1)) if line.first else "")
            assert row["Flags"] == "; ".join(str(each.label) for each in line.flags)
            assert row["First answers of the class"] == str(line.own_n)


def test_statements_do_not_grow_with_items_and_learners(
    school: School, other_school: School, ms_diaz: User, mr_chen: User, signed_in: SignIn, now: datetime
) -> None:
    small = few_of(school, ms_diaz, now, own=2, others=0)
    large = a_school_of_items(other_school, mr_chen, now=now)
    for address in ("items/", "items/reversed/", "items.csv"):
        counts = []
        for browser, group in ((signed_in(ms_diaz), small), (signed_in(mr_chen), large)):
            browser.get(f"/classes/{group.pk}/{address}")
            with statements() as sent:
                browser.get(f"/classes/{group.pk}/{address}")
            counts.append(len(sent))
        assert counts[0] == counts[1] <= 14, (address, counts)


ADDRESSES = ("items/", "items.csv", "items/reversed/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_outsiders_find_nothing(
    address: str, elm: Group, ms_roth: User, mr_chen: User, other_school: School, signed_in: SignIn
) -> None:
    boss = people.a_teacher(other_school, "Boss", role=User.Role.ADMIN)
    operator = User.objects.create(email="root@example.org", is_staff=True, is_superuser=True)
    for user in (ms_roth, mr_chen, boss, operator):
        assert signed_in(user).get(f"/classes/{elm.pk}/{address}").status_code == 404, user


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_head_of_the_school_sees_the_same(address: str, elm: Group, head: User, signed_in: SignIn) -> None:
    assert signed_in(head).get(f"/classes/{elm.pk}/{address}").status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_pages_are_for_those_signed_in_and_only_read(
    address: str, elm: Group, ms_diaz: User, signed_in: SignIn
) -> None:
    answer = Client().get(f"/classes/{elm.pk}/{address}")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/")
    assert signed_in(ms_diaz).post(f"/classes/{elm.pk}/{address}").status_code == 405


def test_a_class_without_a_curriculum_says_so(school: School, ms_diaz: User, signed_in: SignIn) -> None:
    group = people.a_group(school, "New", teachers=(ms_diaz,))
    for address in ADDRESSES:
        answer = signed_in(ms_diaz).get(f"/classes/{group.pk}/{address}")
        assert "There is no published curriculum" in answer.content.decode()


def test_a_curriculum_without_items_says_so(school: School, ms_diaz: User, open_items: Open) -> None:
    course = people.a_curriculum(school.pk, "empty", items=[])
    group = people.a_group(school, "7b", teachers=(ms_diaz,), curriculum=course)
    assert "has no items yet" in open_items(group).content.decode()


def test_many_items_go_over_several_pages(school: School, ms_diaz: User, open_items: Open) -> None:
    items = [{"key": f"i{n}", "concepts": ["a"], "statement": f"Item {n}"} for n in range(120)]
    course = people.a_curriculum(school.pk, "many", concepts=[{"key": "a", "title": "A"}], items=items)
    group = people.a_group(school, "7b", teachers=(ms_diaz,), curriculum=course)
    shown = [key for page in "123" for key in lines(open_items(group, page=page))]
    assert shown == [f"i{n}" for n in range(120)]
