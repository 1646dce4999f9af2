"""A policy in a world: everybody meets the same luck, has the same minutes, and is offered only what may be offered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from kt_models.baselines import half_life
from kt_models.simulate import Attendance, Bootstrap, Record, Scene, Shape, World, day_start, open_world
from tutor.scheduling.policies import POLICIES, Choice, Situation
from tutor.scheduling.tournament import course, run
from tutor.scheduling.tournament.contest import NOT_PLAYED
from tutor.scheduling.tournament.course import Ground
from tutor.scheduling.tournament.run import NotOffered, Rounds, play, warm_up
from tutor.tracing.pupils import Pupils

PLAYED = sorted(POLICIES.keys() - NOT_PLAYED)
Choose = Callable[[Situation], Choice]


def scene(learners: int = 12, concepts: int = 10, minutes: float = 3.0) -> Scene:
    return Scene(learners, Shape(concepts), Attendance(minutes=minutes))


def opened(kind: str, of: Scene, seed: int = 1) -> tuple[World[Any], Ground, Pupils]:
    """A fresh world, and what an untrained model believes of its learners."""
    world = open_world(kind, of, seed=seed)
    ground = course.ground(of, world.course)
    model = half_life.prior_model(world.n_concepts, world.course.n_items, world.course.difficulty)
    return world, ground, Pupils(model, world.n_learners, ground.content, day_start(0))


def played(kind: str, choose: Choose, of: Scene, days: int = 6, **rounds: Any) -> Record:
    return play(*_parts(kind, of, choose), Rounds(days, **rounds))


def _parts(kind: str, of: Scene, choose: Choose) -> tuple[World[Any], Ground, Choose, Pupils]:
    world, ground, pupils = opened(kind, of)
    return world, ground, choose, pupils


class Watching:
    """A policy, and all that it was asked and said."""

    def __init__(self, policy: Choose) -> None:
        self.policy, self.seen = policy, list[tuple[Situation, Choice]]()

    def __call__(self, situation: Situation) -> Choice:
        choice = self.policy(situation)
        # As it was then: arrays of histories are written on.
        self.seen.append((situation, choice))
        return choice


@pytest.mark.parametrize("name", ["gain", "random", "zpdes"])
def test_the_same_policy_meets_the_same_luck(name: str) -> None:
    one, other = (played("psikt", POLICIES[name], scene()) for _ in range(2))
    for column in ("knowledge", "minutes", "answers"):
        assert np.array_equal(getattr(one, column), getattr(other, column))


def test_who_comes_and_for_how_long_does_not_depend_on_the_policy() -> None:
    world = open_world("power", scene(), seed=1)
    visits = [world.attendance(day) for day in range(6)]
    for name in ("gain", "random"):
        record = played("power", POLICIES[name], scene())
        for day, visit in enumerate(visits):
            assert np.all(record.minutes[day, ~visit.present] == 0)
            assert np.all(record.answers[day, ~visit.present] == 0)
            assert np.all(record.answers[day, visit.present & (visit.minutes > 3)] > 0)


@pytest.mark.parametrize("name", PLAYED)
def test_nobody_spends_more_than_there_is(name: str) -> None:
    """But for the last answer, whose length nobody knows before; it is taken off the next visit."""
    of = replace(scene(), attendance=Attendance.steady(3.0))
    record = played("power", POLICIES[name], of, days=10)
    longest = 5.0
    assert np.all(record.minutes.sum(0) <= 10 * 3.0 + longest)
    # Nothing is left unused while there is something to do; a ladder has nothing to offer on some days.
    if name in {"gain", "random", "threshold", "lowest_mastery"}:
        assert record.minutes.sum(0).mean() == pytest.approx(10 * 3.0, rel=0.05)


@pytest.mark.parametrize("name", PLAYED)
def test_only_what_may_be_offered_is_offered(name: str) -> None:
    watching = Watching(POLICIES[name])
    played("space", watching, scene(6), days=4)
    assert watching.seen
    for situation, choice in watching.seen:
        for entry in choice.entries:
            assert entry.concept in situation.concepts_of(entry.item)
            assert situation.ready[entry.concept] or situation.practised[entry.concept]
        assert len({entry.item for entry in choice.entries}) == len(choice.entries)


def test_what_is_not_in_the_course_is_refused() -> None:
    world, ground, pupils = opened("power", scene())
    without = replace(ground, item=np.where(ground.item < 30, -1, ground.item))
    with pytest.raises(NotOffered, match="offered item i"):
        play(world, without, POLICIES["random"], pupils, Rounds(2))


def test_plans_are_made_anew_from_what_was_answered() -> None:
    watching = Watching(POLICIES["gain"])
    record = played("psikt", watching, scene(1), days=8, replan_after=4)
    known = [int(situation.evidence.column("n", 10).sum()) for situation, _ in watching.seen]
    assert known[0] == 0
    assert all(0 < later - earlier <= 4 for earlier, later in pairwise(known) if later != earlier)
    assert int(record.answers.sum()) - known[-1] <= 4
    for situation, _ in watching.seen:
        assert situation.history is not None
        assert len(situation.history) == situation.evidence.n
        assert np.all(np.diff(situation.history.seconds) > 0)
        assert situation.history.item.tolist()[-64:] == situation.evidence.items.tolist()
        assert situation.table.origin <= situation.now


def test_the_cohort_is_looked_at_each_morning() -> None:
    watching = Watching(POLICIES["alp_gmm"])
    play(*_parts("power", scene(), watching), Rounds(4), with_cohort=True)
    answers = {int(situation.cohort.n.sum()) for situation, _ in watching.seen if situation.cohort is not None}
    assert len(answers) == 4
    assert min(answers) == 0


def test_choosing_at_random_is_worse_than_spacing_in_a_world_that_forgets() -> None:
    of = replace(scene(20, 60), attendance=Attendance.steady(4.0))
    names = ("random", "fixed_ladder", "leitner", "lowest_mastery")
    found = {name: played("power", POLICIES[name], of, days=12) for name in names}
    for name in names[1:]:
        better = Bootstrap(0).difference(found[name].mean(), found["random"].mean())
        assert better.low > 0, name


def test_content_is_the_course_of_the_world() -> None:
    world, ground, _ = opened("psikt", scene(concepts=30))
    content = ground.content
    assert (content.n_concepts, content.n_items) == (30, world.course.n_items)
    assert content.prerequisites.flat.tolist() == world.course.prerequisites.flat.tolist()
    assert np.allclose(content.item_difficulty, world.course.difficulty)
    assert np.array_equal(content.item_concepts.flat, world.course.concept_of(np.arange(content.n_items)))
    assert course.ground(scene(concepts=30), world.course).content.concept_ids == content.concept_ids


def test_without_a_policy_learners_practise_all_and_come_back_after_pauses_of_all_lengths() -> None:
    of = scene(10, 6, minutes=6.0)
    world, ground, _ = opened("power", of)
    log = warm_up(world, ground, 20)
    concept = ground.content.item_concepts.flat[ground.content.item_concepts.offset[log.item]]
    assert set(concept.tolist()) == set(range(6))
    pauses = []
    for learner in range(10):
        mine = log.learner == learner
        assert np.all(np.diff(log.seconds[mine]) > 0)
        pauses += [np.diff(log.seconds[mine & (concept == c)]) for c in range(6)]
    days = np.concatenate(pauses) / 86_400.0
    assert days.min() < 0.01
    assert days.max() > 5
    assert np.all(log.response_seconds > 0)


@pytest.mark.parametrize("changes", [{"days": 0}, {"replan_after": 0}])
def test_rounds_without_days_or_answers_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        Rounds(**changes)


def test_histories_grow() -> None:
    histories = run.Histories(2, room=2)
    for n in range(5):
        histories.add(np.array([1]), np.array([n]), np.array([n % 2]), np.array([float(n)]), np.array([True]))
    assert len(histories.of(0)) == 0
    assert histories.of(1).item.tolist() == [0, 1, 2, 3, 4]
    assert histories.of(1).concept.tolist() == [0, 1, 0, 1, 0]
