"""What to reteach: the concepts of a class by how many struggle with them and by what they keep locked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor.accounts.models import Group
from tutor.dashboard import reteach_words
from tutor.dashboard.class_page import words_of
from tutor.dashboard.matrix_page import Choice, area_of, area_title
from tutor.dashboard.reteach_concept import Detail, detail
from tutor.dashboard.reteach_filters import Filters
from tutor.dashboard.reteach_state import UNMASTERED, Person, State, linked, state
from tutor.dashboard.words import LABELS, Definition
from tutor.tracing.status import Status

#: Concepts that one page shows.
PER_PAGE: Final = 15
#: Learners of a concept who are named in the list; all are on its page.
NAMED: Final = 6
#: Concepts of which too little is known that are named.
UNKNOWN: Final = 8


@final
@dataclass(frozen=True, eq=False)
class Tally:
    """Of a class, shape (concepts,).

    Attributes: judged: learners of whom enough is known.     alone, together: pairs of a learner of whom enough is
        known and a locked concept, that this one alone keeps locked, or together with others.     unsure: such pairs
        of learners of whom too little is known.     answers: of the class.     mean, low, high: recall now.
    """

    struggling: Int
    learning: Int
    due: Int
    mastered: Int
    unknown: Int
    locked: Int
    judged: Int
    alone: Int
    together: Int
    unsure: Int
    answers: Int
    mean: Float
    low: Float
    high: Float

    @classmethod
    def of(cls, found: State) -> Tally:
        judged, figures, (alone, together) = found.judged, found.figures, found.blocked
        count = {status: found.has(status).sum(axis=0) for status in Status}
        shown = figures.has_enough
        n = np.maximum(shown.sum(axis=0), 1)
        return cls(
            struggling=count[Status.STRUGGLING],
            learning=count[Status.LEARNING],
            due=count[Status.DUE_FOR_REVIEW],
            mastered=count[Status.MASTERED],
            unknown=count[Status.NOT_ENOUGH_DATA],
            locked=count[Status.LOCKED],
            judged=judged.sum(axis=0),
            alone=(alone * judged).sum(axis=0),
            together=(together * judged).sum(axis=0),
            unsure=((alone + together) * ~judged).sum(axis=0),
            answers=figures.n.sum(axis=0),
            # Right however the errors of learners hang together: quantiles add up where all err alike.
            mean=(figures.value * shown).sum(axis=0) / n,
            low=(figures.low * shown).sum(axis=0) / n,
            high=(figures.high * shown).sum(axis=0) / n,
        )

    @property
    def blocks(self) -> Int:
        return self.alone + self.together


class Who(NamedTuple):
    """Some learners of one status. `more` are not named."""

    status: Status
    label: str
    people: list[Person]
    more: int

    @property
    def links(self) -> SafeString:
        return linked(self.people)


class Line(NamedTuple):
    """A concept. `rank` None: too little is known to rank it. `has_recall`: whether anybody's recall may be shown."""

    rank: int | None
    concept: int
    key: str
    title: str
    area: str
    struggling: int
    learning: int
    due: int
    mastered: int
    unknown: int
    locked: int
    judged: int
    alone: int
    together: int
    unsure: int
    answers: int
    value: float
    low: float
    high: float
    has_recall: bool

    @property
    def blocks(self) -> int:
        return self.alone + self.together

    @property
    def status(self) -> Status:
        """That colours its range: the one that asks most for attention."""
        return Status.STRUGGLING if self.struggling else Status.LEARNING if self.learning else Status.DUE_FOR_REVIEW


class Shown(NamedTuple):
    """A concept of the page, whom it is about, and the address of the page with its details."""

    line: Line
    who: list[Who]
    address: str


