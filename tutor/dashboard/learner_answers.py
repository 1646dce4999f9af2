"""A page of what one learner was offered and answered, and the ways on from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, final

from django.utils.functional import Promise

from tutor.accounts.models import Group, Learner
from tutor.dashboard import learner_history, learner_words
from tutor.dashboard.learner_history import OUTCOME_LABELS, VERDICT_LABELS, Asked, Parameters, Part
from tutor.dashboard.learner_page import Known, known
from tutor.dashboard.words import Definition


class Choice(NamedTuple):
    value: str
    label: str | Promise


@final
@dataclass(frozen=True)
class AnswersPage:
    known: Known
    asked: Asked
    part: Part
    definitions: Mapping[str, Definition]

    @property
    def group(self) -> Group:
        return self.known.group

    @property
    def learner(self) -> Learner:
        return self.known.learner

    @property
    def has_others(self) -> bool:
        """Whether some of the answers listed were not chosen by the tutor."""
        return any(given.decision is None for given in self.part.answers)

    @property
    def concepts(self) -> list[Choice]:
        content = self.known.content
        found = [Choice(key, content.concept_titles[at]) for key, at in content.concept_position.items()]
        return sorted(found, key=lambda each: str(each.label).casefold())

    @property
    def verdicts(self) -> list[Choice]:
        return [Choice(value, label) for value, label in VERDICT_LABELS.items() if value]

    @property
    def outcomes(self) -> list[Choice]:
        return [Choice(outcome.value, label) for outcome, label in OUTCOME_LABELS.items()]

    @property
    def links(self) -> dict[str, str]:
        """Addresses after a change; "" where there is nowhere to go."""
        asked = self.asked
        return {
            "answers": asked.address(show="answers"),
            "offers": asked.address(show="offers"),
            "newer": asked.address(page=asked.page - 1) if asked.page > 1 else "",
            "older": asked.address(page=asked.page + 1) if self.part.has_more else "",
            "all": asked.address(concept="", verdict="", outcome=""),
            "file": asked.address(),
        }


def answers_page(group: Group, learner: Learner, said: Parameters, *, now: datetime) -> AnswersPage:
    """Raises: queries.NothingToLearn."""
    of = known(group, learner, now=now)
    asked = Asked.parse(said, of.content)
    return AnswersPage(of, asked, part(of, asked), learner_words.of_history())


def everything(group: Group, learner: Learner, said: Parameters, *, now: datetime) -> AnswersPage:
    """All that the filters let through, not one page of it.

    Raises: queries.NothingToLearn.
    """
    of = known(group, learner, now=now)
    asked = Asked.parse(said, of.content).first_page()
    return AnswersPage(of, asked, part(of, asked, learner_history.MOST_ROWS), learner_words.of_history())


def part(of: Known, asked: Asked, limit: int = learner_history.PER_PAGE) -> Part:
    if asked.show == "offers":
        return learner_history.offers(of.learner.pk, of.content, asked, limit=limit)
    return learner_history.answers(of.learner.pk, of.belief.version_id, of.content, asked, limit=limit)
