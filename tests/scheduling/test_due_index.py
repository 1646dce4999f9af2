"""What `release_due` claims is found by the partial index of due times, and not by reading every plan."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.flow.steps import at
from tutor import db
from tutor.scheduling import services

pytestmark = pytest.mark.django_db

PLANS = 5_000
#: Every so many of them waits for a review, an hour after the one before.
WAITS = 50


@pytest.fixture
def many() -> None:
    """Most plans wait for nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scheduling_plan (learner_id, curriculum_id, school_id, applied_seq, computed_at, next_due_at,"
            " body) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, %s,"
            " CASE WHEN n %% %s = 0 THEN %s + n / %s * interval '1 hour' END, '' FROM generate_series(1, %s) n",
            [at(), WAITS, at(), WAITS, PLANS],
        )
        cursor.execute("ANALYZE scheduling_plan")


def test_the_index_holds_due_times_alone() -> None:
    ((said,),) = db.rows("SELECT indexdef FROM pg_indexes WHERE indexname = 'plan_due'", [])
    assert "(next_due_at) WHERE (next_due_at IS NOT NULL)" in said


@pytest.mark.usefixtures("many")
def test_a_claim_reads_the_index_in_order_of_due_times() -> None:
    asked = [at(days=1), services.RELEASED_AT_ONCE]
    plan = [line for (line,) in db.rows("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + services._DUE, asked)]
    assert any("Index Scan using plan_due on scheduling_plan" in line for line in plan), plan
    assert not any("Seq Scan" in line or "Sort" in line for line in plan), plan
    assert any("plan_due" in line and "rows=24" in line for line in plan), plan
