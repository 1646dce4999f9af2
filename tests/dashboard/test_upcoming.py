from __future__ import annotations

from datetime import datetime, timedelta

from curricula.models import Curriculum
from tests.dashboard.classroom import answers, take_in
from tests.flow.agreed import settle_on
from tutor.accounts.models import Group, Learner, School
from tutor.dashboard.upcoming import Upcoming, upcoming
from tutor.interactions import services as interactions
from tutor.scheduling import contents, plans, rules
from tutor.tracing.beliefs import beliefs


def seen(learner: Learner, curriculum: Curriculum, now: datetime) -> Upcoming:
    known = beliefs(learner.school_id, curriculum.pk, [learner.pk], now.timestamp())
    agreed = rules.agreed(learner.school_id, curriculum.pk, [learner.pk], now)
    return upcoming(known, contents.latest(curriculum.pk), agreed, now=now)[learner.pk]


def test_a_plan_holds_until_it_is_old(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "01", last=now), now=now)
    assert seen(bo, fractions, now + timedelta(hours=1)).planned_at == plans.moment(now.timestamp())
    assert seen(bo, fractions, now + timedelta(days=1)).planned_at is None


def test_what_was_answered_since_is_no_longer_next(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "01", last=now), now=now)
    first = seen(bo, fractions, now).first
    assert first is not None
    content = contents.latest(fractions.pk)
    item = next(key for key, at in content.item_position.items() if content.item_statement(at) == first.statement)
    interactions.record(school_id=school.pk, answers=answers(bo, fractions, item, "1", last=now), now=now)
    later = seen(bo, fractions, now)
    assert first.statement not in [offer.statement for offer in later.offers]
    assert later.waiting == 1


def test_a_look_says_the_same_twice(class_7b: Group, fractions: Curriculum, bo: Learner, now: datetime) -> None:
    looks = [seen(bo, fractions, now) for _ in range(8)]
    assert looks == [looks[0]] * 8
    assert not any("Drawn at random" in reason for offer in looks[0].offers for reason in offer.reasons)


def test_why_nothing_comes_next_is_told_as_by_the_api(
    class_7b: Group, fractions: Curriculum, bo: Learner, now: datetime
) -> None:
    settle_on(class_7b, new_a_day=0, now=now)
    found = seen(bo, fractions, now)
    assert (found.first, found.nothing) == (
        None, "Enough was begun today: new concepts come again tomorrow. "
        "Of all concepts: 2 locked, 1 new, and enough was begun today.",
    )  # fmt: skip


def test_a_plan_from_before_a_change_is_not_shown(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "01", last=now), now=now)
    assert seen(bo, fractions, now).planned_at is not None
    settle_on(class_7b, retention=0.8, now=now)
    assert seen(bo, fractions, now).planned_at is None
