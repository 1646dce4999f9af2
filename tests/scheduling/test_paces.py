"""How long answers really take: measured in the log, and known at every choice."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, settle_on, wide
from tests.flow.steps import again, answer, at, believed, learners, record, work
from tutor.accounts.models import Learner, School, User
from tutor.scheduling import contents, forecasts, paces, rules
from tutor.scheduling.models import MeasuredPace
from tutor.scheduling.policies import Pace, pace_of
from tutor.scheduling.services import Narrowing

NOW = at(60 * 24)


def answered(school: School, fractions: Curriculum, each: int = 60) -> list[Learner]:
    """First answers take three minutes, later ones one, wrong ones half as long again."""
    found = learners(school, each)
    for learner in found:
        for minute, (correct, taken) in enumerate([(1.0, 180.0), (1.0, 60.0), (0.0, 90.0)]):
            said = answer(learner, fractions, 0, correct=correct, seconds=at(minute).timestamp())
            record(school, [again(said, response_seconds=taken)])
    work()
    return found


def test_factors_are_those_that_the_times_were_made_with() -> None:
    random = np.random.default_rng(1)
    n = 20_000
    minutes, first, right = random.uniform(0.5, 3.0, n), random.random(n) < 0.3, random.random(n) < 0.7
    taken = 60 * minutes * 0.8 * np.where(first, 2.5, 1.0) * np.where(right, 1.0, 1.4) * random.lognormal(-0.02, 0.2, n)
    found = pace_of(taken, minutes, first, right)
    assert (found.usual, found.first, found.wrong) == pytest.approx((0.8, 2.5, 1.4), rel=0.03)


def test_a_few_answers_hardly_move_what_authors_say() -> None:
    one = pace_of(np.array([600.0]), np.array([1.0]), np.array([False]), np.array([True]))
    assert 1.0 < one.usual < 1.4
    assert (one.first, one.wrong) == (1.0, 1.0)


def test_what_a_school_takes_is_known_at_its_choices(school: School, fractions: Curriculum) -> None:
    learner = answered(school, fractions)[0]
    assert rules.agreed(school.pk, fractions.pk, [learner.pk], NOW)[learner.pk].terms.pace == Pace()
    assert paces.measure(now=NOW) == 1
    known = rules.agreed(school.pk, fractions.pk, [learner.pk], NOW)[learner.pk].terms.pace
    assert known.first > 1.5 and known.wrong > 1.05
    elsewhere = people.a_learner(people.a_school("Elsewhere"), "Eve")
    assert rules.agreed(elsewhere.school_id, fractions.pk, [elsewhere.pk], NOW)[elsewhere.pk].terms.pace == Pace()


def test_it_is_measured_anew_only_when_answers_have_come_in(school: School, fractions: Curriculum) -> None:
    [learner, *_] = answered(school, fractions, 3)
    assert (paces.measure(now=NOW), paces.measure(now=NOW + timedelta(hours=1))) == (1, 0)
    assert [paces.measure(now=NOW + timedelta(days=days)) for days in (2, 4, 6)] == [1, 0, 0]
    record(school, [answer(learner, fractions, 1, seconds=at(days=6).timestamp())], now=at(days=6))
    work(now=at(days=6))
    assert paces.measure(now=NOW + timedelta(days=6)) == 1
    assert MeasuredPace.objects.count() == 1


def test_a_session_and_the_agenda_go_by_the_learners_own_pace(
    school: School, bo: Learner, ana: Learner, ms_diaz: User
) -> None:
    """Who takes twice as long for everything gets about half as much for the same minutes, asked for or agreed."""
    curriculum = wide(school.pk, n=20)
    group = people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo, ana), curriculum=curriculum)
    for learner, seconds in ((bo, 120.0), (ana, 240.0)):
        times = [at(minute / 10).timestamp() for minute in range(200)]
        given = [again(answer(learner, curriculum, 0, seconds=each), response_seconds=seconds) for each in times]
        record(school, given)
    work()
    tomorrow, content = at(days=1), contents.latest(curriculum.pk)
    paces_told = [
        forecasts.ahead(each, believed(each, curriculum, now=tomorrow), content, now=tomorrow).pace
        for each in (bo, ana)
    ]
    assert paces_told == pytest.approx([1.0, 2.0 ** (200 / 220)])
    expected = [math.ceil(20.0 / (2.0 * pace)) for pace in paces_told]
    asked = Narrowing(size=15, minutes=20.0)
    assert [len(ask(each, 15, now=tomorrow, narrowing=asked).entries) for each in (bo, ana)] == expected
    settle_on(group, now=tomorrow, minutes_a_day=20)
    assert [len(ask(each, 15, now=tomorrow).entries) for each in (bo, ana)] == expected


def test_who_has_told_few_times_is_taken_for_one_of_the_school(school: School, fractions: Curriculum) -> None:
    """Of whose wrong answers nobody is thought slow."""
    learner = answered(school, fractions)[0]
    paces.measure(now=NOW)
    new = people.a_learner(school, "Cy")
    found = rules.agreed(school.pk, fractions.pk, [learner.pk, new.pk], NOW, timed=True)
    usual = found[new.pk].terms.pace.usual
    assert found[new.pk].own_pace == usual
    assert found[learner.pk].own_pace == pytest.approx(usual, rel=0.15)
    untimed = rules.agreed(school.pk, fractions.pk, [learner.pk], NOW)
    assert untimed[learner.pk].own_pace is None
