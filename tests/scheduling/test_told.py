"""Forecasts of mastery are kept as they were told, and looked at again when their day has come."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from curricula.models import Curriculum
from tests.flow.agreed import do
from tests.flow.steps import answer, at, learners, record, statements, work
from tutor.accounts.models import Learner, School
from tutor.scheduling import contents, forecasts, told
from tutor.scheduling.models import ToldForecast
from tutor.scheduling.outlook import chance_of_mastery, recall_alone
from tutor.tracing.beliefs import belief

NIGHT = at(days=1)


@pytest.fixture
def practised(school: School, curriculum: Curriculum) -> list[Learner]:
    """Twelve of Elm School, three right answers each to the first two concepts."""
    found = learners(school, 12)
    for learner in found:
        given = [answer(learner, curriculum, item, seconds=at(m).timestamp()) for item in (0, 2) for m in (1, 2, 3)]
        record(school, given)
    work()
    return found


def kept(practised: list[Learner], *, now: datetime = NIGHT) -> list[ToldForecast]:
    told.keep(now=now)
    return list(ToldForecast.objects.order_by("id"))


def one(practised: list[Learner], *, planned: bool = True) -> ToldForecast:
    """Of a concept that the agenda plans practice of, or of one that it leaves alone."""
    return next(row for row in kept(practised) if (row.planned > 0) is planned)


def morning_of(row: ToldForecast) -> datetime:
    return row.at + timedelta(minutes=5)


def practise(row: ToldForecast, curriculum: Curriculum, times: int, *, before: datetime) -> None:
    learner = Learner.objects.get(pk=row.learner_id)
    for minute in range(times):
        do(learner, curriculum, 2 * row.concept, now=before - timedelta(minutes=times - minute))
    work(now=before)


def test_a_night_keeps_what_a_forecast_tells(practised: list[Learner], curriculum: Curriculum) -> None:
    rows = kept(practised)
    assert {row.learner_id for row in rows} == {learner.pk for learner in practised}
    for row in rows[:6]:
        learner = Learner.objects.get(pk=row.learner_id)
        known = belief(learner.school_id, learner.pk, curriculum.pk, NIGHT.timestamp())
        content = contents.gated(learner.school_id, curriculum.pk, known.version_id)
        then, days = forecasts.until((row.at + timedelta(hours=1)).date(), learner, NIGHT)
        assert then == row.at.timestamp() and days in told.HORIZONS
        ahead = forecasts.ahead(learner, known, content, now=NIGHT, days=days)
        recall, sd = ahead.recall_then(then)
        chance = chance_of_mastery(recall, sd, row.mastered_at)[row.concept]
        assert (row.followed, row.told_mastered) == pytest.approx((recall[row.concept], chance))
        assert row.alone == pytest.approx(recall_alone(known.table, content.n_concepts, then)[0][row.concept])
        assert row.planned == ahead.agenda.practices[row.concept]


def test_what_a_night_keeps_is_bounded(school: School, curriculum: Curriculum, practised: list[Learner]) -> None:
    for learner in learners(school, 3 * told.LEARNERS):
        record(school, [answer(learner, curriculum, item) for item in (0, 2, 4, 6)])
    work()
    rows = kept(practised)
    assert len({row.learner_id for row in rows}) == told.LEARNERS
    assert len(rows) <= told.LEARNERS * (told.PLANNED + told.LEFT_ALONE)


def test_a_night_told_twice_is_kept_once(practised: list[Learner]) -> None:
    n = len(kept(practised))
    assert n and told.keep(now=NIGHT + timedelta(hours=1)) == 0 and ToldForecast.objects.count() == n
    assert told.keep(now=NIGHT + timedelta(days=1)) > 0, "the next night is another"


def test_a_night_takes_as_many_statements_for_many_as_for_few(
    school: School, curriculum: Curriculum, practised: list[Learner]
) -> None:
    told.keep(now=NIGHT)
    with statements() as few:
        told.keep(now=NIGHT + timedelta(days=1))
    for learner in learners(school, 8):
        record(school, [answer(learner, curriculum)])
    work()
    with statements() as many:
        told.keep(now=NIGHT + timedelta(days=2))
    assert len(many) <= len(few)


def test_who_has_not_practised_for_a_month_is_not_drawn(practised: list[Learner]) -> None:
    assert kept(practised, now=NIGHT + told.ACTIVE_WITHIN + timedelta(days=1)) == []


def test_on_its_day_a_forecast_is_compared_with_what_is_believed_then(
    practised: list[Learner], curriculum: Curriculum
) -> None:
    row = one(practised)
    told.check(now=row.at - timedelta(minutes=1))
    row.refresh_from_db()
    assert row.checked_at is None, "its day has not come"
    practise(row, curriculum, row.planned + 1, before=row.at)
    told.check(now=morning_of(row))
    row.refresh_from_db()
    known = belief(row.school_id, row.learner_id, curriculum.pk, row.at.timestamp())
    recall, sd = recall_alone(known.table, 10, row.at.timestamp())
    assert row.answers == row.planned + 1
    assert row.mastered == pytest.approx(chance_of_mastery(recall, sd, row.mastered_at)[row.concept])
    assert row.mastered != pytest.approx(row.told_mastered, abs=1e-6), "its answers told something"


def test_what_is_read_a_day_late_is_no_belief_of_the_day(practised: list[Learner]) -> None:
    row = one(practised)
    told.check(now=row.at + timedelta(days=2))
    row.refresh_from_db()
    assert row.checked_at and row.mastered is None and row.answers is None


@pytest.mark.parametrize(("hours", "right"), [(-1, None), (5, 0.0), (71, 0.0), (73, None)])
def test_the_first_answer_since_the_day_came_is_kept(
    practised: list[Learner], curriculum: Curriculum, hours: float, right: float | None
) -> None:
    row = one(practised, planned=True)
    learner = Learner.objects.get(pk=row.learner_id)
    for correct, after in ((0.0, 0), (1.0, 10)):
        do(learner, curriculum, 2 * row.concept, now=row.at + timedelta(hours=hours, minutes=after), correct=correct)
    told.check(now=morning_of(row))
    told.check(now=row.at + told.HEARD_WITHIN + timedelta(hours=9))
    row.refresh_from_db()
    assert (row.right, row.closed_at is not None) == (right, True)


def test_an_answer_to_another_concept_tells_nothing(practised: list[Learner], curriculum: Curriculum) -> None:
    row = one(practised)
    other = (row.concept + 1) % 10
    do(Learner.objects.get(pk=row.learner_id), curriculum, 2 * other, now=row.at + timedelta(hours=1))
    told.check(now=morning_of(row))
    told.check(now=row.at + timedelta(days=4))
    row.refresh_from_db()
    assert row.closed_at and row.right is None


def test_with_a_learner_their_forecasts_go(practised: list[Learner]) -> None:
    gone, *_ = {row.learner_id for row in kept(practised)}
    Learner.objects.get(pk=gone).delete()
    assert not ToldForecast.objects.filter(learner_id=gone).exists() and ToldForecast.objects.exists()


def test_old_forecasts_are_pruned(practised: list[Learner]) -> None:
    n = len(kept(practised))
    assert told.prune(now=NIGHT + told.KEPT - timedelta(days=1)) == 0
    assert told.prune(now=NIGHT + told.KEPT + timedelta(days=1)) == n
