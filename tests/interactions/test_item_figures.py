"""What a school's answers say about items: only its own, of learners who are there, of items as they are now."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tests.flow.steps import answer, at, learners, record
from tutor.accounts.models import Learner, School
from tutor.interactions import item_figures
from tutor.interactions.item_figures import NEW_ANSWERS, Kept
from tutor.interactions.models import ItemFigures

NOW = at(days=30)


def measured(school: School, curriculum: Curriculum, *, now: datetime = NOW) -> Kept:
    item_figures.measure(now=now)
    found = item_figures.kept(school.pk, curriculum.pk)
    assert found is not None
    return found


def answered(school: School, curriculum: Curriculum, n: int = 4) -> list[Learner]:
    """Everybody answers item 0 wrong in a minute and then right, and item 1 once; the first with a hint."""
    found = learners(school, n)
    record(
        school,
        [
            each
            for place, learner in enumerate(found)
            for each in (
                answer(learner, curriculum, 0, correct=0.0, seconds=at(1).timestamp(), response_seconds=60.0, hints=1),
                answer(learner, curriculum, 0, seconds=at(2).timestamp(), response_seconds=5.0, hints=0),
                answer(learner, curriculum, 1, correct=0.5 if place % 2 else 0.4, seconds=at(days=20).timestamp()),
            )
        ],
        now=NOW,
    )
    return found


def test_only_the_first_answer_of_each_learner_tells_of_an_item(school: School, fractions: Curriculum) -> None:
    answered(school, fractions)
    rows = measured(school, fractions).rows
    assert (rows["n"][0], rows["right"][0]) == (4, 0)
    assert (rows["timed"][0], np.exp(rows["middle"][0])) == (4, pytest.approx(60.0))
    assert (rows["hinted"][0], rows["hints_known"][0]) == (4, 4)
    assert (rows["n"][1], rows["right"][1], rows["timed"][1], rows["hints_known"][1]) == (4, 2, 0, 0)


def test_use_counts_all_answers_and_those_of_the_last_four_weeks(school: School, fractions: Curriculum) -> None:
    answered(school, fractions)
    rows = measured(school, fractions).rows
    assert rows["answers"].tolist() == [8, 4, 0, 0, 0, 0]
    assert rows["learners"].tolist() == [4, 4, 0, 0, 0, 0]
    assert rows["lately"].tolist() == [0, 4, 0, 0, 0, 0]
    assert rows["last"][1] == at(days=20).timestamp() and rows["last"][2] == 0


def test_a_sender_s_second_attempt_is_no_first_answer(school: School, fractions: Curriculum, bo: Learner) -> None:
    record(school, [answer(bo, fractions, 0, attempt=2), answer(bo, fractions, 1, attempt=1)], now=NOW)
    rows = measured(school, fractions).rows
    assert (rows["n"][0], rows["n"][1], rows["answers"][0]) == (0, 1, 1)


def test_other_schools_answers_are_never_counted(school: School, other_school: School) -> None:
    shared = people.a_curriculum(None)
    answered(school, shared, 3)
    answered(other_school, shared, 5)
    assert measured(school, shared).rows["n"][0] == 3
    assert measured(other_school, shared).rows["n"][0] == 5
    assert ItemFigures.objects.count() == 2


def test_the_erased_are_gone_from_the_next_measuring_which_they_bring_about(
    school: School, fractions: Curriculum
) -> None:
    bo, *_ = answered(school, fractions)
    assert measured(school, fractions).rows["n"][0] == 4
    assert item_figures.measure(now=NOW) == 0
    bo.delete()
    after = measured(school, fractions, now=NOW + timedelta(minutes=10))
    assert (after.rows["n"][0], after.rows["answers"][0], after.learners) == (3, 6, 3)


def test_it_is_measured_anew_after_many_answers_or_a_day(school: School, fractions: Curriculum, bo: Learner) -> None:
    answered(school, fractions)
    first = measured(school, fractions)
    record(school, [answer(bo, fractions, 2) for _ in range(NEW_ANSWERS - 1)], now=NOW)
    assert item_figures.measure(now=NOW + timedelta(hours=1)) == 0
    record(school, [answer(bo, fractions, 2)], now=NOW)
    assert measured(school, fractions, now=NOW + timedelta(hours=2)).rows["answers"][2] == NEW_ANSWERS
    assert item_figures.measure(now=NOW + timedelta(hours=2)) == 0
    assert item_figures.measure(now=NOW + timedelta(hours=27)) == 1
    assert ItemFigures.objects.count() == 1
    assert first.rows["answers"][2] == 0


def test_rows_of_another_form_are_measured_anew_and_not_shown(school: School, fractions: Curriculum) -> None:
    answered(school, fractions)
    measured(school, fractions)
    ItemFigures.objects.update(format=item_figures.FORMAT - 1)
    assert item_figures.kept(school.pk, fractions.pk) is None
    assert item_figures.measure(now=NOW) == 1


def republish(curriculum: Curriculum, *, now: datetime, item: str, **changes: object) -> None:
    document = people.a_document()
    document["items"] = [each | (changes if each["key"] == item else {}) for each in document["items"]]
    draft = curricula.save_draft(curriculum, document, expected_digest=None, now=now)
    curricula.publish(draft.curriculum, now=now)


def test_answers_to_what_an_item_was_before_it_was_changed_do_not_count(
    school: School, fractions: Curriculum, bo: Learner
) -> None:
    first, *_ = people.a_document()["items"]
    answered(school, fractions)
    republish(fractions, now=at(days=1), item=first["key"], answer="1/2")
    record(school, [answer(bo, fractions, 0, seconds=at(days=2).timestamp())], now=NOW)
    rows = measured(school, fractions).rows
    assert (rows["n"][0], rows["right"][0], rows["answers"][0]) == (1, 1, 1)
    assert rows["since"][0] == at(days=1).timestamp()
    assert (rows["n"][1], rows["since"][1]) == (4, 0)


def test_what_is_not_asked_of_learners_changes_nothing(school: School, fractions: Curriculum) -> None:
    first, *_ = people.a_document()["items"]
    answered(school, fractions)
    republish(fractions, now=at(days=1), item=first["key"], minutes=5, difficulty=1.0)
    assert measured(school, fractions).rows["n"][0] == 4


def test_one_school_s_trouble_holds_up_no_other(
    school: School, other_school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = people.a_curriculum(None)
    answered(school, shared, 2)
    answered(other_school, shared, 2)
    read = item_figures._read

    def broken(school_id: object, *rest: object) -> object:
        if school_id == school.pk:
            raise RuntimeError
        return read(school_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(item_figures, "_read", broken)
    assert item_figures.measure(now=NOW) == 1
    assert item_figures.kept(other_school.pk, shared.pk) is not None


def test_items_that_a_later_version_adds_have_no_answers(school: School, fractions: Curriculum) -> None:
    answered(school, fractions)
    rows = measured(school, fractions).over(9)
    assert rows["n"].tolist() == [4, 4, 0, 0, 0, 0, 0, 0, 0]


def test_learners_who_joined_last_count_where_there_are_too_many_answers(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(school, fractions, 6)
    monkeypatch.setattr(item_figures, "MOST", 7)
    assert measured(school, fractions).rows["n"][0] == 3