@final
@dataclass(frozen=True, eq=False)
class ReteachPage:
    """`ranked`, `apart`: positions of concepts, the second those of which too little is known, both in order."""

    state: State
    filters: Filters
    tally: Tally
    ranked: Int
    apart: Int
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

    @cached_property
    def shown(self) -> list[Shown]:
        """Those of this page."""
        start = (self.filters.page - 1) * PER_PAGE
        lines = [self.line(c, start + place) for place, c in enumerate(self.ranked[start:][:PER_PAGE].tolist(), 1)]
        to, page = self.filters.address, self.filters.page
        return [Shown(line, self._who(line), to(page=page, concept=line.key)) for line in lines]

    @property
    def pages(self) -> list[Choice]:
        """None where one shows all."""
        n = len(self.ranked)
        if n <= PER_PAGE:
            return []
        starts = enumerate(range(0, n, PER_PAGE), start=1)
        to, at = self.filters.address, self.filters.page
        return [
            Choice(str(p), f"{first + 1}\N{EN DASH}{min(first + PER_PAGE, n)}", p == at, to(page=p))
            for p, first in starts
        ]

    @property
    def unknown(self) -> list[Line]:
        return [self.line(c, None) for c in self.apart[:UNKNOWN].tolist()]

    @property
    def more_unknown(self) -> int:
        return max(len(self.apart) - UNKNOWN, 0)

    @cached_property
    def detail(self) -> Detail | None:
        """Of the concept asked for, or the first one shown."""
        asked = self.content.concept_position.get(self.filters.concept)
        shown = [each.line.concept for each in self.shown[:1]]
        return next((detail(self.state, c) for c in (asked, *shown) if c is not None), None)

    def line(self, c: int, rank: int | None) -> Line:
        of = self.tally
        names = ("struggling", "learning", "due", "mastered", "unknown", "locked", "judged",
                 "alone", "together", "unsure", "answers")  # fmt: skip
        counts = {name: int(getattr(of, name)[c]) for name in names}
        return Line(
            rank=rank,
            concept=c,
            key=self.content.concept_keys[c],
            title=self.content.concept_titles[c],
            area=area_title(area_of(self.content, c)),
            value=float(of.mean[c]),
            low=float(of.low[c]),
            high=float(of.high[c]),
            has_recall=bool(self.state.figures.has_enough[:, c].any()),
            **counts,
        )

    def _who(self, line: Line) -> list[Who]:
        """Those whom the order is about; where nobody struggles, those who are learning it."""
        first = Status.DUE_FOR_REVIEW if self.filters.sort == "due" else Status.STRUGGLING
        wanted = [first] if getattr(line, "due" if self.filters.sort == "due" else "struggling") else list(UNMASTERED)
        found = []
        for status in wanted:
            people = self.state.who(self.state.has(status)[:, line.concept])
            if people:
                found.append(Who(status, LABELS[status], people[:NAMED], max(len(people) - NAMED, 0)))
        return found


def reteach_page(group: Group, content: Snapshot, filters: Filters, *, now: datetime) -> ReteachPage:
    found = state(group, content, now=now)
    tally = Tally.of(found)
    ranked, apart = _ranked(found, tally, filters)
    if (filters.page - 1) * PER_PAGE >= max(len(ranked), 1):
        problem = _("There is no page %(page)s of this list: the first one is shown.") % {"page": filters.page}
        filters = replace(filters, page=1).but(problem)
    words = {**words_of(group), **reteach_words.definitions()}
    return ReteachPage(found, filters, tally, ranked, apart, words)


def _ranked(found: State, of: Tally, filters: Filters) -> tuple[Int, Int]:
    """Concepts that ask for something, in order; and those that may, of which too little is known to say."""
    concepts = found.of_area(filters.area)
    is_known = of.judged[concepts] >= filters.least
    asks = (of.struggling + of.learning + of.due)[concepts] > 0
    ranked, apart = concepts[is_known & asks], concepts[~is_known & (asks | (of.unsure[concepts] > 0))]
    keys = {
        "struggling": (of.due, of.blocks, of.struggling),
        "blocked": (of.struggling, of.alone, of.blocks),
        "due": (of.blocks, of.struggling, of.due),
    }[filters.sort]
    # Stable, so that equals stay in the order of the curriculum; the last key counts most.
    order = np.lexsort([-key[ranked] for key in keys])
    return ranked[order], apart[np.argsort(-(of.unsure + of.blocks)[apart], kind="stable")]
