"""The tables on reteaching for spreadsheets: a row a concept, a row a learner, a row a number of practices.

Made before they are sent: by then the language of the reader is no longer the current one.
"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from tutor.accounts.models import Group
from tutor.dashboard import csv
from tutor.dashboard.csv import Cell as Value
from tutor.dashboard.reteach_concept import Detail
from tutor.dashboard.reteach_groups_page import Free, GroupsPage, Named
from tutor.dashboard.reteach_page import Line, ReteachPage
from tutor.dashboard.reteach_state import Cell, Person
from tutor.tracing.status import Status


def name(group: Group, what: str, *, now: datetime) -> str:
    """That of the file; `now` in the school's time."""
    return csv.named(group.name, what, now=now)


def concepts_head() -> list[str]:
    return [
        _("Rank"), _("Subject area"), _("Concept"), _("Concept key"), _("Learners with enough answers"),
        _("Struggling"), _("Learning"), _("Due for review"), _("Mastered"), _("Not enough data"), _("Locked"),
        _("Blocks alone"), _("Blocks with others"), _("Waiting, too little known"), _("Answers"),
        _("Mean recall now (%)"), _("Lowest (%)"), _("Highest (%)"), _("Learners struggling"),
    ]  # fmt: skip


def concepts(page: ReteachPage) -> list[list[Value]]:
    """Of every concept asked for, on whichever page; the last, without a rank, are those too little is known of."""
    struggling = page.state.has(Status.STRUGGLING)
    lines = [page.line(c, rank) for rank, c in enumerate(page.ranked.tolist(), start=1)]
    lines += [page.line(c, None) for c in page.apart.tolist()]
    return [[*_concept(line), _names(page.state.who(struggling[:, line.concept]))] for line in lines]


def groups_head() -> list[str]:
    return [
        _("Group"), _("Concept"), _("Concept key"), _("Learner"), _("Learner id"), _("What to do"), _("Status"),
        _("Recall now (%)"), _("Lowest (%)"), _("Highest (%)"), _("Answers"),
    ]  # fmt: skip


def groups(page: GroupsPage) -> list[list[Value]]:
    """A row a learner: the groups in order, then everybody else."""
    members = [(card, cell) for card in page.cards for cell in card.members]
    return [
        *(_row(cell.person, _("In a group"), card.concept, cell, card.number) for card, cell in members),
        *(_row(each.cell.person, _("Too few for a group"), each.concept, each.cell) for each in page.left),
        *(_row(ask.person, _("Not known yet: ask two items"), ask.concept) for ask in page.asks),
        *(_row(free.person, _goes_on(free)) for free in page.frees),
    ]


def expected_head() -> list[str]:
    return [
        _("Answers each"), _("Expected to master"), _("Expected to master, lowest"), _("Expected to master, highest"),
        _("Learners who have not mastered it"),
    ]  # fmt: skip


def expected(detail: Detail) -> list[list[Value]]:
    return [[each.practices, round(each.n, 1), each.low, each.high, detail.n_unmastered] for each in detail.expected]


def _concept(line: Line) -> list[Value]:
    recall = [line.value, line.low, line.high]
    return [
        line.rank, line.area, line.title, line.key, line.judged,
        line.struggling, line.learning, line.due, line.mastered, line.unknown, line.locked,
        line.alone, line.together, line.unsure, line.answers,
        *(round(100 * each) if line.has_recall else None for each in recall),
    ]  # fmt: skip


def _names(people: list[Person]) -> str:
    return ", ".join(person.name for person in people)


def _goes_on(free: Free) -> str:
    offer = free.upcoming.first
    return _("Goes on with: %(concept)s") % {"concept": offer.concept} if offer else free.upcoming.nothing


def _row(
    person: Person, said: str, concept: Named | None = None, cell: Cell | None = None, number: int | None = None
) -> list[Value]:
    about: list[Value] = [concept.title, concept.key] if concept else [None, None]
    return [number, *about, person.name, str(person.pk), said, *(_figures(cell) if cell else [None] * 5)]


def _figures(cell: Cell) -> list[Value]:
    recall = (cell.value, cell.low, cell.high)
    return [cell.label, *(round(100 * each) if cell.has_enough else None for each in recall), cell.n]
