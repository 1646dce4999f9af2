"""Did what was forecast come true? Past forecasts of answers after a pause, by decile, against what was answered.

Before an answer is folded in, the serving model says how likely it is to be right, and that is kept for 60 days
(`tracing.models.Score`). Here, of the answers that a learner gave after a pause, those forecasts in which forgetting
tells, as agendas and forecasts do.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final, final
from uuid import UUID

import numpy as np

from kt_models.recall import Z90, Float, Int
from tutor import db
from tutor.registry import queries as registry

#: A pause after which forgetting tells: the next day, as a rule.
PAUSE_HOURS: Final = 12.0
#: Learners drawn of a school, and their newest answers: bounds the query, and is plenty for ten shares.
LEARNERS: Final = 1_000
ANSWERS_EACH: Final = 100
#: With fewer answers than this, there are fewer parts than ten.
LEAST_ANSWERS: Final = 20
#: Forecasts come true slowly: figures are kept this long by each process.
KEPT_SECONDS: Final = 3_600.0

# Drawn by a hash: ids are in the order in which learners came.
_FORECASTS: Final = """
SELECT learner_id, p, correct FROM (
    SELECT s.*, s.occurred_at - lag(s.occurred_at) OVER (PARTITION BY s.learner_id ORDER BY s.occurred_at, s.seq) AS gap
    FROM (
        SELECT id FROM accounts_learner WHERE school_id = %s ORDER BY hashtextextended(id::text, 0), id LIMIT %s
    ) l
    CROSS JOIN LATERAL (
        SELECT learner_id, seq, occurred_at, p, correct, in_order FROM tracing_score
        WHERE version_id = %s AND learner_id = l.id AND curriculum_id = %s ORDER BY seq DESC LIMIT %s
    ) s
) spaced
WHERE in_order AND gap >= %s::float8 * interval '1 hour'
ORDER BY p, learner_id
"""


@final
@dataclass(frozen=True)
class Decile:
    """A tenth of the forecasts, by their value.

    Attributes:
        n: answers.      forecast: mean chance of a right answer, as told before.      observed: mean credit given.
        low, high: 90 % interval of what was to be observed in the long run; answers of one learner are alike.
        learners: that they are of.
    """

    n: int
    forecast: float
    observed: float
    low: float
    high: float
    learners: int

    @property
    def came_true(self) -> bool:
        return self.low <= self.forecast <= self.high


@final
@dataclass(frozen=True)
class Coverage:
    """Attributes: error: mean distance of forecast and observed, weighted by answers; None without answers."""

    version_id: UUID | None
    answers: int
    learners: int
    deciles: tuple[Decile, ...]
    error: float | None

    @property
    def came_true(self) -> int:
        return sum(decile.came_true for decile in self.deciles)


_kept: dict[tuple[UUID, UUID], tuple[float, Coverage]] = {}


def kept_coverage(school_id: UUID, curriculum_id: UUID) -> Coverage:
    """The same as `coverage`, up to an hour old."""
    found = _kept.get((school_id, curriculum_id))
    if found is None or time.monotonic() - found[0] > KEPT_SECONDS:
        found = time.monotonic(), coverage(school_id, curriculum_id)
        _kept[school_id, curriculum_id] = found
    return found[1]


def coverage(school_id: UUID, curriculum_id: UUID, *, pause_hours: float = PAUSE_HOURS) -> Coverage:
    """Of the version that serves a school now, on its learners' answers after a pause; two queries."""
    pair = (school_id, curriculum_id)
    serving = registry.serving([pair]).get(pair)
    if serving is None:
        return Coverage(None, 0, 0, (), None)
    rows = db.rows(_FORECASTS, (school_id, LEARNERS, serving.version_id, curriculum_id, ANSWERS_EACH, pause_hours))
    names: dict[UUID, int] = {}
    learner = np.array([names.setdefault(row[0], len(names)) for row in rows], np.int64)
    forecast, observed = np.array([row[1:] for row in rows], np.float64).reshape(-1, 2).T
    found = deciles(learner, forecast, observed)
    n = len(rows)
    error = sum(each.n * abs(each.forecast - each.observed) for each in found) / n if n else None
    return Coverage(serving.version_id, n, len(names), tuple(found), error)


def deciles(learner: Int, forecast: Float, observed: Float) -> list[Decile]:
    """Tenths of equal size, by ascending forecast; fewer where there are few answers. Pure; shapes (answers,)."""
    order = np.argsort(forecast, kind="stable")
    parts = np.array_split(order, min(10, max(len(order) // LEAST_ANSWERS, 1)))
    return [part_of(learner[part], forecast[part], observed[part]) for part in parts if len(part)]


def part_of(learner: Int, forecast: Float, observed: Float) -> Decile:
    """Of some forecasts, one at least, and the shares that came of them. Pure; shapes (n,)."""
    share = float(observed.mean())
    low, high = _wilson(share, len(observed) / design_effect(learner, observed - share))
    return Decile(len(observed), float(forecast.mean()), share, low, high, len(np.unique(learner)))


def design_effect(learner: Int, residual: Float) -> float:
    """By how much the variance of the mean is larger than if all answers came from different learners; 1 or more."""
    together = np.bincount(learner, weights=residual)
    apart = float(np.square(residual).sum())
    return max(float(np.square(together).sum()) / apart, 1.0) if apart > 0 else 1.0


def _wilson(share: float, n: float, z: float = Z90) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927), also of 0 or 1."""
    centre, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (centre - spread) / scale, (centre + spread) / scale
