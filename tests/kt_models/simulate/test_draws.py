"""Chance by counters is uniform, independent, and the same whatever else was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kt_models.simulate.draws import Draws

counter = st.integers(0, 2**40)


@given(seed=st.integers(-(2**70), 2**70), first=counter, second=counter)
def test_a_draw_depends_on_its_seed_and_counters_alone(seed: int, first: int, second: int) -> None:
    one = Draws(seed).uniform("luck", first, second)
    many = Draws(seed).uniform("luck", np.array([[first], [first + 1]]), np.array([second, second + 1, 0]))
    assert one.shape == ()
    assert many.shape == (2, 3)
    assert one == many[0, 0]
    assert 0 < one < 1


@pytest.mark.parametrize("seed", [0, 1, 2, 2**63])
def test_draws_are_uniform_and_neighbours_are_independent(seed: int) -> None:
    u = Draws(seed).uniform("luck", np.arange(200)[:, None], np.arange(300))
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    for shifted in (u[1:] - u[:-1], u[:, 1:] - u[:, :-1]):
        # The difference of independent uniforms has variance 1 / 6.
        assert shifted.var() == pytest.approx(1 / 6, rel=0.02)
    assert stats.chisquare(np.histogram2d(u[:, ::2].ravel(), u[:, 1::2].ravel(), 10)[0].ravel()).pvalue > 1e-3


def test_seeds_purposes_and_the_order_of_counters_make_other_draws() -> None:
    places = np.arange(2_000)
    base = Draws(5).uniform("luck", places, 1)
    others = (
        Draws(6).uniform("luck", places, 1),
        Draws(5).uniform("pace", places, 1),
        Draws(5).uniform("luck", 1, places),
    )
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.08


def test_normal_draws_have_mean_0_and_variance_1() -> None:
    z = Draws(3).normal("night", np.arange(100_000))
    assert stats.kstest(z, "norm").pvalue > 1e-3
