"""If one concept is taught again: to whom, who becomes ready for what, and what practice alone is likely to bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.safestring import SafeString

from curricula.snapshot import Bool, Snapshot
from kt_models.recall import Int
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group
from tutor.dashboard import reteach_words
from tutor.dashboard.class_page import words_of
from tutor.dashboard.matrix_page import area_of, area_title
from tutor.dashboard.reteach_blocking import missing_for
from tutor.dashboard.reteach_state import IN_NEED, UNMASTERED, Cell, Person, State, linked, state
from tutor.dashboard.reteach_worth import PRACTICES, Expected, Worth
from tutor.dashboard.words import Definition
from tutor.tracing.status import Status

#: Concepts that a learner's line names as opened.
NAMED: Final = 2


class Title(NamedTuple):
    """A concept by name, and how many of the learners it concerns."""

    key: str
    title: str
    n: int


class Opened(NamedTuple):
    """A concept, and the learners who become ready for it."""

    key: str
    title: str
    people: list[Person]

    @property
    def links(self) -> SafeString:
        return linked(self.people)


class Line(NamedTuple):
    """A learner who needs the concept.

    Attributes: needed: practices until mastery is expected, None where ten will not do; of no meaning once mastered.
        opens: what they become ready for at once; `more` of these are not named.     behind: locked concepts that this
        one alone keeps locked further down.     waits_for: where it opens nothing, what else is missing there.
    """

    cell: Cell
    is_mastered: bool
    needed: int | None
    opens: tuple[str, ...]
    more: int
    behind: int
    waits_for: tuple[str, ...]


@final
@dataclass(frozen=True, eq=False)
class Detail:
    """Of one concept. `in_need`, `unmastered`: (learners,) by evidence. `opened`: (learners, concepts)."""

    state: State
    concept: int
    in_need: Bool
    unmastered: Bool
    opened: Bool

    @property
    def key(self) -> str:
        return self.state.content.concept_keys[self.concept]

    @property
    def title(self) -> str:
        return self.state.content.concept_titles[self.concept]

    @property
    def area(self) -> str:
        return area_title(area_of(self.state.content, self.concept))

    @cached_property
    def lines(self) -> list[Line]:
        """Those who struggle first, then those who are learning it, each by recall."""
        rows = np.flatnonzero(self.in_need)
        needed = dict(zip(rows.tolist(), self._worth(rows).needed, strict=True))
        lines = [self._line(row, needed[row]) for row in rows.tolist()]
        return sorted(lines, key=lambda line: (IN_NEED.index(line.cell.status), line.cell.value))

    @property
    def n_due(self) -> int:
        return int(self.in_need.sum() - self.unmastered.sum())

    @property
    def n_unmastered(self) -> int:
        return int(self.unmastered.sum())

    @cached_property
    def opens(self) -> list[Opened]:
        """In the order of the curriculum, for those in need by evidence."""
        of, titles, keys = self.opened & self.in_need[:, None], *self._names
        return [Opened(keys[c], titles[c], self.state.who(of[:, c])) for c in np.flatnonzero(of.any(axis=0)).tolist()]

    @property
    def n_ready(self) -> int:
        """Learners who become ready for something at once."""
        return int((self.opened & self.in_need[:, None]).any(axis=1).sum())

    @property
    def behind(self) -> int:
        """Pairs of a learner and a concept further down that nothing else keeps locked."""
        return sum(line.behind for line in self.lines)

    @property
    def together(self) -> int:
        """Pairs that wait for something else as well."""
        return int(self.state.blocked.together[self.in_need, self.concept].sum())

    @cached_property
    def expected(self) -> list[Expected]:
        """Of those who have not mastered it, after some practices."""
        if not self.unmastered.any():
            return []
        worth = self._worth(np.flatnonzero(self.unmastered))
        return [worth.expected(practices) for practices in PRACTICES]

    @cached_property
    def unknown(self) -> list[Person]:
        """Who could begin it, and of whom too little is known."""
        is_unknown = self.state.has(Status.NOT_ENOUGH_DATA)[:, self.concept]
        return self.state.who(is_unknown & ~self.state.likely[:, self.concept])

    @property
    def unknown_links(self) -> SafeString:
        return linked(self.unknown)

    @cached_property
    def rests_on(self) -> list[Title]:
        """Prerequisites that learners in need have not likely mastered either, most of them first."""
        missing = [
            parent
            for row in np.flatnonzero(self.in_need).tolist()
            for parent in missing_for(self.state.gated[row], self.state.likely[row], self.concept)
        ]
        n = np.bincount(np.array(missing, np.int64), minlength=self.state.content.n_concepts)
        titles, keys = self._names
        order = np.argsort(-n, kind="stable")[: int((n > 0).sum())].tolist()
        return [Title(keys[c], titles[c], int(n[c])) for c in order]

    @property
    def _names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.state.content.concept_titles, self.state.content.concept_keys

    def _worth(self, rows: Int) -> Worth:
        of, at = self.state, rows.tolist()
        beliefs, criteria = [of.beliefs[row] for row in at], [of.criteria[row] for row in at]
        return Worth.of(beliefs, criteria, self.concept, of.figures.n[rows, self.concept], of.at)

    def _line(self, row: int, needed: int | None) -> Line:
        titles, opened = self.state.content.concept_titles, np.flatnonzero(self.opened[row]).tolist()
        return Line(
            cell=self.state.cell(row, self.concept),
            is_mastered=not self.unmastered[row],
            needed=needed,
            opens=tuple(titles[c] for c in opened[:NAMED]),
            more=max(len(opened) - NAMED, 0),
            behind=int(self.state.blocked.alone[row, self.concept]) - len(opened),
            waits_for=() if opened else self._waits_for(row),
        )

    def _waits_for(self, row: int) -> tuple[str, ...]:
        """What else is missing for the first concept that waits for this one."""
        if self.state.likely[row, self.concept]:
            return ()
        content, likely = self.state.gated[row], self.state.likely[row]
        lists = content.dependents
        for child in lists.flat[lists.offset[self.concept] : lists.offset[self.concept + 1]].tolist():
            if self.state.locked[row, child]:
                others = (c for c in missing_for(content, likely, child) if c != self.concept)
                return tuple(content.concept_titles[c] for c in others)
        return ()


@final
@dataclass(frozen=True, eq=False)
class ReteachConceptPage:
    group: Group
    content: Snapshot
    detail: Detail
    degraded: bool
    definitions: Mapping[str, Definition]


def detail(of: State, concept: int) -> Detail:
    in_need, unmastered = (of.has(*statuses)[:, concept] for statuses in (IN_NEED, UNMASTERED))
    return Detail(of, concept, in_need, unmastered, of.opens(concept))


def reteach_concept_page(group: Group, content: Snapshot, key: str, *, now: datetime) -> ReteachConceptPage:
    """Raises: NotFound: if there is no such concept."""
    concept = content.concept_position.get(key)
    if concept is None:
        raise NotFound("concept of this class", key)
    found = state(group, content, now=now)
    words = {**words_of(group), **reteach_words.definitions()}
    return ReteachConceptPage(group, content, detail(found, concept), found.degraded, words)
