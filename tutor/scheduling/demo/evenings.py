"""The last evenings of some pupils: they ask Trellis what is next, and answer it, skip it, or leave it.

By the ways that the API goes, at the evenings' own times: each choice is in the decision log, and answers name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from django.db import transaction
from numpy.random import Generator

from curricula import snapshot
from curricula.snapshot import Snapshot
from tutor.accounts.access import Client
from tutor.accounts.models import Group, Learner, User
from tutor.interactions.models import Interaction
from tutor.scheduling import catchup, decisions, overrides, rules, services, serving
from tutor.scheduling.demo import history, people, school
from tutor.scheduling.demo.history import EVENINGS, SEED, Life
from tutor.scheduling.demo.people import PUPILS, Kind
from tutor.scheduling.intake import AnswerIn
from tutor.scheduling.models import Decision, Override
from tutor.scheduling.overrides import Wish
from tutor.scheduling.plans import PlannedEntry
from tutor.tracing.beliefs import belief, beliefs

OFFERS: Final = 6
STARTS_AT: Final = time(17)
#: Chance, at each offer, that it is skipped; and that the pupil leaves it at that.
SKIPS: Final = 0.12
LEAVES: Final = 0.06
#: Seconds that it takes to see that one does not want to answer.
GLANCE_SECONDS: Final = 6.0
#: What the teacher says of the first evening of somebody who struggles.
OVERRIDE_REASON: Final = "Wrong in class as well: this first, please, before anything new."

_ASKING: Final = tuple(number for number, pupil in enumerate(PUPILS) if pupil.asks)
_OVERRULED: Final = next(number for number in _ASKING if PUPILS[number].kind is Kind.STRUGGLING)


class _Pupil(NamedTuple):
    """`past`: what the LMS knows of them."""

    number: int
    learner: Learner
    life: Life
    past: list[AnswerIn]


def are_over(group: Group) -> bool:
    """Whether the pupils who ask have answered anything since the first of the evenings began."""
    learners = [school.learner(group, number).pk for number in _ASKING]
    return Interaction.objects.filter(learner_id__in=learners, occurred_at__gte=_begin(group, 0)).exists()


@transaction.atomic
def hold(group: Group, *, now: datetime) -> int:
    """All of them or none, after everything else that the class answered; how many answers were given.

    Choices are equal for equal days: chance has its seed, and the clock is that of the evening.
    """
    content = snapshot.latest(school.curriculum_id(group))
    lives = history.lives(content, group.created_at, _ASKING)
    pupils = [_Pupil(n, school.learner(group, n), *each) for n, each in zip(_ASKING, lives, strict=True)]
    n_answers = 0
    for evening in range(EVENINGS):
        given = [answer for pupil in pupils for answer in _evening(group, content, pupil, evening)]
        n_answers += sum(school.submit(group, given, _begin(group, evening) + timedelta(hours=2)))
        sum(catchup.catch_up(group.school_id))
    found = beliefs(group.school_id, content.curriculum_id, [pupil.learner.pk for pupil in pupils], now.timestamp())
    services.plan_again(found, now=now)
    return n_answers


def _evening(group: Group, content: Snapshot, pupil: _Pupil, evening: int) -> Iterator[AnswerIn]:
    chance = np.random.default_rng([SEED, pupil.number, evening])
    at = _begin(group, evening) + timedelta(minutes=float(chance.uniform(0, 60)))
    entries = _ask(group, pupil, at, chance)
    if (pupil.number, evening) == (_OVERRULED, 0):
        at += timedelta(minutes=2)
        _overrule(group, content, pupil, entries, at)
        entries = _ask(group, pupil, at + timedelta(minutes=1), chance)
    yield from _respond(group, pupil, entries, at + timedelta(minutes=1, seconds=10), chance)


def _ask(group: Group, pupil: _Pupil, at: datetime, chance: Generator) -> list[PlannedEntry]:
    """What is next, as `GET /learners/{id}/next` has it; planned with a seed first, as a worker does without."""
    curriculum_id, learner_id = school.curriculum_id(group), pupil.learner.pk
    known = belief(group.school_id, learner_id, curriculum_id, at.timestamp())
    agreed = rules.agreed(group.school_id, curriculum_id, [learner_id], at)[learner_id]
    services.save(known, services.choose(known, now=at, seed=int(chance.integers(2**53)), agreed=agreed))
    client = school.client(group)
    asked = serving.next_for(client, str(learner_id), curriculum=str(curriculum_id), n=OFFERS, narrowing=None, now=at)
    return list(asked.entries)


def _respond(
    group: Group, pupil: _Pupil, entries: list[PlannedEntry], begun: datetime, chance: Generator
) -> Iterator[AnswerIn]:
    at = begun.timestamp()
    for entry in entries:
        drawn = float(chance.random())
        if drawn < LEAVES:
            return
        if drawn < LEAVES + SKIPS:
            at += GLANCE_SECONDS
            _skip(school.client(group), entry, datetime.fromtimestamp(at, UTC))
            continue
        answer, at = pupil.life.answer(entry.item, f"{pupil.life.name}-{begun:%m%d}-{entry.slot + 1}", at)
        yield msgspec.structs.replace(answer, recommendation=entry.decision_id)


def _skip(client: Client, entry: PlannedEntry, at: datetime) -> None:
    decisions.report(decisions.access(client, entry.decision_id), Decision.Outcome.SKIPPED, now=at)


def _overrule(group: Group, content: Snapshot, pupil: _Pupil, entries: list[PlannedEntry], at: datetime) -> None:
    """The teacher sees what was offered, and wants something else first: what went wrong last."""
    teacher = User.objects.get(email=people.TEACHER[0])
    offered = {entry.concept for entry in entries}
    wrong = [history.concepts_of(content, content.item_position[a.item])[0] for a in pupil.past if not a.correct]
    concept = next(concept for concept in reversed(wrong) if concept not in offered)
    wish = Wish(Override.Kind.PIN, content.concept_keys[concept], OVERRIDE_REASON)
    overrides.make(teacher, pupil.learner, content.curriculum_id, wish, now=at)


def _begin(group: Group, evening: int) -> datetime:
    """Of evenings from 0; the last is the one before the day on which the class was made."""
    day = history.last_day(group.created_at) - timedelta(days=EVENINGS - evening)
    return datetime.combine(day, STARTS_AT, ZoneInfo(people.TIMEZONE))
