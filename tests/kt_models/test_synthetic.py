"""Simulated learners learn, forget, and build on prerequisites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kt_models import history, metrics, synthetic
from kt_models.recall import SECONDS_PER_DAY, Float
from kt_models.synthetic import Course, Nature, Scenario, Student


@pytest.fixture(scope="module")
def simulation() -> synthetic.Simulation:
    return synthetic.simulate(Scenario(learners=400, two_concept_share=0.2), seed=1)


def test_equal_seeds_give_equal_answers() -> None:
    scenario = Scenario(learners=20)
    first, again, other = (synthetic.simulate(scenario, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(first.chance, again.chance)
    assert np.array_equal(first.data.interactions.correct, again.data.interactions.correct)
    assert not np.array_equal(first.ability, other.ability)


def test_the_true_chance_is_calibrated_and_predicts_best(simulation: synthetic.Simulation) -> None:
    seen = simulation.data.interactions
    truth = metrics.Answers(seen.learner, simulation.chance, seen.correct.astype(np.float64))
    assert metrics.estimates(truth, seed=0, replicates=1)["ece"].value < 0.015
    assert metrics.auc(truth) > 0.75


def test_recall_falls_with_the_pause_and_rises_with_practice(simulation: synthetic.Simulation) -> None:
    seen = simulation.data.interactions
    practice = history.practice_before(seen)
    often = practice.attempt > 3
    soon, late = (
        seen.correct[often & part].mean() for part in (practice.gap < 3_600, practice.gap > 5 * SECONDS_PER_DAY)
    )
    first, later = (seen.correct[practice.attempt == n].mean() for n in (1, 8))
    assert soon > late + 0.05
    assert later > first + 0.15


def test_courses_have_no_cycles_and_the_prerequisites_asked_for(simulation: synthetic.Simulation) -> None:
    course = simulation.course
    assert np.all(course.parent < course.child)
    large = synthetic.draw_course(Scenario(concepts=1_000, parents_per_concept=1.5), np.random.default_rng(0))
    assert len(large.parent) / 1_000 == pytest.approx(1.5, abs=0.1)


def chain() -> Course:
    return Course(level=np.zeros(2), parent=np.array([0]), child=np.array([1]))


def chances(student: Student, concept: int, days: Float) -> list[float]:
    return [student.chance(0.0, [concept], day * SECONDS_PER_DAY) for day in days]


def test_a_student_learns_by_answering_and_forgets_afterwards() -> None:
    student = Student(chain(), np.random.default_rng(0))
    before = student.chance(0.0, [0], 0.0)
    for minute in range(8):
        student.answer(0.0, [0], 60.0 * minute)
    after = chances(student, 0, np.array([0.01, 1, 7, 60, 600]))
    assert after[0] > before + 0.1
    assert after == sorted(after, reverse=True)
    assert after[-1] > before, "some of a gain is never forgotten"


def test_a_student_builds_on_prerequisites() -> None:
    student = Student(chain(), np.random.default_rng(1), Nature(wander_sd=0.0))
    before = chances(student, 1, np.array([30.0]))
    for minute in range(20):
        student.answer(-1.0, [0], 60.0 * minute)
    assert chances(student, 1, np.array([30.0]))[0] > before[0] + 0.03


def test_easy_items_are_answered_more_often_and_faster() -> None:
    answers = {
        difficulty: [Student(chain(), np.random.default_rng(seed)).answer(difficulty, [0], 0.0) for seed in range(300)]
        for difficulty in (-3.0, 3.0)
    }
    right = {difficulty: np.mean([correct for correct, _ in given]) for difficulty, given in answers.items()}
    seconds = {difficulty: np.median([taken for _, taken in given]) for difficulty, given in answers.items()}
    assert right[-3.0] > 0.7 > 0.3 > right[3.0]
    assert seconds[-3.0] < seconds[3.0]


def test_asking_for_a_chance_changes_nothing() -> None:
    one, other = (Student(chain(), np.random.default_rng(3)) for _ in range(2))
    other.chance(0.0, [0, 1], 1e6)
    assert [one.answer(0.0, [0], t) for t in (0.0, 50.0)] == [other.answer(0.0, [0], t) for t in (0.0, 50.0)]


def test_impossible_scenarios_are_refused() -> None:
    with pytest.raises(ValueError, match="learners 0: must be above 0"):
        Scenario(learners=0)
    with pytest.raises(ValueError, match="must not be negative"):
        replace(Scenario(), sessions_per_day=-1.0)
