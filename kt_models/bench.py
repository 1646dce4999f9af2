"""How long a model takes to update, predict and forecast, by batch size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Final

import numpy as np

from kt_models.base import ConceptLists, Interactions, LearnerModel, Query
from kt_models.recall import SECONDS_PER_DAY, Int
from kt_models.state import LearnerState

BATCHES: Final = (1, 16, 256, 4096)
#: Answers that each learner has given before the clock starts: what a typical state holds.
PAST_ANSWERS: Final = 50
#: Each figure is the median of calls that take at least this long together, and of at least three.
_SECONDS: Final = 0.5


def measure(model: LearnerModel, batches: Sequence[int] = BATCHES) -> Iterator[dict[str, object]]:
    """One record an operation and batch size: microseconds an answer (update, predict) or a learner (forecast)."""
    for batch in batches:
        state = model.update(model.prior(batch), _answers(model, batch, PAST_ANSWERS, 0.0))
        later = float(state.seconds.max()) + SECONDS_PER_DAY
        new = _answers(model, batch, 1, later)
        for name, unit, call in _operations(model, state, new, later):
            microseconds = _median_seconds(call) / batch * 1e6
            yield {"kind": model.kind, "operation": name, "batch": batch, "unit": unit, "microseconds": microseconds}


def _operations(
    model: LearnerModel, state: LearnerState, new: Interactions, later: float
) -> Iterator[tuple[str, str, Callable[[], object]]]:
    query: Query = new.query()
    times = np.full(len(state), later)
    yield "update", "answer", lambda: model.update(state, new)
    yield "predict", "answer", lambda: model.predict(state, query)
    yield "forecast", "learner", lambda: model.forecast(state, times)
    yield "forecast_bytes", "learner", lambda: model.forecast(state, times).to_bytes()
    yield "state_bytes", "learner", state.to_bytes


def _median_seconds(call: Callable[[], object]) -> float:
    call()
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(taken) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return median(taken)


def _answers(model: LearnerModel, learners: int, each: int, start: float) -> Interactions:
    """One answer an hour from `start` on, to concepts and items drawn at random with a fixed seed."""
    generator, n = np.random.default_rng(0), learners * each
    concept: Int = generator.integers(0, max(model.n_concepts, 1), n)
    hours = np.tile(np.arange(each), learners).astype(np.float64)
    return Interactions(
        learner=np.repeat(np.arange(learners), each),
        seconds=start + 3_600.0 * hours,
        item=generator.integers(0, model.n_items, n) if model.n_items else np.full(n, -1),
        concepts=ConceptLists.single(concept),
        correct=generator.integers(0, 2, n).astype(np.float32),
    )
