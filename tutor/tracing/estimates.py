"""A belief as figures per concept: what the API, the dashboard and the learner are shown, computed once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Float, interval
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import (
    BY_CODE,
    DEFAULT,
    Criteria,
    Status,
    due_at,
    likely_mastered,
    review_level,
    statuses,
    widen,
)


class Estimate(NamedTuple):
    """Recall of one concept at a time, with its 90 % interval. Times are Unix seconds, None where there is none."""

    concept: int
    value: float
    low: float
    high: float
    n: int
    status: Status
    due_at: float | None
    #: Recall below which the concept is due for review, once it is mastered.
    review_at: float
    last_at: float | None
    #: The last outcomes, newest last, at most eight.
    recent: tuple[bool, ...]


class Outlook(NamedTuple):
    """Recall of one concept at a later time: left alone, and after one practice now."""

    concept: int
    value: float
    low: float
    high: float
    after_practice: float


def estimates(belief: Belief, content: Snapshot, at: float, criteria: Criteria = DEFAULT) -> list[Estimate]:
    """Of every concept in the published version, by position."""
    k, evidence = content.n_concepts, belief.evidence
    value, low, high = _recall(belief, k, at)
    codes = statuses(belief.table, evidence, content, at, criteria)
    due = due_at(belief.table, evidence, content, criteria)
    level = review_level(evidence, k, criteria)
    n, last, recent = (evidence.column(name, k) for name in ("n", "seconds", "recent"))
    return [
        Estimate(
            concept=c,
            value=float(value[c]),
            low=float(low[c]),
            high=float(high[c]),
            n=int(n[c]),
            status=BY_CODE[codes[c]],
            due_at=float(due[c]) if np.isfinite(due[c]) else None,
            review_at=float(level[c]),
            last_at=float(last[c]) if n[c] else None,
            recent=outcomes(int(recent[c]), int(n[c])),
        )
        for c in np.flatnonzero(content.concept_active).tolist()
    ]


def outlook(belief: Belief, content: Snapshot, *, now: float, then: float) -> list[Outlook]:
    """Of every concept in the published version, by position."""
    value, low, high = _recall(belief, content.n_concepts, then)
    after = widen(belief.table.after_at(now, then), content.n_concepts)
    return [
        Outlook(c, float(value[c]), float(low[c]), float(high[c]), float(after[c]))
        for c in np.flatnonzero(content.concept_active).tolist()
    ]


def weak_prerequisites(
    belief: Belief, content: Snapshot, concept: int, at: float, criteria: Criteria = DEFAULT
) -> list[int]:
    """The prerequisites that keep a concept locked."""
    lists = content.prerequisites
    parents = lists.flat[lists.offset[concept] : lists.offset[concept + 1]].tolist()
    likely = likely_mastered(belief.table, belief.evidence, content, at, criteria)
    return [c for c in parents if not likely[c]]


def outcomes(bits: int, n: int) -> tuple[bool, ...]:
    """Of `recent` in `evidence.ROW`: newest last, at most eight."""
    return tuple(bool(bits >> place & 1) for place in reversed(range(min(n, 8))))


def _recall(belief: Belief, n_concepts: int, at: float) -> tuple[Float, Float, Float]:
    value = widen(belief.table.at(at), n_concepts)
    return (value, *interval(value, widen(belief.table.sd_at(at), n_concepts)))
