"""What the benchmarks of PSI-KT measure, on numbers that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kt_models import data
from kt_models.base import ConceptLists
from kt_models.data import Dataset
from kt_models.psikt import online
from kt_models.recall import SECONDS_PER_DAY
from tests.bench import _psikt_stats, psikt_cost, psikt_meaning
from tests.bench._psikt_stats import Beliefs
from tests.bench.psikt_cost import Setting

DAY = SECONDS_PER_DAY


@pytest.fixture(scope="module")
def model() -> Any:
    """As a fit starts."""
    return psikt_cost._model()


def answers(
    seconds: list[float], concept: list[int], correct: list[float], learner: list[int] | None = None
) -> Dataset:
    return data.of_columns(
        learner=np.array(learner or [0] * len(seconds)), concepts=ConceptLists.single(np.array(concept)),
        seconds=np.array(seconds), correct=np.array(correct, np.float32),
    )  # fmt: skip


def test_the_maths_that_is_timed_is_that_of_an_update(model: Any) -> None:
    state = model.update(model.prior(8), psikt_cost._history(8, 60))
    new = psikt_cost._answers(8, float(state.seconds.max()) + DAY)
    after: Any = psikt_cost.maths(model, state, new)()
    updated = model.update(state, new).learner[:, online.TRAITS]
    assert np.allclose(after[0].traits, updated, atol=1e-6)
    assert not np.allclose(updated, state.learner[:, online.TRAITS], atol=1e-3)


@pytest.mark.parametrize("kind", ["graph", "plain", "dense"])
def test_an_epoch_costs_time_and_memory(kind: str) -> None:
    cost = psikt_cost.cost_of(Setting("smoke", 6, 16, 8, 3, kind, one_batch=True, epochs=1))
    assert cost["answers"] == 128
    assert cost["us"] > 0
    assert cost["mib"] >= 0


def test_what_is_left_of_a_practice_after_ages_is_the_lasting_gain(model: Any) -> None:
    first = answers([0.0, 0.0], [0, 0], [1.0, 0.0], [0, 1]).interactions
    state = model.update(model.prior(2), first)
    held = state.touched[state.concept < online.ITEMS, online.LASTING]
    assert np.allclose(psikt_meaning.gain(model, np.array([1e6]))[:, 0], held)


def test_practice_is_worth_something_at_every_concept_and_delay(model: Any) -> None:
    state = model.update(model.prior(3), psikt_cost._history(3, 40))
    rows, rest = psikt_meaning.worth(model.forecast(state, state.seconds + DAY))
    assert rows.min() > 0
    assert rest.min() > 0


def test_a_slope_is_found_behind_the_differences_of_learners() -> None:
    rng = np.random.default_rng(0)
    learner = np.repeat(np.arange(200), 20)
    # Those who are asked after long gaps are the ones who drop anyway.
    own = rng.normal(size=200)[learner]
    gap = own + rng.normal(size=len(learner))
    drop = 0.3 * gap + 5 * own + rng.normal(size=len(learner))
    found = _psikt_stats.within(learner, drop, gap)
    assert abs(found.value - 0.3) < 3 * found.error < 0.1
    assert _psikt_stats.within(learner, drop, rng.normal(size=len(learner)), gap).p > 0.01


def test_beliefs_are_as_far_apart_as_in_closed_form() -> None:
    eye = np.eye(3)[None]
    p, q = Beliefs(np.zeros((1, 3)), eye), Beliefs(np.array([[2.0, 0, 0]]), eye)
    assert _psikt_stats.distance(p, p) == pytest.approx(0)
    assert _psikt_stats.distance(p, q) == pytest.approx(2.0)
    assert _psikt_stats.distance(q, p) == pytest.approx(2.0)
    wide = Beliefs(np.zeros((1, 3)), 4 * eye)
    assert _psikt_stats.distance(p, wide) == pytest.approx(3 * (4 + 1 / 4 - 2) / 4)


def test_specificity_is_the_information_of_a_gaussian() -> None:
    mean = np.random.default_rng(0).normal(size=(20_000, 3))
    told = _psikt_stats.specificity(Beliefs(mean, np.tile(np.eye(3) / 3, (20_000, 1, 1))))
    assert told == pytest.approx(1.5 * np.log(1 + 3), abs=0.02)


def test_total_correlation_is_that_of_a_correlated_pair() -> None:
    covariance = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert _psikt_stats.total_correlation(covariance) == pytest.approx(-np.log(1 - 0.36) / 2)
    assert _psikt_stats.total_correlation(np.diag([1.0, 2.0, 3.0])) == pytest.approx(0)


def test_sessions_fall_into_halves_in_turn() -> None:
    seconds = [session * DAY + minute * 60.0 for session in range(4) for minute in range(12)]
    enough, odd = psikt_meaning.halves_of(answers(seconds, [0] * 48, [1.0] * 48))
    assert odd.reshape(4, 12).mean(axis=1).tolist() == [0, 1, 0, 1]
    assert enough.tolist() == [0]
    assert psikt_meaning.halves_of(answers(seconds[:30], [0] * 30, [1.0] * 30))[0].tolist() == []


def test_drops_are_of_the_same_concept_in_the_second_half(model: Any) -> None:
    seconds, concept = [0.0, 1, 2, 3, DAY, 2 * DAY, 4 * DAY, 5 * DAY], [0, 1, 0, 1, 0, 1, 0, 1]
    found = psikt_meaning.drops(model, answers(seconds, concept, [1.0, 1, 1, 1, 1, 0, 0, 1]))
    assert found.days.tolist() == [3.0, 3.0]
    assert found.drop.tolist() == [1.0, -1.0]


def test_rates_are_dealt_among_learners() -> None:
    drops = psikt_meaning.Drops(np.array([1, 1, 4, 4]), np.array([0.1, 0.1, 0.2, 0.2]), np.ones(4), np.zeros(4))
    dealt = {tuple(drops.dealt(np.random.default_rng(seed)).rate.tolist()) for seed in range(20)}
    assert dealt == {(0.1, 0.1, 0.2, 0.2), (0.2, 0.2, 0.1, 0.1)}
