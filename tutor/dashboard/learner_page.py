"""One learner on one curriculum: what is believed of each concept, what comes next and why, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from curricula.snapshot import Snapshot
from tutor.accounts.models import Group, Learner, User
from tutor.dashboard import learner_history, learner_said, learner_words, queries
from tutor.dashboard.learner_history import Asked, Given
from tutor.dashboard.learner_pictures import AHEAD_DAYS, Future
from tutor.dashboard.learner_rows import ConceptRow, StatusCount, StatusGroup, by_status, concept_rows, counted
from tutor.dashboard.learner_said import Word
from tutor.dashboard.learner_traits import Character, character
from tutor.dashboard.queries import Answer
from tutor.dashboard.upcoming import Offer, Upcoming, upcoming
from tutor.dashboard.words import Definition
from tutor.registry.effective import content_for
from tutor.scheduling import forecasts, plans, rules
from tutor.scheduling.forecasts import Ahead
from tutor.scheduling.rules import Agreed
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.status import Criteria
from tutor.tracing.traits import traits

#: Things to do next that the page shows.
OFFERED: Final = 4
#: Answers that the page lists; the rest have a page of their own.
LAST_ANSWERS: Final = 10


@final
@dataclass(frozen=True, eq=False)
class Known:
    """What every page of one learner rests on. `content` has the prerequisites that hold in the school."""

    group: Group
    learner: Learner
    content: Snapshot
    belief: Belief
    agreed: Agreed
    criteria: Criteria
    now: datetime

    @property
    def name(self) -> str:
        return queries.called(self.learner)

    @property
    def last_answer(self) -> datetime | None:
        return plans.moment(self.belief.as_of)

    def ahead(self) -> Ahead:
        """Two statements, and some milliseconds."""
        return forecasts.ahead(self.learner, self.belief, self.content, now=self.now, days=AHEAD_DAYS)

    def rows(self, future: Future | None = None) -> list[ConceptRow]:
        return concept_rows(self.belief, self.content, self.criteria, self.now, future)


@final
@dataclass(frozen=True)
class LearnerPage:
    """`practised` and `untouched` are in the order of need, then of the curriculum."""

    known: Known
    upcoming: Upcoming
    character: Character
    said: tuple[Word, ...]
    practised: tuple[ConceptRow, ...]
    untouched: tuple[ConceptRow, ...]
    last: tuple[Given, ...]
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.known.group

    @property
    def learner(self) -> Learner:
        return self.known.learner

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(given.answer for given in self.last)

    @property
    def groups(self) -> list[StatusGroup]:
        """Practised concepts by status."""
        return by_status(self.practised)

    @property
    def offers(self) -> tuple[Offer, ...]:
        return self.upcoming.offers[:OFFERED]

    @property
    def counts(self) -> list[StatusCount]:
        return counted((*self.practised, *self.untouched))


def known(group: Group, learner: Learner, *, now: datetime) -> Known:
    """Raises: queries.NothingToLearn."""
    # One school: so nobody asks for it again.
    learner.school = group.school
    content = queries.content_of(group)
    belief = beliefs(group.school_id, content.curriculum_id, [learner.pk], now.timestamp())[0]
    content = content_for(content, belief.school_id, belief.version_id)
    agreed = rules.agreed(group.school_id, content.curriculum_id, [learner.pk], now)[learner.pk]
    return Known(group, learner, content, belief, agreed, agreed.criteria_within(content), now)


def learner_page(user: User, group: Group, learner: Learner, *, now: datetime) -> LearnerPage:
    """Raises: queries.NothingToLearn."""
    of = known(group, learner, now=now)
    rows = of.rows(Future.of(of.ahead()))
    last = learner_history.answers(learner.pk, of.belief.version_id, of.content, Asked(), limit=LAST_ANSWERS)
    return LearnerPage(
        known=of,
        upcoming=upcoming([of.belief], of.content, {learner.pk: of.agreed}, now=now)[learner.pk],
        character=character_of(of),
        said=tuple(learner_said.in_force(user, learner, of.content, now=now)),
        practised=tuple(row for row in rows if row.estimate.n),
        untouched=tuple(row for row in rows if not row.estimate.n),
        last=last.answers,
        definitions=learner_words.of_learner(of.agreed),
    )


def character_of(of: Known) -> Character:
    """Traits of the learner, beside those of the class."""
    ids = list(of.group.learners.values_list("pk", flat=True))
    return character(of.learner.pk, traits(of.belief.version_id, of.belief.model, ids))
