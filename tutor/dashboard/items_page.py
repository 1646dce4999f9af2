"""The items of a class's curriculum, those first that are probably broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from curricula.snapshot import Bool, Snapshot
from kt_models.recall import Float, Int
from tutor.accounts.models import Group
from tutor.dashboard import items_words
from tutor.dashboard.items_filters import Filters, Parameters, areas_of
from tutor.dashboard.items_lines import Line, line
from tutor.dashboard.items_state import RATED, State, state
from tutor.dashboard.items_words import FLAG_CHOICES, LABELS, SIGNS, SORTS, Flag
from tutor.dashboard.matrix_page import Choice, area_of, area_title
from tutor.dashboard.words import Definition

#: Items that one page shows.
PER_PAGE: Final = 50


class Tally(NamedTuple):
    """How many items have a flag, and the list of them."""

    flag: Flag
    label: str | Promise
    sign: str
    n: int
    address: str
    is_chosen: bool


class Concepts(NamedTuple):
    """Of one subject area, for a choice."""

    area: str
    choices: tuple[Choice, ...]


@final
@dataclass(frozen=True, eq=False)
class ItemsPage:
    """`found`: positions of the items asked for, in order."""

    state: State
    filters: Filters
    found: Int
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.state.group

    @property
    def content(self) -> Snapshot:
        return self.state.content

    @property
    def n_items(self) -> int:
        return int(self.content.item_active.sum())

    @cached_property
    def lines(self) -> list[Line]:
        start = (self.filters.page - 1) * PER_PAGE
        return [line(self.state, i) for i in self.found[start : start + PER_PAGE].tolist()]

    @property
    def all_lines(self) -> list[Line]:
        return [line(self.state, i) for i in self.found.tolist()]

    @property
    def tallies(self) -> list[Tally]:
        """Of what the other filters leave, so that it tells what a choice of flag would show."""
        wanted, flagged, to = _wanted(self.state, replace(self.filters, flag="")), flags(self.state), self.filters
        return [
            Tally(f, LABELS[f], SIGNS[f], int((flagged[f] & wanted).sum()),
                  to.address(flag="" if to.flag == f else f.value), to.flag == f)
            for f in Flag
        ]  # fmt: skip

    @property
    def pages(self) -> list[Choice]:
        """None where one shows all."""
        n, at, to = len(self.found), self.filters.page, self.filters.address
        starts = enumerate(range(0, n, PER_PAGE), start=1) if n > PER_PAGE else ()
        return [
            Choice(str(p), f"{first + 1}\N{EN DASH}{min(first + PER_PAGE, n)}", p == at, to(page=p))
            for p, first in starts
        ]

    @property
    def sorts(self) -> list[Choice]:
        return self.filters.choices("sort", SORTS)

    @property
    def flag_choices(self) -> list[Choice]:
        return self.filters.choices("flag", FLAG_CHOICES)

    @property
    def areas(self) -> list[Choice]:
        return [Choice(each, area_title(each), each == self.filters.area) for each in areas_of(self.content)]

    @property
    def concepts(self) -> list[Concepts]:
        by_area: dict[str, list[Choice]] = {}
        for key, c in self.content.concept_position.items():
            choice = Choice(key, self.content.concept_titles[c], key == self.filters.concept)
            by_area.setdefault(area_of(self.content, c), []).append(choice)
        return [Concepts(area_title(area), tuple(choices)) for area, choices in by_area.items()]

    @property
    def all_address(self) -> str:
        return self.filters.address(area="", concept="", flag="", q="")


def items_page(group: Group, asked: Parameters, *, now: datetime) -> ItemsPage:
    """Raises: queries.NothingToLearn."""
    known = state(group, now=now)
    filters = Filters.parse(asked, known.content)
    found = _order(known, np.flatnonzero(_wanted(known, filters)), filters.sort)
    if (filters.page - 1) * PER_PAGE >= max(len(found), 1):
        problem = _("There is no page %(page)s of this list: the first one is shown.") % {"page": filters.page}
        filters = filters.but(problem, page=1)
    return ItemsPage(known, filters, found, items_words.definitions(known.band))


def flags(known: State) -> dict[Flag, Bool]:
    """(items,) of those that the curriculum has now."""
    found, active = known.verdicts, known.content.item_active
    every = {
        Flag.WRONG_KEY: found.wrong_key,
        Flag.TOO_HARD: found.hard,
        Flag.SLOW: found.slow,
        Flag.TOO_EASY: found.easy,
        Flag.NEVER: known.never,
    }
    return {flag: np.asarray(mask & active) for flag, mask in every.items()}


def _wanted(known: State, filters: Filters) -> Bool:
    content = known.content
    wanted = content.item_active.copy()
    if filters.area or filters.concept:
        wanted &= _of_concepts(content, filters)
    if filters.flag:
        marked, any_ = flags(known), np.zeros_like(wanted)
        for flag, mask in marked.items():
            any_ |= mask if filters.flag in (flag, "any", "none") else False
        wanted &= ~any_ if filters.flag == "none" else any_
    if filters.q:
        sought = filters.q.casefold()
        texts = zip(content.item_keys, content.item_contents, strict=True)
        wanted &= np.array(
            [each is not None and (sought in each.statement.casefold() or sought in key.casefold())
             for key, each in texts], np.bool_,
        )  # fmt: skip
    return wanted


def _of_concepts(content: Snapshot, filters: Filters) -> Bool:
    """(items,) those that exercise the concept, or one of the area."""
    concepts = np.zeros(content.n_concepts, np.bool_)
    for key, c in content.concept_position.items():
        concepts[c] = filters.concept in ("", key) and (not filters.area or area_of(content, c) == filters.area)
    return np.bincount(content.item_concepts.owner, concepts[content.item_concepts.flat], content.n_items) > 0


def _order(known: State, items: Int, sort: str) -> Int:
    """What is not known comes last; equals stay in the order of the curriculum."""
    if sort == "curriculum":
        return items
    return items[np.argsort(_key(known, sort)[items], kind="stable")]


def _key(known: State, sort: str) -> Float:
    """(items,) ascending."""
    rows, unknown = known.rows, np.inf
    if sort == "hard":
        return np.where(known.tells, -rows["difficulty"], unknown)
    if sort == "time":
        return np.where(known.tells & (rows["timed"] > 0), -rows["middle"], unknown)
    if sort == "use":
        # Where counts are withheld, the class's own.
        return -np.where(known.counts, rows["answers"], known.own.answers).astype(np.float64)
    telling = np.where(known.tells & (rows["rated"] >= RATED), rows["discrimination"], np.nan)
    telling = np.where(np.isnan(telling), 2.0, telling)
    if sort == "discrimination":
        return telling
    rank = np.full(len(rows), float(len(Flag)))
    marked = flags(known)
    # Of what nobody has met there is nothing to read, so it comes after all else.
    never = marked.pop(Flag.NEVER)
    for place, mask in reversed(list(enumerate(marked.values()))):
        rank[mask] = place
    # Within a flag the least telling come first: 10 is more than any correlation.
    order = np.where(rank < len(Flag), rank * 10 + telling, 10.0 * len(Flag))
    return np.where(never, unknown, order)
