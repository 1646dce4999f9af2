"""Hard filters: what no policy may choose, and why not; and what waits for a moment, if there is anything else."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from curricula.snapshot import KEPT_VERSIONS, Snapshot
from kt_models.recall import SECONDS_PER_DAY, Int
from tutor.scheduling.policies.choice import Barrier
from tutor.scheduling.policies.situation import SESSION_SECONDS, Bool, Situation, Spinning

#: Code of a concept that nothing bars; others are places in `CODES`.
OPEN: Final = -1
CODES: Final = tuple(Barrier)
#: What was missed this often in a row is not asked again at once: more of the same does not help.
_MOST_RETRIES: Final = 3
#: Outcomes that the evidence keeps of a concept.
_RECENT: Final = 8
#: Items looked back upon for what was answered a moment ago.
_LOOK_BACK: Final = 12


def whole(situation: Situation) -> Barrier | None:
    """Why nothing at all may be offered."""
    rules = situation.rules
    if rules.quiet:
        return Barrier.QUIET_DAY
    if rules.answers_left is not None and rules.answers_left <= 0:
        return Barrier.ANSWERS_TODAY
    if rules.minutes_left is not None and rules.minutes_left <= 0:
        return Barrier.MINUTES_TODAY
    return None


def barriers(situation: Situation, *, needs_prerequisites: bool = True) -> Int:
    """(concepts,) `OPEN`, or the place in `CODES` of the first thing that bars a concept."""
    content, rules = situation.content, situation.rules
    new, usable = ~situation.practised, _usable_items(situation)
    out = np.full(content.n_concepts, OPEN)
    # Written in reverse, so that the first of `Barrier` remains.
    if situation.settings.spinning is Spinning.REST:
        _bar(out, Barrier.RESTING, spinning(situation) & _answered_today(situation))
    if rules.new_left is not None:
        _bar(out, Barrier.NEW_TODAY, ~_has_one(content, usable & (_begins(content, new) <= rules.new_left)))
    if needs_prerequisites:
        # What was begun goes on even if a prerequisite has faded since: that one is a review of its own.
        _bar(out, Barrier.LOCKED, new & ~situation.ready)
    if rules.excluded or rules.known:
        out[sorted(rules.excluded | rules.known)] = CODES.index(Barrier.EXCLUDED)
    if situation.scope is not None:
        _bar(out, Barrier.OUT_OF_SCOPE, ~situation.scope)
    _bar(out, Barrier.NO_ITEM, _without_items(situation, usable))
    _bar(out, Barrier.WITHDRAWN, ~content.concept_active)
    return out


def _bar(out: Int, barrier: Barrier, where: Bool) -> None:
    out[where] = CODES.index(barrier)


def _usable_items(situation: Situation) -> Bool:
    """(items,) which ask for nothing that a teacher has excluded."""
    usable, lists = np.ones(situation.content.n_items, bool), situation.content.concept_items
    for concept in situation.rules.excluded:
        usable[lists.flat[lists.offset[concept] : lists.offset[concept + 1]]] = False
    return usable


def _without_items(situation: Situation, usable: Bool) -> Bool:
    """(concepts,) whose items all ask for something else that is excluded, or that have none."""
    none = ~_has_items(situation.content)
    if situation.rules.excluded:
        none |= ~_has_one(situation.content, usable)
        own = sorted(situation.rules.excluded)
        none[own] = ~_has_items(situation.content)[own]
    return none


@lru_cache(maxsize=KEPT_VERSIONS)
def _has_items(content: Snapshot) -> Bool:
    return content.concept_items.counts > 0


def _has_one(content: Snapshot, usable: Bool) -> Bool:
    """(concepts,) whether one of a concept's items is usable, shape (items,)."""
    lists = content.concept_items
    return np.bincount(lists.owner[usable[lists.flat]], minlength=content.n_concepts) > 0


def _begins(content: Snapshot, new: Bool) -> Int:
    """(items,) how many new concepts, shape (concepts,), an item asks for."""
    lists = content.item_concepts
    return np.bincount(lists.owner[new[lists.flat]], minlength=content.n_items)


def _answered_today(situation: Situation) -> Bool:
    # Where nobody says when the day ends, the last 24 hours are meant.
    ends = situation.rules.day_ends if np.isfinite(situation.rules.day_ends) else situation.now
    starts = min(ends, situation.now + SECONDS_PER_DAY) - SECONDS_PER_DAY
    return np.asarray(situation.practised & (situation.column("seconds") >= starts))


def spinning(situation: Situation) -> Bool:
    """(concepts,) practised over and over without getting anywhere (wheel-spinning: Beck & Gong 2013)."""
    n, bits = situation.column("n"), situation.column("recent").astype(np.uint8)[:, None]
    seldom_right = 2 * np.unpackbits(bits, axis=1).sum(axis=1) <= np.minimum(n, _RECENT)
    return np.asarray((n >= situation.settings.spinning_after) & ~situation.mastered & seldom_right)


def lately(situation: Situation) -> dict[int, int]:
    """How many items ago each concept was last answered, 0 for the last item; only of the last few."""
    ago: dict[int, int] = {}
    for place, item in enumerate(reversed(situation.evidence.items[-_LOOK_BACK:].tolist())):
        for concept in situation.concepts_of(item):
            ago.setdefault(concept, place)
    return ago


def retries(situation: Situation, ago: dict[int, int]) -> list[int]:
    """Concepts missed a moment ago whose second try has come, the longest waiting first."""
    wait = situation.settings.retry_after
    ready = [concept for concept in _missed(situation, ago) if ago[concept] >= wait]
    return sorted(ready, key=lambda concept: (-ago[concept], concept)) if wait else []


def waiting(situation: Situation, ago: dict[int, int]) -> set[int]:
    """Concepts to leave alone for the moment: missed just now, or asked often enough in a row."""
    wait = situation.settings.retry_after
    missed = {concept for concept in _missed(situation, ago) if ago[concept] < wait}
    return missed | in_a_row(situation)


def _missed(situation: Situation, ago: dict[int, int]) -> list[int]:
    rows = situation.evidence.rows
    since = situation.now - SESSION_SECONDS
    recent = {
        int(row["concept"]): (int(row["recent"]), int(row["n"]))
        for row in rows[(rows["seconds"] >= since) & (rows["recent"] & 1 == 0)]
    }
    mask = (1 << _MOST_RETRIES) - 1
    return [c for c in ago if c in recent and not (recent[c][1] >= _MOST_RETRIES and recent[c][0] & mask == 0)]


def in_a_row(situation: Situation) -> set[int]:
    """Concepts that all of the last items of the session asked for, as many as may in a row."""
    most = situation.settings.in_a_row
    last = situation.evidence.items[-most:].tolist() if most else []
    if len(last) < most or not last:
        return set()
    same = set.intersection(*(set(situation.concepts_of(item)) for item in last))
    return {c for c in same if situation.column("seconds")[c] >= situation.now - SESSION_SECONDS}
