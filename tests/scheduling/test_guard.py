"""However bad a new policy is, learners lose no more than was stated; and a good one is let in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tutor.scheduling import guard
from tutor.scheduling.guard import MOST, Promise

Float = NDArray[np.float64]

RUNS = 300
NIGHTS = 12


class School:
    """Learners of different ability, each with their own chance of a right answer under either policy."""

    def __init__(self, seed: int, learners: int, approved: float, new: float) -> None:
        self.chance = np.random.default_rng(seed)
        ability = self.chance.beta(4, 4, size=learners)
        self.p = {"approved": _around(ability, approved), "new": _around(ability, new)}
        self.right = {arm: np.zeros(learners) for arm in self.p}
        self.asked = {arm: np.zeros(learners, dtype=np.int64) for arm in self.p}

    def night(self, share: float, choices: int = 20) -> None:
        """A day's choices, of which a share is the new policy's."""
        mine = self.chance.binomial(choices, share, size=len(self.p["new"]))
        for arm, n in (("new", mine), ("approved", choices - mine)):
            self.right[arm] += self.chance.binomial(n, self.p[arm])
            self.asked[arm] += n

    def look(self, promise: Promise, at: int) -> guard.Figures:
        both = (self.asked["approved"] > 0) & (self.asked["new"] > 0)
        approved, new = (self.right[arm][both] / self.asked[arm][both] for arm in ("approved", "new"))
        return guard.look(approved, new, promise, at=at)


def _around(ability: Float, mean: float) -> Float:
    """Chances with a mean, 0.5 being that of the abilities; a policy serves some better than others."""
    return np.clip(ability + mean - 0.5, 0, 1)


def story(seed: int, learners: int, approved: float, new: float, promise: Promise) -> list[tuple[float, str]]:
    """The share of each night, and what was said after it."""
    school, share, told = School(seed, learners, approved, new), promise.alpha, []
    for night in range(1, NIGHTS + 1):
        school.night(share)
        figures = school.look(promise, night)
        told.append((figures.share, figures.verdict))
        if figures.verdict == "worse":
            break
        share = figures.share
    return told


@pytest.mark.parametrize(("approved", "new"), [(0.7, 0.6), (0.7, 0.66), (0.5, 0.47), (0.6, 0.3), (0.8, 0.75)])
def test_the_promise_is_broken_in_no_more_runs_than_was_said(approved: float, new: float) -> None:
    promise, broken = Promise(confidence=0.9), 0
    for seed in range(RUNS):
        truth = School(seed, 60, approved, new).p
        a, b = float(truth["approved"].mean()), float(truth["new"].mean())
        safe = (
            share * b + (1 - share) * a >= (1 - promise.alpha) * a - 1e-9
            for share, _ in story(seed, 60, approved, new, promise)
        )
        broken += not all(safe)
    assert broken <= RUNS * (1 - promise.confidence)


def test_a_worse_policy_is_seldom_called_better_and_found_out() -> None:
    told = [story(seed, 400, 0.7, 0.3, Promise()) for seed in range(20)]
    assert all(nights[-1][1] == "worse" for nights in told)
    assert not any(verdict == "better" for nights in told for _, verdict in nights)


def test_a_better_policy_is_let_in_and_proposed() -> None:
    told = [story(seed, 600, 0.5, 0.7, Promise()) for seed in range(20)]
    assert all(nights[-1] == (MOST, "better") for nights in told)


def test_equal_policies_are_let_in_slowly_and_never_judged() -> None:
    told = [story(seed, 400, 0.6, 0.6, Promise()) for seed in range(20)]
    assert all(nights[-1][0] > 0.1 for nights in told)
    assert sum(verdict not in ("open", "warming up") for nights in told for _, verdict in nights) <= 1


def test_a_small_lead_is_not_proposed_where_more_is_asked() -> None:
    asked = Promise(least_gain=0.25)
    assert all(verdict != "better" for _, verdict in story(1, 600, 0.5, 0.7, asked))


def test_before_any_result_the_stated_share_is_risked_and_no_more() -> None:
    none = np.empty(0)
    figures = guard.look(none, none, Promise(alpha=0.08), at=1)
    assert (figures.share, figures.learners, figures.verdict) == (0.08, 0, "warming up")
    assert math.isnan(figures.new)
    assert figures.to_json()["new"] is None


def test_few_learners_are_no_reason_to_mix_in_more() -> None:
    figures = guard.look(np.zeros(29), np.ones(29), Promise(), at=1)
    assert (figures.share, figures.verdict) == (0.05, "warming up")


VALUES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=30, max_size=80)
PROMISES = st.builds(Promise, alpha=st.floats(0.01, 0.5), confidence=st.floats(0.5, 0.99))


@given(values=VALUES, promise=PROMISES, at=st.integers(1, 400))
def test_what_is_mixed_in_keeps_the_promise_by_the_results_themselves(
    values: list[tuple[float, float]], promise: Promise, at: int
) -> None:
    approved, new = np.array(values).T
    share = guard.look(approved, new, promise, at=at).share
    assert promise.alpha <= share <= max(MOST, promise.alpha)
    assert (share * new + (1 - share) * approved).mean() >= (1 - promise.alpha) * approved.mean() - 1e-9


@given(values=VALUES, promise=PROMISES, at=st.integers(1, 400))
def test_later_looks_at_the_same_results_are_no_bolder(
    values: list[tuple[float, float]], promise: Promise, at: int
) -> None:
    approved, new = np.array(values).T
    sooner, later = (guard.look(approved, new, promise, at=k) for k in (at, at + 1))
    assert later.share <= sooner.share + 1e-3
    assert later.low <= sooner.low
    assert later.high >= sooner.high


@given(promise=PROMISES)
def test_all_looks_together_risk_what_the_confidence_leaves(promise: Promise) -> None:
    assert sum(promise.risk(k) for k in range(1, 5_000)) <= 1 - promise.confidence


@pytest.mark.parametrize("spread", [0.02, 0.2, 0.45])
def test_a_bound_is_above_the_mean_as_seldom_as_it_says(spread: float) -> None:
    chance, wrong, risk = np.random.default_rng(5), 0, 0.1
    for _ in range(2_000):
        values = chance.choice([0.5 - spread, 0.5 + spread], size=40)
        wrong += guard.lower(values, 1.0, risk) > 0.5
    assert wrong <= 2_000 * risk


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": 0.0}, "alpha is 0.0: it must be above 0, at most 0.5"),
        ({"alpha": 0.6}, "alpha is 0.6"),
        ({"confidence": 1.0}, "confidence is 1.0: it must be from 0.5 to below 1"),
        ({"warm_up": 1}, "warm_up is 1: it must be 2 or more"),
        ({"least_gain": -0.1}, "least_gain is -0.1"),
    ],
)
def test_a_promise_that_makes_no_sense_is_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Promise(**options)  # type: ignore[arg-type]


def test_a_reward_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a value is outside \[0, 1\]"):
        guard.look(np.array([-0.5, 0.5]), np.array([0.5, 0.5]), Promise(), at=1)
