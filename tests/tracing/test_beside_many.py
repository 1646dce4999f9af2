"""States beside at a site that is larger than what PostgreSQL may hash in memory."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection

from curricula.models import Curriculum
from tests.flow.steps import at
from tests.flow.versions import a_version
from tutor import db
from tutor.accounts.models import School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import beside, rollout
from tutor.tracing.models import Lag

MANY = 2_000


@pytest.fixture
def little_memory(db: None) -> None:
    """Less than those noted take."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64kB'")


def learners_with_a_log(school: School, curriculum_id: object, n: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO interactions_loghead (learner_id, curriculum_id, school_id, seq, level_seq)"
            " SELECT gen_random_uuid(), %s, %s, 5, 5 FROM generate_series(1, %s)",
            [curriculum_id, school.pk, n],
        )


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("statistics", ["fresh", "of another time"])
def test_thousands_who_are_noted_are_told_apart_by_one_join(
    statistics: str, school: School, fractions: Curriculum
) -> None:
    """Not by a search among them for each learner, which is quadratic."""
    registry.ensure_served(fractions.pk)
    version = a_version(fractions)
    deployments.challenge(version, now=at(0))
    if statistics == "of another time":
        learners_with_a_log(school, uuid4(), 500)
        analyze()
    learners_with_a_log(school, fractions.pk, MANY)
    if statistics == "fresh":
        analyze()
    assert beside.look(now=at(1)) == MANY
    if statistics == "fresh":
        analyze()
    deployment = Deployment.objects.get()
    wanted = beside.versions_of(deployment, at(1))
    plan = db.rows("EXPLAIN " + beside._LOOK, [fractions.pk, None, None, [], wanted, wanted])
    assert any("Anti Join" in line for (line,) in plan), plan
    assert beside.look(now=at(1)) == 0
    lagging_by_an_answer(version)
    assert rollout.progress(deployment, version.pk, now=at(1)).is_level


def lagging_by_an_answer(version: ModelVersion) -> None:
    """All who are noted, and that just now."""
    Lag.objects.update(active_at=at(1))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tracing_learnerstate (learner_id, version_id, curriculum_id, school_id, applied_seq, state)"
            " SELECT learner_id, %s, curriculum_id, school_id, 4, 'x' FROM tracing_lag",
            [version.pk],
        )


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE interactions_loghead, tracing_learnerstate, tracing_lag")
