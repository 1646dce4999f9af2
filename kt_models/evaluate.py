"""How well a fitted model predicts answers that it has not seen: two protocols, one report. No torch.

`next`: every answer is predicted from the learner's earlier ones, starting at the prior (prequential).
`horizon`: G answers are given, the H after them are predicted from the state then, at their true times (open loop).
Both count one prediction an answer, however many concepts it has (question level).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np

from kt_models import history, metrics
from kt_models.base import LearnerModel
from kt_models.data import Dataset
from kt_models.history import Practice
from kt_models.metrics import Answers, Bool, Estimate
from kt_models.recall import SECONDS_PER_DAY, Int

Protocol = Literal["next", "horizon"]
#: Called with the number of answers done so far and the number in all.
Progress = Callable[[int, int], None]

#: Bounds of a batch of learners: models may hold some numbers for each answer, or for each learner and concept.
BATCH_ANSWERS: Final = 100_000
BATCH_LEARNERS: Final = 1_024

GAPS: Final = (
    ("first time", math.inf),
    ("< 1 min", 60.0),
    ("< 10 min", 600.0),
    ("< 1 h", 3_600.0),
    ("< 1 d", SECONDS_PER_DAY),
    ("< 1 week", 7 * SECONDS_PER_DAY),
    ("longer", math.inf),
)
ATTEMPTS: Final = (("1", 1), ("2", 2), ("3-5", 5), ("6-10", 10), ("> 10", None))


class NothingToEvaluate(ValueError):
    """No answer fits the protocol."""


@final
@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions of answers, in the order of the data set, with what was known before each.

    Attributes:
        ahead: (answers,) 1 for the next answer, up to the horizon.
    """

    answers: Answers
    practice: Practice
    ahead: Int
    has_time: bool

    def take(self, mask: Bool) -> Scored:
        return Scored(self.answers.take(mask), self.practice.take(mask), self.ahead[mask], self.has_time)


@final
@dataclass(frozen=True)
class Slice:
    """Part of the answers: how many, credit given and predicted on average, and estimates."""

    name: str
    n: int
    correct: float
    predicted: float
    estimates: dict[str, Estimate]


@final
@dataclass(frozen=True)
class Report:
    """An evaluation. `base_log_loss` is that of predicting the mean credit for every answer, a floor."""

    kind: str
    protocol: Protocol
    given: int | None
    horizon: int
    seed: int
    n: int
    learners: int
    correct: float
    base_log_loss: float
    estimates: dict[str, Estimate]
    by_gap: tuple[Slice, ...]
    by_attempt: tuple[Slice, ...]
    by_ahead: tuple[Slice, ...]
    reliability: tuple[dict[str, float], ...]
    replicates: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON: null where a number is undefined."""
        plain = {
            name: getattr(self, name) for name in ("kind", "protocol", "n", "learners", "correct", "base_log_loss")
        }
        if self.protocol == "horizon":
            plain |= {"given": self.given, "horizon": self.horizon}
        slices = {name: [_slice_json(part) for part in getattr(self, name)] for name in _SLICES if getattr(self, name)}
        interval = {"method": "percentiles, learners resampled by multinomial weights", "level": metrics.LEVEL}
        return {
            **plain,
            **_estimates_json(self.estimates),
            **slices,
            "reliability": list(self.reliability),
            "interval": {**interval, "replicates": self.replicates, "seed": self.seed},
        }


_SLICES: Final = ("by_gap", "by_attempt", "by_ahead")


def evaluate(
    model: LearnerModel,
    data: Dataset,
    *,
    protocol: Protocol = "next",
    given: int = 10,
    horizon: int = 10,
    seed: int = 0,
    replicates: int = metrics.REPLICATES,
    progress: Progress | None = None,
) -> Report:
    """Predicts the answers of a data set and reports how well.

    Args:
        data: encoded with the model's vocabularies (`model.concepts`, `model.items`).
        given, horizon: G and H of the horizon protocol.
        seed: of the bootstrap; equal seeds resample equal learners.
    Raises:
        NothingToEvaluate: if no learner has enough answers.
    """
    scored = score_next(model, data, progress) if protocol == "next" else score_horizon(model, data, given, horizon)
    protocol_fields = {"given": given, "horizon": horizon} if protocol == "horizon" else {}
    return report_on(scored, model.kind, seed=seed, replicates=replicates, **protocol_fields)


def score_next(model: LearnerModel, data: Dataset, progress: Progress | None = None) -> Scored:
    """Predicts every answer from the learner's earlier ones."""
    p, done = np.full(data.n_answers, np.nan), 0
    for rows in _batches(data.lengths):
        batch = data.take(rows)
        _, prediction = model.trace(model.prior(len(rows)), batch.interactions)
        p[data.answers_of(rows)] = prediction.p
        done += batch.n_answers
        if progress:
            progress(done, data.n_answers)
    seen = data.interactions
    ahead = np.ones(len(seen), np.int64)
    return Scored(
        Answers(data.learner_ids[seen.learner], p, seen.correct.astype(np.float64)),
        history.practice_before(seen), ahead, data.has_time,
    )  # fmt: skip


