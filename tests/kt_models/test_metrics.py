"""Metrics against scikit-learn and against resampling answer by answer."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as peer

from kt_models import metrics
from kt_models.metrics import Answers


def some_answers(seed: int, n: int = 3_000, learners: int = 60, digits: int = 15) -> Answers:
    """Answers of learners who differ; `digits` makes predictions tie."""
    generator = np.random.default_rng(seed)
    learner = np.sort(generator.integers(0, learners, n))
    logit = generator.normal(size=n) + generator.normal(0, 0.7, learners)[learner]
    p = np.clip(np.round(1 / (1 + np.exp(-logit)), digits), 0.01, 0.99)
    correct = (generator.random(n) < 1 / (1 + np.exp(-0.8 * logit - 0.1))).astype(np.float64)
    return Answers(learner, p, correct)


@given(seed=st.integers(0, 10_000), digits=st.sampled_from([1, 2, 15]))
def test_point_values_equal_those_of_scikit_learn(seed: int, digits: int) -> None:
    answers = some_answers(seed, n=200, digits=digits)
    y, p = answers.correct, answers.p
    found = {name: e.value for name, e in metrics.estimates(answers, seed=0, replicates=1).items()}
    assert found["auc"] == pytest.approx(peer.roc_auc_score(y, p))
    assert found["log_loss"] == pytest.approx(peer.log_loss(y, p))
    assert found["brier"] == pytest.approx(peer.brier_score_loss(y, p))
    assert found["accuracy"] == pytest.approx(peer.accuracy_score(y, p >= 0.5))
    assert found["f1"] == pytest.approx(peer.f1_score(y, p >= 0.5))


def test_intervals_equal_those_of_learners_drawn_one_by_one() -> None:
    answers, generator = some_answers(1), np.random.default_rng(0)
    rows = [np.flatnonzero(answers.learner == i) for i in range(60)]
    draws = []
    for _ in range(1_000):
        drawn = answers.take(np.concatenate([rows[i] for i in generator.integers(0, 60, 60)]))
        draws.append([metrics.auc(drawn), float(metrics.log_loss_each(drawn).mean())])
    expected = np.quantile(draws, [0.025, 0.975], axis=0)
    found = metrics.estimates(answers, seed=0, replicates=1_000)
    for column, name in enumerate(("auc", "log_loss")):
        width = expected[1, column] - expected[0, column]
        assert found[name].low == pytest.approx(expected[0, column], abs=0.12 * width)
        assert found[name].high == pytest.approx(expected[1, column], abs=0.12 * width)


def test_many_distinct_scores_are_resampled_in_groups_that_cost_little_accuracy() -> None:
    answers = some_answers(2, n=30_000, learners=200)
    _, *draws = [metrics.auc(answers), *metrics._Resamples(answers, 0, 3)._auc_draws()]
    weights = metrics._Resamples(answers, 0, 3).weights[1:]
    expected = [peer.roc_auc_score(answers.correct, answers.p, sample_weight=w[answers.learner]) for w in weights]
    assert draws == pytest.approx(expected, abs=1e-4)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth = metrics.auc(some_answers(0, n=1_000_000, learners=100_000))
    inside = []
    for seed in range(150):
        estimate = metrics.estimates(some_answers(seed, n=800, learners=80), seed=0, replicates=200)["auc"]
        inside.append(estimate.low <= truth <= estimate.high)
    assert 0.88 <= np.mean(inside) <= 0.99


def test_calibration_error_of_calibrated_predictions_is_near_zero() -> None:
    generator = np.random.default_rng(0)
    p = generator.random(100_000)
    calibrated = Answers(np.arange(100_000) // 50, p, (generator.random(100_000) < p).astype(np.float64))
    biased = Answers(calibrated.learner, np.clip(p + 0.1, 0, 0.999), calibrated.correct)
    good, bad = (
        metrics.estimates(a, seed=0, bins=(10 * p).astype(np.int64), replicates=100) for a in (calibrated, biased)
    )
    assert good["ece"].value < 0.01
    assert bad["ece"].value == pytest.approx(0.096, abs=0.006)
    assert good["rmse_bins"].value < 0.01
    assert bad["rmse_bins"].value == pytest.approx(0.097, abs=0.006)
    for estimate in (good["ece"], bad["ece"], good["rmse_bins"]):
        assert estimate.low <= estimate.value <= estimate.high


def test_the_reliability_diagram_adds_up() -> None:
    answers = some_answers(3)
    bins = metrics.reliability(answers)
    assert sum(b["n"] for b in bins) == len(answers)
    assert sum(b["n"] * b["y"] for b in bins) == pytest.approx(answers.correct.sum())
    assert all(b["low"] <= b["p"] <= b["high"] for b in bins)


def test_partial_credit_counts_by_its_fraction_in_losses_and_by_half_elsewhere() -> None:
    answers = Answers(np.array([0, 1]), np.array([0.8, 0.3]), np.array([0.5, 0.25]))
    found = {name: e.value for name, e in metrics.estimates(answers, seed=0, replicates=1).items()}
    expected = -(0.5 * np.log(0.8) + 0.5 * np.log(0.2) + 0.25 * np.log(0.3) + 0.75 * np.log(0.7)) / 2
    assert found["log_loss"] == pytest.approx(expected)
    assert found["brier"] == pytest.approx((0.3**2 + 0.05**2) / 2)
    assert (found["auc"], found["accuracy"], found["f1"]) == (1, 1, 1)


def test_what_is_undefined_is_not_a_number() -> None:
    one_class = metrics.estimates(Answers(np.arange(3), np.array([0.2, 0.5, 0.9]), np.ones(3)), seed=0)
    one_learner = metrics.estimates(Answers(np.zeros(2, np.int64), np.array([0.2, 0.9]), np.array([0.0, 1.0])), seed=0)
    assert np.isnan(one_class["auc"].value)
    assert one_learner["auc"].value == 1
    assert np.isnan(one_learner["auc"].low)


def test_differences_are_paired() -> None:
    """Each resample has the same learners: what both models share does not widen the interval."""
    one = some_answers(3)
    other = Answers(one.learner, np.clip(one.p + 0.02, 0.01, 0.99), one.correct)
    found = metrics.differences(one, other, seed=0)
    for name in ("auc", "log_loss", "brier"):
        own, theirs = (metrics.estimates(answers, 0)[name] for answers in (one, other))
        assert found[name].value == pytest.approx(own.value - theirs.value, abs=1e-6)
        assert found[name].low <= found[name].value <= found[name].high
        assert found[name].high - found[name].low < 0.5 * (own.high - own.low)
    assert metrics.differences(one, one, seed=0)["log_loss"] == metrics.Estimate(0.0, 0.0, 0.0)


def test_equal_seeds_give_equal_intervals() -> None:
    answers = some_answers(4)
    assert metrics.estimates(answers, seed=5, replicates=50) == metrics.estimates(answers, seed=5, replicates=50)


@pytest.mark.slow
def test_a_million_and_a_half_answers_take_seconds() -> None:
    answers = some_answers(0, n=1_600_000, learners=20_000)
    start = time.process_time()
    metrics.estimates(answers, seed=0, bins=np.arange(len(answers)) % 300)
    assert time.process_time() - start < 20
