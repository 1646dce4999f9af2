"""What is believed of a learner, over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import steps
from tests.people import Caller
from tutor.accounts.models import Learner, School


@pytest.fixture
def practised(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo answered six items on halves an hour ago, all rightly."""
    now = timezone.now()
    given = [steps.answer(bo, fractions, 0, seconds=(now - timedelta(minutes=60 - i)).timestamp()) for i in range(6)]
    steps.record(school, given, now=now)
    steps.work(now=now)
    return bo


def read(client: Caller, learner: Learner, what: str) -> Any:
    return client.get(f"/api/v1/learners/{learner.pk}/{what}")


def by_key(said: Any) -> dict[str, Any]:
    return {row["concept"]["key"]: row for row in said.json()["data"]}


def test_every_concept_has_an_estimate_with_its_interval_and_source(client: Caller, practised: Learner) -> None:
    rows = by_key(read(client, practised, "mastery"))
    assert list(rows) == ["halves", "equal-parts", "adding"]
    for row in rows.values():
        e = row["estimate"]
        assert 0 < e["low"] < e["value"] < e["high"] < 1
        assert e["model"]["name"] == "half-life" and e["as_of"] is not None
    assert [row["estimate"]["status"] for row in rows.values()] == ["mastered", "not_enough_data", "locked"]
    assert [row["estimate"]["n"] for row in rows.values()] == [6, 0, 0]


def test_recall_fades_with_time_and_mastery_falls_due(client: Caller, practised: Learner) -> None:
    now = by_key(read(client, practised, "mastery"))["halves"]
    assert now["due_at"] is not None
    later = datetime.fromisoformat(now["due_at"]) + timedelta(minutes=1)
    then = by_key(read(client, practised, f"mastery?at={later.isoformat().replace('+', '%2B')}"))["halves"]
    assert then["estimate"]["value"] < now["estimate"]["value"]
    assert then["estimate"]["status"] == "due_for_review"


def test_a_status_explains_itself(client: Caller, practised: Learner) -> None:
    rows = by_key(read(client, practised, "mastery?explain=true"))
    assert rows["halves"]["explanation"]["recent"] == [True] * 6
    assert rows["halves"]["explanation"]["text"].startswith("Mastered")
    assert rows["halves"]["explanation"]["criteria"]["mastered_at"] == pytest.approx(0.8)
    assert [c["key"] for c in rows["adding"]["explanation"]["weak_prerequisites"]] == ["equal-parts"]


def test_a_list_is_narrowed_by_concept_and_status(client: Caller, practised: Learner) -> None:
    assert list(by_key(read(client, practised, "mastery?status=locked"))) == ["adding"]
    assert list(by_key(read(client, practised, "mastery?concepts=halves,adding"))) == ["halves", "adding"]


def test_a_time_before_the_last_answer_is_refused(client: Caller, practised: Learner) -> None:
    problem(read(client, practised, "mastery?at=2020-01-01T00:00:00Z"), 400, "bad-parameter")


def test_another_school_asks_in_vain(outsider: Caller, other_school: School, practised: Learner) -> None:
    people.a_curriculum(other_school.pk)
    problem(read(outsider, practised, "mastery"), 404, "not-found")


def test_a_learner_of_whom_nothing_is_known_has_the_prior(client: Caller, ana: Learner, fractions: Curriculum) -> None:
    rows = by_key(read(client, ana, "mastery"))
    assert {row["estimate"]["n"] for row in rows.values()} == {0}
    assert rows["halves"]["estimate"]["status"] == "not_enough_data"
    assert rows["halves"]["estimate"]["as_of"] is None
