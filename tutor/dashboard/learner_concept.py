"""One concept of one learner: its forgetting curve into the future, what is planned on it, and every answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from tutor.accounts.access import NotFound
from tutor.accounts.models import Group, Learner, User
from tutor.dashboard import learner_history, learner_pictures, learner_said, learner_words
from tutor.dashboard.learner_history import Asked, Part
from tutor.dashboard.learner_page import Known, known
from tutor.dashboard.learner_pictures import Chart, Future, Visit, Week
from tutor.dashboard.learner_rows import ConceptRow, level_of
from tutor.dashboard.learner_said import Word
from tutor.dashboard.words import Definition

#: Answers listed on the page, and marked in the picture.
LISTED: Final = 20
MARKED: Final = 200
#: Planned days listed at once; the rest on demand.
VISITS: Final = 4


@final
@dataclass(frozen=True)
class ConceptPage:
    """`charts`, `weeks` are empty where there are too few answers for a figure."""

    known: Known
    row: ConceptRow
    charts: tuple[Chart, ...]
    weeks: tuple[Week, ...]
    visits: tuple[Visit, ...]
    history: Part
    said: tuple[Word, ...]
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.known.group

    @property
    def learner(self) -> Learner:
        return self.known.learner

    @property
    def first_visits(self) -> tuple[Visit, ...]:
        return self.visits[:VISITS]

    @property
    def later_visits(self) -> tuple[Visit, ...]:
        return self.visits[VISITS:]

    @property
    def listed(self) -> tuple[learner_history.Given, ...]:
        return self.history.answers[:LISTED]


def concept_page(user: User, group: Group, learner: Learner, key: str, *, now: datetime) -> ConceptPage:
    """Raises: NotFound: if the curriculum has no such concept. queries.NothingToLearn"""
    of = known(group, learner, now=now)
    concept = of.content.concept_position.get(key)
    if concept is None:
        raise NotFound("concept of this class", key)
    ahead = of.ahead()
    future = Future.of(ahead, also=learner_pictures.jumps(ahead, concept))
    row = next(each for each in of.rows(future) if each.key == key)
    asked = Asked(concept=key)
    history = learner_history.answers(learner.pk, of.belief.version_id, of.content, asked, limit=MARKED)
    return ConceptPage(
        known=of,
        row=row,
        charts=_charts(future, row, history) if row.has_enough else (),
        weeks=tuple(learner_pictures.weeks(future, concept)) if row.has_enough else (),
        visits=tuple(future.visits(concept)),
        history=history,
        said=tuple(word for word in learner_said.in_force(user, learner, of.content, now=now) if word.key == key),
        definitions=learner_words.of_learner(of.agreed),
    )


def _charts(future: Future, row: ConceptRow, history: Part) -> tuple[Chart, ...]:
    marks = [(given.answer.at, given.answer.verdict) for given in history.answers]
    estimate = row.estimate
    return learner_pictures.charts(future, estimate.concept, estimate.value, level_of(estimate), marks)
