"""The importance-weighted bound is tight, and correcting by it leaves a population no worse than it was."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import numpy as np
import pytest
import torch

from kt_models.data import Dataset
from kt_models.psikt import correction, evidence, graph, simulation, train
from kt_models.psikt.config import Config
from kt_models.psikt.correction import Guide, LearnerwiseBound, Program
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.graph import Candidates
from kt_models.psikt.population import Population
from kt_models.psikt.simulation import TRAIT_MEAN, TRAIT_SD, Cohort
from tests.kt_models.psikt import truth


@pytest.fixture
def double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def test_with_many_particles_the_bound_is_the_evidence(double_precision: None) -> None:
    """Against 2,048 Sobol draws from the population, per answer; the filter's own evidence stands beside it."""
    cohort = Cohort(learners=60, steps=30)
    made = simulation.simulate(cohort, seed=5)
    given, p = truth.inputs(made.data, made.weight), truth.parameters(cohort, made.weight)
    exact = truth.batch(made, cohort, 30, draws=2048).log_evidence / 30
    few, many = (correction.bound(truth.FAITHFUL, p, given, n, seed=0) for n in (4, 64))
    assert np.abs(many.log_evidence.numpy() / 30 - exact).mean() < 0.004
    assert (many.log_evidence.numpy() / 30).mean() == pytest.approx(exact.mean(), abs=0.001)
    assert (few.log_evidence.numpy() / 30).mean() < exact.mean() + 0.001
    assert (many.filtered.numpy() / 30).mean() == pytest.approx(exact.mean(), abs=0.004)
    assert many.effective.mean() > 32


def test_the_objective_in_pyro_is_that_bound_and_weighs_learners_apart(double_precision: None) -> None:
    cohort = Cohort(learners=40, steps=12)
    made = simulation.simulate(cohort, seed=1)
    given, p = truth.inputs(made.data, made.weight), truth.parameters(cohort, made.weight)
    program = Program(truth.FAITHFUL, p, given, Guide.of(truth.FAITHFUL, p, given), torch.tensor(-3.0))
    objective = LearnerwiseBound(32)
    torch.manual_seed(0)
    found = -objective.loss(program.model, program.guide)
    wanted = correction.bound(truth.FAITHFUL, p, given, 32, seed=1).log_evidence.sum() - 3.0
    assert found / made.data.n_answers == pytest.approx(wanted.item() / made.data.n_answers, abs=0.002)
    assert objective.effective.shape == (40,)
    assert objective.effective.mean() > 16


def test_the_guide_is_the_belief_after_each_learners_own_last_answer(double_precision: None) -> None:
    made = simulation.simulate(Cohort(learners=12, steps=9), seed=2)
    data = made.data.where(made.data.step < 3 + made.data.interactions.learner % 5)
    rows = np.argsort(-data.lengths, kind="stable")
    p = truth.parameters(Cohort(), made.weight)
    together = correction.last_belief(truth.FAITHFUL, p, truth.inputs(data, made.weight, rows))
    for place in (0, 5, 11):
        alone = truth.inputs(data, made.weight, rows[place : place + 1])
        whole = evidence.run(truth.FAITHFUL, p, alone, evidence.begin(truth.FAITHFUL, p, alone)).belief.learner
        assert torch.allclose(together.traits[place], whole.traits[0])
        assert torch.allclose(together.covariance[place], whole.covariance[0])


def true_population(config: Config) -> Population:
    population = Population(config, np.full(10, 0.1), Candidates.none(10))
    with torch.no_grad():
        population.trait_mean.copy_(torch.tensor(TRAIT_MEAN))
        population.trait_log_sd.copy_(torch.tensor(TRAIT_SD).log())
        population.start_log_variance.fill_(0.0)
    return population


def held_out_loss(config: Config, population: Population, given: Inputs) -> float:
    with torch.no_grad():
        p = population.drawn()
        return -float(evidence.run(config, p, given, evidence.begin(config, p, given)).log_evidence.mean())


def test_correcting_the_true_population_leaves_it_so() -> None:
    config = Config(mode="faithful", learning_rate=0.05)
    made = simulation.simulate(Cohort(learners=600, steps=25, density=0.0), seed=4)
    learnt, held = made.data.split_learners((0.5, 0.5), 0)
    bare, population = np.zeros((10, 10)), true_population(config)
    given, unseen = truth.inputs(learnt, bare), truth.inputs(held, bare)
    before = held_out_loss(config, population, unseen)
    told: list[dict[str, float]] = []
    correction.correct(
        config, population, repeat(given), steps=15, particles=8, seed=0, answers=learnt.n_answers,
        progress=told.append,
    )  # fmt: skip
    assert held_out_loss(config, population, unseen) < before + 0.002
    ratio = population.trait_log_sd.exp().detach().numpy() / np.array(TRAIT_SD)
    assert np.all((ratio[[0, 1, 3]] > 0.8) & (ratio[[0, 1, 3]] < 1.3))
    assert len(told) == 15
    assert told[-1]["effective"] > 4


def fitted(data: Dataset, config: Config) -> train.Training:
    training = train.Training.start(data, config, graph.candidates(config, data, 10), seed=0)
    train.optimise(training, None, lambda record: None)
    return training


@pytest.mark.slow
def test_a_corrected_fit_is_not_worse_and_loses_the_excess_spread_of_the_forgetting_rate() -> None:
    # The spreads of mu and gamma stay below the truth at this size: `tests.bench.psikt_recovery` has the figures.
    made = simulation.simulate(Cohort(learners=1500, steps=50), seed=5)
    learnt, held = made.data.split_learners((0.7, 0.3), 0)
    config = Config(mode="faithful", epochs=18, min_steps=0, batch_learners=200, correction_steps=120, chunk=50)
    training = fitted(learnt, config)
    before, raw = train.log_loss(training, held), spread_of_rate(training)
    correction.correct_training(training)
    assert train.log_loss(training, held) < before + 0.002
    assert raw > 1.3
    assert 0.8 < spread_of_rate(training) < 1.3


def spread_of_rate(training: train.Training) -> float:
    """Standard deviation of log alpha over learners that a fit has found, as a share of the true one."""
    return float(training.population.trait_log_sd.exp()[0]) / TRAIT_SD[0]
