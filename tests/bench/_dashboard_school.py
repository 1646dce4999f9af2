"""A school for the benchmark of pages: a class of 40 among 400 learners, 300 concepts, 200,000 answers in half a year.

Answers are made up in the database; states are folded, plans made and nightly work done as workers do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from tests import people
from tests.bench import harness
from tests.dashboard import models_room
from tests.dashboard.wide_curriculum import a_wide_document
from tutor.accounts import learner_tokens
from tutor.accounts.access import Client
from tutor.accounts.models import ApiClient, Group, Learner, School, User
from tutor.celery import SCHEDULE, app
from tutor.interactions import partitions
from tutor.registry import queries
from tutor.scheduling import services as scheduling
from tutor.tracing import services as tracing

CLASS: Final = 40
ITEMS_EACH: Final = 5
DAYS: Final = 180
#: Learners whose states are folded by one statement.
BATCH: Final = 256

#: A learner goes through the concepts in order, back and forth a little, and quick ones get farther.
_ANSWERS: Final = """
INSERT INTO interactions_interaction (
    learner_id, curriculum_id, seq, occurred_at, school_id, received_at, item, correct, attempt, concepts, source,
    client_id, response_seconds
)
SELECT l.id, %(curriculum)s, 1 + n, at, %(school)s, at, c * %(items)s + (n + k) %% %(items)s,
       (hashint8(k * 100003 + n) & 1023 < 350 + k * 13 %% 550)::int, 1, ARRAY[c], 'bench', k || '-' || n,
       4 + (hashint8(n * 7919 + k) & 63)
FROM accounts_learner l
CROSS JOIN LATERAL (SELECT l.external_id::int AS k) k
CROSS JOIN generate_series(0, %(each)s - 1) n
CROSS JOIN LATERAL (
    SELECT %(end)s - make_interval(secs => (%(each)s - n) * %(days)s * 86400.0 / %(each)s + k * 911 %% 86400) AS at,
           (n * (%(concepts)s / 2 + k * 17 %% (%(concepts)s / 2)) / %(each)s + n %% 5) %% %(concepts)s AS c
) made
WHERE l.school_id = %(school)s
"""
_HEADS: Final = """
INSERT INTO interactions_loghead (learner_id, curriculum_id, school_id, seq, behind_since, behind_from, level_seq)
SELECT id, %(curriculum)s, school_id, %(each)s, NULL, NULL, %(each)s FROM accounts_learner WHERE school_id = %(school)s
"""
_STATES: Final = """
INSERT INTO tracing_learnerstate (learner_id, version_id, curriculum_id, school_id, applied_seq)
SELECT id, %(version)s, %(curriculum)s, school_id, %(each)s FROM accounts_learner WHERE school_id = %(school)s
"""


@dataclass(frozen=True)
class Readers:
    """Who opens pages: a teacher, an administrator, and the token of a learner of the class."""

    teacher: User
    admin: User
    token: str
    learner_id: UUID


def build(*, learners: int, concepts: int, each: int, now: datetime) -> Readers:
    school = people.a_school()
    teacher, admin = people.a_teacher(school, "Ms Diaz"), people.a_teacher(school, "Head", role=User.Role.ADMIN)
    curriculum = people.a_curriculum(school.pk, **_document(concepts))
    everybody = Learner.objects.bulk_create(
        [Learner(school=school, name=f"Learner {n:03}", source="bench", external_id=str(n)) for n in range(learners)]
    )
    classes = [everybody[start : start + CLASS] for start in range(0, learners, CLASS)]
    groups = [
        people.a_group(school, f"{7 + n % 4}{'abcd'[n // 4 % 4]}", teachers=(teacher,) if n == 0 else (),
                       learners=tuple(members), curriculum=curriculum)
        for n, members in enumerate(classes)
    ]  # fmt: skip
    partitions.make(partitions.months_between(now - timedelta(days=DAYS + 31), now))
    models_room.a_story(school, groups[0], now=now)
    _fill(school, groups[0], concepts=concepts, each=each, now=now)
    _ask_what_comes_next(school, classes[0])
    key = ApiClient.objects.get(school=school)
    client = Client(id=key.pk, school_id=school.pk, name=key.name, scopes=frozenset(key.scopes))
    fresh = learner_tokens.create(client, classes[0][0], now=now)
    return Readers(teacher, admin, fresh.token, classes[0][0].pk)


def _document(concepts: int) -> dict[str, Any]:
    document = a_wide_document(concepts)
    document["items"] = [
        {"key": f"i{c}-{k}", "concepts": [f"c{c}"], "statement": f"Item {k} of {c}?", "difficulty": k / 2 - 1}
        for c in range(concepts)
        for k in range(ITEMS_EACH)
    ]
    return document


def _fill(school: School, group: Group, *, concepts: int, each: int, now: datetime) -> None:
    assert group.curriculum_id is not None
    version = queries.serving([(school.pk, group.curriculum_id)])[school.pk, group.curriculum_id].version_id
    common = {
        "school": school.pk, "curriculum": group.curriculum_id, "each": each, "concepts": concepts, "days": DAYS,
        "items": ITEMS_EACH, "version": version, "end": now - timedelta(hours=20),
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_ANSWERS, _HEADS, _STATES):
            cursor.execute(statement, common)
        cursor.execute("ANALYZE")
    harness.remark("answers are in the log; folding")
    tracing.rebuild(version_id=version, now=now)
    while advanced := tracing.advance(limit=BATCH, now=now):
        scheduling.plan(advanced, now=now)
        harness.remark(f"{len(advanced)} learners folded and planned")
    app.loader.import_default_modules()
    for entry in SCHEDULE.values():
        app.tasks[entry["task"]].run()


def _ask_what_comes_next(school: School, learners: list[Learner]) -> None:
    """So that there are decisions to look at."""
    client = people.a_client(school, "recommend:read")
    for learner in learners:
        answer = client.get(f"/api/v1/learners/{learner.pk}/next")
        assert answer.status_code == 200, answer.content
