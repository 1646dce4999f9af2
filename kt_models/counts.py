"""Counts of what a learner answered, and the features made of them: what the logistic model and CAKT share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.base import ConceptLists, Float32, Interactions
from kt_models.recall import SECONDS_PER_DAY, Float
from kt_models.state import LearnerState
from kt_models.walk import Met, Walk, sums

#: Features come as float32 where there is one row an answer of a data set.
Features = NDArray[np.floating[Any]]

#: Meaning of the columns below; a state of another schema is replayed from the log.
SCHEMA: Final = "lr1"
#: Columns of a learner and of a touched concept alike: answers right and wrong, sum of surprises (answer less what an
#: average learner gives), and two running means of surprises.
RIGHT, WRONG, SURPRISE, RECENT, LATELY = range(5)
#: Of a touched concept moreover: right and wrong answers that fade with each of these half-lives, to the time settled.
FADING_SECONDS: Final[Float] = np.array([600.0, 3_600.0, SECONDS_PER_DAY, 7 * SECONDS_PER_DAY, 30 * SECONDS_PER_DAY])
_N: Final = len(FADING_SECONDS)
FADED_RIGHT, FADED_WRONG = slice(5, 5 + _N), slice(5 + _N, 5 + 2 * _N)
LEARNER_COLUMNS: Final = 5
CONCEPT_COLUMNS: Final = 5 + 2 * _N
#: Weight that an answer leaves to those before it in the running means.
_KEPT: Final = {RECENT: 0.6, LATELY: 0.9}
#: Answers without surprise that a mean surprise is drawn towards zero by.
_CALM: Final = 4.0

LEARNER_FEATURES: Final = ("right", "wrong", "surprise", "recent surprise", "late surprise")
CONCEPT_FEATURES: Final = (
    "concept right", "concept wrong", "concept surprise", "concept recent surprise", "concept late surprise",
    "first practice", "pause in minutes", "pause in days", "pause and practice",
    *(f"right fading in {s:g} s" for s in FADING_SECONDS), *(f"wrong fading in {s:g} s" for s in FADING_SECONDS),
)  # fmt: skip
#: Features of a concept whose effect differs from concept to concept: right, wrong, surprise.
OWN_SLOPES: Final = 3
#: Features of a concept that are of order alone: without times, only these are used.
UNTIMED: Final = 6


def prior(n_learners: int) -> LearnerState:
    """Learners of whom nothing is known."""
    return LearnerState.empty(SCHEMA, np.zeros((n_learners, LEARNER_COLUMNS), np.float32), CONCEPT_COLUMNS)


def fresh() -> Float32:
    """(columns,) of a concept never touched."""
    return np.zeros(CONCEPT_COLUMNS, np.float32)


def _means(columns: Float, out: Float) -> None:
    """Fills the first five features of (..., 5 or more) columns."""
    right, wrong = columns[..., RIGHT], columns[..., WRONG]
    out[..., 0], out[..., 1] = np.log1p(right), np.log1p(wrong)
    out[..., 2] = columns[..., SURPRISE] / (right + wrong + _CALM)
    out[..., 3], out[..., 4] = columns[..., RECENT], columns[..., LATELY]


def learner_features(columns: Float) -> Float:
    """(..., learner features) of (..., 5) columns."""
    out = np.empty((*columns.shape[:-1], len(LEARNER_FEATURES)))
    _means(columns, out)
    return out


def concept_features(columns: Float, pause: Float) -> Float:
    """(..., concept features) of columns (..., 15) and seconds (...) since they were settled, inf if never.

    The two may broadcast: (rows, 1, 15) columns and (rows, delays) pauses.
    """
    out = np.empty((*np.broadcast_shapes(columns.shape[:-1], pause.shape), len(CONCEPT_FEATURES)))
    practices = columns[..., RIGHT] + columns[..., WRONG]
    waited = np.where(practices == 0, 0.0, pause)
    _means(columns, out)
    out[..., 5], out[..., 6], out[..., 7] = practices == 0, np.log1p(waited / 60.0), np.log1p(waited / SECONDS_PER_DAY)
    out[..., 8] = out[..., 6] * np.log1p(practices)
    fading = np.exp2(-waited[..., None] / FADING_SECONDS)
    out[..., 9 : 9 + _N] = np.log1p(columns[..., FADED_RIGHT] * fading)
    out[..., 9 + _N :] = np.log1p(columns[..., FADED_WRONG] * fading)
    return out


def count(met: Met, correct: Float, expected: Float) -> tuple[Float, Float]:
    """Columns of learners (answers, 5) and concepts (pairs, 15) after answers.

    `expected` (answers,) is what an average learner gives; several concepts count the answer in full each.
    """
    right, surprise = correct[met.owner], (correct - expected)[met.owner]
    waited = np.where(np.isfinite(met.pause), met.pause, 0.0)
    fading = np.exp2(-waited[:, None] / FADING_SECONDS)
    fields = counted(met.fields, right, surprise)
    fields[:, FADED_RIGHT] = fields[:, FADED_RIGHT] * fading + right[:, None]
    fields[:, FADED_WRONG] = fields[:, FADED_WRONG] * fading + (1.0 - right)[:, None]
    return counted(met.learner, correct, correct - expected), fields


def counted(columns: Float, correct: Float, surprise: Float) -> Float:
    """Columns (..., at least 5) after an answer, but for those that fade; a new array."""
    out = columns.copy()
    out[..., RIGHT] += correct
    out[..., WRONG] += 1.0 - correct
    out[..., SURPRISE] += surprise
    for column, kept in _KEPT.items():
        out[..., column] = kept * out[..., column] + (1.0 - kept) * surprise
    return out


@final
@dataclass(frozen=True, eq=False)
class Folded:
    """The state after answers, and the features just before each.

    Attributes:
        learner: (answers, learner features).     concept: (pairs, concept features) in the order of the concept lists.
    """

    state: LearnerState
    learner: Features
    concept: Features


def fold(state: LearnerState, seen: Interactions, expected: Float) -> Folded:
    """Folds answers, one of every learner at a time; `expected` (answers,) as in `count`."""
    walk = Walk.start(state, seen, fresh())
    learner = np.empty((len(seen), len(LEARNER_FEATURES)), np.float32)
    concept = np.empty((len(seen.concepts.flat), len(CONCEPT_FEATURES)), np.float32)
    correct = seen.correct.astype(np.float64)
    for met in walk.rounds():
        learner[met.answer] = learner_features(met.learner)
        concept[met.pair] = concept_features(met.fields, met.pause)
        walk.settle(met, *count(met, correct[met.answer], expected[met.answer]))
    return Folded(walk.done(), learner, concept)


def answers_in(features: Features) -> Float:
    """(...,) answers that features of a learner or a concept rest on: their first two are logs of right and wrong."""
    return np.expm1(features[..., 0]) + np.expm1(features[..., 1])


def evidence(lists: ConceptLists, learner: Features, concept: Features) -> Float:
    """(questions, 3) what the spread of a logit is made of: 1, mean 1 / (1 + practices), 1 / (1 + answers).

    Args:
        learner: (questions, learner features).     concept: (pairs, concept features), of the concepts in `lists`.
    """
    fewer = sums(lists.owner, 1.0 / (1.0 + answers_in(concept.astype(np.float64))), len(lists)) / lists.counts
    return np.stack([np.ones(len(lists)), fewer, 1.0 / (1.0 + answers_in(learner.astype(np.float64)))], axis=1)
