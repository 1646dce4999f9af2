"""FSRS-6 with its default parameters, of the `fsrs` package: how likely a concept is remembered, by its reviews.

Right is rated Good, wrong Again; there is no rating between. A concept never reviewed has no prediction (NaN). The
package counts whole days when it predicts; here days are fractions, which is what its formula says and what a tutor
needs, and stability and difficulty are the package's own. `calibrated` passes the logit of recall through a straight
line fitted on the answers that other rivals are fitted on: it keeps the order of FSRS and removes its bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, final

import fsrs
import numpy as np
from scipy.optimize import minimize

from kt_models.base import Interactions, Query
from kt_models.data import Dataset
from kt_models.recall import SECONDS_PER_DAY, Float, Int, logit, sigmoid
from tests.bench.rivals.tasks import Situation, first_concept

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: Keeps recall inside (0, 1), as our own models do.
_TINY: Final = 1e-4


@final
@dataclass(frozen=True)
class Memory:
    """FSRS-6, and the line (intercept, slope) that its logits pass through."""

    intercept: float = 0.0
    slope: float = 1.0

    @classmethod
    def default(cls, data: Dataset, seed: int) -> Memory:
        del data, seed
        return cls()

    @classmethod
    def calibrated(cls, data: Dataset, seed: int) -> Memory:
        del seed
        recall = cls().following(data)
        known = np.isfinite(recall)
        x, y = logit(recall[known]), data.interactions.correct[known].astype(np.float64)

        def loss(line: Float) -> tuple[float, Float]:
            z = line[0] + line[1] * x
            wrong = sigmoid(z) - y
            return float((np.logaddexp(0.0, z) - y * z).sum()), np.array([wrong.sum(), wrong @ x])

        intercept, slope = minimize(loss, np.array([0.0, 0.3]), jac=True, method="L-BFGS-B").x
        return cls(float(intercept), float(slope))

    def ahead(self, situation: Situation) -> Float:
        past, future = situation.past, situation.future
        width = _width(past, future)
        state = {key: (stability, at) for key, _, stability, at in _reviewed(past, width)}
        keys = future.learner * width + first_concept(future)
        out = np.full(len(keys), np.nan)
        for i, (key, at) in enumerate(zip(keys.tolist(), future.seconds.tolist(), strict=True)):
            if key in state:
                stability, last = state[key]
                out[i] = _recall(stability, at - last)
        return self._on_line(out)

    def following(self, data: Dataset) -> Float:
        seen = data.interactions
        out = np.full(len(seen), np.nan)
        last_key, last = -1, (0.0, 0.0)
        for key, row, stability, at in _reviewed(seen, _width(seen, seen.query())):
            if key == last_key:
                out[row] = _recall(last[0], at - last[1])
            last_key, last = key, (stability, at)
        return self._on_line(out)

    def _on_line(self, recall: Float) -> Float:
        return sigmoid(self.intercept + self.slope * logit(recall)) if self != Memory() else recall


def _reviewed(seen: Interactions, width: int) -> Iterator[tuple[int, int, float, float]]:
    """(key, row, stability in days after it, seconds) of each answer, by (learner, concept), in time order."""
    keys = seen.learner * width + first_concept(seen)
    order = np.argsort(keys, kind="stable")
    columns = (keys[order], order, seen.seconds[order], seen.correct[order] >= 0.5)
    card, card_key = fsrs.Card(card_id=0), -1
    for key, row, at, right in zip(*(column.tolist() for column in columns), strict=True):
        if key != card_key:
            card, card_key = fsrs.Card(card_id=0), key
        rating = fsrs.Rating.Good if right else fsrs.Rating.Again
        card, _ = _scheduler().review_card(card, rating, _EPOCH + timedelta(seconds=at))
        assert card.stability is not None
        yield key, row, card.stability, at


@cache
def _scheduler() -> fsrs.Scheduler:
    return fsrs.Scheduler(enable_fuzzing=False)


def _recall(stability: float, seconds: float) -> float:
    """(1 + f t / S)^-d with f such that recall is 0.9 after S days (FSRS-6)."""
    decay = -_scheduler().parameters[20]
    factor = 0.9 ** (1 / decay) - 1
    recall: float = (1 + factor * max(seconds, 0.0) / SECONDS_PER_DAY / stability) ** decay
    return min(max(recall, _TINY), 1 - _TINY)


def _width(seen: Interactions, query: Query) -> int:
    concepts: Int = np.concatenate([seen.concepts.flat, query.concepts.flat])
    return int(concepts.max(initial=0)) + 1
