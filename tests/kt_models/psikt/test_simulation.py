"""Simulated learners are what PSI-KT's generative model says, and the same seed makes the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from kt_models.psikt import simulation
from kt_models.psikt.simulation import Cohort
from kt_models.recall import SECONDS_PER_DAY, sigmoid


def test_equal_seeds_give_equal_answers() -> None:
    cohort = Cohort(learners=20, steps=15)
    one, again, other = (simulation.simulate(cohort, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.data.interactions.correct, again.data.interactions.correct)
    assert np.array_equal(one.adjacency, again.adjacency)
    assert not np.array_equal(one.traits, other.traits)


def test_a_graph_has_the_asked_density_and_no_cycle() -> None:
    graph = simulation.random_graph(60, 0.3, np.random.default_rng(0))
    assert graph.sum() / (60 * 59 / 2) == pytest.approx(0.3, abs=0.03)
    assert not np.linalg.matrix_power(graph, 60).any()
    weight = simulation.normalised(graph)
    assert set(np.round(weight.sum(0), 12)) <= {0.0, 1.0}


def test_the_data_set_holds_the_answers() -> None:
    made = simulation.simulate(Cohort(learners=30, steps=12), seed=1)
    seen = made.data.interactions
    assert np.array_equal(seen.correct.reshape(30, 12), made.correct)
    assert np.array_equal(seen.concepts.flat.reshape(30, 12), made.concept)
    assert np.allclose(seen.seconds.reshape(30, 12) / SECONDS_PER_DAY, made.days)


def test_strengths_without_parents_reach_the_stationary_law_of_the_traits() -> None:
    cohort = Cohort(learners=4000, steps=30, density=0.0, trait_sd=(0.0, 0.0, 0.0, 0.0))
    last = simulation.simulate(cohort, seed=2).strength[:, -1]
    rate, level, sigma = np.exp(-1.2), 0.4, np.exp(-0.5)
    error = np.sqrt(sigma**2 / (2 * rate) / last.size)
    assert last.mean() == pytest.approx(level, abs=4 * error)
    assert last.var() == pytest.approx(sigma**2 / (2 * rate), rel=0.03)


def test_the_true_chance_is_calibrated() -> None:
    made = simulation.simulate(Cohort(learners=1000), seed=5)
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (made.chance >= low) & (made.chance < low + 0.2)
        assert made.correct[inside].mean() == pytest.approx(made.chance[inside].mean(), abs=0.02)


def test_practice_adds_up_to_the_ceiling() -> None:
    still = Cohort(learners=50, steps=200, concepts=1, density=0.0, mean_gap_days=1e-9)
    plain = simulation.simulate(still, seed=6)
    made = simulation.simulate(Cohort(**{**vars(still), "gain_right": 0.1, "gain_wrong": 0.1}), seed=6)
    assert np.allclose(made.strength[:, -1] - plain.strength[:, -1], 0.1 * 199, atol=1e-2)
    limited = simulation.simulate(Cohort(**{**vars(still), "gain_right": 0.1, "gain_wrong": 0.1, "ceiling": 0.0}), 6)
    rise = limited.strength[:, 1] - limited.strength[:, 0]
    assert np.allclose(rise, 0.1 * sigmoid(-limited.strength[:, 0]), atol=1e-3)


def test_shuffling_keeps_times_and_each_learners_answers() -> None:
    made = simulation.simulate(Cohort(learners=40, steps=25), seed=7)
    mixed = simulation.shuffled(made.data, seed=0).interactions
    seen = made.data.interactions
    assert np.array_equal(mixed.seconds, seen.seconds)
    assert not np.array_equal(mixed.correct, seen.correct)
    before, after = (np.bincount(x.learner * 10 + x.concepts.flat, x.correct, 400) for x in (seen, mixed))
    assert np.array_equal(before, after)


@pytest.mark.parametrize(("name", "value"), [("learners", 0), ("density", 1.5)])
def test_an_impossible_cohort_is_refused_by_name_and_value(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        Cohort(**{name: value})  # type: ignore[arg-type]
