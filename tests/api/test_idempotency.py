"""A request repeated because its answer got lost has its effect once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from api import idempotency
from api.tasks import forget_old_keys
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller, Counter
from tutor.accounts.models import IdempotentAnswer, Learner

BO = {"name": "Bo"}


def test_a_repeated_request_gets_the_stored_answer(client: Caller) -> None:
    first = client.post("/api/v1/learners", BO, idempotency_key="k-1")
    again = client.post("/api/v1/learners", BO, idempotency_key='"k-1"')
    assert (again.status_code, again.content, again["Location"]) == (201, first.content, first["Location"])
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Learner.objects.count() == 1


def test_a_key_stands_for_one_request(client: Caller) -> None:
    client.post("/api/v1/learners", BO, idempotency_key="k-1")
    problem(client.post("/api/v1/learners", {"name": "Ana"}, idempotency_key="k-1"), 422, "idempotency-key-reused")
    problem(client.post("/api/v1/classes", BO, idempotency_key="k-1"), 422, "idempotency-key-reused")


def test_keys_of_two_clients_do_not_meet(client: Caller, outsider: Caller) -> None:
    client.post("/api/v1/learners", BO, idempotency_key="k-1")
    assert "Idempotency-Replayed" not in outsider.post("/api/v1/learners", BO, idempotency_key="k-1")


def test_a_refused_request_may_be_corrected_under_its_key(client: Caller) -> None:
    problem(client.post("/api/v1/learners", {"nmae": "Bo"}, idempotency_key="k-1"), 422, "invalid")
    assert client.post("/api/v1/learners", BO, idempotency_key="k-1").status_code == 201


def test_a_request_that_fails_has_no_effect(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the disk is full")

    monkeypatch.setattr(idempotency, "_keep", fail)
    response = Caller(client.key, raise_errors=False).post("/api/v1/learners", BO, idempotency_key="k-1")
    problem(response, 500, "internal")
    assert not Learner.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9"])
def test_an_ill_formed_key_is_refused(client: Caller, key: str) -> None:
    problem(client.post("/api/v1/learners", BO, idempotency_key=key), 400, "bad-request")


def test_without_a_valid_key_of_their_own_strangers_store_nothing(db: None) -> None:
    problem(Caller().post("/api/v1/learners", BO, idempotency_key="k-1"), 401, "unauthenticated")
    assert not IdempotentAnswer.objects.exists()


def test_after_24_hours_the_key_is_free_and_forgotten(client: Caller) -> None:
    client.post("/api/v1/learners", BO, idempotency_key="k-1")
    client.post("/api/v1/learners", BO, idempotency_key="k-2")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))
    assert "Idempotency-Replayed" not in client.post("/api/v1/learners", BO, idempotency_key="k-1")
    forget_old_keys()
    assert [stored.key for stored in IdempotentAnswer.objects.all()] == ["k-1"]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_has_the_effect() -> None:
    client = people.a_client(people.a_school())

    def send(_: int) -> Any:
        try:
            return client.post("/api/v1/learners", BO, idempotency_key="k-1")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(send, range(16)))
    assert {response.status_code for response in responses} <= {201, 409}
    assert Learner.objects.count() == 1
    for response in responses:
        if response.status_code == 409:
            problem(response, 409, "in-progress")
            assert response["Retry-After"]


def test_without_the_header_no_query_is_spent(client: Caller, django_assert_num_queries: Counter) -> None:
    client.get("/api/v1/me")
    with django_assert_num_queries(3):  # savepoint, learner, release
        client.post("/api/v1/learners", BO)
