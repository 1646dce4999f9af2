"""What a learner should do next, asked at any moment, with or without workers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tests.flow.steps import answer, at, believed, client_of, plan_of, record, right_and_wrong, statements, work
from tutor.accounts.access import NotFound
from tutor.accounts.models import Learner, School
from tutor.scheduling import contents, decisions, plans, services
from tutor.scheduling.contents import AmbiguousCurriculum, UnknownCurriculum
from tutor.scheduling.models import Decision, Plan
from tutor.scheduling.policies import Kind
from tutor.scheduling.services import Narrowing
from tutor.scheduling.serving import PLAN_HOLDS_SECONDS, Served, next_for

pytestmark = pytest.mark.django_db


def ask(
    learner: Learner, n: int = 1, *, now: datetime | None = None, narrowing: Narrowing | None = None, **options: Any
) -> Served:
    asked = {"curriculum": None, "n": n, "narrowing": narrowing, "now": now or at(60), **options}
    return next_for(client_of(learner.school), str(learner.pk), **asked)


def items(served: Served) -> list[str]:
    return [served.content.item_keys[entry.item] for entry in served.entries]


def ids(served: Served) -> list[object]:
    return [entry.decision_id for entry in served.entries]


@pytest.fixture
def wide(school: School) -> Curriculum:
    """Ten concepts that need nothing, two items each: more to choose from than a plan holds."""
    concepts = [{"key": f"c{n}", "title": f"C {n}", "prerequisites": []} for n in range(10)]
    rows = [{"key": f"c{n}-{i}", "concepts": [f"c{n}"], "statement": "?"} for n in range(10) for i in (1, 2)]
    return people.a_curriculum(school.pk, "wide", concepts=concepts, items=rows)


def test_a_learner_nobody_knows_begins_with_what_needs_nothing(bo: Learner, fractions: Curriculum) -> None:
    served = ask(bo)
    assert [(entry.concept, entry.kind) for entry in served.entries] == [(0, Kind.NEW)]
    assert (served.body.as_of, served.body.model, served.body.degraded) == (None, "half-life", False)


def test_asked_again_the_same_is_offered(bo: Learner, fractions: Curriculum) -> None:
    assert ids(ask(bo)) == ids(ask(bo, now=at(90)))
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("n", [1, 2, 8, 20])
def test_asked_again_for_more_than_there_is_the_same_is_offered(n: int, bo: Learner, fractions: Curriculum) -> None:
    assert ids(ask(bo, n)) == ids(ask(bo, n))


@pytest.mark.parametrize("n", [1, 8, 9, 10, 20])
def test_as_many_are_offered_as_there_are(n: int, bo: Learner, wide: Curriculum) -> None:
    first = ask(bo, n)
    assert len(first.entries) == min(n, 10)
    assert ids(ask(bo, n)) == ids(first)
    assert ids(ask(bo, 1)) == ids(first)[:1]


def test_nothing_asked_for_is_nothing_offered(bo: Learner, fractions: Curriculum) -> None:
    assert list(ask(bo, 0).entries) == []


def test_the_plan_of_the_worker_is_what_is_offered(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "01"))
    work()
    planned = plans.decode(plan_of(bo).body)
    assert ids(ask(bo, 8)) == [entry.decision_id for entry in planned.entries]


def test_what_was_skipped_is_struck_out_of_a_newer_plan_too(school: School, bo: Learner, wide: Curriculum) -> None:
    skipped, *_ = ask(bo, 8).entries
    record(school, [answer(bo, wide, 19)])
    work()
    assert skipped.item in {entry.item for entry in plans.decode(plan_of(bo).body).entries}
    decision = Decision.objects.get(pk=skipped.decision_id)
    decisions.report(decision, Decision.Outcome.SKIPPED, now=at(60))
    assert skipped.item not in {entry.item for entry in plans.decode(plan_of(bo).body).entries}


@pytest.mark.parametrize("body", ["{}", '{"entries": 1}', "no JSON"])
def test_a_plan_that_another_release_wrote_is_made_anew(
    body: str, school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, right_and_wrong(bo, fractions, "01"))
    work()
    Plan.objects.update(body=body)
    assert ids(ask(bo, 8)) == ids(ask(bo, 8)) != []


def test_an_answered_item_gives_way_though_no_worker_has_seen_the_answer(
    school: School, bo: Learner, wide: Curriculum
) -> None:
    first = ask(bo, 8)
    for entry in first.entries:
        record(school, [answer(bo, wide, entry.item)])
        left = ask(bo)
        assert entry.item not in {e.item for e in left.entries}
    done = {entry.item for entry in first.entries}
    assert not done & {entry.item for entry in ask(bo, 20).entries}


def test_with_no_worker_at_all_a_learner_gets_through_the_items_once(
    school: School, bo: Learner, wide: Curriculum
) -> None:
    seen = []
    while served := ask(bo).entries:
        seen.append(served[0].item)
        record(school, [answer(bo, wide, served[0].item)])
    assert sorted(seen) == list(range(20))


def test_when_nothing_is_left_the_next_review_is_named(school: School, bo: Learner, fractions: Curriculum) -> None:
    one = people.a_curriculum(school.pk, "one", concepts=[{"key": "c", "title": "C", "prerequisites": []}],
                              items=[{"key": "i", "concepts": ["c"], "statement": "?"}])  # fmt: skip
    record(school, right_and_wrong(bo, one, "111111"))
    work()
    served = ask(bo, curriculum="one")
    assert list(served.entries) == []
    assert served.body.next_due_at is not None
    assert served.body.next_due_at > at(60).timestamp()
    assert served.body.counts["mastered"] == 1


def test_a_review_is_offered_when_it_has_fallen_due(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "111111"))
    work()
    due = plan_of(bo).next_due_at
    assert due is not None
    assert Kind.REVIEW not in {entry.kind for entry in ask(bo, 8, now=due - timedelta(seconds=60)).entries}
    served = ask(bo, 8, now=due + timedelta(seconds=60))
    assert (0, Kind.REVIEW) in {(entry.concept, entry.kind) for entry in served.entries}


def test_a_plan_grows_old(bo: Learner, fractions: Curriculum) -> None:
    first, later = ask(bo), at(60) + timedelta(seconds=PLAN_HOLDS_SECONDS + 1)
    second = ask(bo, now=later)
    assert ids(first) != ids(second) == ids(ask(bo, now=later))


def test_what_was_withdrawn_is_no_longer_offered(bo: Learner, fractions: Curriculum) -> None:
    offered = items(ask(bo))
    document = people.a_document()
    document["items"] = [item for item in document["items"] if item["key"] not in offered]
    publish(fractions, document)
    served = ask(bo, 8)
    assert served.entries
    assert all(served.content.item_active[entry.item] for entry in served.entries)


def test_what_was_published_a_moment_ago_can_be_answered_planned_and_offered(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    """Though every process may hold on to the version before for two seconds."""
    ask(bo)
    document = people.a_document()
    document["concepts"].append({"key": "new", "title": "New", "prerequisites": []})
    document["items"].append({"key": "new-1", "concepts": ["new"], "statement": "?"})
    publish(fractions, document, forget=False)
    record(school, [answer(bo, fractions, 6, correct=0.0)])
    work()
    assert set(items(ask(bo, 8))) <= {item["key"] for item in document["items"]}


def test_who_skips_everything_in_the_plan_is_offered_what_is_left(bo: Learner, wide: Curriculum) -> None:
    offered = []
    while served := ask(bo).entries:
        offered.append(served[0].item)
        decisions.report(Decision.objects.get(pk=served[0].decision_id), Decision.Outcome.SKIPPED, now=at(60))
    assert sorted(offered) == list(range(20))


def publish(curriculum: Curriculum, document: dict[str, Any], *, forget: bool = True) -> None:
    curricula.import_document(document, owner=curriculum.owner, now=at(61))
    curricula.publish(curriculum, now=at(61))
    if forget:
        contents.forget()


def test_another_schools_learner_is_nobody(bo: Learner, other_school: School, fractions: Curriculum) -> None:
    people.a_curriculum(other_school.pk)
    for ref in (str(bo.pk), "external:lms:bo", "nonsense"):
        with pytest.raises(NotFound):
            next_for(client_of(other_school), ref, curriculum=None, n=1, narrowing=None, now=at())
    assert not Decision.objects.exists()


def test_a_learner_is_known_by_the_rosters_name(bo: Learner, fractions: Curriculum) -> None:
    named = next_for(client_of(bo.school), "external:lms:bo", curriculum=None, n=1, narrowing=None, now=at(60))
    assert ids(named) == ids(ask(bo))


def test_with_two_curricula_it_must_be_said_which(school: School, bo: Learner, fractions: Curriculum) -> None:
    people.a_curriculum(school.pk, "algebra")
    with pytest.raises(AmbiguousCurriculum, match=r"2 curricula \(algebra, fractions\): send which is meant"):
        ask(bo)
    assert ask(bo, curriculum="algebra").content.curriculum_id != fractions.pk
    with pytest.raises(UnknownCurriculum, match=r"'physics' is not published .*\(algebra, fractions\)"):
        ask(bo, curriculum="physics")


def test_a_narrower_question_leaves_the_plan_alone(bo: Learner, wide: Curriculum) -> None:
    before = ids(ask(bo, 8))
    for narrowing in (
        Narrowing(minutes=2),
        Narrowing(concepts=frozenset({7})),
        Narrowing(exclude_items=frozenset({0})),
    ):
        ask(bo, 3, narrowing=narrowing)
    assert ids(ask(bo, 8)) == before


def test_only_what_was_asked_for_is_offered(bo: Learner, wide: Curriculum) -> None:
    served = ask(bo, 8, narrowing=Narrowing(concepts=frozenset({3, 7}), exclude_items=frozenset({6})))
    assert {(entry.concept, entry.item) for entry in served.entries} <= {(3, 7), (7, 14), (7, 15)}
    assert {entry.concept for entry in served.entries} == {3, 7}


def test_minutes_bound_what_is_offered(bo: Learner, wide: Curriculum) -> None:
    assert len(ask(bo, 8, narrowing=Narrowing(minutes=4)).entries) == 2


def test_a_narrower_question_also_leaves_out_what_was_just_answered(
    school: School, bo: Learner, wide: Curriculum
) -> None:
    record(school, [answer(bo, wide, 6)])
    served = ask(bo, 8, narrowing=Narrowing(concepts=frozenset({3})))
    assert [entry.item for entry in served.entries] == [7]


def test_a_plan_that_holds_is_served_with_two_statements(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "01"))
    work()
    ask(bo)
    with statements() as sent:
        ask(bo)
    assert len(sent) == 2


def test_a_belief_that_is_older_does_not_replace_a_plan(school: School, bo: Learner, fractions: Curriculum) -> None:
    before = believed(bo, fractions)
    record(school, right_and_wrong(bo, fractions, "11"))
    work()
    planned = Plan.objects.get()
    services.save(before, services.choose(before, now=at(61)))
    assert plan_of(bo).body == planned.body
    services.save(believed(bo, fractions), services.choose(believed(bo, fractions), now=at(62)))
    assert plan_of(bo).computed_at == at(62)


def test_who_skips_what_was_planned_may_be_asked_what_was_answered_before(
    school: School, bo: Learner, wide: Curriculum
) -> None:
    """Though no plan is left that would say how much of the log is known."""
    record(school, [answer(bo, wide, item, correct=0.0) for item in range(20)])
    work()
    for entry in ask(bo, 8).entries:
        decisions.report(Decision.objects.get(pk=entry.decision_id), Decision.Outcome.SKIPPED, now=at(60))
    assert ask(bo, 8).entries
