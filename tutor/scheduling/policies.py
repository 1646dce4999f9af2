"""Policies: pure functions from a situation to a choice. Clock and chance are arguments; nothing is read or written."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import islice
from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from curricula.snapshot import KEPT_VERSIONS, Snapshot
from kt_models.recall import REST_DELAY, SECONDS_PER_DAY, Float, Int, RecallTable, logit
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import CODES, DEFAULT, Criteria, Status, due_at, ready, review_level, statuses, widen

Bool = NDArray[np.bool_]


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
    SUCCESS_BAND = "success_band"
    EXPLORED = "explored"


@final
@dataclass(frozen=True)
class Settings:
    """Knobs of a policy. Recall is the probability of a right answer to an average item."""

    #: What practice now is worth is read off this far ahead: the delay at which tables hold it for new concepts too.
    horizon_days: float = REST_DELAY / SECONDS_PER_DAY
    #: An item of this expected success is preferred: hard enough to teach, easy enough to encourage.
    success: float = 0.75
    #: Chance that a slot is filled at random among the best `explored`, so that policies can be compared later.
    exploration: float = 0.1
    explored: int = 5
    #: Entries of a plan.
    size: int = 8
    #: Items answered this recently are not offered again, as long as there are others.
    item_gap: int = 24


@final
@dataclass(frozen=True, eq=False)
class Situation:
    """All that a policy may look at. `now` is Unix seconds; masks narrow what may be chosen."""

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
    #: Stop when the entries' expected minutes reach this.
    minutes: float | None = None
    size: int | None = None

    @cached_property
    def recall(self) -> Float:
        return widen(self.table.at(self.now), self.content.n_concepts)

    @cached_property
    def strength(self) -> Float:
        """(concepts,) logits of recall."""
        return logit(self.recall)

    @cached_property
    def due(self) -> Float:
        """(concepts,) Unix seconds at which mastered concepts fall due, inf for others."""
        return due_at(self.table, self.evidence, self.content, self.criteria)

    @cached_property
    def status(self) -> Int:
        return statuses(self.table, self.evidence, self.content, self.now, self.criteria)


class Candidate(NamedTuple):
    concept: int
    item: int
    score: float
    probability: float


@final
@dataclass(frozen=True)
class Entry:
    """One slot of a choice: an item of a concept, why, and with which probability among `candidates` it was drawn."""

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
    """What to do now, in order, and when the next review falls due (Unix seconds, inf if none does)."""

    entries: tuple[Entry, ...]
    next_due: float
    #: Concepts by status code, for an answer that explains why there is nothing to do.
    counts: dict[str, int] = field(default_factory=dict)


Policy = Callable[[Situation], Choice]


def forgetting_curve(situation: Situation) -> Choice:
    """Due reviews against the frontier, by what practice now adds per minute.

        score = (gain + lapse) (1 + log(1 + downstream) / 4) / minutes

    gain = recall at the horizon after one practice now, less without it; lapse = how far a due review has faded below
    its threshold, 0 for others; downstream = concepts that need this one. Candidates are concepts that are due, that
    were begun and are not mastered, or that are new with every prerequisite likely mastered. Each slot takes the best
    one left, or with the chance `exploration` one of the best `explored` at random.
    """
    kinds = _pools(situation)
    pool = np.flatnonzero(kinds >= 0)
    scores = _scores(situation, pool)
    order = np.argsort(-scores, kind="stable")
    entries = _fill(situation, pool[order], scores[order], kinds)
    later = situation.due[(situation.due > situation.now) & situation.content.concept_active]
    counts = np.bincount(situation.status[situation.content.concept_active], minlength=len(Status))
    by_status = {status.value: int(counts[code]) for status, code in CODES.items()}
    return Choice(tuple(entries), float(later.min(initial=np.inf)), by_status)


POLICIES: Final[dict[str, tuple[int, Policy]]] = {"forgetting_curve": (1, forgetting_curve)}
_KINDS: Final = (Kind.REVIEW, Kind.PRACTICE, Kind.NEW)


def _pools(situation: Situation) -> Int:
    """(concepts,) index into `_KINDS`, -1 where a concept is no candidate."""
    content, status = situation.content, situation.status
    practised = situation.evidence.column("n", content.n_concepts) > 0
    open_ = ready(situation.table, situation.evidence, content, situation.now, situation.criteria)
    kinds = np.full(content.n_concepts, -1)
    kinds[open_ & ~practised] = _KINDS.index(Kind.NEW)
    # What was begun goes on even if a prerequisite has faded since: that one is a review of its own.
    begun = practised & (status != CODES[Status.MASTERED])
    kinds[begun] = _KINDS.index(Kind.PRACTICE)
    kinds[status == CODES[Status.DUE_FOR_REVIEW]] = _KINDS.index(Kind.REVIEW)
    allowed = content.concept_active & (content.concept_items.counts > 0)
    kinds[~(allowed if situation.scope is None else allowed & situation.scope)] = -1
    return kinds


def _scores(situation: Situation, pool: Int) -> Float:
    content = situation.content
    horizon = situation.now + situation.settings.horizon_days * SECONDS_PER_DAY
    after = widen(situation.table.after_at(situation.now, horizon), content.n_concepts)
    gain = after - widen(situation.table.at(horizon), content.n_concepts)
    due = situation.status == CODES[Status.DUE_FOR_REVIEW]
    level = review_level(situation.evidence, content.n_concepts, situation.criteria)
    lapse = np.where(due, level - situation.recall, 0.0)
    weight = 1.0 + np.log1p(content.downstream) / 4.0
    return ((gain + lapse) * weight / concept_minutes(content))[pool]


@lru_cache(maxsize=KEPT_VERSIONS)
def concept_minutes(content: Snapshot) -> Float:
    """Mean expected minutes of each concept's items, 1 where it has none, shape (concepts,)."""
    lists = content.concept_items
    total = np.bincount(lists.owner, weights=content.item_minutes[lists.flat], minlength=len(lists))
    return np.where(lists.counts > 0, total / np.maximum(lists.counts, 1), 1.0)


