"""What a policy says: entries in order, each with its candidates, its chance and its reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, final


class Kind(StrEnum):
    """Why a concept is a candidate."""

    REVIEW = "review"
    PRACTICE = "practice"
    NEW = "new"


class Reason(StrEnum):
    """Codes of `Entry.reasons`; `scheduling.reasons` words them."""

    DUE = "due_for_review"
    STRUGGLING = "struggling"
    STARTED = "started"
    READY = "prerequisites_mastered"
    UNLOCKS = "unlocks"
    GOAL = "goal"
    EXAM = "exam"
    SUCCESS_BAND = "success_band"
    EXPLORED = "explored"
    PINNED = "pinned"
    RETRY = "retry"
    OTHER_MATERIAL = "other_material"
    SCHEDULED = "scheduled"
    INFORMATIVE = "informative"
    IN_ORDER = "in_order"
    LOWEST = "lowest_recall"
    BY_CHANCE = "by_chance"
    FADING = "fading"
    PROGRESS = "progress"
    SERVES = "serves_later"


class Barrier(StrEnum):
    """Why a concept is no candidate, or why there is none at all. The first that holds is told."""

    WITHDRAWN = "withdrawn"
    NO_ITEM = "no_item"
    OUT_OF_SCOPE = "out_of_scope"
    EXCLUDED = "excluded"
    LOCKED = "locked"
    NEW_TODAY = "enough_new_today"
    RESTING = "resting"
    NOT_DUE = "not_due"
    #: Of the whole choice.
    QUIET_DAY = "quiet_day"
    ANSWERS_TODAY = "enough_answers_today"
    MINUTES_TODAY = "enough_minutes_today"
    PLACED = "placement_complete"


class Alert(StrEnum):
    """What a teacher should look at."""

    WHEEL_SPINNING = "wheel_spinning"


class Candidate(NamedTuple):
    concept: int
    item: int
    score: float
    probability: float


@final
@dataclass(frozen=True)
class Entry:
    """One slot of a choice: an item of a concept, why, and with which probability among `candidates` it was drawn.

    Where a teacher chose, `propensity` is 0: nobody drew it. `candidates` are then what the policy would have drawn
    from in its place, and what was pinned with the chance that it would have had, 0 if the policy did not want it.
    """

    concept: int
    item: int
    kind: Kind
    #: Unix seconds: when the review fell due, `now` for everything else.
    due: float
    score: float
    propensity: float
    expected: float
    reasons: tuple[tuple[str, float], ...]
    candidates: tuple[Candidate, ...]


@final
@dataclass(frozen=True)
class Choice:
    """What to do now, in order, and when to look again (Unix seconds, inf if nothing will come of itself)."""

    entries: tuple[Entry, ...]
    next_due: float
    #: Concepts by status code, for an answer that explains why there is nothing to do.
    counts: dict[str, int] = field(default_factory=dict)
    #: Concepts that are no candidates, by why not.
    barriers: dict[str, int] = field(default_factory=dict)
    #: Why there is no entry, None if there is one.
    nothing: Barrier | None = None
    #: (concept, what about it).
    alerts: tuple[tuple[int, str], ...] = ()
    #: Why the policy will not choose for this learner any more, None as long as it does.
    done: Barrier | None = None
