"""Estimators of another policy's value, against a world whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kt_models.metrics import Estimate
from kt_models.recall import Float
from tests.scheduling.ope_world import World, difficulty_of, hardest, suited
from tutor.scheduling.ope import crossfit, targets
from tutor.scheduling.ope.crossfit import Predict
from tutor.scheduling.ope.estimators import (
    ESTIMATORS,
    Ratio,
    Weighed,
    as_logged,
    by_bootstrap,
    by_influence,
    doubly_robust,
    effective_learners,
    effective_sample,
    expected_rewards,
    ips,
    snips,
    weigh,
)
from tutor.scheduling.ope.logged import BadLog, BadPolicy, Logged, Target, target_probabilities
from tutor.scheduling.ope.observation import chance_known

RUNS = 200
#: Where a mean is asked for rather than a share of runs.
FEWER_RUNS = 60
SUITED = targets.best(suited)


def nothing_known(x: Float, y: Float) -> Predict:
    """The worst regression: as if learners and candidates were all alike, and all of no worth."""
    return lambda new: np.zeros(len(new))


def weighed(logged: Logged, target: Target, *, seed: int = 0, regression: Any = crossfit.quadratic) -> Weighed:
    fold = crossfit.folds(logged.learner, crossfit.FOLDS, seed)
    q = expected_rewards(logged, fold, regression)
    return weigh(logged, target_probabilities(logged, target), chance_known(logged, fold), q)


def runs(world: World, target: Target, n: int = RUNS, **options: Any) -> list[Weighed]:
    return [weighed(world.draw(seed), target, seed=seed, **options) for seed in range(n)]


def intervals(rows: list[Weighed], estimator: Callable[[Weighed], Ratio], kind: str) -> list[Estimate]:
    if kind == "influence":
        return [by_influence(estimator(each), each.learner) for each in rows]
    return [by_bootstrap(estimator(each), each.learner, seed=seed) for seed, each in enumerate(rows)]


def coverage(told: list[Estimate], truth: float) -> float:
    return float(np.mean([each.low <= truth <= each.high for each in told]))


def values(rows: list[Weighed], estimator: Callable[[Weighed], Ratio]) -> Float:
    return np.array([estimator(each).value for each in rows])


def is_unbiased(told: Float, truth: float) -> bool:
    return bool(abs(told.mean() - truth) < 4 * told.std() / np.sqrt(len(told)))


@pytest.mark.parametrize(
    ("world", "target"),
    [
        (World(), SUITED),
        (World(), targets.best(hardest)),
        (World(), targets.softmax(suited, 0.5)),
        (World(learners=200, choices=40, exploration=0.1, likeness=0.15), targets.softmax(suited, 1.0)),
        (World(missing=0.3), targets.softmax(suited, 0.5)),
    ],
    ids=["suited", "hardest", "softmax", "as explored in service", "a third unknown"],
)
def test_intervals_cover_the_truth_in_nine_runs_of_ten(world: World, target: Target) -> None:
    """SNIPS and DR, both kinds of intervals. Seen over these five: .925 to .97, each within .05 (95 %) of itself."""
    truth, rows = world.value(target), runs(world, target)
    for name in ("snips", "dr"):
        for kind in ("influence", "bootstrap"):
            covered = coverage(intervals(rows, ESTIMATORS[name], kind), truth)
            sure = binomtest(round(covered * RUNS), RUNS).proportion_ci()
            print(f"{name} by {kind}: {covered:.3f} of {RUNS} runs, 95 % interval {sure.low:.3f} to {sure.high:.3f}")
            assert covered >= 0.9, (name, kind)


def test_a_good_regression_makes_dr_steadier_than_ips() -> None:
    rows = runs(World(), SUITED, FEWER_RUNS)
    assert values(rows, doubly_robust).std() < 0.75 * values(rows, ips).std()


def test_dr_is_right_with_true_probabilities_and_a_worthless_regression() -> None:
    world = World()
    told = values(runs(world, SUITED, FEWER_RUNS, regression=nothing_known), doubly_robust)
    assert is_unbiased(told, world.value(SUITED))


def test_dr_is_right_with_a_good_regression_and_wrong_probabilities() -> None:
    world = World(learners=300)
    rows = [weighed(forged(world.draw(seed)), targets.uniform, seed=seed) for seed in range(FEWER_RUNS)]
    truth = world.value(targets.uniform)
    assert abs(values(rows, doubly_robust).mean() - truth) < 0.01
    for estimator in (ips, snips):
        assert abs(values(rows, estimator).mean() - truth) > 0.03


def forged(logged: Logged) -> Logged:
    """As if the policy had liked hard items."""
    raw = logged.probability * np.exp(difficulty_of(logged))
    return replace(logged, probability=raw / logged.sums(raw)[logged.row])


def test_what_was_done_is_not_what_another_policy_would_be_worth() -> None:
    """The naive mean misleads by many times its interval."""
    world = World()
    logged = world.draw(0)
    told = by_influence(as_logged(weighed(logged, SUITED)), logged.learner)
    assert told.high < world.value(SUITED) - 0.03


def test_unknown_rewards_are_stood_for_by_their_like() -> None:
    world = World(learners=2_000, missing=0.35, likeness=0.0)
    logged, target = world.draw(1), targets.uniform
    truth = world.value(target)
    ignoring = weigh(logged, target(logged), np.ones(len(logged)))
    assert logged.known.mean() < 0.75
    assert snips(ignoring).value > truth + 0.03
    assert abs(snips(weighed(logged, target)).value - truth) < 0.015


def test_that_the_wrong_are_asked_again_sooner_does_not_make_gains_of_errors() -> None:
    """The reward is the later credit less the first, known more often where the first answer was wrong."""
    logged = World(learners=1_000).draw(2)
    chance = np.random.default_rng(0)
    answered = chance.random(len(logged)) < 0.8
    credit = np.where(answered, logged.reward, np.nan)
    gain = (chance.random(len(logged)) < 0.6) - logged.reward
    known = answered & (chance.random(len(logged)) < np.where(credit == 1, 0.3, 0.9))
    seen = replace(logged, answered=answered, credit=credit, reward=np.where(known, gain, np.nan))
    truth = float(gain.mean())
    assert float(gain[known].mean()) > truth + 0.1
    assert abs(as_logged(weighed(seen, targets.logging_policy)).value - truth) < 0.03


def test_intervals_are_wider_where_a_learners_choices_are_alike() -> None:
    logged = World(likeness=0.3).draw(3)
    ratio = as_logged(weighed(logged, targets.logging_policy))
    of_learners = by_influence(ratio, logged.learner)
    of_rows = by_influence(ratio, np.arange(len(logged)))
    assert of_learners.high - of_learners.low > 1.5 * (of_rows.high - of_rows.low)


def test_the_two_kinds_of_intervals_agree() -> None:
    logged = World(learners=400).draw(4)
    rows = weighed(logged, targets.softmax(suited, 0.5))
    for estimator in ESTIMATORS.values():
        one = by_influence(estimator(rows), logged.learner, minus=as_logged(rows))
        other = by_bootstrap(estimator(rows), logged.learner, seed=0, minus=as_logged(rows), replicates=2_000)
        width = one.high - one.low
        assert one.value == pytest.approx(other.value, rel=1e-12)
        assert abs(one.low - other.low) < 0.1 * width
        assert abs(one.high - other.high) < 0.1 * width


def test_one_learner_gives_a_value_and_no_interval() -> None:
    logged = World(learners=1).draw(0)
    ratio = as_logged(weighed(logged, targets.logging_policy))
    for told in (by_influence(ratio, logged.learner), by_bootstrap(ratio, logged.learner, seed=0)):
        assert told.value == logged.reward.mean()
        assert np.isnan([told.low, told.high]).all()


small = st.builds(
    lambda learners, choices, exploration, seed: World(learners, choices, exploration).draw(seed),
    st.integers(2, 6), st.integers(1, 6), st.floats(0.05, 1), st.integers(0, 2**32),
)  # fmt: skip


@given(logged=small)
def test_the_logged_policy_is_worth_its_mean_reward(logged: Logged) -> None:
    rows = weigh(logged, targets.logging_policy(logged), np.ones(len(logged)))
    assert snips(rows).value == pytest.approx(logged.reward.mean(), rel=1e-12)
    assert ips(rows).value == pytest.approx(logged.reward.mean(), rel=1e-12)
    assert effective_sample(rows.used) == pytest.approx(len(logged))


@given(logged=small, seed=st.integers(0, 2**32))
def test_the_order_of_candidates_tells_nothing(logged: Logged, seed: int) -> None:
    order = np.lexsort((np.random.default_rng(seed).random(len(logged.row)), logged.row))
    shuffled = replace(
        logged,
        chosen=np.argsort(order)[logged.chosen],
        **{
            name: getattr(logged, name)[order]
            for name in ("concept", "item", "score", "probability", "candidate_features")
        },
    )
    for estimator in ESTIMATORS.values():
        one, other = (estimator(weighed(each, targets.softmax(suited, 0.7))) for each in (logged, shuffled))
        assert one.value == pytest.approx(other.value, abs=1e-9)


@given(logged=small, added=st.floats(-5, 5))
def test_snips_moves_along_with_a_constant_added_to_every_reward(logged: Logged, added: float) -> None:
    """IPS does not: its value would depend on where rewards have their zero."""
    target = targets.softmax(suited, 0.5)(logged)
    moved = replace(logged, reward=logged.reward + added)
    one, other = (snips(weigh(each, target, np.ones(len(each)))).value for each in (logged, moved))
    assert other - one == pytest.approx(added, abs=1e-9)


@given(weight=st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_the_effective_sample_is_at_most_the_sample(weight: list[float]) -> None:
    each = np.array(weight)
    assert 0 <= effective_sample(each) <= len(each) * (1 + 1e-9)
    assert effective_learners(each, np.zeros(len(each), dtype=np.int64)) <= 1 + 1e-9


@given(logged=small, temperature=st.floats(0.01, 10), share=st.floats(0, 1))
def test_targets_give_probabilities(logged: Logged, temperature: float, share: float) -> None:
    soft = targets.softmax(suited, temperature)
    for target in (soft, SUITED, targets.uniform, targets.logging_policy, targets.mixture(soft, SUITED, share)):
        assert logged.sums(target_probabilities(logged, target)) == pytest.approx(1)


def test_the_best_of_a_row_is_the_first_of_the_highest() -> None:
    logged = World(learners=2, choices=1).draw(0)
    scores = np.array([1, 3, 3, 0, 2, 5, 4, 5, 5, 0.0])
    assert targets.best(lambda _: scores)(logged).tolist() == [0, 1, 0, 0, 0, 1, 0, 0, 0, 0]


def spoil(logged: Logged, name: str, at: int, value: float) -> Logged:
    column = getattr(logged, name).copy()
    column[at] = value
    return replace(logged, **{name: column})


@pytest.mark.parametrize(
    ("name", "at", "value", "said"),
    [
        ("probability", 7, 0.9, "row 1: probabilities sum to"),
        ("probability", 7, -0.1, "row 1: a candidate has probability -0.1"),
        ("probability", 7, float("nan"), "row 1: a candidate has probability nan"),
        ("chosen", 1, 3, "row 1: what was chosen is not among its candidates"),
        ("offset", 1, 0, "offset must rise from 0 to 20"),
        ("features", 2, float("nan"), "features must be finite"),
    ],
)
def test_what_is_no_log_is_refused_by_name(name: str, at: int, value: float, said: str) -> None:
    with pytest.raises(BadLog, match=said):
        spoil(World(learners=2, choices=2).draw(0), name, at, value)


def test_something_drawn_by_no_chance_is_refused() -> None:
    logged = World(learners=2, choices=2).draw(0)
    other = np.where(np.arange(20) == logged.offset[0] + (logged.chosen[0] == 0), 1.0, 0.0)
    with pytest.raises(BadLog, match="row 0: drawn with probability 0"):
        replace(logged, probability=np.concatenate([other[:5], logged.probability[5:]]))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (lambda logged: logged.probability * 0.9, "row 0: probabilities sum to 0.9, not to 1"),
        (lambda logged: np.ones(3), r"gave shape \(3,\), \(20,\) is needed"),
        (lambda logged: difficulty_of(logged), "a candidate has probability"),
    ],
)
def test_a_target_without_probabilities_is_refused(target: Target, said: str) -> None:
    with pytest.raises(BadPolicy, match=said):
        target_probabilities(World(learners=2, choices=2).draw(0), target)


def test_part_of_a_log_is_a_log() -> None:
    logged = World(learners=3, choices=4).draw(0)
    rows = logged.learner != 1
    part = logged.take(rows)
    assert part.n_learners == 2
    assert (part.probability[part.chosen] == logged.probability[logged.chosen][rows]).all()
    assert part.row.tolist() == np.repeat(np.arange(8), 5).tolist()
