"""A teacher's word about one concept goes before every policy, until it ends."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, concepts, say, settle_on, wide
from tests.flow.steps import answer, at, believed, plan_of, record, right_and_wrong, work
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import contents, forecasts, overrides, plans, rules, services
from tutor.scheduling.models import Decision, Override
from tutor.scheduling.overrides import Contradicted, Refused
from tutor.tracing.estimates import estimates, weak_prerequisites
from tutor.tracing.status import Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def curriculum(school: School) -> Curriculum:
    return wide(school.pk)


@pytest.fixture
def class_8a(school: School, ms_diaz: User, bo: Learner, ana: Learner, curriculum: Curriculum) -> Group:
    return people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo, ana), curriculum=curriculum)


def status_of(learner: Learner, curriculum: Curriculum, key: str) -> Status:
    """As API and dashboard tell it."""
    belief, content = believed(learner, curriculum), contents.latest(curriculum.pk)
    criteria = rules.criteria(learner.school_id, curriculum.pk, [learner.pk], at(60))[learner.pk]
    known = {each.concept: each.status for each in estimates(belief, content, at(60).timestamp(), criteria)}
    return known[content.concept_position[key]]


def test_what_is_excluded_is_not_offered_though_a_plan_was_kept(
    bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    planned = concepts(ask(bo, 8))
    say(ms_diaz, bo, curriculum, "exclude", planned[0], now=at(61))
    assert planned[0] not in concepts(ask(bo, 10, now=at(61)))


def test_a_worker_plans_by_it_too(bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum) -> None:
    planned = concepts(ask(bo, 8))
    say(ms_diaz, bo, curriculum, "exclude", planned[0], now=at(61))
    assert services.release_due(now=at(62)) == 1
    left = {contents.latest(curriculum.pk).concept_keys[e.concept] for e in plans.decode(plan_of(bo).body).entries}
    assert left and planned[0] not in left


def test_what_is_said_of_a_class_holds_for_each_of_it(
    bo: Learner, ana: Learner, school: School, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    cy = people.a_learner(school, "Cy")
    say(ms_diaz, class_8a, curriculum, "exclude", "c3")
    assert ["c3" in concepts(ask(each, 10)) for each in (bo, ana, cy)] == [False, False, True]


def test_a_pin_comes_first_and_says_why(bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum) -> None:
    say(ms_diaz, bo, curriculum, "pin", "c7")
    first = ask(bo).entries[0]
    assert (first.concept, first.reasons[0][0], first.propensity) == (7, "pinned", 0.0)
    assert Decision.objects.get().narrowing["pinned"] == [7]


def test_a_learners_own_pin_comes_before_the_classs(
    bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    say(ms_diaz, class_8a, curriculum, "pin", "c7", now=at(58))
    say(ms_diaz, bo, curriculum, "pin", "c5", now=at(59))
    assert concepts(ask(bo, 2)) == ["c5", "c7"]


@pytest.mark.parametrize(("of_bo", "of_class"), [("pin", "exclude"), ("exclude", "pin")])
def test_what_is_said_of_the_learner_goes_before_what_is_said_of_the_class(
    of_bo: str, of_class: str, bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    say(ms_diaz, bo, curriculum, of_bo, "c7", now=at(58))
    say(ms_diaz, class_8a, curriculum, of_class, "c7", now=at(59))
    found = concepts(ask(bo, 10))
    assert (found[0] == "c7", "c7" in found) == (of_bo == "pin", of_bo == "pin")


def test_a_pin_ends_after_some_answers(
    school: School, bo: Learner, ana: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    before = answer(bo, curriculum, 14, seconds=at(50).timestamp(), correct=0.0)
    record(school, [before])
    pin = say(ms_diaz, bo, curriculum, "pin", "c7", answers=2)
    for minute, pinned in ((61, True), (63, False)):
        record(school, [answer(bo, curriculum, 15, seconds=at(minute).timestamp(), correct=0.0)], now=at(minute))
        work(now=at(minute))
        assert ("pinned" in [r[0] for r in ask(bo, now=at(minute + 1)).entries[0].reasons]) == pinned
    pin.refresh_from_db()
    assert (pin.end, pin.ended_at) == (Override.End.ANSWERED, at(63))


def test_a_pin_ends_once_the_concept_is_mastered(
    school: School, bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    pin = say(ms_diaz, bo, curriculum, "pin", "c7", now=at(0), answers=50)
    record(school, right_and_wrong(bo, curriculum, "111111", item=14))
    work()
    pin.refresh_from_db()
    assert pin.end == Override.End.MASTERED
    assert ask(bo).body.narrowed.pinned == []


def test_what_was_mastered_before_may_be_pinned(
    school: School, bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    """The teacher has seen that it is not: one answer decides."""
    record(school, right_and_wrong(bo, curriculum, "111111", item=14))
    work()
    pin = say(ms_diaz, bo, curriculum, "pin", "c7")
    # It was answered six times in a row, so that something else comes between.
    assert concepts(ask(bo, 2))[1:] == ["c7"]
    record(school, [answer(bo, curriculum, 15, seconds=at(61).timestamp())], now=at(61))
    work(now=at(61))
    pin.refresh_from_db()
    assert pin.end == Override.End.MASTERED


def test_a_pin_of_a_class_ends_for_each_alone(
    school: School, bo: Learner, ana: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    pin = say(ms_diaz, class_8a, curriculum, "pin", "c7", answers=1)
    record(school, [answer(bo, curriculum, 15, seconds=at(61).timestamp(), correct=0.0)], now=at(61))
    work(now=at(61))
    assert [ask(learner, now=at(62)).body.narrowed.pinned for learner in (bo, ana)] == [[], [7]]
    pin.refresh_from_db()
    assert pin.ended_at is None


def test_an_ended_pin_leaves_the_plan_as_it_is(
    school: School, bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    say(ms_diaz, bo, curriculum, "pin", "c7", answers=1)
    record(school, [answer(bo, curriculum, 15, seconds=at(61).timestamp(), correct=0.0)], now=at(61))
    work(now=at(61))
    made = plan_of(bo).computed_at
    ask(bo, now=at(62))
    assert plan_of(bo).computed_at == made == at(61)


def test_what_expires_holds_until_then(bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum) -> None:
    say(ms_diaz, bo, curriculum, "pin", "c7", expires_at=at(90))
    assert concepts(ask(bo, now=at(89))) == ["c7"]
    assert concepts(ask(bo, now=at(91))) != ["c7"]


def test_what_is_ended_holds_no_longer_and_is_kept(
    bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    pin = say(ms_diaz, bo, curriculum, "pin", "c7")
    ask(bo)
    for minute in (62, 63):
        overrides.end(ms_diaz, pin, now=at(minute))
    assert concepts(ask(bo, now=at(63))) != ["c7"]
    pin.refresh_from_db()
    assert (pin.ended_at, pin.end, pin.ended_by, pin.reason) == (at(62), "withdrawn", ms_diaz, "seen in class")


def test_what_is_said_to_be_mastered_opens_what_builds_on_it(
    bo: Learner, class_7b: Group, ms_diaz: User, fractions: Curriculum
) -> None:
    assert concepts(ask(bo, 9)) == ["halves"]
    assert status_of(bo, fractions, "equal-parts") is Status.LOCKED
    say(ms_diaz, bo, fractions, "mastered", "halves")
    assert concepts(ask(bo, 9, now=at(61))) == ["equal-parts"]
    assert status_of(bo, fractions, "halves") is Status.MASTERED
    assert status_of(bo, fractions, "equal-parts") is Status.NOT_ENOUGH_DATA


def test_what_is_opened_need_not_wait(bo: Learner, class_7b: Group, ms_diaz: User, fractions: Curriculum) -> None:
    say(ms_diaz, bo, fractions, "open", "adding")
    assert set(concepts(ask(bo, 9))) == {"halves", "adding"}
    assert status_of(bo, fractions, "adding") is Status.NOT_ENOUGH_DATA
    criteria = rules.criteria(bo.school_id, fractions.pk, [bo.pk], at(60))[bo.pk]
    belief, content = believed(bo, fractions), contents.latest(fractions.pk)
    assert weak_prerequisites(belief, content, 1, at(60).timestamp(), criteria) == [0]


def test_a_status_is_by_the_criteria_of_the_class(
    school: School, bo: Learner, class_7b: Group, fractions: Curriculum
) -> None:
    record(school, right_and_wrong(bo, fractions, "11", item=0))
    work()
    before = status_of(bo, fractions, "equal-parts")
    settle_on(class_7b, ready_at=0.95)
    assert (before, status_of(bo, fractions, "equal-parts")) == (Status.NOT_ENOUGH_DATA, Status.LOCKED)
    settle_on(class_7b, ready_at=0.5)
    assert "equal-parts" in concepts(ask(bo, 9))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"concept": "physics"}, "unknown_concept", "'physics' is no concept of 'Fractions'"),
        ({"reason": "  "}, "blank", "say why"),
        ({"expires_at": at(59)}, "past", "is past: send a later time"),
        ({"answers": 0}, "out_of_range", "0 answers: take 1 to 100"),
        ({"kind": Override.Kind.OPEN, "answers": 3}, "not_a_pin", "'open' does not end by answers"),
    ],
)
def test_a_word_that_cannot_be_is_refused_with_the_way_out(
    options: dict[str, Any], code: str, said: str, bo: Learner, ms_diaz: User, curriculum: Curriculum
) -> None:
    wish = overrides.Wish(**{"kind": Override.Kind.PIN, "concept": "c1", "reason": "why not", **options})
    with pytest.raises(Refused, match=re.escape(said)) as refused:
        overrides.make(ms_diaz, bo, curriculum.pk, wish, now=at(60))
    assert refused.value.code == code


def test_what_still_holds_is_not_said_twice(bo: Learner, ms_diaz: User, curriculum: Curriculum) -> None:
    first = say(ms_diaz, bo, curriculum, "pin", "c1", expires_at=at(90))
    with pytest.raises(Contradicted, match=f"override {first.pk} says 'pin' of this concept already"):
        say(ms_diaz, bo, curriculum, "pin", "c1")
    again = say(ms_diaz, bo, curriculum, "pin", "c1", now=at(90) + timedelta(seconds=1))
    assert list(Override.objects.filter(ended_at=None)) == [again]


def test_a_concept_published_since_may_be_named_at_once(
    school: School, bo: Learner, class_7b: Group, ms_diaz: User, fractions: Curriculum
) -> None:
    from tests.scheduling.test_serving import publish

    ask(bo)
    document = people.a_document()
    document["concepts"].append({"key": "new", "title": "New", "prerequisites": []})
    document["items"].append({"key": "new-1", "concepts": ["new"], "statement": "?"})
    publish(fractions, document, forget=False)
    say(ms_diaz, bo, fractions, "pin", "new", now=at(62))
    assert concepts(ask(bo, now=at(62))) == ["new"]


def test_mr_chen_sees_no_word_about_bo(
    bo: Learner, class_8a: Group, ms_diaz: User, mr_chen: User, curriculum: Curriculum
) -> None:
    said = say(ms_diaz, bo, curriculum, "pin", "c1")
    assert overrides.access(ms_diaz, said.pk) == said
    for stranger in (mr_chen, people.a_teacher(bo.school, "Mx Roe")):
        with pytest.raises(NotFound):
            overrides.access(stranger, said.pk)


def test_what_a_teacher_says_is_mastered_is_in_no_agenda(
    bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    """As it is in no plan, although nobody has seen the learner answer."""
    content = contents.latest(curriculum.pk)
    first = content.concept_position["c0"]
    ahead = forecasts.ahead(bo, believed(bo, curriculum), content, now=at(60))
    assert first in ahead.agenda.concept
    say(ms_diaz, bo, curriculum, "mastered", "c0")
    ahead = forecasts.ahead(bo, believed(bo, curriculum), content, now=at(61))
    assert first not in ahead.agenda.concept


def test_what_a_teacher_opens_is_in_the_agenda_before_its_prerequisites(
    bo: Learner, ms_diaz: User, fractions: Curriculum
) -> None:
    content = contents.latest(fractions.pk)
    say(ms_diaz, bo, fractions, "open", "adding")
    for key in ("halves", "equal-parts"):
        say(ms_diaz, bo, fractions, "exclude", key)
    [planned] = set(concepts(ask(bo, 8, now=at(61))))
    ahead = forecasts.ahead(bo, believed(bo, fractions), content, now=at(61))
    assert {content.concept_keys[c] for c in ahead.agenda.concept} == {planned} == {"adding"}


def test_an_old_pin_asks_the_log_for_nothing_but_answers_to_it(
    bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum, school: School
) -> None:
    """A class's pin may hold for a year, and is read at every choice."""
    say(ms_diaz, class_8a, curriculum, "pin", "c3", now=at(0))
    items = contents.latest(curriculum.pk).item_position
    for item in ("c1-1", "c2-1", "c3-1"):
        record(school, [answer(bo, curriculum, items[item], seconds=at(5).timestamp())])
    agreed = rules.agreed(school.pk, curriculum.pk, [bo.pk], at(60))[bo.pk]
    assert [each.item for each in agreed.given] == [items["c3-1"]]
    settle_on(class_8a, answers_a_day=20)
    agreed = rules.agreed(school.pk, curriculum.pk, [bo.pk], at(60))[bo.pk]
    assert {each.item for each in agreed.given} == {items["c1-1"], items["c2-1"], items["c3-1"]}
