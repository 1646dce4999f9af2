"""The steps from an answer to a plan, for the tests of each of them; `people` says who takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest import mock
from uuid import uuid4

import msgspec
import psycopg

from curricula.models import Curriculum
from curricula.snapshot import Snapshot, latest
from tests import people
from tutor.accounts.access import Client
from tutor.accounts.models import ApiClient, Learner, School
from tutor.interactions import services as interactions
from tutor.interactions.models import Interaction, LogHead
from tutor.interactions.services import Answer, Outcome
from tutor.scheduling import services as scheduling
from tutor.scheduling.models import Plan
from tutor.tracing import services as tracing
from tutor.tracing.beliefs import Belief, belief
from tutor.tracing.services import Advanced

#: A Monday morning on which stories begin.
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
_ids = count(1)


def at(minutes: float = 0, *, days: float = 0) -> datetime:
    return START + timedelta(minutes=minutes, days=days)


def answer(learner: Learner, curriculum: Curriculum, item: int = 0, **fields: Any) -> Answer:
    """Right, a minute into the story, under an id of its own; concepts are those of the item unless given."""
    defaults = {
        "learner_id": learner.pk,
        "curriculum_id": curriculum.pk,
        "item": item,
        "concepts": concepts_of(latest(curriculum.pk), item),
        "correct": 1.0,
        "seconds": at(1).timestamp(),
        "source": "lms",
        "client_id": f"answer-{next(_ids)}",
    }
    return Answer(**{**defaults, **fields})


def again(given: Answer, **changes: Any) -> Answer:
    """The same answer under the same id, as if sent once more; with `changes`, saying something else."""
    return msgspec.structs.replace(given, **changes)


def concepts_of(content: Snapshot, item: int) -> list[int]:
    start, end = content.item_concepts.offset[item : item + 2]
    return content.item_concepts.flat[start:end].tolist()


def right_and_wrong(learner: Learner, curriculum: Curriculum, outcomes: str, *, item: int = 0) -> list[Answer]:
    """ "1101": one answer a minute to the same item."""
    return [
        answer(learner, curriculum, item, correct=float(outcome), seconds=at(1 + minute).timestamp())
        for minute, outcome in enumerate(outcomes)
    ]


def record(school: School, answers: Sequence[Answer], *, now: datetime | None = None) -> list[Outcome]:
    return interactions.record(school_id=school.pk, answers=answers, now=now or at(60))


def advance(*, limit: int = 256, now: datetime | None = None) -> list[Advanced]:
    return tracing.advance(limit=limit, now=now or at(60))


def work(*, now: datetime | None = None, limit: int = 256) -> None:
    """What an inference worker does when the bell rings."""
    while scheduling.advance_and_plan(limit=limit, now=now or at(60)):
        pass


def believed(learner: Learner, curriculum: Curriculum, *, now: datetime | None = None) -> Belief:
    return belief(learner.school_id, learner.pk, curriculum.pk, (now or at(60)).timestamp())


def log_of(learner: Learner) -> list[Interaction]:
    """In the order in which it happened."""
    return list(Interaction.objects.filter(learner_id=learner.pk).order_by("occurred_at", "seq"))


def head_of(learner: Learner) -> LogHead:
    return LogHead.objects.get(learner_id=learner.pk)


def is_behind(learner: Learner) -> bool:
    return head_of(learner).behind_since is not None


def plan_of(learner: Learner) -> Plan:
    return Plan.objects.get(learner_id=learner.pk)


def client_of(school: School) -> Client:
    """As the API sees a machine of this school."""
    return Client(uuid4(), school.pk, "LMS", frozenset(ApiClient.Scope.values))


def learners(school: School, n: int) -> list[Learner]:
    return [people.a_learner(school, f"Learner {i}") for i in range(n)]


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to PostgreSQL meanwhile, Django's counter knows only its own; without the marks of transactions."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if not str(query).startswith(("SAVEPOINT", "RELEASE SAVEPOINT")):
            sent.append(str(query))
        return execute(cursor, query, *arguments, **options)

    with mock.patch.object(psycopg.Cursor, "execute", noted):
        yield sent
