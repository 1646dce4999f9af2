"""Courses are without cycles, learners come as they are said to, and settings that make no sense are refused."""

from __future__ import annotations

import numpy as np
import pytest

from kt_models.simulate import Answering, Attendance, CoupledNature, Course, Scene, Shape, day_of, day_start
from kt_models.simulate.draws import Draws


def test_prerequisites_come_first_and_are_as_many_as_asked_for() -> None:
    course = Course.draw(Shape(concepts=1_000, parents_per_concept=1.5), Draws(0))
    assert np.all(course.parent < course.child)
    assert len(course.parent) / 1_000 == pytest.approx(1.5, abs=0.1)
    lists = course.prerequisites
    pairs = {(int(p), int(c)) for p, c in zip(lists.flat, lists.owner, strict=True)}
    assert pairs == set(zip(course.parent.tolist(), course.child.tolist(), strict=True))
    assert np.allclose(course.weight.sum(0), lists.counts > 0)


def test_the_items_of_a_concept_are_average_together_and_asked_in_turn() -> None:
    course = Course.draw(Shape(concepts=7, items_per_concept=3), Draws(1))
    assert np.allclose(course.difficulty.reshape(7, 3).mean(1), 0.0)
    assert course.item(2, np.arange(4)).tolist() == [6, 7, 8, 6]
    assert np.all(course.concept_of(course.item(np.arange(7), 5)) == np.arange(7))


def test_a_longer_course_begins_like_a_shorter_one() -> None:
    short, long = (Course.draw(Shape(concepts=n), Draws(4)) for n in (20, 50))
    assert np.array_equal(short.difficulty, long.difficulty[: short.n_items])
    assert np.array_equal(short.child, long.child[long.child < 20])


def test_a_course_with_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="concept 1 is a prerequisite of 0"):
        Course(np.zeros(2), np.array([0, 1]), np.array([1, 0]), np.zeros(2))


def test_days_begin_at_midnight_and_the_first_is_a_monday() -> None:
    assert day_of(day_start(9)) == 9
    assert day_of(day_start(9) - 0.5) == 8
    assert np.datetime64(int(day_start(0)), "s").item().weekday() == 0


def test_learners_come_less_on_weekends_and_holidays_and_differ() -> None:
    attendance = Attendance(holidays=((21, 27),), dropout_per_day=0.0)
    came = np.array([attendance.visits(Draws(1), 2_000, day).present for day in range(28)])
    week, weekend, holiday = came[[0, 1, 2, 3, 4, 7]].mean(), came[[5, 6, 12, 13]].mean(), came[21:].mean()
    assert week > weekend + 0.2 > holiday + 0.3
    assert came[:21].mean(0).std() > 0.15, "more than chance alone would give"


def test_who_drops_out_never_comes_back() -> None:
    attendance = Attendance(1.0, 1.0, dropout_per_day=0.05)
    came = np.array([attendance.visits(Draws(1), 3_000, day).present for day in range(40)])
    assert np.all(np.diff(came.astype(int), axis=0) <= 0)
    assert came[19].mean() == pytest.approx(0.95**20, abs=0.03)


def test_sessions_stay_within_their_day_and_differ_in_length() -> None:
    visits = Attendance(minutes_log_sd=1.0, hour_sd=9.0).visits(Draws(1), 5_000, 3)
    assert np.all((visits.seconds >= day_start(3)) & (visits.seconds + 60 * visits.minutes < day_start(4)))
    assert np.median(visits.minutes) == pytest.approx(15.0, rel=0.05)
    assert np.all(Attendance.steady(10.0).visits(Draws(1), 50, 6).minutes == 10.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Shape(concepts=0), "Shape.concepts is 0: must be 1 or more"),
        (lambda: Shape(parents_per_concept=4.0), "must be 3 or less"),
        (lambda: Attendance(weekday=1.2), r"weekday is 1.2: must lie in \[0, 1\]"),
        (lambda: Attendance(holidays=((5, 3),)), "ends before it begins"),
        (lambda: Answering(guess=0.6, slip=0.4), "answers would tell nothing"),
        (lambda: Scene(learners=0), "Scene.learners is 0"),
        (lambda: CoupledNature(half_life_days=float("nan")), "half_life_days is nan: must be finite and above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()  # type: ignore[operator]
