"""PSI-KT's filter, given the true population and graph, against brute force (recovery tests 3 to 6).

Learners are simulated by the paper's generative model; the thresholds are those of docs/models/psi-kt.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from kt_models.psikt import evidence, simulation
from kt_models.psikt.simulation import Cohort, Simulated
from kt_models.recall import Z90, Float
from tests.kt_models.psikt import truth


@pytest.fixture(autouse=True, scope="module")
def _double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def expected_error(answers: Float, p: Float, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    place = np.minimum((p * bins).astype(int), bins - 1).ravel()
    off = np.bincount(place, (answers - p).ravel(), bins)
    return float(np.abs(off).sum() / p.size)


# ---- given traits: the collapsed likelihood


def conditional(made: Simulated, cohort: Cohort) -> Float:
    """(L, T) log evidence of each answer by the filter that knows the learners' traits."""
    given, p = truth.inputs(made.data, made.weight), truth.parameters(cohort, made.weight)
    start = evidence.begin(truth.FAITHFUL, p, given, torch.as_tensor(made.traits))
    return evidence.run(truth.FAITHFUL, p, given, start).log_evidence.numpy()


def test_the_filter_given_traits_is_the_moment_matched_filter_of_the_equations() -> None:
    cohort = Cohort(learners=40)
    made = simulation.simulate(cohort, seed=1)
    wanted = truth.collapsed(made, cohort, made.traits, np.arange(40)).log_evidence
    assert np.abs(conditional(made, cohort) - wanted).max() < 1e-5


def test_without_a_graph_the_likelihood_of_every_learner_is_that_of_particles() -> None:
    cohort = Cohort(learners=20, concepts=4, density=0.0)
    made, rng = simulation.simulate(cohort, seed=0), np.random.default_rng(0)
    brute = np.stack([truth.particles(made, cohort, row, 100_000, rng).log_evidence for row in range(20)])
    assert np.abs((conditional(made, cohort) - brute).mean(1)).max() < 0.002


def test_with_a_graph_the_likelihood_of_the_cohort_is_that_of_particles() -> None:
    """Prerequisites act by their means in the filter, by themselves in the particles: the sum is the same."""
    cohort = Cohort(learners=40)
    made, rng = simulation.simulate(cohort, seed=0), np.random.default_rng(0)
    brute = np.stack([truth.particles(made, cohort, row, 20_000, rng).log_evidence for row in range(40)])
    off = (conditional(made, cohort) - brute).mean(1)
    assert abs(off.mean()) < 0.002
    assert np.abs(off).mean() < 0.004


@pytest.mark.parametrize("heard", [10, 40])
def test_forecasts_with_true_traits_are_the_oracles_and_need_the_graph(heard: int) -> None:
    """Of the ten answers after those heard, in open loop."""
    cohort = Cohort(learners=1000, steps=heard + 10)
    made = simulation.simulate(cohort, seed=3)
    traits = torch.as_tensor(made.traits)
    later = made.correct[:, heard:]
    p = truth.forecasts(
        truth.FAITHFUL, truth.parameters(cohort, made.weight), truth.inputs(made.data, made.weight), heard, traits
    )
    bare = np.zeros_like(made.weight)
    graphless = truth.forecasts(
        truth.FAITHFUL, truth.parameters(cohort, bare), truth.inputs(made.data, bare), heard, traits
    )
    assert expected_error(later, p) < 0.02
    assert truth.log_loss(later, graphless) - truth.log_loss(later, p) > 0.008
    some, rng = 250, np.random.default_rng(0)
    oracle = np.stack([truth.particles(made, cohort, row, 2000, rng, heard).p[heard:] for row in range(some)])
    assert truth.log_loss(later[:some], p[:some]) == pytest.approx(truth.log_loss(later[:some], oracle), abs=0.001)


# ---- traits unknown: online against batch

#: Twelve graphs of 25 learners each: how well transfer shows depends on the graph. After ten answers, one graph alone
#: has a correlation of online and batch transfer of 0.79 to 0.88: either has moved by 0.07 of the prior's spread only.
GRAPHS, LEARNERS = 12, 25


@dataclass(frozen=True)
class Compared:
    """True traits, and means and standard deviations by filter and by batch, (300, 3); forecasts (300, 10)."""

    heard: int
    traits: Float
    online_mean: Float
    online_sd: Float
    batch_mean: Float
    batch_sd: Float
    correct: Float
    online_p: Float
    batch_p: Float


def compare(heard: int) -> Compared:
    cohort = Cohort(learners=LEARNERS, steps=heard + 10)
    parts = []
    for seed in range(GRAPHS):
        made = simulation.simulate(cohort, seed)
        given, p = truth.inputs(made.data, made.weight), truth.parameters(cohort, made.weight)
        start = evidence.begin(truth.FAITHFUL, p, given)
        learner = evidence.run(truth.FAITHFUL, p, given, start, range(heard)).belief.learner
        whole = truth.batch(made, cohort, heard)
        parts.append((
            made.traits[:, [0, 1, 3]], learner.traits.numpy(),
            learner.covariance.diagonal(dim1=1, dim2=2).sqrt().numpy(), whole.mean, whole.sd,
            made.correct[:, heard:], truth.forecasts(truth.FAITHFUL, p, given, heard), whole.p,
        ))  # fmt: skip
    return Compared(heard, *(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@pytest.fixture(scope="module", params=[10, 50, pytest.param(200, marks=pytest.mark.slow)])
def compared(request: pytest.FixtureRequest, _double_precision: None) -> Compared:
    return compare(request.param)


def test_the_online_means_are_those_of_the_batch_posterior(compared: Compared) -> None:
    rate, level, transfer = (np.corrcoef(compared.online_mean[:, i], compared.batch_mean[:, i])[0, 1] for i in range(3))
    assert level > 0.99
    assert rate > 0.65
    assert transfer > 0.88


def test_the_online_intervals_are_as_wide_as_the_batch_ones(compared: Compared) -> None:
    ratio = (compared.online_sd / compared.batch_sd).mean(0)
    assert np.all((ratio > 0.9) & (ratio < 1.25))


def test_the_online_forecasts_are_as_good_as_the_batch_ones(compared: Compared) -> None:
    assert np.abs(compared.online_p - compared.batch_p).mean() < 0.02
    online, whole = (truth.log_loss(compared.correct, p) for p in (compared.online_p, compared.batch_p))
    assert online < whole + 0.002


def test_ninety_percent_intervals_hold_the_true_traits_so_often(compared: Compared) -> None:
    inside = (np.abs(compared.traits - compared.online_mean) < Z90 * compared.online_sd).mean(0)
    assert np.all((inside > 0.85) & (inside < 0.96))
