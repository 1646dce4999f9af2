"""The mastery map of a class: its learners by its concepts, those most in need first.

Statuses are those of `tracing.status` by what holds for each learner, as on every other page and in the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np
from django.template.loader import get_template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from kt_models.recall import Int
from tutor.accounts.access import groups_visible
from tutor.accounts.models import Group, Learner, User
from tutor.dashboard import queries
from tutor.dashboard.class_page import words_of
from tutor.dashboard.matrix_cells import LETTERS, Figures, markup
from tutor.dashboard.matrix_filters import IN_NEED, NO_AREA, Filters
from tutor.dashboard.pictures import Layout
from tutor.dashboard.words import BY_NEED, LABELS, Definition
from tutor.registry.effective import content_for
from tutor.scheduling import rules
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.status import BY_CODE, CODES, Bool, Status

#: Cells that one page shows: 40 learners by 400 concepts. More concepts go over several pages.
MOST_CELLS: Final = 16_000
#: However many learners there are, a page shows so many concepts.
LEAST_COLUMNS: Final = 20
#: Columns that a landscape sheet of A4 holds, by what a cell shows.
PRINTED: Final[Mapping[str, int]] = {"figures": 11, "shapes": 28}


class Key(NamedTuple):
    """An entry of the legend, and how many cells of those asked for have this status."""

    status: Status
    label: str
    letter: str | Promise
    n: int
    is_wanted: bool


class Choice(NamedTuple):
    """An option of a filter, or a link to an order."""

    value: str
    label: str | Promise
    is_chosen: bool
    address: str = ""


class Column(NamedTuple):
    """`struggling` and `due` count the learners shown."""

    key: str
    title: str
    struggling: int
    due: int


class Area(NamedTuple):
    title: str
    n: int


class Row(NamedTuple):
    """`head` names the learner, `cells` are the rest of the row, both as markup."""

    learner: Learner
    head: str
    cells: SafeString


@final
@dataclass(frozen=True)
class Table:
    """`areas` are empty where concepts do not stand by area."""

    areas: tuple[Area, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@final
@dataclass(frozen=True, eq=False)
class Known:
    """What is known of some learners of a class; one content and one row of `figures` a learner."""

    group: Group
    content: Snapshot
    learners: tuple[Learner, ...]
    beliefs: tuple[Belief, ...]
    figures: Figures

    @property
    def degraded(self) -> bool:
        return any(belief.degraded for belief in self.beliefs)


@final
@dataclass(frozen=True, eq=False)
class MatrixPage:
    """Attributes: rows: positions in `known.learners` of the learners shown, in their order.

    columns: positions of all concepts asked for, in their order.     shown: those of this page.
    wanted: (learners, concepts) cells whose status is asked for.     groups: other classes of some of the learners.
    """

    known: Known
    filters: Filters
    rows: Int
    columns: Int
    shown: Int
    wanted: Bool
    groups: tuple[Group, ...]
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.known.group

    @property
    def content(self) -> Snapshot:
        return self.known.content

    @property
    def legend(self) -> list[Key]:
        """Counts what the area and the group leave, so that it tells what a choice of status would show."""
        asked = np.zeros_like(self.wanted)
        asked[:, _of_area(self.content, self.filters.area)] = True
        n = np.bincount(self.known.figures.code[asked], minlength=len(BY_CODE))
        wanted = self.filters.statuses
        return [
            Key(status, LABELS[status], LETTERS[status], int(n[CODES[status]]), status in wanted) for status in BY_NEED
        ]

    @property
    def areas(self) -> list[Choice]:
        titles = dict.fromkeys(area_of(self.content, c) for c in Layout.of(self.content).order.tolist())
        return [Choice(value, area_title(value), value == self.filters.area) for value in titles]

    @property
    def group_choices(self) -> list[Choice]:
        return [Choice(str(each.pk), each.name, str(each.pk) == self.filters.group) for each in self.groups]

    @property
    def addresses(self) -> dict[str, str]:
        """Of the same map otherwise."""
        to = self.filters.address
        return {
            "all": to(area="", statuses=(), group=""),
            "all_statuses": to(statuses=()),
            "in_need": to(statuses=IN_NEED),
            "print": to(view="print"),
            "screen": to(view="screen"),
            "csv": to(),
        }

    @property
    def in_need(self) -> bool:
        return set(self.filters.statuses) == set(IN_NEED)

    def choices(self, name: str, labels: Mapping[str, str | Promise]) -> list[Choice]:
        chosen = getattr(self.filters, name)
        return [Choice(v, label, v == chosen, self.filters.address(**{name: v})) for v, label in labels.items()]

    @property
    def pages(self) -> list[Choice]:
        """None where one shows all."""
        per, n = _per_page(len(self.rows)), len(self.columns)
        if n <= per:
            return []
        at = self.filters.page
        return [
            Choice(str(p), f"{start + 1}\N{EN DASH}{min(start + per, n)}", p == at, self.filters.address(page=p))
            for p, start in enumerate(range(0, n, per), start=1)
        ]

    @cached_property
    def tables(self) -> list[Table]:
        """One on a screen; on paper as many as sheets are wide."""
        size = PRINTED[self.filters.cells] if self.filters.is_print else max(len(self.shown), 1)
        return [self._table(self.shown[start : start + size]) for start in range(0, len(self.shown), size)]

    @property
    def n_concepts(self) -> int:
        return int(self.content.concept_active.sum())

    def _table(self, columns: Int) -> Table:
        struggling, due = self._counts(columns)
        titles, keys = self.content.concept_titles, self.content.concept_keys
        heads = zip(columns.tolist(), struggling.sum(axis=0).tolist(), due.sum(axis=0).tolist(), strict=True)
        return Table(
            areas=() if self.filters.order == "need" else _areas(self.content, columns),
            columns=tuple(Column(keys[c], titles[c], n, m) for c, n, m in heads),
            rows=tuple(self._rows(columns)),
        )

    def _rows(self, columns: Int) -> Iterator[Row]:
        texts = self.filters.shows_figures
        for head, at in zip(self._heads, self.rows.tolist(), strict=True):
            cells = markup(self.known.figures, at, columns, self.wanted[at, columns], texts=texts)
            yield Row(self.known.learners[at], head, cells)

    @cached_property
    def _heads(self) -> list[str]:
        """Of the rows. Counts are those of all concepts asked for, on whichever sheet or page they stand."""
        counts = (each.sum(axis=1).tolist() for each in self._counts(self.columns))
        template, to = get_template("dashboard/_matrix_name.html"), reverse("dashboard:class", args=[self.group.pk])
        learners = [self.known.learners[at] for at in self.rows.tolist()]
        return [
            template.render(
                {"class": to, "learner": each, "name": queries.called(each), "struggling": struggling, "due": due}
            )
            for each, struggling, due in zip(learners, *counts, strict=True)
        ]

    def _counts(self, columns: Int) -> tuple[Bool, Bool]:
        """(rows, columns) where cells that are shown are struggling, and due."""
        at = np.ix_(self.rows, columns)
        codes, wanted = self.known.figures.code[at], self.wanted[at]
        return (codes == CODES[Status.STRUGGLING]) & wanted, (codes == CODES[Status.DUE_FOR_REVIEW]) & wanted


def known(group: Group, learners: Sequence[Learner], *, now: datetime) -> Known:
    """Five statements, however many learners. Raises: queries.NothingToLearn."""
    content = queries.content_of(group)
    ids, seconds = [learner.pk for learner in learners], now.timestamp()
    found = beliefs(group.school_id, content.curriculum_id, ids, seconds)
    gated = [content_for(content, belief.school_id, belief.version_id) for belief in found]
    agreed = rules.criteria(group.school_id, content.curriculum_id, ids, now)
    criteria = [agreed[learner] for learner in ids]
    figures = Figures.of(found, gated, criteria, seconds) if ids else Figures.none(content.n_concepts)
    return Known(group, content, tuple(learners), tuple(found), figures)


def matrix_page(user: User, group: Group, filters: Filters, *, now: datetime) -> MatrixPage:
    """Raises: queries.NothingToLearn."""
    content = queries.content_of(group)
    groups = other_groups(user, group)
    filters = _checked(filters, content, groups)
    members = queries.members(group)
    if filters.group:
        within = _members_of(filters.group)
        members = [learner for learner in members if learner.pk in within]
    found = known(group, members, now=now)
    wanted = _wanted(found, filters)
    rows, columns = _order(found, wanted, filters)
    per = _per_page(len(rows))
    if (filters.page - 1) * per >= max(len(columns), 1):
        problem = _("There is no page %(page)s of this map: the first one is shown.") % {"page": filters.page}
        filters = filters.but(problem, page=1)
    start, words = (filters.page - 1) * per, {**words_of(group), **definitions()}
    return MatrixPage(found, filters, rows, columns, columns[start : start + per], wanted, groups, words)


def definitions() -> dict[str, Definition]:
    return {
        "map": Definition(
            _("Mastery map"),
            _(
                "A row a learner, a column a concept. In a cell: the letter of its status, the chance of a right "
                "answer now in percent, below it the range that holds the true chance with 90 % certainty, and n, the "
                "number of answers. Where a review is due, the first figure is what it was after the last answer: "
                "91→63 has faded from 91 to 63. Too few answers are a ?, never a figure."
            ),
        ),
        "need": Definition(
            _("Most in need first"),
            _(
                "Learners by the number of concepts that they struggle with, then of those due for review; concepts by "
                "the number of learners, likewise. Only cells that are shown count."
            ),
        ),
    }


def other_groups(user: User, group: Group) -> tuple[Group, ...]:
    """Classes that somebody may see and that share learners with this one, by name."""
    shared = groups_visible(user).filter(learners__in=group.learners.all()).exclude(pk=group.pk).distinct()
    return tuple(sorted(shared, key=lambda each: each.name.casefold()))


def area_of(content: Snapshot, concept: int) -> str:
    """As an address names it."""
    found = content.concept_contents[concept]
    return (found.domain if found else None) or NO_AREA


def area_title(area: str) -> str:
    return _("No subject area") if area == NO_AREA else area


def _checked(filters: Filters, content: Snapshot, groups: Sequence[Group]) -> Filters:
    """Without an area or a group that is not there."""
    if filters.area and not len(_of_area(content, filters.area)):
        text = _("“%(area)s” is no subject area of %(title)s: all are shown.")
        filters = filters.but(text % {"area": filters.area, "title": content.title}, area="")
    if filters.group and filters.group not in {str(each.pk) for each in groups}:
        filters = filters.but(_("The group asked for shares no learners with this class: all are shown."), group="")
    return filters


def _members_of(group: str) -> set[UUID]:
    return set(Learner.objects.filter(memberships__group=UUID(group)).values_list("pk", flat=True))


def _of_area(content: Snapshot, area: str) -> Int:
    """Positions of its concepts, as `Layout` orders them; all for ""."""
    order = Layout.of(content).order
    return np.array([c for c in order.tolist() if not area or area_of(content, c) == area], np.int64)


def _wanted(found: Known, filters: Filters) -> Bool:
    wanted = np.zeros(found.figures.code.shape, np.bool_)
    wanted[:, _of_area(found.content, filters.area)] = True
    if filters.statuses:
        wanted &= np.isin(found.figures.code, [CODES[status] for status in filters.statuses])
    return wanted


def _order(found: Known, wanted: Bool, filters: Filters) -> tuple[Int, Int]:
    """Rows and columns that have something to show, in the order asked for."""
    rows, columns = np.arange(len(found.learners)), _of_area(found.content, filters.area)
    if filters.statuses:
        rows, columns = rows[wanted.any(axis=1)], columns[wanted[:, columns].any(axis=0)]
    struggling = (found.figures.code == CODES[Status.STRUGGLING]) & wanted
    due = (found.figures.code == CODES[Status.DUE_FOR_REVIEW]) & wanted
    if filters.sort == "need":
        silent = np.array([belief.as_of is None for belief in found.beliefs], np.bool_)
        keys = (silent[rows], -due.sum(axis=1)[rows], -struggling.sum(axis=1)[rows])
        # Stable, so that equals stay by name.
        rows = rows[np.lexsort(keys)]
    if filters.order == "need":
        columns = columns[np.lexsort((-due.sum(axis=0)[columns], -struggling.sum(axis=0)[columns]))]
    return rows, columns


def _areas(content: Snapshot, columns: Int) -> tuple[Area, ...]:
    named = groupby(columns.tolist(), key=lambda c: area_of(content, c))
    areas = tuple(Area(area_title(area), len(list(members))) for area, members in named)
    # A curriculum without areas needs no row for them.
    return () if {area.title for area in areas} == {area_title(NO_AREA)} else areas


def _per_page(n_learners: int) -> int:
    return max(MOST_CELLS // max(n_learners, 1), LEAST_COLUMNS)
