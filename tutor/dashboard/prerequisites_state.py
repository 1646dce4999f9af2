"""The prerequisites of a class's curriculum as they are now, and where each of its learners stands on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple, final
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from curricula.snapshot import Bool, Snapshot
from kt_models.recall import Int
from tutor.accounts.models import Group, Learner
from tutor.dashboard import prerequisites_words as words
from tutor.dashboard import queries
from tutor.dashboard.prerequisites_words import HOLDING, KINDS, LIKELY, Kind
from tutor.language import percent
from tutor.registry import graphs
from tutor.registry.effective import content_for
from tutor.registry.graphs import Graph
from tutor.registry.models import EdgeReview
from tutor.registry.prerequisites import Dropped, Learned, Pair
from tutor.scheduling import rules
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.status import CODES, Criteria, Status, likely_mastered, statuses

_KINDS: Final = {Dropped.REJECTED: Kind.REJECTED, Dropped.CYCLE: Kind.CYCLE, Dropped.REMOVED: Kind.REMOVED}


class Edge(NamedTuple):
    """`waits`: learners of the class who wait for the parent before they are offered the child.

    `label`, `sure` and `waiting` are words for the kind, for what is learnt and for who waits, "" if there is nothing.
    """

    pair: Pair
    parent_id: UUID
    child_id: UUID
    parent: str
    child: str
    kind: Kind
    is_authored: bool
    learned: Learned | None
    review: EdgeReview | None
    waits: int
    label: str
    sure: str
    waiting: str

    @property
    def is_holding(self) -> bool:
        return self.kind in HOLDING

    @property
    def is_locked(self) -> bool:
        return self.review is not None and self.review.locked


@final
@dataclass(frozen=True, eq=False)
class State:
    """Of one class. `codes` and `likely`: of `tracing.status`, shape (learners, concepts)."""

    group: Group
    content: Snapshot
    graph: Graph
    learners: tuple[Learner, ...]
    beliefs: tuple[Belief, ...]
    criteria: tuple[Criteria, ...]
    at: float
    codes: Int
    likely: Bool

    def codes_under(self, contents: Mapping[UUID, Snapshot]) -> Int:
        """Statuses if other prerequisites held, those of each belief's model version."""
        rows = [
            statuses(b.table, b.evidence, contents[b.version_id], self.at, c)
            for b, c in zip(self.beliefs, self.criteria, strict=True)
        ]
        return _stacked(rows, self.content.n_concepts)

    @cached_property
    def _labels(self) -> dict[Kind, str]:
        return {kind: str(text) for kind, text in KINDS.items()}

    @cached_property
    def versions(self) -> list[UUID]:
        return sorted({belief.version_id for belief in self.beliefs})

    def title(self, concept: int) -> str:
        """A removed concept is called by its key: its title went with it."""
        return self.content.concept_titles[concept] or self.graph.removed.get(concept, "")

    def is_there(self, pair: Pair) -> bool:
        """Whether the curriculum still has both concepts."""
        return all(bool(self.content.concept_active[end]) for end in pair)

    def circle(self, path: tuple[int, ...]) -> str:
        return " → ".join(self.title(concept) for concept in (*path, *path[:1]))

    def holding(self) -> frozenset[Pair]:
        n = self.content.n_concepts
        return frozenset(p for p, verdict in self.graph.verdicts.items() if not verdict.dropped and max(p) < n)

    def edge(self, pair: Pair) -> Edge:
        ids, kind = self.content.concept_ids, self.kind(pair)
        parent, child = pair
        learned, waits = self.graph.layers.learned.get(pair), self._waits(pair, kind)
        return Edge(
            pair=pair,
            parent_id=ids[parent],
            child_id=ids[child],
            parent=self.title(parent),
            child=self.title(child),
            kind=kind,
            is_authored=pair in self.graph.layers.authored,
            learned=learned,
            review=self.graph.reviews.get(pair),
            waits=waits,
            label=self._labels[kind],
            sure=words.short(learned) if learned else "",
            waiting=words.waiting(waits) if waits else "",
        )

    def kind(self, pair: Pair) -> Kind:
        verdict, learned = self.graph.verdicts.get(pair), self.graph.layers.learned.get(pair)
        if verdict is None:
            return Kind.NONE
        if verdict.dropped is None:
            said = pair in self.graph.layers.reviews
            return Kind.ACCEPTED if said else Kind.AUTHORED if pair in self.graph.layers.authored else Kind.LEARNED
        if verdict.dropped in (Dropped.UNSURE, Dropped.NOT_SERVING):
            return Kind.SUGGESTED if learned and learned.probability >= LIKELY else Kind.UNLIKELY
        return _KINDS[verdict.dropped]

    def _waits(self, pair: Pair, kind: Kind) -> int:
        if kind not in HOLDING:
            return 0
        parent, child = pair
        return int(((self.codes[:, child] == CODES[Status.LOCKED]) & ~self.likely[:, parent]).sum())


def state(group: Group, *, now: datetime) -> State:
    """Raises: queries.NothingToLearn."""
    content = queries.content_of(group)
    learners, at = queries.members(group), now.timestamp()
    ids = [learner.pk for learner in learners]
    known = beliefs(group.school_id, content.curriculum_id, ids, at)
    agreed = rules.agreed(group.school_id, content.curriculum_id, ids, now)
    gated = _gated(content, group.school_id, known)
    criteria = [agreed[b.learner_id].criteria_within(gated[b.version_id]) for b in known]
    rows = [(b.table, b.evidence, gated[b.version_id], at, c) for b, c in zip(known, criteria, strict=True)]
    return State(
        group=group,
        content=content,
        graph=graphs.graph(group.school_id, content),
        learners=tuple(learners),
        beliefs=tuple(known),
        criteria=tuple(criteria),
        at=at,
        codes=_stacked([statuses(*row) for row in rows], content.n_concepts),
        likely=_stacked([likely_mastered(*row) for row in rows], content.n_concepts).astype(np.bool_),
    )


def model_says(of: State, edge: Edge) -> list[str]:
    """What the model holds of an edge, in sentences."""
    graph = of.graph
    if graph.learner is None:
        return [_("No model of this curriculum learns prerequisites.")]
    says = [] if graph.layers.serves else [words.not_serving(graph.learner)]
    if edge.learned is None:
        nothing = _(
            "The model has learnt nothing of these two: too few learners have answered both, or nothing speaks for it."
        )
        return [*says, nothing]
    found = edge.learned
    says += [words.belief(found, edge.parent, edge.child), words.evidence(found)]
    if found.probability >= LIKELY:
        says.append(words.effect(found, edge.parent, edge.child))
    back = of.graph.layers.learned.get((edge.pair[1], edge.pair[0]))
    if back and back.probability >= words.SHOWN:
        says.append(_("The other way round it is %(p)s sure.") % {"p": percent(back.probability)})
    return says


def _gated(content: Snapshot, school_id: UUID, known: list[Belief]) -> dict[UUID, Snapshot]:
    # Read anew, once: who has just reviewed an edge must see what came of it.
    return {
        version: content_for(content, school_id, version, fresh=place == 0)
        for place, version in enumerate(sorted({belief.version_id for belief in known}))
    }


def _stacked(rows: Sequence[NDArray[Any]], n_concepts: int) -> NDArray[Any]:
    return np.stack(rows) if rows else np.zeros((0, n_concepts), np.int64)
