"""When somebody looks again: what a teacher's word or a skip keeps back until a known time comes then."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, say, settle_on, wide
from tests.flow.situations import DAY, ORIGIN, situations
from tests.flow.steps import at, believed, plan_of, record, right_and_wrong, work
from tests.scheduling.asked import known_to, situation
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import contents, decisions, explanations, forecasts, services
from tutor.scheduling.event_models import Event
from tutor.scheduling.models import Decision, Plan
from tutor.scheduling.policies import POLICIES, Barrier, History, Rules, Situation

SOON = ORIGIN + 3_600.0
#: A placement asks what was asked enough no more, and the order of a curriculum has no reviews.
every_policy = pytest.mark.parametrize(
    "name", [name for name in POLICIES if name not in ("placement", "curriculum_order")]
)


def reviewed(**changes: Any) -> Situation:
    """Whose only concept was mastered long ago, and is due."""
    long_ago = known_to({0: "1111"}, mastered=[0], seconds=ORIGIN - 300 * DAY)
    history = History(np.zeros(4, np.int64), np.zeros(4, np.int64), ORIGIN - 300 * DAY + np.arange(4.0), np.ones(4))
    return situation([[]], [0.4], long_ago, **{"history": history, **changes})


@every_policy
def test_what_is_excluded_until_a_time_comes_then(name: str) -> None:
    until = Rules(excluded=frozenset({0}), returns={0: SOON})
    choice = POLICIES[name](reviewed(rules=until))
    assert (choice.nothing, choice.next_due) == (Barrier.EXCLUDED, SOON)
    assert POLICIES[name](reviewed(rules=Rules(excluded=frozenset({0})))).next_due == np.inf
    assert POLICIES[name](reviewed(rules=Rules(known=frozenset({0}), returns={0: SOON}))).next_due == SOON


@every_policy
def test_what_was_skipped_comes_again(name: str) -> None:
    both = {0: SOON + 60.0, 1: SOON}
    choice = POLICIES[name](reviewed(exclude_items=frozenset(both), skipped=both))
    assert (choice.entries, choice.next_due) == ((), SOON)
    one = POLICIES[name](reviewed(exclude_items=frozenset({0}), skipped={0: SOON}))
    assert one.entries and one.next_due != SOON


@every_policy
def test_of_what_stays_locked_nothing_is_awaited_when_its_exclusion_ends(name: str) -> None:
    rules = Rules(excluded=frozenset({0, 1}), returns={1: SOON})
    assert POLICIES[name](situation([[], [0]], [0.3, 0.3], rules=rules, history=History.none())).next_due == np.inf


def test_a_finished_placement_awaits_nothing() -> None:
    """Somebody has to agree on what goes on from there."""
    whole = situation([[]], [0.5], known_to({0: "11111111"}), rules=Rules(excluded=frozenset({0}), returns={0: SOON}))
    choice = POLICIES["placement"](whole)
    assert choice.next_due == np.inf


@given(situation=situations(), seconds=st.floats(60.0, 30 * DAY))
def test_nobody_looks_again_later_for_knowing_when_an_exclusion_ends(situation: Situation, seconds: float) -> None:
    rules = situation.rules
    ends = dict.fromkeys(rules.excluded | rules.known, situation.now + seconds)
    told = dataclasses.replace(situation, rules=dataclasses.replace(rules, returns=ends))
    for policy in POLICIES.values():
        before, after = policy(situation), policy(told)
        assert after.next_due in (before.next_due, situation.now + seconds) or after.next_due > situation.now + seconds
        assert after.next_due <= before.next_due
        assert after.entries == before.entries


# As it is told


@pytest.fixture
def curriculum(school: School) -> Curriculum:
    return wide(school.pk, n=1)


@pytest.fixture
def class_8a(school: School, ms_diaz: User, bo: Learner, curriculum: Curriculum) -> Group:
    return people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo,), curriculum=curriculum)


@pytest.fixture
def mastered(school: School, bo: Learner, curriculum: Curriculum, class_8a: Group) -> datetime:
    """When a review of all there is is due."""
    record(school, right_and_wrong(bo, curriculum, "111111"))
    work()
    due = plan_of(bo).next_due_at
    assert due is not None
    return due


def told(learner: Learner, now: datetime) -> str:
    return explanations.nothing(ask(learner, now=now).body)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["exclude", "mastered"])
def test_a_review_is_announced_when_its_exclusion_ends(
    kind: str, mastered: datetime, bo: Learner, ms_diaz: User, curriculum: Curriculum
) -> None:
    ends = mastered + timedelta(days=3)
    say(ms_diaz, bo, curriculum, kind, "c0", expires_at=ends, now=mastered - timedelta(hours=1))
    services.release_due(now=mastered)
    assert plan_of(bo).next_due_at == ends
    assert not Event.objects.exists()
    services.release_due(now=ends)
    assert Event.objects.get().payload["due"] == 1


@pytest.mark.django_db
def test_an_exclusion_lasts_as_long_as_the_last_word_of_it(
    mastered: datetime, bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    said = mastered - timedelta(hours=1)
    for of, days in ((bo, 2), (class_8a, 5)):
        say(ms_diaz, of, curriculum, "exclude", "c0", expires_at=mastered + timedelta(days=days), now=said)
    assert ask(bo, now=mastered).body.next_due_at == (mastered + timedelta(days=5)).timestamp()
    say(ms_diaz, bo, curriculum, "mastered", "c0", now=mastered)
    assert ask(bo, now=mastered).body.next_due_at is None


@pytest.mark.django_db
def test_the_agenda_has_the_review_on_the_day_on_which_its_exclusion_ends(
    mastered: datetime, bo: Learner, class_8a: Group, ms_diaz: User, curriculum: Curriculum
) -> None:
    ends = mastered + timedelta(days=3)
    say(ms_diaz, bo, curriculum, "exclude", "c0", expires_at=ends, now=mastered)
    content = contents.latest(curriculum.pk)
    for allowance in ({}, {"answers_a_day": 5}):
        settle_on(class_8a, now=mastered, **allowance)
        ahead = forecasts.ahead(bo, believed(bo, curriculum, now=mastered), content, now=mastered)
        assert ahead.planned.tolist() == [ends.timestamp()]
        assert ahead.agenda.seconds[0] == ends.timestamp()


@pytest.mark.django_db
def test_who_skipped_everything_is_planned_for_when_it_comes_again(
    mastered: datetime, bo: Learner, curriculum: Curriculum
) -> None:
    for minute in (1, 2):
        [offered] = ask(bo, now=mastered + timedelta(minutes=minute)).entries
        decision = Decision.objects.get(pk=offered.decision_id)
        decisions.report(decision, Decision.Outcome.SKIPPED, now=mastered + timedelta(minutes=minute))
    assert ask(bo, now=mastered + timedelta(minutes=3)).entries == []
    again = mastered + timedelta(minutes=1, days=1)
    assert plan_of(bo).next_due_at == again
    services.release_due(now=again)
    assert ask(bo, now=again).entries


@pytest.mark.django_db
def test_what_will_change_it_is_said_where_time_does_not(
    mastered: datetime, bo: Learner, ms_diaz: User, curriculum: Curriculum
) -> None:
    say(ms_diaz, bo, curriculum, "exclude", "c0", now=mastered)
    assert told(bo, mastered).endswith("It stays so until somebody ends what the teacher said.")
    assert not Plan.objects.exclude(next_due_at=None).filter(next_due_at__gt=mastered).exists()


@pytest.mark.django_db
def test_what_is_locked_says_that_answers_or_a_teacher_open_it(
    bo: Learner, ms_diaz: User, class_7b: Group, fractions: Curriculum
) -> None:
    content = contents.latest(fractions.pk)
    for concept, key in enumerate(content.concept_keys):
        if not content.prerequisites.counts[concept]:
            say(ms_diaz, bo, fractions, "exclude", key)
    served = ask(bo, now=at(61))
    assert (served.body.nothing, served.body.next_due_at) in {("locked", None), ("excluded", None)}
    assert "Only answers" not in told(bo, at(61))
