"""A teacher gives hard items to weak learners: what that does to plain means, and how it is taken out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kt_models.recall import Float, Int
from tests.scheduling.ope_world import World, hardest, log_of
from tutor.scheduling.ope import crossfit, targets
from tutor.scheduling.ope.confounding import agreement, partial_out, residual
from tutor.scheduling.ope.logged import Logged

#: What a hard item costs, or brings.
EFFECT = -0.1
RUNS = 100


def assigned(seed: int, *, learners: int = 150, choices: int = 10) -> tuple[Float, Float, Float, Int]:
    """(hard, reward, (rows, 2) assigned and prior mastery, learner): the teacher gives hard items to the weak."""
    chance = np.random.default_rng(seed)
    rows = learners * choices
    learner = np.repeat(np.arange(learners), choices)
    mastery = np.repeat(chance.uniform(size=learners), choices)
    by_teacher = chance.random(rows) < 0.5
    p_hard = np.where(by_teacher, 1 / (1 + np.exp(8 * (mastery - 0.5))), 0.5)
    hard = (chance.random(rows) < p_hard).astype(np.float64)
    likeness = np.repeat(chance.normal(scale=0.05, size=learners), choices)
    reward = 0.2 + 0.5 * mastery**2 + EFFECT * hard + likeness + chance.normal(scale=0.3, size=rows)
    return hard, reward, np.column_stack([by_teacher, mastery]), learner


def test_what_a_teacher_assigns_misleads_means_and_not_residuals() -> None:
    told = [partial_out(*assigned(seed), seed=seed) for seed in range(RUNS)]
    naive, adjusted = (np.array([getattr(each, name).value for each in told]) for name in ("naive", "adjusted"))
    assert naive.mean() < EFFECT - 0.05
    assert abs(adjusted.mean() - EFFECT) < 4 * adjusted.std() / np.sqrt(RUNS)
    assert np.mean([each.adjusted.low <= EFFECT <= each.adjusted.high for each in told]) >= 0.9
    assert np.mean([each.naive.low <= EFFECT <= each.naive.high for each in told]) < 0.6


def test_a_confounder_that_nobody_recorded_stays_in() -> None:
    hard, reward, recorded, learner = assigned(0, learners=2_000)
    blind = partial_out(hard, reward, recorded[:, :1], learner, seed=0)
    assert blind.adjusted.high < EFFECT


def test_a_choice_that_confounders_tell_wholly_has_nothing_to_compare() -> None:
    hard, reward, recorded, learner = assigned(0)
    told = partial_out(hard, reward, np.column_stack([recorded, hard]), learner, seed=0)
    assert told.left < 0.01
    assert np.isnan(told.adjusted.value)
    assert np.isfinite(told.naive.value)


def test_residuals_have_lost_what_the_confounders_tell() -> None:
    hard, _, recorded, learner = assigned(0, learners=1_000)
    left = residual(hard, recorded, crossfit.folds(learner, 5, 0))
    assert abs(np.corrcoef(hard, recorded[:, 1])[0, 1]) > 0.3
    assert abs(np.corrcoef(left, recorded[:, 1])[0, 1]) < 0.03


def test_no_learner_is_predicted_by_what_their_own_answers_taught() -> None:
    learner = np.repeat(np.arange(40), 5)
    fold = crossfit.folds(learner, 5, 0)
    assert all(len(set(fold[learner == each])) == 1 for each in range(40))
    assert np.bincount(fold).tolist() == [40] * 5
    y = np.repeat(np.random.default_rng(0).normal(size=40), 5)
    told = crossfit.out_of_fold(crossfit.ridge, np.eye(40)[learner], y, fold, np.ones(200, dtype=bool))
    others = np.array([y[fold != each].mean() for each in range(5)])[fold]
    assert told == pytest.approx(others)


def two_items(seed: int) -> Logged:
    """Easy or hard: half drawn evenly by the policy, half set by the teacher, for whom the log gives no chance."""
    hard, reward, recorded, learner = assigned(seed, learners=400)
    rows = len(hard)
    return replace(
        log_of(
            learner, np.tile([0.0, 1.0], (rows, 1)), np.zeros((rows, 2)), np.full((rows, 2), 0.5), hard.astype(int),
            reward, recorded[:, 1:],
        ),
        drawn=recorded[:, 0] == 0,
    )  # fmt: skip


def test_agreement_with_a_target_is_told_net_of_who_was_assigned_what() -> None:
    logged = two_items(1)
    bare = replace(logged, candidate_features=np.zeros((len(logged.row), 0)))
    target = targets.best(hardest)(logged)
    told = agreement(bare, target, np.ones(len(logged)), seed=0)
    assert told is not None
    assert told.rows == len(logged)
    assert told.naive.high < EFFECT
    assert told.adjusted.low < EFFECT < told.adjusted.high


def test_where_a_target_agrees_with_everything_there_is_nothing_to_tell() -> None:
    logged = World(learners=5, choices=5).draw(0)
    assert agreement(logged, targets.uniform(logged), np.ones(len(logged)), seed=0) is None
