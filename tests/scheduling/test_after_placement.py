"""A class agrees on a placement once; each learner goes on when their own is complete."""

from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, settle_on, wide
from tests.flow.steps import answer, at, client_of, plan_of, record, work
from tests.people import Caller
from tutor.accounts.models import ApiClient, Group, Learner, School, User
from tutor.scheduling import placements, plans
from tutor.scheduling.models import Decision, Placed
from tutor.scheduling.policies.placement import MOST_ANSWERS
from tutor.scheduling.services import Narrowing
from tutor.scheduling.serving import next_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def curriculum(school: School) -> Curriculum:
    """Much more than a placement asks."""
    return wide(school.pk, n=40)


@pytest.fixture
def class_8a(school: School, ms_diaz: User, bo: Learner, ana: Learner, curriculum: Curriculum) -> Group:
    group = people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo, ana), curriculum=curriculum)
    settle_on(group, policy="placement")
    return group


def answers(learner: Learner, curriculum: Curriculum, n: int) -> None:
    """One to each of so many concepts, every other one right."""
    record(
        learner.school,
        [answer(learner, curriculum, 2 * i, correct=float(i % 2), seconds=at(1 + i).timestamp()) for i in range(n)],
    )
    work()


def by_whom(learner: Learner) -> tuple[str, bool]:
    body = ask(learner).body
    return body.policy, body.placed


def test_who_is_placed_goes_on_and_who_is_not_stays(
    bo: Learner, ana: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    answers(ana, curriculum, MOST_ANSWERS - 1)
    answers(bo, curriculum, MOST_ANSWERS)
    assert (by_whom(bo), by_whom(ana)) == (("gain", True), ("placement", False))
    assert [plans.decode(plan_of(each).body).policy for each in (bo, ana)] == ["gain", "placement"]
    assert dict(Decision.objects.values_list("learner_id", "policy")) == {bo.pk: "gain", ana.pk: "placement"}
    assert list(Placed.objects.values_list("learner_id", flat=True)) == [bo.pk]


@pytest.mark.parametrize("after", ["threshold", "sm2", "alp_gmm"])
def test_a_class_says_what_goes_on(after: str, bo: Learner, class_8a: Group, curriculum: Curriculum) -> None:
    """Also what reads the learner's history, or the class's."""
    settle_on(class_8a, after_placement=after)
    answers(bo, curriculum, MOST_ANSWERS)
    assert by_whom(bo) == (after, True)


def test_a_learner_who_asks_before_a_worker_has_looked_goes_on_too(
    bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    answers(bo, curriculum, MOST_ANSWERS)
    Placed.objects.all().delete()
    only = Narrowing(size=1, concepts=frozenset({3}))
    narrowed = next_for(client_of(bo.school), str(bo.pk), curriculum=None, n=1, narrowing=only, now=at(60))
    assert (narrowed.body.policy, narrowed.body.placed) == ("gain", True)
    plan_of(bo).delete()
    assert by_whom(bo) == ("gain", True)
    assert Placed.objects.filter(learner=bo).exists()


def test_whoever_was_placed_is_not_asked_again_until_the_class_begins_anew(
    ana: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    """Though less is believed of them now: Ana's answers are of a version before this one."""
    placements.complete([(ana.pk, curriculum.pk)], now=at())
    placements.complete([(ana.pk, curriculum.pk)], now=at(1))
    assert Placed.objects.get().completed_at == at()
    settle_on(class_8a, retention=0.8, now=at(2))
    assert by_whom(ana) == ("gain", True)
    settle_on(class_8a, policy="threshold", now=at(3))
    assert by_whom(ana) == ("threshold", False)
    settle_on(class_8a, policy="placement", now=at(4))
    assert by_whom(ana) == ("placement", False)


def test_next_says_that_the_placement_is_complete_and_who_goes_on(
    school: School, bo: Learner, ana: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    client: Caller = people.a_client(school, *ApiClient.Scope.values)
    answers(bo, curriculum, MOST_ANSWERS)
    placed, asked = (client.get(f"/api/v1/learners/{each.pk}/next").json() for each in (bo, ana))
    assert (placed["policy"], placed["placed"]) == ("gain", True)
    assert placed["explanation"] == "The placement is complete: the policy gain goes on."
    assert placed["data"] and asked["data"]
    assert (asked["policy"], asked["placed"], asked["explanation"]) == ("placement", False, "")
