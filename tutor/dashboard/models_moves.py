"""What was done with the models of a curriculum, by whom and why, for their page and its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import UUID

from django.utils.translation import gettext as _

from tutor.dashboard import models_queries as queries
from tutor.dashboard.models_queries import Manager
from tutor.dashboard.models_words import MOVES
from tutor.language import told_again
from tutor.registry import card, moves
from tutor.registry.models import Move

#: Moves that a page lists; the file has all of them.
LISTED: Final = 12


@final
@dataclass(frozen=True)
class Called:
    """A version as it was called; `is_there` unless it has been deleted since."""

    id: UUID
    title: str
    is_there: bool


@final
@dataclass(frozen=True)
class MoveLine:
    """`is_own`: of the manager's school, and not of all schools."""

    how: str
    at: datetime
    before: Called | None
    after: Called | None
    by: str
    forced: bool
    reason: str
    is_own: bool


def move_lines(of: Manager, curriculum_id: UUID, *, most: int | None = LISTED) -> tuple[MoveLine, ...]:
    """Newest first; None for however many there are. Two statements."""
    rows = list(moves.visible(curriculum_id, of.school_id)[:most])
    there = queries.titles(pk for row in rows for pk in (row.from_version, row.to_version))
    return tuple(_line(of, row, there) for row in rows)


def _line(of: Manager, row: Move, there: dict[UUID, str]) -> MoveLine:
    def called(kind: str, pk: UUID | None) -> Called | None:
        return Called(pk, card.label(kind, pk), pk in there) if pk else None

    return MoveLine(
        how=MOVES.get(row.how, row.how),
        at=row.at,
        before=called(row.from_kind, row.from_version),
        after=called(row.to_kind, row.to_version),
        by=moves.by_whom(row, of.school_id) or _("by itself"),
        forced=row.forced,
        # In the reader's language as far as the words are ours.
        reason=str(told_again(row.reason, row.said, "/reason")),
        is_own=row.deployment.school_id is not None,
    )
