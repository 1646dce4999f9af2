"""The closed forms of PSI-KT's filter against independent ways to get the same numbers (recovery tests 1 and 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from kt_models.psikt import algebra, coupling
from kt_models.psikt.algebra import Strength
from kt_models.recall import Float, sigmoid

DAYS = st.floats(0.0, 400.0)
LOG_RATE = st.floats(*algebra.LOG_RATE_BOUNDS)


def settle(before: Strength, days: float, log_rate: float, target: float, sigma: float = 0.6) -> Strength:
    rate = np.exp(log_rate)
    rest = sigma**2 / (2 * rate)
    return algebra.settle(np, before, *(np.asarray(x) for x in (days, rate, target, 0.2, rest)))


def started(mean: float, variance: float) -> Strength:
    return Strength(np.asarray(mean), np.array([0.3, 0.5, -0.1]), np.asarray(variance))


@given(DAYS, DAYS, LOG_RATE, st.floats(-4, 4), st.floats(-4, 4), st.floats(0.01, 9))
def test_settling_twice_equals_settling_once(
    first: float, second: float, log_rate: float, mean: float, target: float, variance: float
) -> None:
    before = started(mean, variance)
    eager = settle(settle(before, first, log_rate, target), second, log_rate, target)
    lazy = settle(before, first + second, log_rate, target)
    for one, other in zip(eager, lazy, strict=True):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("log_rate", "days"), [(-1.2, 1.0), (-3.0, 20.0), (0.5, 0.4)])
def test_settled_moments_are_those_of_simulated_paths(log_rate: float, days: float) -> None:
    """Euler-Maruyama of dz = alpha (target - z) dt + sigma dW, 100,000 paths, knows nothing of the closed form."""
    rng, n, steps = np.random.default_rng(1), 100_000, 400
    rate, target, sigma, dt = np.exp(log_rate), 0.8, 0.6, days / 400
    z = -1.0 + np.sqrt(0.5) * rng.standard_normal(n)
    for _ in range(steps):
        z += rate * (target - z) * dt + sigma * np.sqrt(dt) * rng.standard_normal(n)
    now = settle(started(-1.0, 0.5), days, log_rate, target, sigma)
    assert abs(now.mean - z.mean()) < 4 * z.std() / np.sqrt(n)
    assert abs(now.variance - z.var()) < 4 * z.var() * np.sqrt(2 / n)


def test_without_forgetting_strength_diffuses() -> None:
    now = algebra.settle(
        np, started(0.7, 0.2), np.array(3.0), np.array(1e-13), np.array(5.0), np.array(0.0), np.array(0.25 / 2e-13)
    )
    assert now.mean == pytest.approx(0.7)
    assert now.variance == pytest.approx(0.2 + 0.25 * 3.0, rel=1e-9)


def test_the_slope_is_the_derivative_in_the_traits() -> None:
    def mean_after(theta: Float) -> Strength:
        transfer, support = sigmoid(theta[2]), 0.9
        before = Strength(np.asarray(0.1 + theta @ [0.3, 0.5, -0.1]), np.array([0.3, 0.5, -0.1]), np.asarray(1.0))
        slope = transfer * (1 - transfer) * support
        return algebra.settle(
            np, before, *(np.asarray(x) for x in (2.0, np.exp(theta[0]), theta[1] + transfer * support, slope, 1.0))
        )

    theta, step = np.array([-1.0, 0.4, 0.3]), 1e-6
    wanted = [(mean_after(theta + e).mean - mean_after(theta - e).mean) / (2 * step) for e in step * np.eye(3)]
    assert np.allclose(mean_after(theta).slope, wanted, atol=1e-8)


@pytest.mark.parametrize("correct", [0.0, 1.0])
def test_an_answer_moves_mean_and_variance_as_a_fine_grid_does(correct: float) -> None:
    mean, variance = (x.ravel() for x in np.meshgrid(np.linspace(-6, 6, 49), [0.01, 0.1, 0.5, 1, 2, 5, 10, 25]))
    found = algebra.surprise(np, ndtr, mean, variance, np.full_like(mean, correct))
    step = np.linspace(-9, 9, 4001)
    logit = mean[:, None] + np.sqrt(variance)[:, None] * step
    prior = np.exp(-step * step / 2)
    mass = prior * (sigmoid(logit) if correct else sigmoid(-logit))
    evidence = mass.sum(1) / prior.sum()
    first = (mass * logit).sum(1) / mass.sum(1)
    second = (mass * (logit - first[:, None]) ** 2).sum(1) / mass.sum(1)
    assert np.abs(np.exp(found.log_evidence) - evidence).max() < 1e-5
    assert np.abs(mean + variance * found.push - first).max() < 1e-3
    assert np.abs(variance * (1 - variance * found.pull) / second - 1).max() < 1e-3


def test_a_fraction_of_credit_is_that_fraction_of_either_answer() -> None:
    at: dict[float, Any] = {
        y: algebra.surprise(np, ndtr, np.array([0.3]), np.array([2.0]), np.array([y])) for y in (0.0, 0.25, 1.0)
    }
    for name in ("log_evidence", "push", "pull"):
        low, part, high = (getattr(at[y], name) for y in (0.0, 0.25, 1.0))
        assert part == pytest.approx(0.25 * high + 0.75 * low)


def test_numpy_and_torch_agree() -> None:
    mean, variance, y = np.linspace(-4, 4, 9), np.linspace(0.1, 9, 9), np.array([0, 1, 1] * 3, dtype=np.float64)
    ours = algebra.surprise(np, ndtr, mean, variance, y)
    theirs = algebra.surprise(torch, torch.special.ndtr, *(torch.as_tensor(x) for x in (mean, variance, y)))
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one, other.numpy(), rtol=1e-12)


def test_the_exact_coupling_is_the_matrix_exponential() -> None:
    """dz = alpha (level + gamma W^T z - z) dt, against numpy's own integration by tiny steps."""
    rng = np.random.default_rng(0)
    weight = np.triu(rng.random((6, 6)), 1)
    weight /= np.maximum(weight.sum(0), 1)
    start, level = rng.standard_normal((2, 6)), rng.standard_normal((2, 6))
    transfer, x = np.array([[0.3], [0.8]]), np.array([[0.5], [4.0]])
    z, steps = start.copy(), 40_000
    for _ in range(steps):
        middle = z + 0.5 * (x / steps) * (level + transfer * (z @ weight) - z)
        z = z + (x / steps) * (level + transfer * (middle @ weight) - middle)
    assert np.abs(coupling.exact(np, start, level, transfer, weight, x) - z).max() < 1e-7


@pytest.mark.parametrize("correct", [0.0, 1.0])
def test_the_most_certain_error_still_makes_a_finite_step(correct: float) -> None:
    mean = torch.tensor([-400.0, -20.0, 20.0, 400.0])
    variance = torch.tensor([-1e-3, 0.0, 1.0, 1e4])
    seen = algebra.surprise(torch, torch.special.ndtr, mean, variance, torch.full((4,), correct))
    assert all(bool(torch.isfinite(part).all()) for part in seen)
