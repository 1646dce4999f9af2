"""Whole runs: worlds tell good policies from bad ones, and quickly."""

from __future__ import annotations

import time

import numpy as np
import pytest

from kt_models.simulate import KINDS, Attendance, Bootstrap, Scene, Shape, deciles, open_world
from tests.kt_models.simulate.loops import at_random, crammed, longest_ago, run


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rotating_beats_cramming_where_memory_fades_and_loses_where_order_is_all(kind: str) -> None:
    scene = Scene(120, Shape(concepts=40), Attendance.steady(5.0))
    rotating, crammed_ = (
        run(open_world(kind, scene, seed=8), policy, days=40, most=60) for policy in (longest_ago, crammed)
    )
    gain = Bootstrap(0).relative(rotating.at_exam(), crammed_.at_exam())
    assert gain.high < 0 if kind == "space" else gain.low > 0
    spent = Bootstrap(0).relative(rotating.minutes_per_day(), crammed_.minutes_per_day())
    assert abs(spent.value) < 0.05, "equal minutes"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_able_learners_know_more_at_the_start(kind: str) -> None:
    world = open_world(kind, Scene(400, Shape(concepts=40)), seed=8)
    knowledge = world.knowledge(0.0).mean(1)
    group = deciles(world.ability)
    assert knowledge[group == 9].mean() > knowledge[group == 0].mean() + 0.02


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_tournament_s_run_takes_seconds(kind: str) -> None:
    """60 days of 20 answers by 200 learners on 100 concepts; 0.4 to 0.7 CPU seconds where this was written."""
    scene = Scene(200, Shape(concepts=100), Attendance.steady(60.0))
    world, begun = open_world(kind, scene, seed=1), time.process_time()
    record = run(world, at_random, days=60, most=20)
    assert time.process_time() - begun < 10.0
    assert np.nansum(record.answers) > 0.95 * 200 * 60 * 20
