"""One item: what it asks, all that is known of it, and what the class answered last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, final
from uuid import UUID

from curricula.document import ItemContent
from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group
from tutor.dashboard import items_words, queries
from tutor.dashboard.items_lines import Line, line
from tutor.dashboard.items_pictures import Curve, curve
from tutor.dashboard.items_state import RATED, Answered, State, last_answers, state
from tutor.dashboard.items_words import spent
from tutor.dashboard.words import Definition


class OwnAnswer(NamedTuple):
    answer: Answered
    name: str
    time: str

    @property
    def verdict(self) -> str:
        credit = self.answer.correct
        return "right" if credit == 1.0 else "wrong" if credit == 0.0 else "partly"


@final
@dataclass(frozen=True, eq=False)
class ItemPage:
    state: State
    line: Line
    item: ItemContent
    curve: Curve | None
    answers: tuple[OwnAnswer, ...]
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.state.group

    @property
    def said(self) -> str:
        """How long the author says that it takes; "" where not stated."""
        return spent(self.item.minutes * 60) if self.item.minutes else ""

    @property
    def content(self) -> Snapshot:
        return self.state.content


def item_page(group: Group, ref: str, *, now: datetime) -> ItemPage:
    """Raises:
    NotFound: if the curriculum has no such item, by key or id.     queries.NothingToLearn.
    """
    known = state(group, now=now)
    content = known.content
    i = _position(content, ref)
    item = content.item_contents[i] if i is not None else None
    if i is None or item is None:
        raise NotFound("item of this class", ref)
    shown = known.tells[i] and known.rows["rated"][i] >= RATED
    answers = tuple(
        OwnAnswer(each, queries.called(each.learner), "" if each.seconds is None else spent(each.seconds))
        for each in last_answers(known.learners, content, i)
    )
    words = items_words.definitions(known.band)
    return ItemPage(known, line(known, i), item, curve(known.rows[i]) if shown else None, answers, words)


def _position(content: Snapshot, ref: str) -> int | None:
    if ref in content.item_position:
        return content.item_position[ref]
    try:
        return content.item_position_by_id.get(UUID(ref))
    except ValueError:
        return None