def _fill(situation: Situation, pool: Int, scores: Float, kinds: Int) -> list[Entry]:
    """Slot by slot: among the best candidates left, the first, or by chance any."""
    # Not for secrets; numpy's generator costs more to make than the whole choice.
    chance = random.Random(situation.seed)  # noqa: S311
    settings = situation.settings
    size = settings.size if situation.size is None else situation.size
    left = iter(_with_items(situation, pool, scores))
    head = list(islice(left, max(settings.explored, 1)))
    entries: list[Entry] = []
    minutes = 0.0
    while head and len(entries) < size and (situation.minutes is None or minutes < situation.minutes):
        share = settings.exploration / len(head)
        shown = tuple(
            Candidate(concept, item, score, round(share + (1.0 - settings.exploration if place == 0 else 0.0), 6))
            for place, (concept, item, score) in enumerate(head)
        )
        slot = int(chance.random() * len(head)) if chance.random() < settings.exploration else 0
        concept, item, _ = head.pop(slot)
        entries.append(_entry(situation, shown, slot, _KINDS[kinds[concept]]))
        minutes += float(situation.content.item_minutes[item])
        head += islice(left, 1)
    return entries


def _with_items(situation: Situation, pool: Int, scores: Float) -> Iterator[tuple[int, int, float]]:
    """(concept, item, score) of each candidate that has an item to offer, no item twice."""
    ago, barred = _last_seen(situation), set(situation.exclude_items)
    for concept, score in zip(pool.tolist(), scores.tolist(), strict=True):
        item = _item(situation, concept, ago, barred)
        if item is not None:
            barred.add(item)
            yield concept, item, round(score, 6)


def _last_seen(situation: Situation) -> dict[int, int]:
    """How many answers ago each recent item was answered, 1 for the last."""
    items = situation.evidence.items.tolist()
    return {item: len(items) - i for i, item in enumerate(items)}


def _item(situation: Situation, concept: int, ago: dict[int, int], barred: set[int]) -> int | None:
    """The item of a concept nearest to the preferred success and not seen lately, else the one seen longest ago.

    Items that also ask for something locked come after all others.
    """
    lists, gap = situation.content.concept_items, situation.settings.item_gap
    options = lists.flat[lists.offset[concept] : lists.offset[concept + 1]]
    # sigmoid(strength - difficulty) = success, solved for the difficulty.
    wanted = situation.strength[concept] - math.log(situation.settings.success / (1 - situation.settings.success))
    nearest = np.argsort(np.abs(situation.content.item_difficulty[options] - wanted), kind="stable")
    allowed = [item for item in options[nearest].tolist() if item not in barred]
    found = _freshest((item for item in allowed if not _asks_for_locked(situation, item)), ago, gap)
    return _freshest(iter(allowed), ago, gap) if found is None else found


def _freshest(items: Iterator[int], ago: dict[int, int], gap: int) -> int | None:
    """The first that was not answered within the last `gap` answers, else the one answered longest ago."""
    seen = []
    for item in items:
        if ago.get(item, gap + 1) > gap:
            return item
        seen.append(item)
    return max(seen, key=ago.__getitem__, default=None)


def _asks_for_locked(situation: Situation, item: int) -> bool:
    lists = situation.content.item_concepts
    start, end = lists.offset[item : item + 2].tolist()
    return end - start > 1 and bool((situation.status[lists.flat[start:end]] == CODES[Status.LOCKED]).any())


def success(situation: Situation, concept: int, item: int) -> float:
    """P(right answer) to an item of a concept: sigmoid(logit(recall) - difficulty)."""
    return 1.0 / (1.0 + math.exp(situation.content.item_difficulty[item] - situation.strength[concept]))


def _entry(situation: Situation, shown: tuple[Candidate, ...], slot: int, kind: Kind) -> Entry:
    concept, item, score, probability = shown[slot]
    expected = success(situation, concept, item)
    return Entry(
        concept=concept,
        item=item,
        kind=kind,
        due=float(situation.due[concept]) if kind is Kind.REVIEW else situation.now,
        score=score,
        propensity=probability,
        expected=round(expected, 4),
        reasons=tuple(_reasons(situation, concept, kind, expected, explored=slot > 0)),
        candidates=shown,
    )


def _reasons(
    situation: Situation, concept: int, kind: Kind, expected: float, *, explored: bool
) -> list[tuple[str, float]]:
    """(code, figure) pairs, the weightiest first."""
    reasons: list[tuple[str, float]] = []
    recall = round(float(situation.recall[concept]), 3)
    if kind is Kind.REVIEW:
        reasons.append((Reason.DUE, recall))
    elif kind is Kind.NEW:
        reasons.append((Reason.READY, float(situation.content.prerequisites.counts[concept])))
    elif situation.status[concept] == CODES[Status.STRUGGLING]:
        reasons.append((Reason.STRUGGLING, recall))
    else:
        reasons.append((Reason.STARTED, recall))
    if situation.content.downstream[concept] > 0:
        reasons.append((Reason.UNLOCKS, float(situation.content.downstream[concept])))
    if abs(expected - situation.settings.success) <= 0.1:
        reasons.append((Reason.SUCCESS_BAND, round(expected, 3)))
    if explored:
        reasons.append((Reason.EXPLORED, situation.settings.exploration))
    return reasons
