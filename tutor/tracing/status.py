"""The one status of a learner on a concept, for API, dashboard, learner and grade book alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from curricula.snapshot import Snapshot
from kt_models.base import ConceptLists
from kt_models.recall import Float, Int, RecallTable, interval
from tutor.tracing.evidence import Evidence, Rule

Bool = NDArray[np.bool_]


class Status(StrEnum):
    """In the order of the codes that `statuses` returns."""

    NOT_ENOUGH_DATA = "not_enough_data"
    LEARNING = "learning"
    STRUGGLING = "struggling"
    MASTERED = "mastered"
    DUE_FOR_REVIEW = "due_for_review"
    LOCKED = "locked"


CODES: Final = {status: code for code, status in enumerate(Status)}
BY_CODE: Final = tuple(Status)


@final
@dataclass(frozen=True)
class Criteria:
    """When a status holds. Shown to whoever asks why.

    Recall is the probability of a right answer to an item of average difficulty.
    """

    #: Mastery is gained when recall right after an answer reaches this ...
    mastered_at: float = 0.80
    #: ... with at least this many answers, and lost when it falls below `lost_at`.
    mastered_after: int = 3
    lost_at: float = 0.60
    #: What is mastered is due for review when recall has faded to this share of what it was after the last answer,
    retention: float = 0.90
    #: or to this, if that is more.
    review_at: float = 0.70
    #: Fewer answers than this say nothing.
    enough: int = 2
    #: Struggling: at least this many answers, at most a third of the recent ones right, recall surely below mastery.
    struggling_after: int = 4
    #: A prerequisite is likely mastered when it is mastered, or when recall of it is at least this, or, if it was
    #: never practised, at least `mastered_at`: ability alone opens only what it makes nearly certain.
    ready_at: float = 0.65
    #: Positions of what a teacher says is mastered, and of what a teacher has opened before its prerequisites are.
    known: frozenset[int] = frozenset()
    opened: frozenset[int] = frozenset()

    @property
    def mastery(self) -> Rule:
        return Rule(self.mastered_at, self.mastered_after, self.lost_at)

    @property
    def thresholds(self) -> dict[str, float]:
        """By name, without what teachers say of single concepts."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, frozenset)}


DEFAULT: Final = Criteria()


def ready(table: RecallTable, evidence: Evidence, content: Snapshot, at: float, criteria: Criteria = DEFAULT) -> Bool:
    """(concepts,) whether every prerequisite is likely mastered at a time, or a teacher does not wait for them."""
    likely = likely_mastered(table, evidence, content, at, criteria)
    out = all_of(content.prerequisites, likely | ~content.concept_active)
    out[sorted(criteria.opened)] = True
    return out


def likely_mastered(
    table: RecallTable, evidence: Evidence, content: Snapshot, at: float, criteria: Criteria = DEFAULT
) -> Bool:
    """(concepts,) whether a concept may be built on."""
    k = content.n_concepts
    needed = np.where(evidence.column("n", k) > 0, criteria.ready_at, criteria.mastered_at)
    likely = np.asarray((evidence.column("mastered", k) > 0) | (widen(table.at(at), k) >= needed))
    likely[sorted(criteria.known)] = True
    return likely


def review_level(evidence: Evidence, n_concepts: int, criteria: Criteria = DEFAULT) -> Float:
    """(concepts,) recall below which a mastered concept is due for review."""
    return np.maximum(criteria.review_at, criteria.retention * evidence.column("recall", n_concepts))


def statuses(table: RecallTable, evidence: Evidence, content: Snapshot, at: float, criteria: Criteria = DEFAULT) -> Int:
    """Code of every concept's status at a time, shape (concepts,); `BY_CODE` names them."""
    k = content.n_concepts
    recall = widen(table.at(at), k)
    high = interval(recall, widen(table.sd_at(at), k))[1]
    n = evidence.column("n", k)
    mastered = evidence.column("mastered", k) > 0
    recent = evidence.column("recent", k).astype(np.uint8)
    right = np.unpackbits(recent[:, None], axis=1).sum(axis=1)
    lately = np.minimum(n, 8)
    struggling = (n >= criteria.struggling_after) & (right * 3 <= lately) & (high < criteria.mastered_at)
    out = np.full(k, CODES[Status.LEARNING])
    out[struggling] = CODES[Status.STRUGGLING]
    out[n < criteria.enough] = CODES[Status.NOT_ENOUGH_DATA]
    out[(n == 0) & ~ready(table, evidence, content, at, criteria)] = CODES[Status.LOCKED]
    out[mastered] = CODES[Status.MASTERED]
    out[mastered & (recall < review_level(evidence, k, criteria))] = CODES[Status.DUE_FOR_REVIEW]
    out[sorted(criteria.known)] = CODES[Status.MASTERED]
    return out


def due_at(table: RecallTable, evidence: Evidence, content: Snapshot, criteria: Criteria = DEFAULT) -> Float:
    """Unix seconds at which each mastered concept falls due for review, inf for the others, shape (concepts,).

    What a teacher says is mastered is left alone.
    """
    k = content.n_concepts
    level = review_level(evidence, k, criteria)
    when = table.origin + widen(table.time_until(level[: table.n_concepts]), k, np.inf)
    when[sorted(criteria.known)] = np.inf
    return np.where(evidence.column("mastered", k) > 0, when, np.inf)


def widen(values: Float, n_concepts: int, fill: float = 0.5) -> Float:
    """Values of an older, narrower table over a newer curriculum's concepts."""
    missing = n_concepts - values.shape[0]
    return values if missing <= 0 else np.concatenate([values, np.full(missing, fill)])


def all_of(lists: ConceptLists, holds: Bool) -> Bool:
    """(lists,) whether `holds` is true of every concept in each list; true of an empty one."""
    missing = np.bincount(lists.owner, weights=~holds[lists.flat], minlength=len(lists))
    return np.asarray(missing == 0)
