"""What may be changed for one learner: words on concepts, and the learner's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple, final
from zoneinfo import available_timezones

from tutor.accounts.models import Group, Learner, LearnerToken, User
from tutor.dashboard import learner_links, learner_said, learner_words
from tutor.dashboard.learner_page import Known, known
from tutor.dashboard.learner_said import KINDS, LAST_HOUR, LONGEST_REASON, QUIET, Said, Word
from tutor.dashboard.settings_fields import WEEKDAYS
from tutor.dashboard.words import Definition
from tutor.scheduling.overrides import MOST_ANSWERS


class KindChoice(NamedTuple):
    value: str
    label: str
    about: str


class ConceptChoice(NamedTuple):
    key: str
    title: str


class Weekday(NamedTuple):
    """`name` is that of its field."""

    name: str
    label: str
    is_quiet: bool


@final
@dataclass(frozen=True)
class AdjustPage:
    known: Known
    said: tuple[Word, ...]
    form: Said
    settings: Said
    links: tuple[LearnerToken, ...]
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.known.group

    @property
    def learner(self) -> Learner:
        return self.known.learner

    @property
    def kinds(self) -> list[KindChoice]:
        return [KindChoice(kind.value, str(label), str(about)) for kind, (label, about) in KINDS.items()]

    @property
    def concepts(self) -> list[ConceptChoice]:
        content = self.known.content
        found = [ConceptChoice(key, content.concept_titles[at]) for key, at in content.concept_position.items()]
        return sorted(found, key=lambda each: each.title.casefold())

    @property
    def hours(self) -> list[str]:
        return [str(hour) for hour in range(LAST_HOUR + 1)]

    @property
    def zones(self) -> tuple[str, ...]:
        return _zones()

    @property
    def longest_reason(self) -> int:
        return LONGEST_REASON

    @property
    def most_answers(self) -> int:
        return MOST_ANSWERS

    @property
    def spreads_reviews(self) -> bool:
        """As it holds now, by the learner's own word or the class's."""
        return self.known.agreed.settings.spread_reviews

    @property
    def weekdays(self) -> list[Weekday]:
        values = self.settings.values
        return [Weekday(QUIET + day, str(label), bool(values.get(QUIET + day))) for day, label in WEEKDAYS.items()]

    @property
    def class_explores(self) -> bool:
        return self.known.agreed.terms.knobs.explores

    @property
    def class_minutes(self) -> float | None:
        return self.known.agreed.terms.knobs.minutes_a_day


def adjust_page(
    user: User, group: Group, learner: Learner, form: Said, settings: Said | None, *, now: datetime
) -> AdjustPage:
    """`settings`: as somebody filled them in, else as they are.

    Raises: queries.NothingToLearn.
    """
    of = known(group, learner, now=now)
    return AdjustPage(
        known=of,
        said=tuple(learner_said.in_force(user, learner, of.content, now=now)),
        form=form,
        settings=settings or learner_said.settings_form(learner),
        links=tuple(learner_links.of(learner, now=now)),
        definitions=learner_words.of_learner(of.agreed),
    )


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))
