"""Do chances of mastery by a day come true? Forecasts as they were told, against what was believed and answered then.

A chance is checked where the learner did what it takes for granted: as many answers to the concept as the agenda had
planned, or more. It came true as far as the belief of that day, by the version that serves then, says: by its chance
that true recall is at the level of mastery. Forecasts of which that version would say the same without a new answer are
left out: they would only be compared with themselves.

That belief is of a learner model too, and where models forget too slowly it is too high itself. What nobody believes
but everybody sees is compared beside it: recall as it was forecast, with and without practice, against the first
answers to the concept since the day came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np

from kt_models.recall import Float, Int, logit, sigmoid
from tutor import db
from tutor.kept import Kept
from tutor.registry import queries as registry
from tutor.scheduling.calendar import Bool
from tutor.scheduling.coverage import KEPT_SECONDS, Decile, design_effect, part_of

#: Nothing is said of fewer checked forecasts, nor of fewer learners: neither in all, nor in a band.
LEAST: Final = 100
LEAST_LEARNERS: Final = 10
#: Correcting takes more: two figures are fitted.
LEAST_TO_CORRECT: Final = 200
#: The newest forecasts that are read.
MOST: Final = 5_000
#: Bands of the chance that was told.
BANDS: Final = 5
#: Held towards what the model says as if by a Gaussian of this precision about no correction, in logits.
PRIOR: Final = 4.0

_TOLD: Final = """
SELECT learner_id, planned, answers, believed_mastered, told_mastered, mastered, alone, followed, "right"
FROM scheduling_toldforecast
WHERE school_id = %s AND curriculum_id = %s AND version_id = %s AND checked_at IS NOT NULL
ORDER BY at DESC LIMIT %s
"""

_WAITING: Final = """
SELECT count(*) FROM scheduling_toldforecast
WHERE school_id = %s AND curriculum_id = %s AND version_id = %s AND checked_at IS NULL
"""


class Compared(NamedTuple):
    """Forecasts and what came of them, shapes (n,). `learner` numbers learners."""

    learner: Int
    forecast: Float
    observed: Float

    @property
    def learners(self) -> int:
        return len(np.unique(self.learner))

    def bands(self) -> tuple[Decile, ...]:
        """By what was forecast, those of enough learners."""
        band = np.minimum((BANDS * self.forecast).astype(np.int64), BANDS - 1)
        parts = [np.flatnonzero(band == each) for each in range(BANDS)]
        found = [part_of(self.learner[part], self.forecast[part], self.observed[part]) for part in parts if len(part)]
        return tuple(each for each in found if each.learners >= LEAST_LEARNERS)


def _nothing() -> Compared:
    return Compared(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


@final
@dataclass(frozen=True)
class Correction:
    """logit(told) = shift + slope logit(believed), never falling; nothing at all if it is not `is_made`."""

    shift: float = 0.0
    slope: float = 1.0
    is_made: bool = False

    def told(self, alone: Float, followed: Float, practised: Bool) -> Float:
        """Chances of mastery if the agenda is followed, shape (...).

        Practice is never told to harm. Where none is planned, it is what the forgetting curve leaves: not corrected.

        Args:
            alone, followed: by the model.      practised: whether the agenda plans practice.
        """
        if not self.is_made:
            return followed
        corrected = sigmoid(self.shift + self.slope * logit(followed))
        return np.asarray(np.where(practised, np.maximum(alone, corrected), followed))


@final
@dataclass(frozen=True, eq=False)
class MasteryCoverage:
    """Of the version that serves a school on a curriculum now.

    Attributes:
        mastery: chances of mastery as told, and by the belief of the day.
        recall: forecast recall, and first answers since the day came.
        correction: of what the model believes, where that differs from what came.
        waiting: forecasts whose day has not come.
    """

    mastery: Compared = field(default_factory=_nothing)
    recall: Compared = field(default_factory=_nothing)
    correction: Correction = Correction()
    waiting: int = 0

    @property
    def checked(self) -> int:
        return len(self.mastery.forecast)

    @property
    def is_checked(self) -> bool:
        return bool(self.bands)

    @cached_property
    def bands(self) -> tuple[Decile, ...]:
        return self.mastery.bands() if self.checked >= LEAST else ()

    @cached_property
    def first_answers(self) -> tuple[Decile, ...]:
        return self.recall.bands() if len(self.recall.forecast) >= LEAST else ()


def mastery_coverage(school_id: UUID, curriculum_id: UUID) -> MasteryCoverage:
    """Of the version that serves now; up to an hour old."""
    pair = (school_id, curriculum_id)
    serving = registry.serving([pair]).get(pair)
    return _read.get((*pair, serving.version_id)) if serving else MasteryCoverage()


def correction(school_id: UUID, curriculum_id: UUID, version_id: UUID) -> Correction:
    """By which chances are told where this version believes; up to an hour old."""
    return _read.get((school_id, curriculum_id, version_id)).correction


def read(of: tuple[UUID, UUID, UUID]) -> MasteryCoverage:
    """By school, curriculum and version; two statements."""
    rows = db.rows(_TOLD, [*of, MOST])
    [[waiting]] = db.rows(_WAITING, of)
    if not rows:
        return MasteryCoverage(waiting=waiting)
    numbers: dict[UUID, int] = {}
    learner = np.array([numbers.setdefault(row[0], len(numbers)) for row in rows], np.int64)
    figures = np.array([row[1:] for row in rows], np.float64).T
    planned, answers, believed, told, mastered, alone, followed, right = figures
    is_followed = (planned > 0) & (answers >= planned)
    kept = is_followed & ~np.isnan(mastered)
    heard = (is_followed | (answers == 0)) & ~np.isnan(right)
    expected = np.where(is_followed, followed, alone)
    return MasteryCoverage(
        Compared(learner[kept], told[kept], mastered[kept]),
        Compared(learner[heard], expected[heard], right[heard]),
        corrected(Compared(learner[kept], believed[kept], mastered[kept])),
        waiting,
    )


_read: Final = Kept(read, seconds=KEPT_SECONDS, most=10_000)


def forget() -> None:
    """For tests in which an hour passes."""
    _read.clear()


def corrected(found: Compared) -> Correction:
    """What makes the model's chances those that came true, where they clearly differ and enough is known. Pure."""
    if len(found.forecast) < LEAST_TO_CORRECT or found.learners < LEAST_LEARNERS:
        return Correction()
    if all(band.came_true for band in found.bands()):
        # Or no band is of enough learners: nothing is corrected by what cannot be shown.
        return Correction()
    shift, slope = _fitted(found)
    return Correction(shift, slope, is_made=True)


def _fitted(found: Compared) -> tuple[float, float]:
    """Platt's scaling (1999), the slope not below 0; maximum a posteriori, answers of a learner counted as alike."""
    x = np.stack([np.ones(len(found.forecast)), logit(found.forecast)], axis=1)
    weight = 1.0 / design_effect(found.learner, found.observed - found.observed.mean())
    free = _newton(x, found.observed, weight, np.array([0.0, 1.0]))
    if free[1] >= 0.0:
        return float(free[0]), float(free[1])
    return float(_newton(x[:, :1], found.observed, weight, np.array([0.0]))[0]), 0.0


def _newton(x: Float, y: Float, weight: float, prior: Float) -> Float:
    """Logistic regression on shares, (n, d) and (n,); steps are damped, so that it ends."""
    at = prior.copy()
    for _ in range(50):
        p = sigmoid(x @ at)
        slope = weight * x.T @ (p - y) + PRIOR * (at - prior)
        curve = weight * (x.T * (p * (1 - p))) @ x + PRIOR * np.eye(len(prior))
        step = np.linalg.solve(curve, slope)
        at = at - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return at
