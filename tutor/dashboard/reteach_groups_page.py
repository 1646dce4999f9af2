"""Small groups of a class for the next lesson, and what everybody else does meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np

from curricula.snapshot import Bool, Snapshot
from kt_models.recall import Int
from tutor.accounts.models import Group
from tutor.dashboard import reteach_words
from tutor.dashboard.class_page import words_of
from tutor.dashboard.matrix_page import Choice
from tutor.dashboard.reteach_blocking import above
from tutor.dashboard.reteach_filters import NEEDS, GroupFilters
from tutor.dashboard.reteach_groups import Grouped, Grouping, first_needs, grouping
from tutor.dashboard.reteach_state import Cell, Person, State, state
from tutor.dashboard.upcoming import Upcoming, upcoming
from tutor.dashboard.words import Definition
from tutor.scheduling.policies.placement import information
from tutor.scheduling.policies.situation import Situation
from tutor.tracing.status import Status

#: Statuses that count as a need, by choice, the most urgent first.
_NEEDS: Final[Mapping[str, tuple[Status, ...]]] = {
    "struggling": (Status.STRUGGLING,),
    "unmastered": (Status.STRUGGLING, Status.LEARNING),
    "due": (Status.STRUGGLING, Status.LEARNING, Status.DUE_FOR_REVIEW),
}
_MASTERED: Final = (Status.MASTERED, Status.DUE_FOR_REVIEW)
#: Of looking only, nothing is drawn by chance.
_SEED: Final = 0


class Named(NamedTuple):
    """A concept by name."""

    key: str
    title: str


class Card(NamedTuple):
    """A group. `reason`: sentences. `shared`: what all of them need besides."""

    number: int
    concept: Named
    members: list[Cell]
    reason: str
    shared: list[str]


class Left(NamedTuple):
    """Somebody who needs a concept that too few others need."""

    cell: Cell
    concept: Named


class Ask(NamedTuple):
    """Somebody of whom too little is known, and what placement would ask them about first."""

    person: Person
    concept: Named


class Free(NamedTuple):
    """Somebody who needs none of it: groups whose concept they have mastered, and what their plan offers next."""

    person: Person
    helps: list[Card]
    upcoming: Upcoming


@final
@dataclass(frozen=True, eq=False)
class GroupsPage:
    """`unknown`, `free`: rows of learners."""

    state: State
    filters: GroupFilters
    grouping: Grouping
    need: Int
    unknown: Int
    free: Int
    later: Mapping[UUID, Upcoming]
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.state.group

    @property
    def content(self) -> Snapshot:
        return self.state.content

    @property
    def areas(self) -> list[Choice]:
        return self.filters.areas(self.content)

    @property
    def needs(self) -> list[Choice]:
        return self.filters.choices("need", NEEDS)

    @property
    def addresses(self) -> dict[str, str]:
        """Of the same groups otherwise."""
        return {view: self.filters.address(view=view) for view in ("screen", "print", "board")}

    @cached_property
    def cards(self) -> list[Card]:
        return [self._card(number, group) for number, group in enumerate(self.grouping.groups, start=1)]

    @cached_property
    def left(self) -> list[Left]:
        return [self._left(row) for row in self.grouping.left]

    @cached_property
    def asks(self) -> list[Ask]:
        return [Ask(self.state.people[row], self._named(self._ask(row))) for row in self.unknown.tolist()]

    @cached_property
    def frees(self) -> list[Free]:
        return [self._free(row) for row in self.free.tolist()]

    @property
    def others(self) -> list[Person]:
        """All who are in no group, by name: on a noticeboard nothing tells them apart."""
        rows = [*self.grouping.left, *self.unknown.tolist(), *self.free.tolist()]
        return [self.state.people[row] for row in sorted(rows)]

    def _named(self, concept: int) -> Named:
        return Named(self.content.concept_keys[concept], self.content.concept_titles[concept])

    def _card(self, number: int, group: Grouped) -> Card:
        cells = [self.state.cell(row, group.concept) for row in group.members]
        opened = self.state.opens(group.concept)[list(group.members)]
        opens = [self.content.concept_titles[c] for c in np.flatnonzero(opened.any(axis=0)).tolist()]
        reason = reteach_words.reason([cell.status for cell in cells], opens, int(opened.any(axis=1).sum()))
        shared = [self.content.concept_titles[c] for c in group.shared]
        return Card(number, self._named(group.concept), cells, reason, shared)

    def _left(self, row: int) -> Left:
        """With what they need most: the more urgent, then that which keeps more locked."""
        blocked = self.state.blocked
        waiting = (blocked.alone + blocked.together)[row]
        concept = int(np.lexsort((-waiting, -self.need[row]))[0])
        return Left(self.state.cell(row, concept), self._named(concept))

    def _ask(self, row: int) -> int:
        """Among what the groups are about; of everything where that tells nothing."""
        belief, content = self.state.beliefs[row], self.state.gated[row]
        situation = Situation(
            self.state.at, content, belief.table, belief.evidence, _SEED, criteria=self.state.criteria[row]
        )
        can_ask = ~self.state.judged[row] & content.concept_active
        about = _about(self.grouping, content.n_concepts) & can_ask
        return int(np.argmax(np.where(about if about.any() else can_ask, information(situation), -np.inf)))

    def _free(self, row: int) -> Free:
        mastered = self.state.has(*_MASTERED)[row]
        helps = [card for card in self.cards if mastered[self.content.concept_position[card.concept.key]]]
        person = self.state.people[row]
        return Free(person, helps, self.later[person.pk])


def groups_page(group: Group, content: Snapshot, filters: GroupFilters, *, now: datetime) -> GroupsPage:
    found = state(group, content, now=now)
    need, made = groups_of(found, filters)
    unknown, free = _without_need(found, need, made)
    beliefs = [found.beliefs[row] for row in free.tolist()]
    later = {} if filters.view == "board" else upcoming(beliefs, content, found.agreed, now=now)
    words = {**words_of(group), **reteach_words.definitions(), **reteach_words.of_groups(filters)}
    return GroupsPage(found, filters, made, need, unknown, free, later, words)


def groups_of(found: State, filters: GroupFilters) -> tuple[Int, Grouping]:
    """Who needs what, shape (learners, concepts), and the groups of it."""
    need = np.zeros(found.figures.code.shape, np.int64)
    for urgency, status in enumerate(reversed(_NEEDS[filters.need]), start=1):
        need[found.has(status)] = urgency
    need[:, ~_mask(found.of_area(filters.area), found.content.n_concepts)] = 0
    for content, rows in found.by_content:
        need[rows] = first_needs(need[rows], above(content))
    waiting = found.blocked.alone + found.blocked.together
    return need, grouping(need, waiting, filters.smallest, filters.largest)


def _without_need(found: State, need: Int, made: Grouping) -> tuple[Int, Int]:
    """Rows of those of whom too little is known to say, and of those who need nothing.

    Too little is known of whoever has hardly answered anything, or could begin what a group is about and has not. For
    what waits for prerequisites nobody need be asked: they go on with what comes before it.
    """
    about = _about(made, found.content.n_concepts)
    could = found.has(Status.NOT_ENOUGH_DATA) & ~found.likely & about
    is_unknown = ~found.judged.any(axis=1) | could.any(axis=1)
    has_none = ~need.any(axis=1)
    return np.flatnonzero(has_none & is_unknown), np.flatnonzero(has_none & ~is_unknown)


def _about(made: Grouping, n_concepts: int) -> Bool:
    """(concepts,) what the groups are about."""
    return _mask(np.array([group.concept for group in made.groups], np.int64), n_concepts)


def _mask(positions: Int, n: int) -> Bool:
    out = np.zeros(n, np.bool_)
    out[positions] = True
    return out
