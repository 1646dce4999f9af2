"""Allowances, quiet days and new concepts are counted by each learner's own day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, do, settle_on
from tests.flow.steps import at, plan_of, work
from tutor.accounts import services as accounts
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import agreements, plans, rules, services
from tutor.scheduling.knobs import Knobs
from tutor.scheduling.models import Decision
from tutor.scheduling.terms import Supposed

pytestmark = pytest.mark.django_db


def test_answers_a_day_are_counted_whoever_asked_for_them(
    bo: Learner, ana: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    settle_on(class_8a, answers_a_day=3)
    assert len(ask(bo, 8).entries) == 3
    do(bo, curriculum, 1, 3, now=at(61))
    assert len(ask(bo, 8, now=at(62)).entries) == 1
    do(bo, curriculum, 5, now=at(62))
    nothing = ask(bo, 8, now=at(63))
    assert (len(nothing.entries), nothing.body.nothing) == (0, "enough_answers_today")
    assert len(ask(ana, 8, now=at(63)).entries) == 3


@pytest.mark.parametrize(
    ("zone", "hour", "over"),
    [
        # Asked at 20:00 UTC on March 2; when does the learner's day end?
        ("Europe/Berlin", 4, datetime(2026, 3, 3, 3, tzinfo=UTC)),
        ("Europe/Berlin", 0, datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("Asia/Tokyo", 4, datetime(2026, 3, 3, 19, tzinfo=UTC)),
        ("America/Los_Angeles", 4, datetime(2026, 3, 3, 12, tzinfo=UTC)),
        ("", 4, datetime(2026, 3, 3, 3, tzinfo=UTC)),
    ],
)
def test_allowances_begin_anew_with_the_learners_own_day(
    zone: str, hour: int, over: datetime, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    accounts.update_learner(bo, {"timezone": zone, "day_cutoff_hour": hour}, now=at())
    settle_on(class_8a, answers_a_day=2)
    evening = datetime(2026, 3, 2, 20, tzinfo=UTC)
    do(bo, curriculum, 1, 3, now=evening)
    nothing = ask(bo, now=evening)
    assert (nothing.body.nothing, nothing.body.next_due_at) == ("enough_answers_today", over.timestamp())
    assert ask(bo, now=over - timedelta(minutes=1)).body.nothing == "enough_answers_today"
    assert len(ask(bo, 8, now=over + timedelta(minutes=1)).entries) == 2


def test_yesterdays_plan_ends_with_the_day(bo: Learner, class_8a: Group, curriculum: Curriculum) -> None:
    """What is left of one answer must not be all that is offered on a fresh day."""
    settle_on(class_8a, answers_a_day=3)
    before_four, after = datetime(2026, 3, 3, 2, 50, tzinfo=UTC), datetime(2026, 3, 3, 3, 10, tzinfo=UTC)
    do(bo, curriculum, 1, 3, now=before_four)
    work(now=before_four)
    assert len(ask(bo, 8, now=before_four).entries) == 1
    assert len(ask(bo, 8, now=after).entries) == 3


def test_a_day_that_was_full_is_released_when_the_next_begins(
    bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    settle_on(class_8a, answers_a_day=1)
    do(bo, curriculum, 1, now=at(30))
    work(now=at(60))
    due = plan_of(bo).next_due_at
    assert due == datetime(2026, 3, 3, 3, tzinfo=UTC)
    assert services.release_due(now=due + timedelta(minutes=1)) == 1
    assert len(plans.decode(plan_of(bo).body).entries) == 1


@pytest.mark.parametrize("is_seen", [True, False])
def test_new_concepts_a_day_are_counted(is_seen: bool, bo: Learner, class_8a: Group, curriculum: Curriculum) -> None:
    """Whether or not a worker has seen today's answers; what was begun yesterday is not new."""
    do(bo, curriculum, 0, now=at(days=-1))
    work(now=at(20))
    settle_on(class_8a, new_a_day=2)
    do(bo, curriculum, 0, 2, 3, now=at(30))
    if is_seen:
        work(now=at(40))
    assert ask(bo, 8).body.narrowed.new_left == 1


def test_when_enough_is_new_for_today_it_says_so(bo: Learner, class_8a: Group) -> None:
    settle_on(class_8a, new_a_day=0)
    assert ask(bo).body.nothing == "enough_new_today"


