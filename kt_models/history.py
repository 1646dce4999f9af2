"""What a learner had practised of an answer's concepts before it: gaps, attempts, lapses. Vectorised over answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from kt_models.base import Interactions
from kt_models.metrics import Bool
from kt_models.recall import SECONDS_PER_DAY, Float, Int


@final
@dataclass(frozen=True, eq=False)
class Practice:
    """Practice seen before each answer, shapes (answers,), of its least known concept where it has several.

    Attributes:
        gap: seconds since the concept was last practised, infinite if never.
        attempt: 1 at the first answer to the concept.     lapses: wrong answers to it so far.
    """

    gap: Float
    attempt: Int
    lapses: Int

    def take(self, mask: Bool) -> Practice:
        return Practice(self.gap[mask], self.attempt[mask], self.lapses[mask])


def practice_before(answers: Interactions, seen: Bool | None = None) -> Practice:
    """Practice among the earlier answers for which `seen` (answers,) holds; all by default.

    `seen` must hold for the first answers of a learner, up to some answer, and not after it.
    """
    owner, concept = answers.concepts.owner, answers.concepts.flat
    width = int(concept.max(initial=0)) + 1
    order = np.argsort(answers.learner[owner] * width + concept, kind="stable")
    owner, key = owner[order], (answers.learner[owner] * width + concept)[order]
    counts = np.ones(len(key), np.int64) if seen is None else seen[owner].astype(np.int64)
    wrong = counts * (answers.correct[owner] < 0.5)
    start = _run_starts(key)
    before, lapses = _exclusive_sum(counts, start), _exclusive_sum(wrong, start)
    last = np.maximum(start + before - 1, 0)
    seconds = answers.seconds[owner]
    gap = np.where(before > 0, seconds - seconds[last], np.inf)
    return Practice(
        _fold(np.maximum, gap, owner, len(answers), -np.inf),
        _fold(np.minimum, before + 1, owner, len(answers), np.iinfo(np.int64).max),
        _fold(np.maximum, lapses, owner, len(answers), 0),
    )


def memory_bins(practice: Practice) -> Int:
    """Groups of answers alike in gap, number of earlier answers and lapses, all on geometric scales.

    After RMSE(bins) of the spaced-repetition benchmarks (open-spaced-repetition/srs-benchmark), whose bases these are;
    theirs counts whole days, here gaps go down to a minute since tutors repeat within a session.
    """
    day = np.where(np.isfinite(practice.gap), np.maximum(practice.gap, 60.0) / SECONDS_PER_DAY, 1e4)
    gap = np.floor(np.log(day) / np.log(3.62)).astype(np.int64)
    attempt = np.floor(np.log(practice.attempt) / np.log(1.89)).astype(np.int64)
    lapses = np.floor(np.log1p(practice.lapses) / np.log(1.73)).astype(np.int64)
    groups: Int = (gap - gap.min(initial=0)) * 10_000 + attempt * 100 + lapses
    return groups


def _run_starts(key: Int) -> Int:
    """Index at which the run of equal keys begins, for each position."""
    index = np.arange(len(key), dtype=np.int64)
    starts = np.where(np.diff(key, prepend=-1) != 0, index, 0)
    accumulated: Int = np.maximum.accumulate(starts)
    return accumulated


def _exclusive_sum(values: Int, start: Int) -> Int:
    """Sum of the values of a run before each position."""
    total: Int = np.cumsum(values) - values
    return total - total[start]


def _fold(function: np.ufunc, values: Float | Int, owner: Int, n: int, start: float) -> Any:
    out = np.full(n, start, dtype=values.dtype)
    function.at(out, owner, values)
    return out