def score_horizon(model: LearnerModel, data: Dataset, given: int, horizon: int) -> Scored:
    """Predicts answers given + 1, ..., given + horizon of every learner who has as many, from the first `given`."""
    if given < 0 or horizon < 1:
        raise NothingToEvaluate(f"given {given} and horizon {horizon}: give at least 0 and 1")
    data = data.take(np.flatnonzero(data.lengths >= given + horizon)).first(given + horizon)
    seen = data.interactions
    future = data.step >= given
    p = np.full(data.n_answers, np.nan)
    for rows in _batches(data.lengths):
        batch = data.take(rows)
        past, ahead = batch.step < given, batch.step >= given
        state = model.update(model.prior(len(rows)), batch.interactions.take(np.flatnonzero(past)))
        prediction = model.predict(state, batch.interactions.take(np.flatnonzero(ahead)).query())
        p[data.answers_of(rows)[ahead]] = prediction.p
    answers = Answers(data.learner_ids[seen.learner], p, seen.correct.astype(np.float64))
    known = history.practice_before(seen, ~future)
    return Scored(answers, known, data.step - given + 1, data.has_time).take(future)


def score_after(model: LearnerModel, data: Dataset, seconds: float) -> Scored:
    """Predicts every answer from a time on, each from all of the learner's earlier ones, those before it too."""
    return score_next(model, data).take(data.interactions.seconds >= seconds)


def score_ahead(model: LearnerModel, data: Dataset, seconds: float, horizon: int) -> Scored:
    """Predicts the first `horizon` answers of each learner from a time on, from what was known then, open loop."""
    seen, later = data.interactions, data.interactions.seconds >= seconds
    given = np.bincount(seen.learner, ~later, data.n_learners).astype(np.int64)
    ahead = data.step - given[seen.learner] + 1
    future, p = later & (ahead <= horizon), np.full(data.n_answers, np.nan)
    for rows in _batches(data.lengths):
        batch, asked = data.take(rows), future[data.answers_of(rows)]
        past = batch.interactions.take(np.flatnonzero(batch.interactions.seconds < seconds))
        state = model.update(model.prior(len(rows)), past)
        prediction = model.predict(state, batch.interactions.take(np.flatnonzero(asked)).query())
        p[data.answers_of(rows)[asked]] = prediction.p
    answers = Answers(data.learner_ids[seen.learner], p, seen.correct.astype(np.float64))
    return Scored(answers, history.practice_before(seen, ~later), ahead, data.has_time).take(future)


def report_on(
    scored: Scored,
    kind: str,
    *,
    given: int | None = None,
    horizon: int = 1,
    seed: int = 0,
    replicates: int = metrics.REPLICATES,
) -> Report:
    """Metrics of predictions, whole and in parts; `given` and `horizon` only where that was the protocol."""
    answers = scored.answers
    if len(answers) == 0:
        raise NothingToEvaluate(
            "no learner has enough answers for the protocol: give fewer answers, or a shorter horizon"
        )
    rate = float(answers.correct.mean())
    constant = Answers(answers.learner, np.full(len(answers), rate), answers.correct)
    bins = history.memory_bins(scored.practice) if scored.has_time else None
    return Report(
        kind=kind,
        protocol="next" if given is None else "horizon",
        given=given,
        horizon=horizon,
        seed=seed,
        n=len(answers),
        learners=answers.n_learners,
        correct=rate,
        base_log_loss=float(metrics.log_loss_each(constant).mean()),
        estimates=metrics.estimates(answers, seed, bins, replicates),
        by_gap=tuple(_slices(answers, _gap_masks(scored), seed, replicates)) if scored.has_time else (),
        by_attempt=tuple(_slices(answers, _attempt_masks(scored), seed, replicates)),
        by_ahead=tuple(_slices(answers, _ahead_masks(scored), seed, replicates)),
        reliability=tuple(metrics.reliability(answers)),
        replicates=replicates,
    )


def _batches(lengths: Int) -> Iterator[Int]:
    """Learner rows of similar length together, so that a batch runs few rounds and wastes little padding."""
    order = np.argsort(lengths, kind="stable")
    total, start = np.cumsum(lengths[order]), 0
    while start < len(order):
        full = np.searchsorted(total, total[start] - lengths[order[start]] + BATCH_ANSWERS, side="right")
        stop = max(min(int(full), start + BATCH_LEARNERS), start + 1)
        yield order[start:stop]
        start = stop


def _slices(answers: Answers, masks: Iterator[tuple[str, Bool]], seed: int, replicates: int) -> Iterator[Slice]:
    for name, mask in masks:
        part = answers.take(mask)
        if len(part):
            estimates = metrics.slice_estimates(part, seed, replicates)
            yield Slice(name, len(part), float(part.correct.mean()), float(part.p.mean()), estimates)


def _gap_masks(scored: Scored) -> Iterator[tuple[str, Bool]]:
    gap, low = scored.practice.gap, -math.inf
    yield GAPS[0][0], np.isinf(gap)
    for name, high in GAPS[1:]:
        yield name, (gap >= low) & (gap < high)
        low = high


def _attempt_masks(scored: Scored) -> Iterator[tuple[str, Bool]]:
    attempt, low = scored.practice.attempt, 0
    for name, high in ATTEMPTS:
        yield name, (attempt > low) & (attempt <= (high or np.iinfo(np.int64).max))
        low = high or 0


def _ahead_masks(scored: Scored) -> Iterator[tuple[str, Bool]]:
    steps = np.unique(scored.ahead)
    return ((str(step), scored.ahead == step) for step in steps) if len(steps) > 1 else iter(())


def _slice_json(part: Slice) -> dict[str, Any]:
    head = {"name": part.name, "n": part.n, "correct": part.correct, "predicted": part.predicted}
    return {**head, **_estimates_json(part.estimates)}


def _estimates_json(estimates: dict[str, Estimate]) -> dict[str, Any]:
    return {
        name: {key: _number(getattr(estimate, key)) for key in ("value", "low", "high")}
        for name, estimate in estimates.items()
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
