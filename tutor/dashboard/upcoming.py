"""What each learner would be offered next, for somebody who only looks: nothing is logged, kept or drawn by chance.

The counterpart of `scheduling.serving`, for many learners at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, final
from uuid import UUID

from django.utils.translation import gettext_lazy

from curricula.snapshot import Snapshot
from tutor import db
from tutor.registry.effective import content_for
from tutor.scheduling import explanations, plans, services
from tutor.scheduling.plans import Body, PlannedEntry
from tutor.scheduling.policies import Kind, Reason
from tutor.scheduling.reasons import sentence
from tutor.scheduling.rules import Agreed
from tutor.scheduling.services import Narrowing
from tutor.scheduling.serving import open_entries
from tutor.tracing.beliefs import Belief

#: Where no plan holds, one is made for the page with this seed, from which the policy draws no exploration: a reload
#: must not change what the page says.
SEED: Final = 0

#: Why a concept is a candidate, in a word.
KIND_LABELS: Final = {
    Kind.REVIEW: gettext_lazy("review"),
    Kind.PRACTICE: gettext_lazy("practice"),
    Kind.NEW: gettext_lazy("new"),
}

_PLANS: Final = """
SELECT w.learner_id, p.applied_seq, p.body, COALESCE(h.seq, 0)
FROM unnest(%s::uuid[]) AS w(learner_id)
LEFT JOIN scheduling_plan p ON p.learner_id = w.learner_id AND p.curriculum_id = %s
LEFT JOIN interactions_loghead h ON h.learner_id = w.learner_id AND h.curriculum_id = %s
"""
_ANSWERED_SINCE: Final = """
SELECT i.learner_id, i.item
FROM unnest(%s::uuid[], %s::bigint[]) AS w(learner_id, seq)
JOIN interactions_interaction i ON i.learner_id = w.learner_id AND i.curriculum_id = %s AND i.seq > w.seq
"""


@final
@dataclass(frozen=True)
class Offer:
    """`reasons` are sentences, the weightiest first. `statement` is "" if the item has been removed since."""

    key: str
    concept: str
    statement: str
    kind: str
    minutes: float
    expected: float
    reasons: tuple[str, ...]
    #: Has an identity of its own each time that a choice is made for somebody who only looks.
    entry: PlannedEntry = field(compare=False)

    @property
    def kind_label(self) -> str:
        return kind_label(self.kind)


@final
@dataclass(frozen=True)
class Upcoming:
    """`planned_at` is None if no plan holds, so that one would be made when the learner asks.

    `waiting` counts answers that are in the log and not in the belief yet. `nothing` says why there are no offers.
    """

    offers: tuple[Offer, ...]
    planned_at: datetime | None
    waiting: int
    nothing: str = ""

    @property
    def first(self) -> Offer | None:
        return self.offers[0] if self.offers else None


class _Kept(NamedTuple):
    applied_seq: int | None
    body: str | None
    seq: int


def upcoming(
    beliefs: Sequence[Belief], content: Snapshot, agreed: Mapping[UUID, Agreed], *, now: datetime
) -> dict[UUID, Upcoming]:
    """Of learners on one curriculum, by learner; three statements at most."""
    learner_ids = [belief.learner_id for belief in beliefs]
    kept = _kept(learner_ids, content.curriculum_id)
    answered = _answered_since(kept, {each.learner_id: each.applied_seq for each in beliefs}, content.curriculum_id)
    skipped = services.skipped(learner_ids, now=now)
    return {
        learner: _upcoming(
            belief,
            kept[learner],
            frozenset(answered[learner]),
            skipped.get((learner, content.curriculum_id), {}),
            content,
            agreed[learner],
            now,
        )
        for learner, belief in zip(learner_ids, beliefs, strict=True)
    }


def kind_label(kind: str) -> str:
    """In the reader's language; what an older log calls otherwise stays as it is."""
    return str(KIND_LABELS[Kind(kind)]) if kind in KIND_LABELS else kind


def _upcoming(
    belief: Belief,
    row: _Kept,
    answered: frozenset[int],
    skipped: Mapping[int, float],
    content: Snapshot,
    agreed: Agreed,
    now: datetime,
) -> Upcoming:
    body = plans.readable(row.body)
    holds = body and body.agreed == agreed.terms.mark() and _goes_by_what_holds(body, belief, content)
    entries = open_entries(body, answered, now) if body and holds else None
    planned_at = plans.moment(body.computed_at) if body and entries is not None else None
    if body is None or entries is None:
        narrowing = Narrowing(exclude_items=answered, skipped=skipped)
        body = services.choose(belief, now=now, narrowing=narrowing, seed=SEED, agreed=agreed)
        entries = body.entries
    offers = tuple(_offer(content, entry) for entry in entries)
    nothing = "" if offers else explanations.nothing(body)
    return Upcoming(offers, planned_at, max(row.seq - belief.applied_seq, 0), nothing)


def _goes_by_what_holds(body: Body, belief: Belief, content: Snapshot) -> bool:
    """A plan of other prerequisites is made anew when the learner asks."""
    return body.graph == content_for(content, belief.school_id, body.model_version_id).graph


def _offer(content: Snapshot, entry: PlannedEntry) -> Offer:
    return Offer(
        key=content.concept_keys[entry.concept],
        concept=content.concept_titles[entry.concept],
        statement=content.item_statement(entry.item),
        kind=entry.kind.value,
        minutes=float(content.item_minutes[entry.item]),
        # Rounded as in the sentence that names it, so that the two never differ.
        expected=dict(entry.reasons).get(Reason.SUCCESS_BAND, entry.expected),
        reasons=tuple(sentence(code, figure) for code, figure in entry.reasons),
        entry=entry,
    )


def _kept(learner_ids: Iterable[UUID], curriculum_id: UUID) -> dict[UUID, _Kept]:
    rows = db.rows(_PLANS, [list(learner_ids), curriculum_id, curriculum_id])
    return {learner: _Kept(*rest) for learner, *rest in rows}


def _answered_since(kept: dict[UUID, _Kept], known: Mapping[UUID, int], curriculum_id: UUID) -> dict[UUID, set[int]]:
    """Items answered since the plan, or where there is none, since what the belief knows."""
    answered: dict[UUID, set[int]] = defaultdict(set)
    since = {learner: known[learner] if row.applied_seq is None else row.applied_seq for learner, row in kept.items()}
    late = [(learner, since[learner]) for learner, row in kept.items() if row.seq > since[learner]]
    if late:
        learners, seqs = zip(*late, strict=True)
        for learner, item in db.rows(_ANSWERED_SINCE, [list(learners), list(seqs), curriculum_id]):
            answered[learner].add(item)
    return answered
