"""All that a policy may look at: beliefs, content, what was agreed for the learner, the clock and a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from curricula.snapshot import KEPT_VERSIONS, Snapshot
from kt_models.recall import SECONDS_PER_DAY, Float, Int, RecallTable, logit
from tutor.scheduling.policies.pace import Pace
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import (
    CODES,
    DEFAULT,
    Criteria,
    Status,
    all_of,
    due_at,
    likely_mastered,
    review_level,
    statuses,
    widen,
)

Bool = NDArray[np.bool_]

#: Answers closer together than this belong to one session.
SESSION_SECONDS: Final = 3_600.0


class Spinning(StrEnum):
    """What becomes of a concept on which a learner spins the wheels; teachers are told of it in any case."""

    OTHER_MATERIAL = "other_material"
    REST = "rest"
    ALERT = "alert"


@final
@dataclass(frozen=True)
class Settings:
    """Knobs of a policy, as chosen for a group. Recall is the probability of a right answer to an average item."""

    #: What practice now is worth is looked at this far ahead.
    horizon_days: float = 4.0
    #: An item of this expected success is preferred: hard enough to teach, easy enough to encourage.
    success: float = 0.75
    #: Each of the best `explored` candidates is drawn at least with this chance divided by their number; 0 never draws.
    exploration: float = 0.1
    #: How strongly the rest of the chance keeps to the best: 1 / (candidates + inverse_gap * relative gap in score).
    inverse_gap: float = 200.0
    #: Whether a policy may draw its own scores; not for whoever opted out of exploration. See `Policy.draws`.
    draws: bool = True
    explored: int = 5
    #: Entries of a plan.
    size: int = 8
    #: Items answered this recently are not offered again, as long as there are others.
    item_gap: int = 24
    #: One concept at most so often in a row, as long as there are others.
    in_a_row: int = 3
    #: What was missed is asked again after so many other items of the session; 0: not before its turn comes.
    retry_after: int = 0
    #: Steps that a prerequisite's value looks ahead: 1 is practice itself, 3 what follows the concepts that it opens.
    look_ahead: int = 1
    #: Half of what a next practice is worth comes back within this after the last one, twice as long after each right
    #: answer more in a row: massed practice leaves little.
    recharge_days: float = 0.25
    #: Unix seconds of an exam, for the policy `exam`.
    exam_at: float | None = None
    #: Positions of the concepts to be learnt; empty: all. What they rest on counts by what it unlocks.
    goals: frozenset[int] = frozenset()
    #: Answers without mastery, at most half of the recent ones right, from which a learner is said to spin the wheels.
    spinning_after: int = 12
    spinning: Spinning = Spinning.OTHER_MATERIAL
    #: Reviews are spread over two weeks, so that no day is crowded.
    spread_reviews: bool = True


@final
@dataclass(frozen=True, eq=False)
class Rules:
    """What holds for one learner today, by the group's settings, by teachers, and by what was done since the morning.

    Attributes:
        pinned: concepts that a teacher wants next, in that order.     excluded: that a teacher wants left out.
        opened: whose prerequisites a teacher has waived.     known: that a teacher says are mastered.
        returns: Unix seconds at which what is excluded or known no longer is, by concept; those without an end are not
            in it.
        answers_left, new_left, minutes_left: of today's allowance; None without one.
        quiet: whether nothing is to be offered today.     day_ends: Unix seconds; allowances begin anew.
        review_due: (concepts,) Unix seconds to which reviews were moved so that no day is crowded; None: as they fall.
    """

    pinned: tuple[int, ...] = ()
    excluded: frozenset[int] = frozenset()
    opened: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()
    returns: Mapping[int, float] = field(default_factory=dict)
    answers_left: int | None = None
    new_left: int | None = None
    minutes_left: float | None = None
    quiet: bool = False
    day_ends: float = np.inf
    review_due: Callable[[Situation], Float] | None = None


@final
@dataclass(frozen=True, eq=False)
class History:
    """A learner's answers, one row an answer and concept, in time order. Shapes (rows,); times in Unix seconds.

    Only for policies that keep schedules of their own (`Policy.reads_history`): it takes a query per learner.
    """

    item: Int
    concept: Int
    seconds: Float
    correct: Float

    @classmethod
    def none(cls) -> History:
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self.concept)


@final
@dataclass(frozen=True, eq=False)
class Cohort:
    """What a whole cohort's answers say of each concept, shape (concepts,).

    Attributes: progress: absolute learning progress expected there, in [0, 1].     n: answers that it rests on.
    """

    progress: Float
    n: Int


@final
@dataclass(frozen=True, eq=False)
class Situation:
    """All that a policy may look at. `now` is Unix seconds; `scope` and `exclude_items` narrow what may be chosen."""

    now: float
    content: Snapshot
    table: RecallTable
    evidence: Evidence
    seed: int
    criteria: Criteria = DEFAULT
    settings: Settings = Settings()
    #: (concepts,) which concepts may be chosen; None for all.
    scope: Bool | None = None
    exclude_items: frozenset[int] = frozenset()
    #: Of these, Unix seconds at which what was skipped may be offered again.
    skipped: Mapping[int, float] = field(default_factory=dict)
    #: Stop when the entries' expected minutes reach this.
    minutes: float | None = None
    size: int | None = None
    rules: Rules = field(default_factory=Rules)
    history: History | None = None
    cohort: Cohort | None = None
    pace: Pace = field(default_factory=Pace)
    #: In place of `pace.usual` where minutes are spent, as the learner's own answers tell; None for the school's.
    own_pace: float | None = None

    @cached_property
    def recall(self) -> Float:
        return widen(self.table.at(self.now), self.content.n_concepts)

    @cached_property
    def strength(self) -> Float:
        """(concepts,) logits of recall."""
        return logit(self.recall)

    @cached_property
    def practised(self) -> Bool:
        return self.column("n") > 0

    @cached_property
    def mastered(self) -> Bool:
        return self.column("mastered") > 0

    def column(self, name: str) -> Float:
        """A column of the evidence over all concepts, 0 where never practised."""
        return self.evidence.column(name, self.content.n_concepts)

    @cached_property
    def level(self) -> Float:
        """(concepts,) recall below which a mastered concept is due."""
        return review_level(self.evidence, self.content.n_concepts, self.criteria)

    @cached_property
    def falls_due(self) -> Float:
        """(concepts,) Unix seconds at which mastered concepts fall due, inf for others."""
        return due_at(self.table, self.evidence, self.content, self.criteria)

    @cached_property
    def due(self) -> Float:
        """The same, moved so that no day is crowded, where the rules say so."""
        return self.falls_due if self.rules.review_due is None else self.rules.review_due(self)

    @cached_property
    def status(self) -> Int:
        return statuses(self.table, self.evidence, self.content, self.now, self.criteria)

    def is_status(self, status: Status) -> Bool:
        return np.asarray(self.status == CODES[status])

    @cached_property
    def ready_to_build(self) -> Bool:
        """(concepts,) whether a concept may be built on, by the belief or by a teacher's word."""
        likely = likely_mastered(self.table, self.evidence, self.content, self.now, self.criteria)
        likely |= ~self.content.concept_active
        likely[sorted(self.rules.known)] = True
        return likely

    @cached_property
    def ready(self) -> Bool:
        """(concepts,) whether every prerequisite may be built on, or a teacher has waived them."""
        ready = all_of(self.content.prerequisites, self.ready_to_build)
        ready[sorted(self.rules.opened)] = True
        return ready

    @cached_property
    def is_due(self) -> Bool:
        """(concepts,) mastered, and its review has come."""
        return np.asarray(self.mastered & (self.due <= self.now))

    @cached_property
    def minutes_each(self) -> Float:
        """(concepts,) minutes of the next answer; of a first one's explanation, its share of the answers to mastery."""
        wrong = self.recall + (1.0 - self.recall) * self.pace.wrong
        first = np.where(self.practised, 1.0, 1.0 + (self.pace.first - 1.0) / self.criteria.mastered_after)
        return np.asarray(concept_minutes(self.content) * wrong * first * self.pace.usual)

    @cached_property
    def rested(self) -> Float:
        """(concepts,) days since the last practice, inf for never."""
        days = (self.now - self.column("seconds")) / SECONDS_PER_DAY
        return np.where(self.practised, np.maximum(days, 0.0), np.inf)

    @cached_property
    def streak(self) -> Float:
        """(concepts,) right answers in a row up to the last, at most eight."""
        bits = np.unpackbits(self.column("recent").astype(np.uint8)[:, None], axis=1, bitorder="little")
        return np.asarray(np.cumprod(bits, axis=1).sum(axis=1), dtype=np.float64)

    def gain_at(self, seconds: float) -> Float:
        """(concepts,) recall at a time with one practice now, less without it."""
        after = self.table.after_at(self.now, seconds) - self.table.at(seconds)
        return widen(after, self.content.n_concepts, 0.0)

    def random(self) -> np.random.Generator:
        """Chance of its own for scores that are drawn; slots draw from `seed` otherwise."""
        return np.random.default_rng([self.seed, 1])

    def concepts_of(self, item: int) -> list[int]:
        lists = self.content.item_concepts
        start, end = lists.offset[item : item + 2].tolist()
        concepts: list[int] = lists.flat[start:end].tolist()
        return concepts


@lru_cache(maxsize=KEPT_VERSIONS)
def concept_minutes(content: Snapshot) -> Float:
    """Mean expected minutes of each concept's items, 1 where it has none, shape (concepts,)."""
    lists = content.concept_items
    total = np.bincount(lists.owner, weights=content.item_minutes[lists.flat], minlength=len(lists))
    return np.where(lists.counts > 0, total / np.maximum(lists.counts, 1), 1.0)
