"""Where a class stands on each concept, and what that keeps locked: the ground of all pages on reteaching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from curricula.snapshot import Bool, Snapshot
from kt_models.recall import Int
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.matrix_cells import Figures
from tutor.dashboard.matrix_page import area_of
from tutor.dashboard.pictures import Layout
from tutor.dashboard.reteach_blocking import Blocked, blocked, opens
from tutor.dashboard.words import LABELS
from tutor.registry.effective import content_for
from tutor.scheduling import rules
from tutor.scheduling.rules import Agreed
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.status import BY_CODE, CODES, Criteria, Status, likely_mastered

#: Of what is known by evidence, what is not mastered.
UNMASTERED: Final = (Status.STRUGGLING, Status.LEARNING)
#: Of what is known by evidence, what a lesson can do something about; most urgent first.
IN_NEED: Final = (*UNMASTERED, Status.DUE_FOR_REVIEW)
#: Statuses that tell nothing by evidence.
_UNJUDGED: Final = (Status.NOT_ENOUGH_DATA, Status.LOCKED)


class Person(NamedTuple):
    """A learner by name. `row` is their place in the class."""

    row: int
    name: str
    pk: UUID
    address: str


class Cell(NamedTuple):
    """A learner on a concept. Recall is shown where `has_enough`, never below the evidence limit."""

    person: Person
    status: Status
    label: str
    value: float
    low: float
    high: float
    n: int
    has_enough: bool


@final
@dataclass(frozen=True, eq=False)
class State:
    """Of one class, one row a learner by name.

    Attributes: gated: content with the prerequisites that hold for each learner.     likely: (learners, concepts)
        likely mastered.     at: Unix seconds.
    """

    group: Group
    content: Snapshot
    learners: tuple[Learner, ...]
    beliefs: tuple[Belief, ...]
    gated: tuple[Snapshot, ...]
    criteria: tuple[Criteria, ...]
    agreed: Mapping[UUID, Agreed]
    figures: Figures
    likely: Bool
    at: float

    @property
    def degraded(self) -> bool:
        return any(belief.degraded for belief in self.beliefs)

    def has(self, *statuses: Status) -> Bool:
        """(learners, concepts) whether a status is one of these; of withdrawn concepts nothing is."""
        codes = [CODES[status] for status in statuses]
        return np.isin(self.figures.code, codes) & self.content.concept_active

    @cached_property
    def judged(self) -> Bool:
        """(learners, concepts) whether the status rests on evidence."""
        return ~self.has(*_UNJUDGED) & self.content.concept_active

    @cached_property
    def locked(self) -> Bool:
        return self.has(Status.LOCKED)

    @cached_property
    def blocked(self) -> Blocked:
        out = Blocked.none(*self.locked.shape)
        for content, rows in self.by_content:
            found = blocked(content, self.locked[rows], self.likely[rows])
            out.alone[rows], out.together[rows] = found
        return out

    def opens(self, concept: int) -> Bool:
        """(learners, concepts) locked for want of this one alone."""
        out = np.zeros_like(self.locked)
        for content, rows in self.by_content:
            out[rows] = opens(content, self.locked[rows], self.likely[rows], concept)
        return out

    @cached_property
    def by_content(self) -> list[tuple[Snapshot, Int]]:
        """Rows of the learners for whom the same prerequisites hold: while a version is rolled out there are two."""
        contents = {id(content): content for content in self.gated}
        each = np.array([id(content) for content in self.gated], np.int64)
        return [(content, np.flatnonzero(each == key)) for key, content in contents.items()]

    @cached_property
    def people(self) -> list[Person]:
        # Reversed once: a class has hundreds of links.
        mark = UUID(int=0)
        address = reverse("dashboard:learner", args=(self.group.pk, mark))
        return [
            Person(row, queries.called(each), each.pk, address.replace(str(mark), str(each.pk)))
            for row, each in enumerate(self.learners)
        ]

    def who(self, is_one: Bool) -> list[Person]:
        """Of the class, by name: (learners,)."""
        return [self.people[row] for row in np.flatnonzero(is_one).tolist()]

    def cell(self, row: int, concept: int) -> Cell:
        figures = self.figures
        status = BY_CODE[figures.code[row, concept]]
        value, low, high = (float(each[row, concept]) for each in (figures.value, figures.low, figures.high))
        n, has_enough = int(figures.n[row, concept]), bool(figures.has_enough[row, concept])
        return Cell(self.people[row], status, LABELS[status], value, low, high, n, has_enough)

    def of_area(self, area: str) -> Int:
        """Positions of its concepts in the order of the curriculum; all for ""."""
        order = Layout.of(self.content).order.tolist()
        return np.array([c for c in order if not area or area_of(self.content, c) == area], np.int64)


def linked(people: Sequence[Person]) -> SafeString:
    """Their names, each a link to their page; a list has hundreds, which a template would take long for."""
    return format_html_join(", ", '<a href="{}">{}</a>', ((person.address, person.name) for person in people))


def state(group: Group, content: Snapshot, *, now: datetime) -> State:
    """Seven statements at most, however many learners."""
    learners, at = queries.members(group), now.timestamp()
    ids = [learner.pk for learner in learners]
    known = beliefs(group.school_id, content.curriculum_id, ids, at)
    agreed = rules.agreed(group.school_id, content.curriculum_id, ids, now)
    gated = [content_for(content, belief.school_id, belief.version_id) for belief in known]
    criteria = [agreed[b.learner_id].criteria_within(each) for b, each in zip(known, gated, strict=True)]
    return State(
        group=group,
        content=content,
        learners=tuple(learners),
        beliefs=tuple(known),
        gated=tuple(gated),
        criteria=tuple(criteria),
        agreed=agreed,
        figures=Figures.of(known, gated, criteria, at) if ids else Figures.none(content.n_concepts),
        likely=_likely(known, gated, criteria, at, content.n_concepts),
        at=at,
    )


def _likely(
    known: Sequence[Belief], gated: Sequence[Snapshot], criteria: Sequence[Criteria], at: float, n_concepts: int
) -> Bool:
    each = zip(known, gated, criteria, strict=True)
    rows = [likely_mastered(b.table, b.evidence, content, at, c) for b, content, c in each]
    return np.stack(rows) if rows else np.zeros((0, n_concepts), np.bool_)
