"""The look ahead within what a day holds: allowances are kept, nothing is lost, and without them nothing changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests.flow import steps
from tests.flow.agreed import ask, do, settle_on, wide
from tests.flow.steps import at, believed, work
from tests.scheduling.test_outlook import a_learner, curve, prospects, visits
from tutor.accounts.models import Group, Learner, School
from tutor.scheduling import allotted, class_forecasts, contents, forecasts, outlook
from tutor.scheduling.allotted import Allowance
from tutor.scheduling.courses import NEW, Course
from tutor.scheduling.forecasts import Ahead
from tutor.scheduling.outlook import AT_ONCE, Prospect
from tutor.scheduling.policies import Kind

#: More than anybody could do.
AMPLE = Allowance(10_000, 10_000, 1e9)
allowances = st.builds(
    Allowance,
    st.none() | st.integers(0, 4),
    st.none() | st.integers(0, 2),
    st.none() | st.sampled_from([0.0, 1.0, 4.5]),
)


@given(prospect=prospects())
def test_where_a_day_holds_everything_it_is_the_same_outlook(prospect: Prospect) -> None:
    found, wanted = allotted.follow(prospect, AMPLE, AMPLE), outlook.follow(prospect)
    # New concepts that had nothing to be opened for a while are taken up later all at once: no day is too full for it.
    assert not found.full.any()
    for name, column in wanted._asdict().items():
        np.testing.assert_array_equal(getattr(found.course, name), column, err_msg=name)


@given(prospect=prospects(), today=allowances, daily=allowances)
def test_no_day_takes_more_than_it_holds(prospect: Prospect, today: Allowance, daily: Allowance) -> None:
    """As `next` has it, an answer is begun as long as minutes are left."""
    course = allotted.follow(prospect, today, daily).course
    never = prospect.evidence.column("n", prospect.content.n_concepts) == 0
    for day in range(len(prospect.days)):
        answers, new, minutes = today if day == 0 else daily
        told = [(c, kind, n) for c, d, kind, n in visits(course) if d == day]
        each = [prospect.minutes[c] for c, _, n in told for _ in range(n)]
        assert answers is None or len(each) <= answers
        assert new is None or sum(kind is Kind.NEW and c not in prospect.pinned for c, kind, _ in told) <= new
        assert minutes is None or sum(each) < minutes + max(each, default=0.0) or not each
        assert all(never[c] for c, kind, _ in told if kind is Kind.NEW)
        assert not (told and prospect.quiet[day])


@given(prospect=prospects(), daily=allowances)
def test_a_day_that_is_not_full_leaves_nothing_over(prospect: Prospect, daily: Allowance) -> None:
    found = allotted.follow(prospect, daily, daily)
    course = found.course
    assert (prospect.days.index(course.seconds) == course.day).all() and (np.diff(course.seconds) >= 0).all()
    due = outlook.follow(prospect)
    free = outlook.minutes_by_day(prospect, due)
    if not found.full.any():
        np.testing.assert_allclose(outlook.minutes_by_day(prospect, course), free)


def faded(n: int, **changes: Any) -> Prospect:
    """So many concepts, a minute each, that are all overdue."""
    return a_learner([curve(0.9, 0.3)] * n, [curve(0.95, 0.1)] * n, **changes)


def reviews(course: Course) -> list[tuple[int, int]]:
    return [(day, concept) for concept, day, kind, _ in visits(course) if kind is Kind.REVIEW]


def test_what_does_not_fit_waits_for_the_next_day_with_room_the_longest_waiting_first() -> None:
    prospect = faded(5)
    due = prospect.now - np.array([1.0, 5.0, 3.0, 2.0, 4.0])
    found = allotted.follow(prospect, Allowance(answers=1), Allowance(answers=2), due=due)
    first = {concept: day for day, concept in reversed(reviews(found.course))}
    assert first == {1: 0, 4: 1, 2: 1, 3: 2, 0: 2}
    assert found.full[:2].all()


def test_what_waits_skips_quiet_days() -> None:
    prospect = faded(3)
    quiet = np.zeros(len(prospect.days), np.bool_)
    quiet[1:4] = True
    walled = Prospect(**{**vars_of(prospect), "quiet": quiet})
    found = allotted.follow(walled, Allowance(answers=1), Allowance(answers=1), due=np.full(3, prospect.now))
    assert [day for day, _ in reviews(found.course)][:3] == [0, 4, 5]


def vars_of(prospect: Prospect) -> dict[str, Any]:
    return {name: getattr(prospect, name) for name in Prospect.__dataclass_fields__}


def test_what_is_done_late_is_reviewed_as_long_after() -> None:
    prospect = faded(2, days=365)
    due = np.full(2, prospect.now)
    found = allotted.follow(prospect, Allowance(answers=1), Allowance(answers=1), due=due).course
    first, later = (
        [s for c, s in zip(found.concept, found.seconds, strict=True) if c == which][:2] for which in (0, 1)
    )
    assert later[0] > first[0]
    assert later[1] - later[0] == pytest.approx(first[1] - first[0], abs=86_400.0), "to a day, since days may be full"


def test_learning_goes_on_over_days_that_hold_one_answer() -> None:
    """Three answers to mastery, one a day; what builds on it opens the day after."""
    prospect = a_learner([], [], new=2, days=20)
    free = outlook.follow(prospect)
    alone = allotted.follow(prospect, Allowance(answers=1), Allowance(answers=1)).course
    wanted = sum(n for c, _, _, n in visits(free) if c == 0 and _ is not Kind.REVIEW)
    days = [day for c, day, kind, n in visits(alone) if c == 0 and kind is not Kind.REVIEW]
    assert wanted >= AT_ONCE and days == list(range(len(days))) and len(days) == outlook.tasks(prospect).answers[0]
    begun = [day for c, day, kind, _ in visits(alone) if c == 1 and kind is Kind.NEW]
    assert not begun or min(begun) > max(days)


# Through what is agreed

pytestmark = pytest.mark.django_db


@pytest.fixture
def broad(school: School, class_8a: Group, bo: Learner) -> Curriculum:
    """Bo mastered six of ten concepts within an hour; asked a year later all are overdue."""
    curriculum = wide(school.pk, key="broad")
    Group.objects.filter(pk=class_8a.pk).update(curriculum=curriculum)
    for concept in range(6):
        times = [at(concept * 8 + i).timestamp() for i in range(6)]
        given = [steps.answer(bo, curriculum, 2 * concept + i % 2, seconds=t) for i, t in enumerate(times)]
        steps.record(school, given, now=at(59))
    work(now=at(60))
    settle_on(class_8a, retention=0.97)
    return curriculum


def look(bo: Learner, curriculum: Curriculum, now: datetime, days: int = 14) -> Ahead:
    content = contents.gated(bo.school_id, curriculum.pk, believed(bo, curriculum).version_id)
    return forecasts.ahead(
        Learner.objects.get(pk=bo.pk), believed(bo, curriculum, now=now), content, now=now, days=days
    )  # fmt: skip


#: A year after, when all have faded.
LATER = datetime(2027, 3, 2, 12, tzinfo=UTC)


def per_day(ahead: Ahead) -> list[int]:
    course = ahead.agenda
    answers: list[int] = np.bincount(course.day, course.answers, len(ahead.days)).astype(int).tolist()
    return answers


def test_the_agenda_keeps_to_the_answers_of_the_class(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    free = look(bo, broad, LATER)
    settle_on(class_8a, answers_a_day=2, new_a_day=0)
    held = look(bo, broad, LATER)
    assert per_day(free)[0] >= 6 and per_day(held)[:3] == [2, 2, 2]
    assert held.full[:2].all() and not free.full.any()
    days = held.days.index(held.planned[np.isfinite(held.planned)])
    assert sorted(np.maximum(days, 0).tolist())[:6] == [0, 0, 1, 1, 2, 2]
    assert (held.spread[:6] <= LATER.timestamp()).all(), "`next` offers any of them now"


def test_what_is_done_already_today_is_taken_off(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    settle_on(class_8a, answers_a_day=3, new_a_day=0)
    do(bo, broad, 0, 2, now=LATER - timedelta(minutes=5))
    assert per_day(look(bo, broad, LATER))[:2] == [1, 3]
    assert len(ask(bo, 8, now=LATER, curriculum="broad").entries) == 1


def test_the_agendas_today_is_as_long_as_what_next_offers(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    """Items take two minutes as their author says, and nobody's times say otherwise."""
    settle_on(class_8a, minutes_a_day=5, new_a_day=0)
    ahead = look(bo, broad, LATER)
    assert per_day(ahead)[0] == len(ask(bo, 8, now=LATER, curriculum="broad").entries) == 3
    assert ahead.minutes()[0] == pytest.approx(6.0), "the third is begun with a minute left"


