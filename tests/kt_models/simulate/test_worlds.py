"""What holds in every world."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models.recall import SECONDS_PER_DAY
from kt_models.simulate import (
    KINDS,
    Attendance,
    CoupledNature,
    CoupledWorld,
    Scene,
    Shape,
    UnrulyNature,
    UnrulyWorld,
    World,
    day_start,
    open_world,
)
from tests.kt_models.simulate.loops import ask, at_random, bare, crammed, longest_ago, practise, run, small

every_kind = pytest.mark.parametrize("kind", sorted(KINDS))
HOUR = 3_600.0


def calm(kind: str, scene: Scene, seed: int = 1) -> World[Any]:
    """A world whose chance ahead is all in the answers: no strength wanders, nobody has moods."""
    if kind == "psikt":
        return CoupledWorld(scene, CoupledNature(wander_sd=0.0), seed)
    if kind == "unruly":
        return UnrulyWorld(scene, UnrulyNature(mood_sd=0.0, fatigue=0.0, guessers=0.0, helped=0.0), seed)
    return open_world(kind, scene, seed=seed)


@every_kind
@given(seed=st.integers(0, 10_000), horizon=st.floats(0.0, 400.0))
@settings(max_examples=8, deadline=None)
def test_probabilities_are_probabilities(kind: str, seed: int, horizon: float) -> None:
    world = open_world(kind, small(10, 6), seed=seed)
    run(world, at_random, days=5)
    knowledge, recall = (f(day_start(5) + horizon * SECONDS_PER_DAY) for f in (world.knowledge, world.recall))
    answering = world.scene.answering
    assert np.all((knowledge >= 0) & (knowledge <= 1))
    assert np.all((recall >= answering.guess - 1e-12) & (recall <= 1 - answering.slip + 1e-12))
    assert np.allclose(recall, answering.guess + (1 - answering.guess - answering.slip) * knowledge)


@every_kind
def test_the_same_seed_gives_the_same_world(kind: str) -> None:
    first = open_world(kind, small(), seed=3)
    runs = [run(world, at_random, days=6) for world in (first, open_world(kind, small(), seed=3), first.again())]
    assert all(np.array_equal(runs[0].knowledge, other.knowledge) for other in runs[1:])
    assert all(np.array_equal(runs[0].minutes, other.minutes) for other in runs[1:])
    assert not np.array_equal(runs[0].knowledge, run(first.again(4), at_random, days=6).knowledge)


@every_kind
def test_a_copy_goes_its_own_way_and_meets_the_same_luck(kind: str) -> None:
    world = open_world(kind, small(), seed=3)
    run(world, at_random, days=3)
    twin, before = world.copy(), world.knowledge(day_start(3))
    answers = practise(twin, 2, day_start(4) + 9 * HOUR)
    assert np.array_equal(world.knowledge(day_start(3)), before), "the original is as it was"
    assert np.array_equal(practise(world, 2, day_start(4) + 9 * HOUR).correct, answers.correct)
    assert np.array_equal(world.knowledge(day_start(5)), twin.knowledge(day_start(5)))


@every_kind
def test_learners_do_not_depend_on_how_many_others_there_are(kind: str) -> None:
    few, many = (run(open_world(kind, small(n), seed=2), longest_ago, days=5) for n in (12, 40))
    assert np.allclose(few.knowledge, many.knowledge[:, :12])


@every_kind
def test_the_first_answers_on_a_concept_meet_the_same_luck_whatever_came_before(kind: str) -> None:
    """With equal chances they are the same answers: here nothing that is learnt elsewhere tells on the concept."""
    plain, other = (calm(kind, bare(300, 6)) for _ in range(2))
    for turn in range(4):
        practise(other, turn, day_start(0) + turn * HOUR)
    one, two = (practise(world, 5, day_start(0) + 12 * HOUR) for world in (plain, other))
    same = np.isclose(one.chance, two.chance)
    assert same.mean() > 0.9
    assert np.array_equal(one.correct[same], two.correct[same])
    assert np.array_equal(one.minutes[same], two.minutes[same])


@every_kind
def test_common_luck_makes_comparisons_sharper(kind: str) -> None:
    scene = Scene(40, Shape(concepts=10), Attendance.steady(4.0))
    ends = np.array(
        [
            [run(open_world(kind, scene, seed=seed), policy, days=8).mean().mean() for policy in (at_random, crammed)]
            for seed in range(12)
        ]
    )
    paired = (ends[:, 0] - ends[:, 1]).std()
    unpaired = np.hypot(ends[:, 0].std(), ends[:, 1].std())
    assert paired < 0.8 * unpaired


@every_kind
def test_answers_come_out_as_often_right_as_they_should(kind: str) -> None:
    world = open_world(kind, small(400, 10), seed=5)
    right, chance = [], []
    for day in range(6):
        for turn in range(8):
            concept = (turn * 3 + day) % 10
            outcome = practise(world, concept, day_start(day) + 10 * HOUR + 700.0 * turn)
            right.append(outcome.correct)
            chance.append(outcome.chance)
    p = np.concatenate(chance)
    z = (np.concatenate(right) - p).sum() / np.sqrt((p * (1 - p)).sum())
    assert abs(z) < 3.5
    for low in (0.1, 0.4, 0.7):
        part = (p >= low) & (p < low + 0.3)
        if not part.any():
            assert kind == "space", "who neither knows nor fails surely is in no state there"
            continue
        assert np.concatenate(right)[part].mean() == pytest.approx(p[part].mean(), abs=0.03)


@every_kind
def test_recall_is_the_chance_of_an_average_item(kind: str) -> None:
    world = calm(kind, bare(100, 4, parents=1.2))
    for day in range(3):
        practise(world, day, day_start(day) + 10 * HOUR)
    before = world.recall(day_start(2) + 12 * HOUR)[:, 1]
    assert np.allclose(practise(world, 1, day_start(2) + 12 * HOUR).chance, before)


@every_kind
@given(seed=st.integers(0, 1_000), days=st.lists(st.floats(0.0, 90.0), min_size=2, max_size=5))
@settings(max_examples=8, deadline=None)
def test_without_practice_nobody_learns(kind: str, seed: int, days: list[float]) -> None:
    world = calm(kind, bare(20, 5), seed)
    for turn in range(15):
        practise(world, turn % 5, day_start(turn // 4) + 10 * HOUR + 60.0 * turn)
    curve = np.array([world.knowledge(day_start(4) + day * SECONDS_PER_DAY) for day in sorted(days)])
    assert np.all(np.diff(curve, axis=0) <= 1e-12)


@pytest.mark.parametrize("kind", ["psikt", "power", "fsrs", "unruly"])
def test_what_is_foretold_without_practice_is_what_comes(kind: str) -> None:
    world = calm(kind, bare(50, 8, parents=1.5))
    run(world, at_random, days=3)
    at = day_start(17) + 5 * HOUR
    foretold = world.knowledge(at)
    world.reach(17)
    assert np.allclose(world.knowledge(at), foretold, atol=1e-9)


@every_kind
def test_practice_teaches(kind: str) -> None:
    world = calm(kind, bare(300, 4))
    before = world.knowledge(day_start(9)).mean(0)
    for day in range(8):
        practise(world, 2, day_start(day) + 10 * HOUR)
    after = world.knowledge(day_start(9)).mean(0)
    assert after[2] > before[2] + 0.25
    assert np.all(after[[0, 1]] <= before[[0, 1]] + 1e-9)


@every_kind
def test_one_item_again_and_again_teaches_the_item_more_than_the_concept(kind: str) -> None:
    same, turns = (open_world(kind, Scene(400, Shape(4, 6, 0.0, 0.5, 0.0)), seed=1) for _ in range(2))
    row = np.arange(400)
    for day in range(6):
        at = day_start(day) + 10 * HOUR
        same.answer(row, np.full(400, 6), at)
        practise(turns, 1, at)
    later = day_start(12)
    assert same.knowledge(later)[:, 1].mean() < turns.knowledge(later)[:, 1].mean() - 0.02
    if kind != "space":
        again, other = (same.copy().answer(row, np.full(400, item), later).chance.mean() for item in (6, 7))
        assert again > other + 0.04


@every_kind
def test_wrong_answers_and_first_ones_take_longer(kind: str) -> None:
    world = open_world(kind, small(400, 8), seed=7)
    first, second = (practise(world, 0, day_start(0) + hour * HOUR) for hour in (9, 10))
    assert np.median(first.minutes) > np.median(second.minutes) + 0.3
    assert np.median(second.minutes[second.correct]) < np.median(second.minutes[~second.correct])


@pytest.mark.parametrize(
    ("row", "item", "at", "said"),
    [
        ([0, 0], [1, 2], 5.0, "distinct and in 0 to 9"),
        ([10], [1], 5.0, "distinct and in 0 to 9"),
        ([1], [999], 5.0, "the course has 0 to 35"),
        ([1, 2], [1], 5.0, "one item a learner"),
        ([1], [1], float("nan"), "not finite"),
        ([1], [1], 1.0, "the world is on 2"),
        ([1], [1], 2.1, "learner 1 has answered after"),
        ([1, 2], [1, 1], [5.0, 6.0], "ask day by day"),
    ],
)
def test_impossible_questions_are_refused_and_change_nothing(row: Any, item: Any, at: Any, said: str) -> None:
    world = open_world("power", small(10, 6), seed=1)
    practise(world, 0, day_start(2) + 12 * HOUR)
    before = world.knowledge(day_start(3))
    with pytest.raises(ValueError, match=said):
        world.answer(np.array(row), np.array(item), day_start(0) + np.array(at) * SECONDS_PER_DAY)
    assert np.array_equal(world.knowledge(day_start(3)), before)


def test_an_unknown_kind_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="'flat' is unknown: choose one of psikt, power"):
        open_world("flat", seed=1)


def test_only_worlds_that_use_prerequisites_have_them_unless_asked_to_mislead() -> None:
    for kind in KINDS:
        world = open_world(kind, seed=1)
        assert bool(len(world.course.parent)) == world.uses_prerequisites
    assert len(open_world("power", seed=1, misleading=True).course.parent)


def test_nobody_there_is_no_answer() -> None:
    world = open_world("space", small(), seed=1)
    assert len(ask(world, np.array([], dtype=np.int64), 0, day_start(0)).correct) == 0


@every_kind
def test_a_course_that_is_given_is_the_same_for_other_learners(kind: str) -> None:
    course = open_world(kind, small(), seed=3).course
    worlds = [open_world(kind, replace(small(), course=course), seed=seed) for seed in (3, 4)]
    assert all(world.course is course for world in worlds)
    assert not np.array_equal(worlds[0].ability, worlds[1].ability)
    assert worlds[0].n_concepts == course.n_concepts
