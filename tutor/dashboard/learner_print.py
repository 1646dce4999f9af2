"""One learner on one sheet of paper, for a talk with the parents: everyday words, and no figure without its ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, final

from django.utils.translation import gettext as _

from tutor import db
from tutor.accounts.models import Group, Learner
from tutor.dashboard.learner_page import Known, character_of, known
from tutor.dashboard.learner_pictures import Future
from tutor.dashboard.learner_rows import ConceptRow
from tutor.dashboard.learner_traits import TraitLine
from tutor.tracing.status import Status

#: Days that "lately" means.
LATELY: Final = 28
#: Concepts named in each list: a sheet has room for so many.
NAMED: Final = 14
#: Days ahead whose practice is named.
NEXT_DAYS: Final = 7

#: Traits that mean something without the model behind them.
TRAITS: Final = ("half_life", "long_run_success")

_LATELY: Final = """
SELECT count(*), COALESCE(sum(correct), 0)::float8, count(DISTINCT (occurred_at AT TIME ZONE %s)::date)
FROM interactions_interaction WHERE learner_id = %s AND curriculum_id = %s AND occurred_at > %s
"""


class Lately(NamedTuple):
    answers: int
    right: float
    days: int


class Heap(NamedTuple):
    """Concepts alike; `others` are not named."""

    status: Status
    title: str
    names: tuple[str, ...]
    others: int


@final
@dataclass(frozen=True)
class PrintPage:
    known: Known
    lately: Lately
    heaps: tuple[Heap, ...]
    begun: int
    total: int
    next_up: tuple[str, ...]
    traits: tuple[TraitLine, ...]

    @property
    def group(self) -> Group:
        return self.known.group

    @property
    def learner(self) -> Learner:
        return self.known.learner


def print_page(group: Group, learner: Learner, *, now: datetime) -> PrintPage:
    """Raises: queries.NothingToLearn."""
    of = known(group, learner, now=now)
    rows = of.rows(Future.of(of.ahead()))
    soon = now + timedelta(days=NEXT_DAYS)
    planned = [row for row in rows if row.next_at and row.next_at < soon]
    planned.sort(key=lambda row: row.next_at or soon)
    return PrintPage(
        known=of,
        lately=_lately(of),
        heaps=tuple(_heaps(rows)),
        begun=sum(row.estimate.n > 0 for row in rows),
        total=len(rows),
        next_up=tuple(row.title for row in planned[:NAMED]),
        traits=tuple(line for line in character_of(of).lines if line.key in TRAITS),
    )


def _lately(of: Known) -> Lately:
    since = of.now - timedelta(days=LATELY)
    zone = of.learner.timezone or of.group.school.timezone
    rows = db.rows(_LATELY, (zone, of.learner.pk, of.content.curriculum_id, since), prepare=True)
    return Lately(*rows[0])


def _heaps(rows: Sequence[ConceptRow]) -> list[Heap]:
    titles = {
        Status.MASTERED: _("Can do this"),
        Status.DUE_FOR_REVIEW: _("Could do this, and should go over it again"),
        Status.STRUGGLING: _("Needs help with this"),
        Status.LEARNING: _("Is learning this"),
    }
    found = []
    for status, title in titles.items():
        names = [row.title for row in rows if row.status is status]
        found.append(Heap(status, title, tuple(names[:NAMED]), max(len(names) - NAMED, 0)))
    return [heap for heap in found if heap.names]
