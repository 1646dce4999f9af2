"""No prediction knows an answer that comes after it, nor how long its own answer took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from kt_models.base import Interactions
from kt_models.cakt import Model
from kt_models.recall import Float
from tests.kt_models.cakt import networks

LENGTH = 24
#: Answers that are changed: the first, some on either side of the end of a chunk (7 answers), and the last but one.
STEPS = (0, 3, 6, 7, 13, 14, 22)
#: The batch pass encodes equal windows once, so an answer may move others to another row of a matrix product.
ROUNDING = 1e-6

Pass = Callable[[Model, Interactions], Float]


@pytest.fixture(params=networks.CONFIGS)
def model(request: pytest.FixtureRequest) -> Model:
    return networks.model(str(request.param))


@pytest.fixture(scope="module")
def seen() -> Interactions:
    """Three learners, so that cells of others stand between in a batch."""
    return networks.together([networks.history(seed, LENGTH - 5 * seed) for seed in range(3)])


def traced(model: Model, seen: Interactions) -> Float:
    return model.trace(model.prior(3), seen)[1].p


def scored(model: Model, seen: Interactions) -> Float:
    return model.score(networks.dataset(seen))


def flipped(seen: Interactions, at: int) -> Interactions:
    correct = seen.correct.copy()
    correct[at] = 1.0 - np.round(correct[at])
    return replace(seen, correct=correct)


def slower(seen: Interactions, at: int) -> Interactions:
    """An answer that took longer, or whose time nobody knew before."""
    elapsed = seen.response_seconds.copy()
    elapsed[at] = 3.0 + 2.0 * np.nan_to_num(elapsed[at])
    return replace(seen, response_seconds=elapsed)


@pytest.mark.parametrize("at", STEPS)
def test_an_answer_changes_later_predictions_only(model: Model, seen: Interactions, at: int) -> None:
    before, after = (traced(model, log) for log in (seen, flipped(seen, at)))
    assert np.array_equal(after[: at + 1], before[: at + 1])
    assert np.array_equal(after[LENGTH:], before[LENGTH:])
    assert np.abs(after - before)[at + 1 : LENGTH].max() > 1e-4


@pytest.mark.parametrize("at", STEPS)
def test_an_answer_changes_later_predictions_only_in_the_batch_pass(model: Model, seen: Interactions, at: int) -> None:
    before, after = (scored(model, log) for log in (seen, flipped(seen, at)))
    moved = np.abs(after - before)
    # With features of items or times, no two windows are equal.
    rounding = 0.0 if model.config.items or model.config.time else ROUNDING
    assert max(moved[: at + 1].max(), moved[LENGTH:].max()) <= rounding
    assert moved[at + 1 : LENGTH].max() > 1e-4


@pytest.mark.parametrize("run", [traced, scored])
def test_the_time_an_answer_took_changes_later_predictions_only(model: Model, seen: Interactions, run: Pass) -> None:
    before, after = (run(model, log) for log in (seen, slower(seen, 8)))
    assert np.array_equal(after[:9], before[:9])
    assert np.array_equal(after[LENGTH:], before[LENGTH:])
    moved = np.abs(after - before)[9:LENGTH].max()
    assert moved > 1e-5 if model.config.time else moved == 0.0


@pytest.mark.parametrize("run", [traced, scored])
def test_a_short_pause_before_an_answer_changes_later_predictions_only(
    model: Model, seen: Interactions, run: Pass
) -> None:
    """In a log such a pause holds the time taken over the very answer that is predicted."""
    pause = np.diff(seen.seconds[:LENGTH], prepend=seen.seconds[0])
    at = int(np.flatnonzero((pause > 0) & (pause < 300.0))[-1])
    later = seen.seconds.copy()
    later[at:LENGTH] += 250.0
    before, after = (run(model, log) for log in (seen, replace(seen, seconds=later)))
    assert np.array_equal(after[: at + 1], before[: at + 1])
    assert np.array_equal(after[LENGTH:], before[LENGTH:])


def test_the_future_is_not_needed(model: Model, seen: Interactions) -> None:
    """Predictions from the answers up to there alone are those made with all answers at hand."""
    whole = traced(model, seen)[:LENGTH]
    rows = np.arange(LENGTH)
    for stop in (1, 8, 20):
        part = seen.take(rows[:stop])
        assert np.allclose(model.trace(model.prior(1), part)[1].p, whole[:stop], rtol=0, atol=1e-6)