def test_no_more_is_new_on_a_day_than_agreed(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    settle_on(class_8a, new_a_day=1)
    do(bo, broad, 12, now=LATER - timedelta(minutes=5))
    course = look(bo, broad, LATER).agenda
    new = course.day[course.kind == NEW]
    assert 0 not in new.tolist() and len(set(new.tolist())) == len(new) > 0


def test_a_class_is_seen_within_the_same_allowance(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    settle_on(class_8a, answers_a_day=1)
    now, day = LATER, (LATER + timedelta(days=20)).date()
    content = contents.latest(broad.pk)
    found = class_forecasts.class_ahead(class_8a.school, content, [bo], day, now=now)
    days = forecasts.until(day, bo, now).days
    one = look(bo, broad, now, days)
    np.testing.assert_allclose(found.minutes()[0, -days:], one.minutes())
    free = found.option(one.agreed.criteria.retention).recall[0].mean()
    assert found.followed.value[0].mean() < free, "less is practised than would be"
    answered = {n for n in per_day(one) if n}
    assert answered == {1}


def test_reviews_without_room_in_the_days_asked_for_have_none(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    settle_on(class_8a, answers_a_day=1)
    held = look(bo, broad, LATER, days=3)
    assert np.isfinite(held.planned).sum() == 3 and held.full.all()
    assert (held.spread < held.days.starts[-1]).sum() == 6
