"""Reading the log costs the same however many months it has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from curricula.models import Curriculum
from tests.flow import steps
from tutor import db
from tutor.accounts.models import Learner, School
from tutor.interactions import partitions
from tutor.tracing import claims

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_log(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo has answered once a month for two years; all but the last answer are folded in."""
    start = datetime(2024, 1, 15, tzinfo=UTC)
    partitions.make(partitions.months_between(start, start + timedelta(days=730)))
    moments = [(start + timedelta(days=30 * n)).timestamp() for n in range(24)]
    steps.record(school, [steps.answer(bo, fractions, seconds=at) for at in moments[:-1]])
    steps.work()
    steps.record(school, [steps.answer(bo, fractions, seconds=moments[-1])])
    return bo


def test_only_the_months_of_what_is_new_are_looked_at(long_log: Learner, fractions: Curriculum) -> None:
    columns = [[long_log.pk], [fractions.pk], [23]]
    plan = "\n".join(row[0] for row in db.rows("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + claims._UNSEEN, columns))
    scanned = [line for line in plan.splitlines() if " on interactions_interaction_" in line]
    assert len(scanned) > 24
    # Those from then on, and the default partition: the two years before are skipped.
    assert len([line for line in scanned if "never executed" not in line]) < 12


def test_what_is_new_is_found_whether_the_plan_is_fresh_or_kept(long_log: Learner, fractions: Curriculum) -> None:
    claim = claims.Claim(long_log.pk, fractions.pk, fractions.pk, long_log.school_id, 23, 0.0, None, None)
    for _ in range(8):  # after five executions PostgreSQL may keep the plan
        assert [unseen.seq for unseen in claims.unseen([claim])] == [24]
        assert len(claims.unseen([claim], from_start=True)) == 24
