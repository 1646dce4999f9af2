"""A class seen ahead: the figures of each of its learners, in as many statements as for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow import agreed, steps
from tests.flow.steps import statements
from tutor.accounts.models import Group, Learner, School
from tutor.kept import Kept
from tutor.scheduling import class_forecasts, contents, forecasts
from tutor.scheduling.class_forecasts import DAYS_AHEAD, ClassAhead, class_ahead, score
from tutor.scheduling.forecasts import OutOfReach
from tutor.scheduling.outlook import recall_alone
from tutor.tracing.beliefs import belief

NOW = steps.at(60, days=5)


@pytest.fixture
def learners(school: School, class_8a: Group, curriculum: Curriculum) -> list[Learner]:
    """Three of class 8a, one of whom lives by the clock of Tokyo; Cy has not begun."""
    abe = people.a_learner(school, "Abe", timezone="Asia/Tokyo", day_cutoff_hour=6)
    class_8a.learners.add(abe, people.a_learner(school, "Cy"))
    found = sorted(class_8a.learners.all(), key=lambda learner: learner.name)
    for place, learner in enumerate(found[:3]):
        for concept in range(3 + place):
            given = steps.right_and_wrong(learner, curriculum, "1101"[: place + 2], item=2 * concept)
            steps.record(school, given)
    steps.work()
    return found


def look(learners: Sequence[Learner], curriculum: Curriculum, day: date, *, now: datetime = NOW) -> ClassAhead:
    fresh = list(Learner.objects.filter(pk__in=[learner.pk for learner in learners]).order_by("name"))
    return class_ahead(School.objects.get(), contents.latest(curriculum.pk), fresh, day, now=now)


@pytest.mark.parametrize("days", [0, 1, 30, 200])
def test_a_class_is_its_learners(learners: list[Learner], class_8a: Group, curriculum: Curriculum, days: int) -> None:
    agreed.settle_on(class_8a, quiet_weekdays=["saturday", "sunday"], retention=0.85)
    day = (NOW + timedelta(days=days)).date()
    found = look(learners, curriculum, day)
    for row, learner in enumerate(learners):
        known = belief(learner.school_id, learner.pk, curriculum.pk, NOW.timestamp())
        content = contents.gated(learner.school_id, curriculum.pk, known.version_id)
        at, ahead_days = forecasts.until(day, learner, NOW)
        alone = recall_alone(known.table, content.n_concepts, at)[0]
        assert found.alone.value[row] == pytest.approx(alone)
        if not ahead_days:
            assert found.followed.value[row] == pytest.approx(alone)
            continue
        one = forecasts.ahead(learner, known, content, now=NOW, days=ahead_days)
        assert found.followed.value[row] == pytest.approx(one.recall_then(at)[0])
        assert found.minutes()[row, found.days - ahead_days :] == pytest.approx(one.minutes())
        assert found.option(0.8).minutes[row] == pytest.approx(one.workload([0.8])[0].mean())


def test_minutes_rise_and_a_score_has_its_range(learners: list[Learner], curriculum: Curriculum) -> None:
    found = look(learners, curriculum, (NOW + timedelta(days=60)).date())
    loads = [found.option(retention).minutes for retention in (0.7, 0.8, 0.95)]
    assert (np.diff(loads, axis=0) >= 0).all() and loads[-1][1] > loads[0][1]
    every = np.arange(found.content.n_concepts)
    alone, followed = score(found.alone, every), score(found.followed, every)
    assert (alone.low < alone.value).all() and (alone.value < alone.high).all()
    assert (followed.value > alone.value).all(), "everybody has something to learn"


def test_too_few_answers_are_known_to_be_too_few(learners: list[Learner], curriculum: Curriculum) -> None:
    found = look(learners, curriculum, (NOW + timedelta(days=9)).date())
    counts = dict(zip((learner.name for learner in found.learners), found.has_enough.sum(axis=1).tolist(), strict=True))
    assert counts == {"Abe": 3, "Ana": 4, "Bo": 5, "Cy": 0}


def test_statements_do_not_grow_with_the_class(school: School, learners: list[Learner], curriculum: Curriculum) -> None:
    day = (NOW + timedelta(days=30)).date()
    look(learners, curriculum, day)
    counts = []
    for some in (learners[2:], learners):
        with statements() as seen:
            assert (look(some, curriculum, day).followed.value > 0).all()
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 8


@pytest.mark.parametrize("days", [-2, -1, DAYS_AHEAD + 1, 4000])
def test_what_is_past_or_too_far_is_not_forecast(learners: list[Learner], curriculum: Curriculum, days: int) -> None:
    with pytest.raises(OutOfReach, match="past or over a year ahead"):
        look(learners, curriculum, (NOW + timedelta(days=days)).date())


@pytest.mark.parametrize("hour", [0, 12, 22])
def test_today_and_the_furthest_day_are_within_reach_everywhere(
    learners: list[Learner], curriculum: Curriculum, hour: int
) -> None:
    """In Tokyo it may be tomorrow already."""
    now = NOW.replace(hour=hour)
    today = class_forecasts.today(School.objects.get(), now)
    assert (look(learners, curriculum, today, now=now).followed.value > 0).all()
    furthest = look(learners, curriculum, today + timedelta(days=DAYS_AHEAD), now=now)
    assert furthest.followed.value.shape == (4, 10)


def test_a_new_answer_is_seen_at_once(school: School, learners: list[Learner], curriculum: Curriculum) -> None:
    day = (NOW + timedelta(days=30)).date()
    before = look(learners, curriculum, day).alone.value[1]
    assert look(learners, curriculum, day).alone.value[1] is not None
    steps.record(school, [steps.answer(learners[1], curriculum, 0, correct=0.0, seconds=steps.at(90).timestamp())])
    steps.work(now=NOW)
    assert look(learners, curriculum, day).alone.value[1][0] < before[0]


def test_what_is_agreed_counts_at_once(learners: list[Learner], class_8a: Group, curriculum: Curriculum) -> None:
    day = (NOW + timedelta(days=30)).date()
    assert np.nanmin(look(learners, curriculum, day).minutes()[:, :6]) > 0
    agreed.settle_on(class_8a, quiet_dates=[(NOW + timedelta(days=2)).date()])
    after = look(learners, curriculum, day)
    assert after.quiet().tolist() == [place == after.days - 28 for place in range(after.days)]
    assert (after.minutes()[:, after.days - 28] == 0).all()


def test_an_empty_class_has_figures_of_nobody(school: School, class_8a: Group, curriculum: Curriculum) -> None:
    found = class_ahead(school, contents.latest(curriculum.pk), [], NOW.date() + timedelta(days=3), now=NOW)
    assert found.followed.value.shape == (0, 10) and found.minutes().shape == (0, 0)


def test_empty_classes_of_two_curricula_are_not_mixed_up(school: School, curriculum: Curriculum) -> None:
    other, day = agreed.wide(school.pk, n=4, key="narrow"), NOW.date() + timedelta(days=3)
    shapes = [
        class_ahead(school, contents.latest(each.pk), [], day, now=NOW).followed.value.shape
        for each in (curriculum, other)
    ]
    assert shapes == [(0, 10), (0, 4)]


def test_only_the_newest_are_kept() -> None:
    calls: list[int] = []

    def compute(key: int) -> int:
        calls.append(key)
        return -key

    kept = Kept(compute, seconds=60, most=2)
    assert [kept.get(key) for key in (1, 2, 3, 3, 2, 1)] == [-1, -2, -3, -3, -2, -1]
    assert calls == [1, 2, 3, 1]
