"""One edge between two concepts: what it means, who says so, and what each review of it would change for the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _

from curricula.snapshot import Bool, Snapshot
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group
from tutor.dashboard import prerequisites_words as words
from tutor.dashboard import queries
from tutor.dashboard.class_page import words_of
from tutor.dashboard.prerequisites_state import Edge, State, model_says, state
from tutor.dashboard.prerequisites_words import VERBS
from tutor.dashboard.words import Definition
from tutor.registry import edges
from tutor.registry.effective import content_under
from tutor.registry.models import EdgeReview
from tutor.registry.prerequisites import Layers, Pair, Said, closes
from tutor.registry.reviews import Verb
from tutor.tracing.status import CODES, Status

#: Learners named for each change; the rest are a number.
NAMED: Final = 6


class Change(NamedTuple):
    """Learners who would have to wait for a concept, or would no longer."""

    concept: str
    is_locked: bool
    names: tuple[str, ...]
    others: int

    @property
    def n(self) -> int:
        return len(self.names) + self.others


@final
@dataclass(frozen=True)
class Preview:
    """What a review would do. `refused`: why it cannot be, "" if it can."""

    verb: Verb
    title: str
    text: str
    changes: tuple[Change, ...]
    n_locked: int
    n_opened: int
    gates: bool
    refused: str


@final
@dataclass(frozen=True, eq=False)
class EdgePage:
    group: Group
    content: Snapshot
    edge: Edge
    meaning: str
    reason: str
    model_says: list[str]
    review: EdgeReview | None
    previews: tuple[Preview, ...]
    definitions: Mapping[str, Definition]

    @property
    def is_shared(self) -> bool:
        """Whether the operator says it for all schools, and this one nothing else."""
        return self.review is not None and self.review.school_id is None

    @property
    def reviewer(self) -> str:
        if self.is_shared:
            return _("the operator, for all schools")
        by = self.review.reviewer if self.review else None
        return (by.name or by.email) if by else _("the school's software, or somebody who has left")


def edge_page(group: Group, parent_id: UUID, child_id: UUID, *, now: datetime) -> EdgePage:
    """Raises: queries.NothingToLearn. NotFound: if the curriculum never had such concepts, or they are one."""
    of = state(group, now=now)
    pair = pair_of(of.content, parent_id, child_id)
    edge = of.edge(pair)
    verdict = of.graph.verdicts.get(pair)
    return EdgePage(
        group=group,
        content=of.content,
        edge=edge,
        meaning=words.meaning(edge.is_holding, edge.parent, edge.child),
        reason=words.reason(edge.kind, of.circle(verdict.path if verdict else ()), serves=of.graph.layers.serves),
        model_says=model_says(of, edge),
        review=edge.review,
        previews=_previews(of, edge),
        definitions={**words_of(group), **words.definitions()},
    )


def pair_of(content: Snapshot, parent_id: UUID, child_id: UUID) -> Pair:
    """Removed concepts have their positions still."""
    place = {pk: position for position, pk in enumerate(content.concept_ids)}
    if parent_id == child_id or not {parent_id, child_id} <= place.keys():
        raise NotFound("pair of concepts of this curriculum", f"{parent_id} and {child_id}")
    return place[parent_id], place[child_id]


def verbs(edge: Edge, *, is_there: bool) -> tuple[Verb, ...]:
    """What the school may say of an edge now, whatever the operator says; of a removed concept, only to end it."""
    own = edge.review if edge.review and edge.review.school_id else None
    if own and own.locked:
        return (Verb.UNLOCK,)
    if not is_there:
        return (Verb.CLEAR,) if own else ()
    if own is None:
        return (Verb.ACCEPT, Verb.REJECT)
    other = Verb.REJECT if own.decision == EdgeReview.Decision.ACCEPTED else Verb.ACCEPT
    return (other, Verb.LOCK, Verb.CLEAR)


def _previews(of: State, edge: Edge) -> tuple[Preview, ...]:
    allowed = verbs(edge, is_there=of.is_there(edge.pair))
    shared = edges.reviews(None, of.content.curriculum_id).said.get(edge.pair)
    said = {Verb.ACCEPT: Said(True, False, True), Verb.REJECT: Said(False, False, True), Verb.CLEAR: shared}
    layers = {
        version: Layers(
            edges.authored(of.content),
            edges.learned(version, sure=True),
            of.graph.layers.reviews,
            edges.active(of.content),
        )
        for version in of.versions
    }
    return tuple(
        _preview(of, edge, verb, layers, said[verb]) if verb in said else _plain(edge, verb) for verb in allowed
    )


def _preview(of: State, edge: Edge, verb: Verb, layers: Mapping[UUID, Layers], said: Said | None) -> Preview:
    others = {pair: each for pair, each in of.graph.layers.reviews.items() if pair != edge.pair}
    reviews = others if said is None else {**others, edge.pair: said}
    firm = Layers(of.graph.layers.authored, {}, reviews, ()).firm()
    path = closes(firm, edge.pair) if edge.pair in firm else ()
    plain = _plain(edge, verb)
    if path:
        refused = _(
            "It cannot be: with what the authors wrote and teachers accepted it would run in a circle, %(circle)s. "
            "Reject one of these first."
        )
        return replace(plain, gates=True, refused=refused % {"circle": of.circle(path)})
    contents = {
        version: content_under(of.content, replace(found, reviews=reviews)) for version, found in layers.items()
    }
    after = of.codes_under(contents) == CODES[Status.LOCKED]
    before = of.codes == CODES[Status.LOCKED]
    return replace(
        plain,
        gates=True,
        changes=(*_changes(of, after & ~before, is_locked=True), *_changes(of, before & ~after, is_locked=False)),
        n_locked=int((after & ~before).any(axis=1).sum()),
        n_opened=int((before & ~after).any(axis=1).sum()),
    )


def _plain(edge: Edge, verb: Verb) -> Preview:
    is_accepted = edge.review is not None and edge.review.decision == EdgeReview.Decision.ACCEPTED
    text = words.what_it_does(verb, edge.is_holding, is_accepted)
    return Preview(verb, str(VERBS[verb]), text, (), 0, 0, False, "")


def _changes(of: State, changed: Bool, *, is_locked: bool) -> list[Change]:
    """By concept, in the order of the curriculum; learners by name."""
    found = []
    for concept in np.flatnonzero((changed & of.content.concept_active).any(axis=0)).tolist():
        names = [queries.called(of.learners[i]) for i in np.flatnonzero(changed[:, concept]).tolist()]
        found.append(Change(of.title(concept), is_locked, tuple(names[:NAMED]), max(len(names) - NAMED, 0)))
    return found