@pytest.mark.parametrize(
    ("seconds", "left"),
    # Two answers: as long as they took, at most ten minutes each, or as items are expected to (2 minutes).
    [(30.0, 14.0), (None, 11.0), (36_000.0, 0.0)],
)
def test_minutes_a_day_are_what_answers_took(
    seconds: float | None, left: float, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    settle_on(class_8a, minutes_a_day=15)
    do(bo, curriculum, 1, 3, now=at(30), response_seconds=seconds)
    assert ask(bo, 8).body.narrowed.minutes_left == left


def test_a_learner_may_want_fewer_minutes_than_the_class(
    bo: Learner, ana: Learner, class_8a: Group, ms_diaz: User
) -> None:
    settle_on(class_8a, minutes_a_day=8)
    agreements.change_learner(bo, {"minutes_a_day": 4}, by_whom=ms_diaz, now=at())
    agreements.change_learner(ana, {"minutes_a_day": 60}, by_whom=ms_diaz, now=at())
    assert [len(ask(learner, 8).entries) for learner in (bo, ana)] == [2, 4]


def test_on_a_quiet_day_nothing_is_offered_until_it_is_over(bo: Learner, class_8a: Group) -> None:
    settle_on(class_8a, quiet_weekdays=("saturday", "sunday"), quiet_dates=(at(days=7).date(),))
    # Saturday, Sunday, and Monday the 9th is a holiday.
    over = datetime(2026, 3, 10, 3, tzinfo=UTC)
    nothing = ask(bo, now=datetime(2026, 3, 7, 12, tzinfo=UTC)).body
    assert (nothing.nothing, nothing.next_due_at) == ("quiet_day", over.timestamp())
    assert ask(bo, now=datetime(2026, 3, 8, 2, 59, tzinfo=UTC)).body.nothing == "quiet_day"
    assert ask(bo, now=over + timedelta(minutes=1)).entries


def test_after_friday_evening_comes_monday(bo: Learner, class_8a: Group, curriculum: Curriculum) -> None:
    settle_on(class_8a, answers_a_day=1, quiet_weekdays=("saturday", "sunday"))
    friday = datetime(2026, 3, 6, 12, tzinfo=UTC)
    do(bo, curriculum, 1, now=friday)
    assert ask(bo, now=friday).body.next_due_at == datetime(2026, 3, 9, 3, tzinfo=UTC).timestamp()


# A learner's own, in place of the class's


def own(learner: Learner, by: User, **changes: object) -> None:
    agreements.change_learner(learner, changes, by_whom=by, now=at())


def test_who_is_in_no_class_may_have_quiet_days(school: School, ms_diaz: User, curriculum: Curriculum) -> None:
    cy = people.a_learner(school, "Cy")
    assert ask(cy).entries
    own(cy, ms_diaz, quiet_weekdays=["monday"])
    nothing = ask(cy)
    assert (len(nothing.entries), nothing.body.nothing) == (0, "quiet_day")
    assert ask(cy, now=at(days=1)).entries, "tuesday"


@pytest.mark.parametrize(("days", "is_quiet"), [(None, True), (["sunday"], False), ([], False), (["monday"], True)])
def test_a_learners_own_quiet_days_stand_in_for_those_of_the_class(
    bo: Learner, ana: Learner, ms_diaz: User, class_8a: Group, curriculum: Curriculum, days: list[str] | None,
    is_quiet: bool,
) -> None:  # fmt: skip
    settle_on(class_8a, quiet_weekdays=["monday"])
    own(bo, ms_diaz, quiet_weekdays=days)
    assert (ask(bo).body.nothing == "quiet_day") is is_quiet
    assert ask(ana).body.nothing == "quiet_day", "the class's hold for the others"


def test_load_balancing_is_switched_for_one_learner(
    bo: Learner, ana: Learner, ms_diaz: User, class_8a: Group, curriculum: Curriculum
) -> None:
    def spread(now: datetime | None = None) -> list[bool]:
        found = rules.agreed(bo.school_id, curriculum.pk, [bo.pk, ana.pk], now or at())
        return [found[each.pk].settings.spread_reviews for each in (bo, ana)]

    assert spread() == [True, True]
    own(bo, ms_diaz, spread_reviews=False)
    assert spread() == [False, True]
    settle_on(class_8a, spread_reviews=False)
    own(bo, ms_diaz, spread_reviews=True)
    assert spread() == [True, False]
    own(bo, ms_diaz, spread_reviews=None)
    assert spread() == [False, False]


def test_a_plan_by_other_days_no_longer_holds_and_the_log_tells_the_learners_own(
    bo: Learner, ms_diaz: User, class_8a: Group, curriculum: Curriculum
) -> None:
    ask(bo)
    own(bo, ms_diaz, quiet_weekdays=["sunday"], spread_reviews=False)
    decision = Decision.objects.get(pk=ask(bo, now=at(61)).entries[0].decision_id)
    said = decision.narrowing["settings"]
    assert (said["quiet_weekdays"], said["spread_reviews"]) == (["sunday"], False)


def test_what_a_class_is_supposed_to_agree_on_leaves_a_learners_own_days(
    bo: Learner, ms_diaz: User, class_8a: Group, curriculum: Curriculum
) -> None:
    own(bo, ms_diaz, quiet_weekdays=[])
    held = rules.agreed(bo.school_id, curriculum.pk, [bo.pk], at())[bo.pk].terms
    other = Supposed(class_8a.pk, "", Knobs(quiet_weekdays=("monday",), retention=0.8))
    assert held.supposing(other).knobs == Knobs(retention=0.8)
