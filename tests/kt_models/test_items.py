"""What answers say about items, where it is known what they are like."""

from __future__ import annotations

import numpy as np
import pytest

from kt_models.items import (
    GROUP_LEARNERS,
    FirstAnswers,
    discrimination_interval,
    figures,
    rasch,
    right_share,
    share_interval,
)  # fmt: skip
from kt_models.recall import Int
from tests.kt_models.item_answers import a_school


def answers(learner: object, item: object, right: object, seconds: object = None, hints: object = None) -> FirstAnswers:
    n = len(np.asarray(learner))
    return FirstAnswers(
        np.asarray(learner, np.int64), np.asarray(item, np.int64), np.asarray(right, np.bool_),
        np.full(n, np.nan) if seconds is None else np.asarray(seconds, np.float64),
        np.full(n, -1) if hints is None else np.asarray(hints),
    )  # fmt: skip


def unasked(n: int) -> np.ndarray:
    return np.full(n, np.nan)


def test_difficulties_are_those_that_answers_were_made_with() -> None:
    inside = []
    for seed in range(20):
        school = a_school(seed, learners=300, items=60, slopes=0.0)
        fit = rasch(school.answers, school.learners, 60)
        off = fit.difficulty - (school.difficulty - school.ability.mean())
        inside.append(np.abs(off) < 1.96 * fit.difficulty_se)
    assert 0.90 <= np.mean(inside) <= 0.98


def test_hard_items_given_to_the_able_are_still_hard() -> None:
    """A tutor that aims at one share right makes raw shares equal; ability elsewhere tells items apart."""
    school = a_school(3, learners=400, adaptive=True)
    rows, fit = figures(school.answers, school.learners, unasked(80))
    raw = np.corrcoef(rows["right"] / rows["n"], school.difficulty)[0, 1]
    assert np.corrcoef(fit.difficulty, school.difficulty)[0, 1] > 0.95 > -raw


def test_what_a_typical_learner_has_right_follows_difficulty() -> None:
    assert right_share(np.array([0.0])) == pytest.approx(0.5)
    assert right_share(np.array([1.0]), 1.0) == pytest.approx(0.5)
    assert np.all(np.diff(right_share(np.array([-2.0, 0.0, 2.0]))) < 0)


def test_discrimination_is_of_all_other_answers_and_so_zero_for_guesses() -> None:
    """The answer itself is no part of the ability that it is set against."""
    few = [a_school(seed, learners=100, items=8, share=1.0, guessed=8) for seed in range(60)]
    found = [figures(school.answers, 100, unasked(8))[0]["discrimination"] for school in few]
    assert np.mean(found) == pytest.approx(0.0, abs=0.02)


def test_discrimination_is_positive_of_sound_items_and_negative_of_reversed_ones() -> None:
    school = a_school(1, learners=400, reversed_=3)
    rows, _ = figures(school.answers, school.learners, unasked(80))
    assert np.all(rows["discrimination"][:3] < 0)
    assert np.mean(rows["discrimination"][3:] > 0.1) > 0.95


@pytest.mark.parametrize("true", [-0.4, 0.0, 0.5])
def test_intervals_of_correlations_hold_the_truth(true: float) -> None:
    chance, inside, n = np.random.default_rng(5), [], 40
    for _ in range(600):
        x = chance.normal(size=n)
        y = true * x + np.sqrt(1 - true**2) * chance.normal(size=n)
        low, high = discrimination_interval(np.array([np.corrcoef(x, y)[0, 1]]), np.array([n]))
        inside.append(low[0] < true < high[0])
    assert 0.92 <= np.mean(inside) <= 0.98


def test_intervals_of_shares_are_wilson_s() -> None:
    low, high = share_interval(np.array([10, 0, 5]), np.array([20, 12, 5]))
    assert (low[0], high[0]) == pytest.approx((0.2993, 0.7007), abs=1e-3)
    assert low[1] == 0.0 and 0.2 < high[1] < 0.3
    assert high[2] == 1.0 and 0.5 < low[2] < 0.6


def test_who_answers_little_else_is_not_rated() -> None:
    """Learner 0 answered six items, the others one."""
    rows, _ = figures(answers([0] * 6 + [1, 2, 3], [0, 1, 2, 3, 4, 5, 0, 0, 0], [1] * 9), 4, unasked(6))
    assert rows["n"].tolist() == [4, 1, 1, 1, 1, 1]
    assert rows["rated"].tolist() == [1] * 6


def test_groups_are_of_equal_size_and_of_ten_learners_or_more() -> None:
    school = a_school(2, learners=173, items=30)
    rows, _ = figures(school.answers, school.learners, unasked(30))
    for row in rows:
        full = row["group_n"][row["group_n"] > 0]
        assert full.sum() == row["rated"]
        assert full.min() >= GROUP_LEARNERS and full.max() - full.min() <= 1
        assert row["group_right"].sum() == row["rated_right"]
        assert np.all(np.diff(row["group_expected"][: len(full)]) > 0)


def test_times_are_quartiles_and_what_took_long_is_counted() -> None:
    seconds: Int = np.array([10, 20, 30, 40, 50])
    rows, _ = figures(answers(range(6), [0] * 6, [1] * 6, [*seconds, np.nan]), 6, np.array([35.0]))
    assert np.exp([rows["low"][0], rows["middle"][0], rows["high"][0]]).tolist() == pytest.approx([20, 30, 40])
    assert (rows["timed"][0], rows["long"][0]) == (5, 2)


def test_the_interval_of_a_median_holds_it() -> None:
    chance, inside = np.random.default_rng(8), []
    for _ in range(200):
        seconds = chance.lognormal(3.0, 0.7, (20, 30)).ravel()
        rows, _ = figures(answers(np.tile(np.arange(30), 20), np.repeat(np.arange(20), 30), seconds > 20, seconds), 30,
                          unasked(20))  # fmt: skip
        inside.append((rows["middle_low"] < 3.0) & (rows["middle_high"] > 3.0))
    assert 0.93 <= np.mean(inside) <= 0.985


def test_hints_count_where_they_are_known() -> None:
    rows, _ = figures(answers([0, 1, 2, 3], [0] * 4, [1] * 4, hints=[-1, 0, 2, 1]), 4, unasked(1))
    assert (rows["hinted"][0], rows["hints_known"][0]) == (2, 3)


def test_nothing_is_said_of_items_that_nobody_answered() -> None:
    rows, _ = figures(answers([], [], []), 0, unasked(2))
    assert rows["n"].tolist() == [0, 0]
    for name in ("difficulty", "expected", "discrimination", "middle", "able_expected"):
        assert np.isnan(rows[name]).all(), name
    assert np.isnan(share_interval(rows["right"], rows["n"])[0]).all()


def test_an_item_that_everybody_has_right_gets_a_wide_interval_and_no_discrimination() -> None:
    learner, item = np.repeat(np.arange(40), 8), np.tile(np.arange(8), 40)
    right = (item == 0) | (np.random.default_rng(1).random(320) < 0.6)
    rows, fit = figures(answers(learner, item, right), 40, unasked(8))
    assert np.isnan(rows["discrimination"][0])
    assert np.isfinite(fit.difficulty[0]) and fit.difficulty[0] < fit.difficulty[1:].min()
    assert fit.difficulty_se[0] > 2 * fit.difficulty_se[1:].max()
