"""An offer that a teacher sets aside before it was answered says nothing of the policy that made it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, concepts, say, wide
from tests.flow.steps import answer, at, record, work
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import decisions, overrides, services
from tutor.scheduling.models import Decision
from tutor.scheduling.ope import reading, targets
from tutor.scheduling.ope.report import evaluate
from tutor.scheduling.ope.rewards import Kind, Reward

pytestmark = pytest.mark.django_db

Outcome = Decision.Outcome


@pytest.fixture
def curriculum(school: School) -> Curriculum:
    return wide(school.pk)


@pytest.fixture
def class_8a(school: School, ms_diaz: User, bo: Learner, ana: Learner, curriculum: Curriculum) -> Group:
    return people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo, ana), curriculum=curriculum)


@pytest.fixture
def offered(bo: Learner, class_8a: Group) -> list[str]:
    """Three concepts that Bo was offered an hour into the story."""
    return concepts(ask(bo, 3))


def became(learner: Learner, curriculum: Curriculum) -> list[tuple[str, Any]]:
    """By slot of the first offers."""
    rows = Decision.objects.filter(learner_id=learner.pk, curriculum_id=curriculum.pk, served_at=at(60))
    return list(rows.order_by("slot").values_list("outcome", "outcome_at"))


OPEN = (Outcome.OFFERED, None)
SET_ASIDE = (Outcome.OVERRIDDEN, at(61))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("exclude", [OPEN, SET_ASIDE, OPEN]),
        ("mastered", [OPEN, SET_ASIDE, OPEN]),
        ("pin", [SET_ASIDE, OPEN, SET_ASIDE]),
        ("open", [OPEN, OPEN, OPEN]),
    ],
)
@pytest.mark.parametrize("whole_class", [False, True])
def test_a_word_sets_aside_what_it_goes_before(
    whole_class: bool, kind: str, expected: list[Any], bo: Learner, class_8a: Group, ms_diaz: User,
    curriculum: Curriculum, offered: list[str],
) -> None:  # fmt: skip
    say(ms_diaz, class_8a if whole_class else bo, curriculum, kind, offered[1], now=at(61))
    assert became(bo, curriculum) == expected


def test_only_open_offers_of_those_meant_are_set_aside(
    school: School, bo: Learner, ana: Learner, ms_diaz: User, curriculum: Curriculum, offered: list[str]
) -> None:
    """Not those answered, skipped, too old to be answered, or another learner's."""
    ask(ana, 3)
    first, second, third = Decision.objects.filter(learner_id=bo.pk).order_by("slot")
    said = answer(bo, curriculum, first.item, decision_id=first.pk, seconds=at(61).timestamp())
    record(school, [said], now=at(61))
    work(now=at(61))
    decisions.report(second, Outcome.SKIPPED, now=at(61))
    Decision.objects.filter(pk=third.pk).update(served_at=at(60, days=-8))
    say(ms_diaz, bo, curriculum, "pin", "c9", now=at(62))
    known = [Decision.objects.get(pk=each.pk).outcome for each in (first, second, third)]
    assert known == [Outcome.ANSWERED, Outcome.SKIPPED, Outcome.OFFERED]
    assert became(ana, curriculum) == [OPEN] * 3


def test_a_word_for_the_class_leaves_alone_of_whom_something_else_is_said(
    bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum, offered: list[str]
) -> None:
    say(ms_diaz, bo, curriculum, "pin", offered[1], now=at(30))
    say(ms_diaz, class_8a, curriculum, "exclude", offered[1], now=at(61))
    assert became(bo, curriculum) == [OPEN] * 3


def test_what_was_set_aside_may_still_be_answered_or_skipped(
    school: School, bo: Learner, ms_diaz: User, curriculum: Curriculum, offered: list[str]
) -> None:
    """The page was open."""
    say(ms_diaz, bo, curriculum, "pin", "c9", now=at(61))
    first, second, third = Decision.objects.filter(learner_id=bo.pk).order_by("slot")
    said = answer(bo, curriculum, first.item, seconds=at(62).timestamp())
    record(school, [said], now=at(62))
    work(now=at(62))
    decisions.report(second, Outcome.SKIPPED, now=at(62))
    decisions.report(third, Outcome.STARTED, now=at(62))
    known = [Decision.objects.get(pk=each.pk).outcome for each in (first, second, third)]
    assert known == [Outcome.ANSWERED, Outcome.SKIPPED, Outcome.OVERRIDDEN]


@pytest.mark.parametrize(("planned_anew", "again"), [(False, OPEN), (True, SET_ASIDE)])
def test_a_word_taken_back_at_once_has_set_nothing_aside(
    planned_anew: bool, again: Any, bo: Learner, ms_diaz: User, curriculum: Curriculum, offered: list[str]
) -> None:
    word = say(ms_diaz, bo, curriculum, "exclude", offered[0], now=at(61))
    if planned_anew:
        services.release_due(now=at(61))
    overrides.end(ms_diaz, word, now=at(62))
    assert became(bo, curriculum)[0] == again
    assert (concepts(ask(bo, 3, now=at(62))) == offered) or planned_anew


def test_its_reward_is_unknown_and_told(
    school: School, bo: Learner, ms_diaz: User, curriculum: Curriculum, offered: list[str]
) -> None:
    say(ms_diaz, bo, curriculum, "exclude", offered[1], now=at(61))
    said = answer(bo, curriculum, 2 * int(offered[1][1:]), seconds=at(60, days=3).timestamp())
    record(school, [said], now=at(60, days=3))
    later = at(days=60)
    for kind in Kind:
        logged = reading.read(school.pk, "gain", at(0), later, reward=Reward(kind), now=later)
        by_concept = dict(zip(logged.concept[logged.chosen].tolist(), logged.reward.tolist(), strict=True))
        assert np.isnan(by_concept[int(offered[1][1:])])
        assert logged.overridden.tolist().count(True) == logged.take(logged.overridden).overridden.sum() == 1
    assert by_concept[int(offered[0][1:])] == 0.0
    report = evaluate(logged, targets.uniform, reward=Reward(Kind.ANSWERED))
    assert report.overlap.overridden == 1
