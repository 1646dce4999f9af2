"""What sets each world apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import fsrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models.recall import SECONDS_PER_DAY, Float, Int
from kt_models.simulate import (
    Answering,
    Attendance,
    CoupledNature,
    CoupledWorld,
    PowerNature,
    PowerWorld,
    Scene,
    Shape,
    SpaceNature,
    SpaceWorld,
    UnrulyNature,
    UnrulyWorld,
    day_start,
    fsrs6,
    open_world,
)
from kt_models.simulate.draws import Draws
from tests.kt_models.simulate.loops import ask, at_random, bare, practise, run

HOUR = 3_600.0


def retained(kind: str, days: list[int], at_day: int) -> float:
    """Mean knowledge of all concepts, each practised once on each of the days, or often on one."""
    world = open_world(kind, bare(400, 4), seed=11)
    for turn, day in enumerate(days):
        for concept in range(4):
            practise(world, concept, day_start(day) + 10 * HOUR + 240.0 * turn + 60.0 * concept)
    return float(world.knowledge(day_start(at_day)).mean())


@pytest.mark.parametrize(("kind", "exam"), [("psikt", 17), ("power", 30), ("fsrs", 30), ("unruly", 30)])
def test_practice_spread_out_is_kept_better_than_massed_on_the_middle_day(kind: str, exam: int) -> None:
    assert retained(kind, [0, 2, 4, 6, 8, 10], exam) > retained(kind, [5] * 6, exam) + 0.01


@pytest.mark.parametrize("kind", ["power", "fsrs", "unruly"])
def test_spacing_pays_even_with_equally_recent_practice(kind: str) -> None:
    assert retained(kind, [0, 2, 4, 6, 8, 10], 60) > retained(kind, [10] * 6, 60) + 0.05


def test_psikt_strengths_are_foretold_with_their_spread() -> None:
    """Nights drawn anew, many times, come out at the knowledge that was expected."""
    world = CoupledWorld(bare(30, 8, parents=1.5), CoupledNature(wander_sd=0.8), 2)
    run(world, at_random, days=4)
    at = day_start(16) + 1.0
    expected, seen = world.knowledge(at), []
    for seed in range(150):
        other = world.copy()
        other.draws = Draws(1_000 + seed)
        other.reach(16)
        seen.append(other.knowledge(at))
    assert np.abs(np.mean(seen, axis=0) - expected).max() < 0.09
    assert np.mean(seen) == pytest.approx(expected.mean(), abs=0.01)


def test_psikt_strengths_stay_where_they_rest() -> None:
    world = CoupledWorld(Scene(300, Shape(20)), CoupledNature(), 1)
    start = world.knowledge(day_start(0))
    world.reach(40)
    after = world.knowledge(day_start(40))
    assert after.mean() == pytest.approx(start.mean(), abs=0.01)
    assert after.std() == pytest.approx(start.std(), rel=0.1)


def test_psikt_mastered_prerequisites_raise_their_children() -> None:
    world = CoupledWorld(bare(300, 30, parents=2.0), CoupledNature(wander_sd=0.0), 1)
    parents = np.unique(world.course.parent[world.course.child == 29])
    before = world.knowledge(day_start(20))[:, 29].mean()
    for turn in range(36):
        for parent in parents.tolist():
            practise(world, parent, day_start(turn // 2) + (turn % 2) * HOUR + 60.0 * parent)
    assert world.knowledge(day_start(20))[:, 29].mean() > before + 0.03


@given(
    gaps=st.lists(st.floats(0.01, 40.0), min_size=1, max_size=6), later=st.floats(0.0, 200.0), seed=st.integers(0, 99)
)
@settings(max_examples=30, deadline=None)
def test_power_practice_that_was_known_never_lowers_what_is_known_later(
    gaps: list[float], later: float, seed: int
) -> None:
    world = PowerWorld(bare(20, 1), PowerNature(), seed)
    at = day_start(0)
    for gap in gaps:
        practise(world, 0, at)
        at += gap * SECONDS_PER_DAY
    alone = world.knowledge(at + later * SECONDS_PER_DAY)
    knew = practise(world, 0, at).knew
    assert np.all(world.knowledge(at + later * SECONDS_PER_DAY)[knew] >= alone[knew] - 1e-12)


def test_power_forgetting_follows_a_straight_line_in_logarithms() -> None:
    world = PowerWorld(bare(5, 1), PowerNature(before=-30.0), 1)
    practise(world, 0, day_start(0))
    days = np.array([30.0, 60.0, 120.0, 240.0, 480.0])
    curve = np.log([world.knowledge(day_start(0) + day * SECONDS_PER_DAY)[:, 0] for day in days])
    slopes = np.diff(curve, axis=0) / np.log(2.0)
    assert np.allclose(slopes, -world.exponent[:, 0], rtol=5e-3)


@given(
    ratings=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    gaps=st.lists(st.integers(0, 90), min_size=12, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_fsrs_memories_are_those_of_the_fsrs_package(ratings: list[int], gaps: list[int]) -> None:
    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    card, now = fsrs.Card(), datetime(2025, 9, 1, tzinfo=UTC)
    ours = fsrs6.Memory(np.zeros(1), np.zeros(1))
    for turn, (rating, gap) in enumerate(zip(ratings, gaps, strict=False)):
        now += timedelta(days=gap)
        days, rated = np.array([float(gap)]), np.array([rating])
        if turn == 0:
            ours = fsrs6.first_memory(rated)
        else:
            recall = fsrs6.retrievability(ours.stability, days)
            assert recall[0] == pytest.approx(scheduler.get_card_retrievability(card, now), abs=1e-9)
            ours = fsrs6.next_memory(ours, days, recall, rated)
        card, _ = scheduler.review_card(card, fsrs.Rating(rating), now)
        assert card.stability is not None
        if card.stability > 36_500:
            return  # Ours ends at a hundred years, as fsrs-rs does.
        assert ours.stability[0] == pytest.approx(card.stability, rel=1e-9)
        assert ours.difficulty[0] == pytest.approx(card.difficulty, rel=1e-9)


def test_fsrs_parameters_are_the_package_s_own() -> None:
    assert tuple(fsrs.Scheduler().parameters) == fsrs6.WEIGHTS


def test_fsrs_ratings_come_in_the_published_shares() -> None:
    world = fsrs6.FsrsWorld(bare(4_000, 1), fsrs6.FsrsNature(0.0, -30.0, 0.0, 0.0), 1)
    practise(world, 0, day_start(0))
    # Recall of 0.9 is left when as many days have gone by as the stability has.
    begun = world.knowledge(day_start(0) + fsrs6.WEIGHTS[2] * SECONDS_PER_DAY)[:, 0]
    assert np.isclose(begun, 0.9).mean() == pytest.approx(fsrs6.FIRST_SHARES[2], abs=0.03)


def space(learners: int = 300, keep_days: float = 1e9, guess: float = 0.1) -> SpaceWorld:
    scene = Scene(learners, Shape(12, 6, 2.0), Attendance.steady(600.0), Answering(guess=guess))
    return SpaceWorld(scene, SpaceNature(before=-30.0, before_sd=0.0, keep_days=keep_days), 4)


def test_space_a_child_before_its_parents_teaches_nothing() -> None:
    world = space()
    child = int(world.course.child[-1])
    answers = [practise(world, child, day_start(day)).correct for day in range(30)]
    assert not world.knowledge(day_start(30)).any()
    assert np.mean(answers) == pytest.approx(world.scene.answering.guess, abs=0.015)


def test_space_a_child_is_learnt_once_its_parents_are_known() -> None:
    world = space()
    child = int(world.course.child[0])
    parents = world.course.prerequisites.take(np.array([child])).flat.tolist()
    day = 0
    for concept in [*range(child), child]:
        for _ in range(25):
            practise(world, concept, day_start(day))
            day += 1
    assert world.knowledge(day_start(day))[:, [*parents, child]].mean() > 0.95


@given(seed=st.integers(0, 500))
@settings(max_examples=12, deadline=None)
def test_space_states_without_forgetting_are_closed_under_prerequisites(seed: int) -> None:
    world = SpaceWorld(Scene(30, Shape(15, 4, 2.0)), SpaceNature(before=0.0, keep_days=1e9), seed)
    parent, child = world.course.parent, world.course.child
    assert np.all(world.known[:, parent] | ~world.known[:, child])
    run(world, at_random, days=4)
    assert np.all(world.known[:, parent] | ~world.known[:, child])


def test_space_forgetting_comes_as_often_as_foretold_and_reviews_slow_it() -> None:
    world = SpaceWorld(bare(2_000, 4), SpaceNature(before=2.0, keep_days=30.0), 3)
    reviewed = world.copy()
    for day in (0, 1, 2):
        practise(reviewed, 0, day_start(day))
    foretold = world.knowledge(day_start(25))
    world.reach(25)
    reviewed.reach(25)
    assert world.knowledge(day_start(25)).mean() == pytest.approx(foretold.mean(), abs=0.01)
    assert reviewed.known[:, 0].mean() > world.known[:, 0].mean() + 0.1


def unruly(**nature: float) -> UnrulyWorld:
    return UnrulyWorld(bare(400, 4), UnrulyNature(**nature), 6)


def often(world: UnrulyWorld, days: list[int], concept: int = 0) -> Float:
    for turn, day in enumerate(days):
        practise(world, concept, day_start(day) + 10 * HOUR + 60.0 * turn)
    return world.knowledge(day_start(60))[:, concept]


def test_unruly_massed_practice_adds_nothing_that_lasts() -> None:
    once, massed, spaced = (often(unruly(), days).mean() for days in ([0], [0] * 8, [0, 1, 2, 3]))
    assert massed == pytest.approx(once, abs=0.01)
    assert spaced > once + 0.05


def test_unruly_practice_weakens_the_twin_and_nobody_else() -> None:
    world = unruly()
    often(world, [0, 1, 2], concept=1)
    often(world, [3, 4, 5], concept=2)
    before = world.knowledge(day_start(60))
    often(world, [6, 7, 8], concept=0)
    after = world.knowledge(day_start(60))
    assert np.all(after[:, 1] <= before[:, 1])
    assert after[:, 1].mean() < before[:, 1].mean() - 0.005
    assert np.array_equal(after[:, 2], before[:, 2])


def test_unruly_learners_tire_in_long_sessions_and_are_fresh_the_next_day() -> None:
    world = unruly(fatigue=1.0, mood_sd=0.0)
    fresh = practise(world, 3, day_start(0)).chance.mean()
    for turn in range(60):
        practise(world, 0, day_start(0) + 120.0 * (turn + 1))
    tired = practise(world, 1, day_start(0) + 120.0 * 70).chance.mean()
    rested = practise(world.copy(), 2, day_start(1)).chance.mean()
    assert tired < fresh - 0.1
    assert rested == pytest.approx(fresh, abs=0.06)


def test_unruly_guessers_are_fast_and_who_abuses_help_is_right_and_neither_learns_much() -> None:
    world = unruly(guessers=0.3, helped=0.3)
    outcome = practise(world, 0, day_start(0))
    for day in range(1, 10):
        outcome = practise(world, 0, day_start(day))
    plain = ~world.guesser & ~world.helped
    assert not np.any(world.guesser & world.helped)
    assert np.quantile(outcome.minutes[world.guesser], 0.25) < 0.5 * np.quantile(outcome.minutes[plain], 0.25)
    fresh = unruly(guessers=0.3, helped=0.3)
    first = practise(fresh, 0, day_start(0))
    assert first.chance[world.helped].mean() > first.chance[plain].mean() + 0.1
    kept = world.knowledge(day_start(30))[:, 0]
    assert max(kept[world.guesser].mean(), kept[world.helped].mean()) < kept[plain].mean() - 0.02


def test_items_practised_by_turns_are_all_of_the_concept() -> None:
    world = unruly()
    row: Int = np.arange(3)
    ask(world, row, np.array([0, 1, 2]), day_start(0))
    assert world.practised[:3].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
