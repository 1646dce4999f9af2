"""How inference workers are, for operators: sites have workers, schools have queues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import answer, learners, record
from tests.people import Caller, Counter
from tutor.accounts.models import School
from tutor.registry import services as registry
from tutor.tracing.models import WorkerStatus

VERSION = uuid4()


@pytest.fixture
def gpu(db: None) -> WorkerStatus:
    now = timezone.now()
    return WorkerStatus.objects.create(
        name="gpu1:42", queues=["inference"], device="cuda:0 (H100)", started_at=now - timedelta(hours=3), beat_at=now,
        drained_at=now, batches=7, learners=300, answers=900, batch_sizes=[1, 43, 256], halvings=1,
        memory_bytes=2**30, device_memory_bytes=2**31, versions=[VERSION],
    )  # fmt: skip


def workers_of(client: Caller) -> list[dict[str, Any]]:
    response = client.get("/api/v1/workers")
    assert response.status_code == 200, response.content
    return list(response.json()["data"])


def test_an_operator_sees_what_a_worker_has_done_lately(client: Caller, gpu: WorkerStatus) -> None:
    (worker,) = workers_of(client)
    assert (worker["name"], worker["state"], worker["device"]) == ("gpu1:42", "ok", "cuda:0 (H100)")
    assert (worker["batch_sizes"], worker["halvings"]) == ([1, 43, 256], 1)
    assert (worker["memory_bytes"], worker["device_memory_bytes"]) == (2**30, 2**31)


def test_a_school_is_told_of_models_that_it_may_know_and_of_how_many_others(
    client: Caller, outsider: Caller, gpu: WorkerStatus, school: School, fractions: Curriculum
) -> None:
    """One that serves all schools, one of the school's own curriculum, and one that nobody knows any more."""
    shared, own = (registry.ensure_served(of.pk) for of in (people.a_curriculum(None, "shared"), fractions))
    assert shared and own
    WorkerStatus.objects.update(versions=[VERSION, own.pk, shared.pk])
    told = [(worker["versions"], worker["other_versions"]) for who in (client, outsider) for worker in workers_of(who)]
    assert told == [([str(own.pk), str(shared.pk)], 1), ([str(shared.pk)], 2)]


def test_a_worker_that_was_killed_is_gone(client: Caller, gpu: WorkerStatus) -> None:
    WorkerStatus.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    assert [worker["state"] for worker in workers_of(client)] == ["gone"]


def test_a_worker_that_lives_and_drains_nothing_is_silent(
    client: Caller, gpu: WorkerStatus, school: School, fractions: Curriculum, settings: Any
) -> None:
    long_ago = timezone.now() - timedelta(seconds=2 * settings.SILENT_SECONDS)
    WorkerStatus.objects.update(drained_at=long_ago)
    assert [worker["state"] for worker in workers_of(client)] == ["idle"]
    record(school, [answer(learners(school, 1)[0], fractions)], now=long_ago)
    assert [worker["state"] for worker in workers_of(client)] == ["silent"]


def test_a_school_is_told_of_its_own_learners_only(
    client: Caller, outsider: Caller, gpu: WorkerStatus, school: School, fractions: Curriculum
) -> None:
    waited = timezone.now() - timedelta(seconds=100)
    record(school, [answer(learner, fractions) for learner in learners(school, 3)], now=waited)
    queue = client.get("/api/v1/workers").json()["queue"]
    assert (queue["behind"], queue["put_off"]) == (3, 0)
    assert 100 <= queue["oldest_seconds"] < 160
    theirs = outsider.get("/api/v1/workers").json()
    assert theirs["queue"] == {"behind": 0, "put_off": 0, "oldest_seconds": 0.0}
    assert [worker["name"] for worker in theirs["data"]] == ["gpu1:42"]


def test_a_key_that_may_not_see_models_may_not_see_workers(school: School) -> None:
    assert people.a_client(school, "mastery:read").get("/api/v1/workers").status_code == 403
    assert Caller().get("/api/v1/workers").status_code == 401


def test_questions_do_not_grow_with_the_workers(
    client: Caller, gpu: WorkerStatus, django_assert_num_queries: Counter
) -> None:
    workers_of(client)
    for n in range(5):
        gpu.pk = f"gpu{n + 2}:42"
        gpu.save(force_insert=True)
    with django_assert_num_queries(2):  # Django's own; `tutor.db` asks for the queues
        assert len(workers_of(client)) == 6


def test_metrics_tell_what_to_scale_on(gpu: WorkerStatus, school: School, fractions: Curriculum) -> None:
    record(school, [answer(learner, fractions) for learner in learners(school, 2)], now=timezone.now())
    figures = Caller().get("/metrics").content.decode().splitlines()
    of = 'worker="gpu1:42"'
    for line in (
        "trellis_learners_behind 2.0",
        f'trellis_worker_state{{state="ok",{of}}} 1.0',
        f'trellis_worker_state{{state="silent",{of}}} 0.0',
        f'trellis_worker_model_loaded{{version="{VERSION}",{of}}} 1.0',
        f'trellis_worker_answers_total{{device="cuda:0 (H100)",{of}}} 900.0',
        f'trellis_worker_batch_size_mean{{device="cuda:0 (H100)",{of}}} 100.0',
        f'trellis_worker_device_memory_bytes{{device="cuda:0 (H100)",{of}}} 2.147483648e+09',
    ):
        assert line in figures or _sorted(line) in map(_sorted, figures)
    assert any(line.startswith("trellis_queue_oldest_seconds ") for line in figures)


def _sorted(line: str) -> tuple[str, ...]:
    """Labels come in any order."""
    return tuple(sorted(line.replace("{", ",").replace("}", ",").split(",")))


def test_metrics_of_requests_do_without_the_database(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor import db as database

    def away(*_: Any) -> None:
        raise ConnectionError("no database")

    monkeypatch.setattr(database, "rows", away)
    response = Caller().get("/metrics")
    assert response.status_code == 200
    assert "trellis_learners_behind" not in response.content.decode()
