"""Recall tables: values by delay, their bytes, and when recall falls below a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.recall import (
    DELAYS,
    BadRecallTable,
    RecallTable,
    interval,
    logistic_normal_mean,
    logit,
    sigmoid,
)

ORIGIN = 1_760_000_000.0


def table(rows: int = 3, concepts: int = 6, seed: int = 0, origin: float = ORIGIN) -> RecallTable:
    """Falling recall for the first concepts, one value for the others."""
    generator = np.random.default_rng(seed)
    grid = -np.sort(-generator.random((rows, len(DELAYS))), axis=1)
    rest = generator.random(concepts)
    return RecallTable(
        origin=origin,
        concept=np.sort(generator.choice(concepts, rows, replace=False)),
        recall=grid,
        after=0.5 + grid / 2,
        logit_sd=generator.random((rows, len(DELAYS))),
        rest_recall=rest,
        rest_after=0.5 + rest / 2,
        rest_sd=generator.random(concepts),
    )


@given(rows=st.integers(0, 6), seed=st.integers(0, 100))
def test_tables_survive_their_bytes_to_their_resolution(rows: int, seed: int) -> None:
    before = table(rows, seed=seed)
    after = RecallTable.from_bytes(before.to_bytes())
    assert (after.origin, after.concept.tolist()) == (before.origin, before.concept.tolist())
    for name in ("recall", "after", "rest_recall", "rest_after"):
        expected = np.clip(getattr(before, name), 1e-4, 1 - 1e-4)
        assert np.allclose(getattr(after, name), expected, rtol=0, atol=1e-5)
    for name in ("logit_sd", "rest_sd"):
        assert np.allclose(getattr(after, name), getattr(before, name), rtol=0, atol=1.01e-4)
    assert after.to_bytes() == before.to_bytes()


def test_foreign_and_cut_bytes_are_refused() -> None:
    data = table().to_bytes()
    for broken, complaint in (
        (b"", "does not open"),
        (b"TST1" + data[4:], "does not open"),
        (data[:-1], "expected"),
        (data + b"x", "expected"),
        (data[:4] + b"\x03" + data[5:], "version 3"),
    ):
        with pytest.raises(BadRecallTable, match=complaint):
            RecallTable.from_bytes(broken)


def moving() -> RecallTable:
    """A table whose concepts without a row lose half a logit over the year, and get less sure."""
    fall = np.linspace(0.0, -0.5, len(DELAYS))
    return replace(table(), shift=fall, growth=-fall)


def test_concepts_without_a_row_move_together() -> None:
    t = moving()
    rest = ~t.has_row()
    assert t.at(ORIGIN)[rest] == pytest.approx(t.rest_recall[rest])
    later, sd = t.at(ORIGIN + DELAYS[-1])[rest], t.sd_at(ORIGIN + DELAYS[-1])[rest]
    assert np.all(later < t.rest_recall[rest] + 0.02)
    assert sd == pytest.approx(np.sqrt(t.rest_sd[rest] ** 2 + 0.5))
    target = 0.5 * (later + t.rest_recall[rest])
    targets = np.full(t.n_concepts, 0.01)
    targets[rest] = target
    wait = t.time_until(targets)[rest]
    falls = later < t.rest_recall[rest] - 1e-3
    assert falls.any()
    assert np.all((wait[falls] > 0) & np.isfinite(wait[falls]))


def test_moves_survive_the_bytes_and_tables_without_them_stay_short() -> None:
    t, still = moving(), table()
    again = RecallTable.from_bytes(t.to_bytes())
    assert again.shift == pytest.approx(t.shift)
    assert again.growth == pytest.approx(t.growth)
    assert len(t.to_bytes()) == len(still.to_bytes()) + 8 * len(DELAYS)
    assert not RecallTable.from_bytes(still.to_bytes()).shift.any()


def test_values_at_the_delays_are_exact_and_between_them_in_between() -> None:
    t = table()
    for column, delay in enumerate(DELAYS):
        assert t.at(ORIGIN + delay)[t.concept] == pytest.approx(np.clip(t.recall[:, column], 1e-4, 1 - 1e-4))
    between = t.at(ORIGIN + 1.5 * 86_400)[t.concept]
    assert np.all((between <= t.at(ORIGIN + 86_400)[t.concept]) & (between >= t.at(ORIGIN + 2 * 86_400)[t.concept]))


def test_before_the_origin_and_beyond_the_last_delay_values_are_kept() -> None:
    t = table()
    assert np.array_equal(t.at(ORIGIN - 1e6), t.at(ORIGIN))
    assert np.allclose(t.at(ORIGIN + 1e10), t.at(ORIGIN + DELAYS[-1]))


def test_concepts_without_a_row_have_one_value() -> None:
    t = table()
    rest = ~t.has_row()
    assert rest.sum() == 3
    for delay in DELAYS:
        assert np.array_equal(t.at(ORIGIN + delay)[rest], t.rest_recall[rest])
        assert np.array_equal(t.sd_at(ORIGIN + delay)[rest], t.rest_sd[rest])


def test_practice_at_the_origin_is_read_exactly() -> None:
    t = table()
    for column, delay in enumerate(DELAYS):
        assert t.after_at(ORIGIN, ORIGIN + delay)[t.concept] == pytest.approx(t.after[:, column], abs=2e-4)


def test_later_practice_has_the_gain_of_the_same_pause() -> None:
    t, day = table(), 86_400.0
    gain = logit(t.after_at(ORIGIN, ORIGIN + day)) - logit(t.at(ORIGIN + day))
    later = logit(t.after_at(ORIGIN + 4 * day, ORIGIN + 5 * day)) - logit(t.at(ORIGIN + 5 * day))
    assert later[t.has_row()] == pytest.approx(gain[t.has_row()], abs=1e-6)


@given(target=st.floats(0.01, 0.99), seed=st.integers(0, 50))
def test_recall_falls_below_the_target_when_time_until_says(target: float, seed: int) -> None:
    t = table(seed=seed)
    for concept, seconds in enumerate(t.time_until(target)):
        if seconds == 0:
            assert t.at(ORIGIN)[concept] <= target + 1e-9
        elif np.isinf(seconds):
            assert t.at(ORIGIN + DELAYS[-1])[concept] >= target - 1e-9
        else:
            assert t.at(ORIGIN + seconds)[concept] == pytest.approx(target, abs=1e-6)


@given(mean=st.floats(-5, 5), sd=st.floats(0, 3))
def test_the_mean_of_a_logistic_normal_is_close_to_sampling(mean: float, sd: float) -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    expected = float(weights @ sigmoid(mean + sd * nodes) / weights.sum())
    assert float(logistic_normal_mean(mean, sd)) == pytest.approx(expected, abs=0.02)


@given(p=st.floats(0.001, 0.999), sd=st.floats(0, 3))
def test_the_interval_holds_the_median_and_widens_with_the_spread(p: float, sd: float) -> None:
    low, high = interval(p, sd)
    wide_low, wide_high = interval(p, sd + 0.5)
    median = sigmoid(logit(p) * np.sqrt(1 + np.pi * sd**2 / 8))
    assert low <= median + 1e-12
    assert median <= high + 1e-12
    assert wide_high - wide_low >= high - low - 1e-9 or min(p, 1 - p) < 0.05


def test_sigmoid_and_logit_are_inverse_and_do_not_overflow() -> None:
    x = np.linspace(-9, 9, 101)
    assert logit(sigmoid(x)) == pytest.approx(x, abs=1e-9)
    assert sigmoid([-1e9, 1e9]).tolist() == [0, 1]
