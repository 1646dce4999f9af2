"""The bell that tells workers of waiting rows: quick, coalescing, and no harm if nobody hears it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
import redis
from django.db import transaction
from django.utils import timezone

from curricula.models import Curriculum
from tests.flow.steps import client_of
from tutor.accounts.models import Learner, School
from tutor.celery import app
from tutor.children import wait_for
from tutor.embedded import Valkey
from tutor.scheduling import bell, intake
from tutor.scheduling.intake import AnswerIn

SECONDS = 20


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"), throwaway=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def broker(valkey: Valkey) -> Iterator[Valkey]:
    """This process rings at a broker of its own, empty at first."""
    before = app.conf.broker_url
    valkey.start()
    redis.Redis.from_url(valkey.url).flushall()
    _ring_at(valkey.url)
    yield valkey
    _ring_at(before)


def _ring_at(url: str) -> None:
    app.conf.broker_url = app.conf.broker_write_url = url
    app._pool = None
    app.amqp._producer_pool = None


def rings(broker: Valkey) -> int:
    return int(redis.Redis.from_url(broker.url).llen("inference"))


def is_heard(broker: Valkey, at_least: int = 1) -> bool:
    return wait_for(lambda: rings(broker) >= at_least, SECONDS)


def test_a_ring_is_a_message_on_the_queue_of_inference(broker: Valkey) -> None:
    bell.ring()
    assert is_heard(broker)


def test_a_burst_of_rings_is_a_few_messages(broker: Valkey) -> None:
    for _ in range(1_000):
        bell.ring()
    assert is_heard(broker)
    assert rings(broker) <= 5


def test_ringing_does_not_wait_for_the_broker(broker: Valkey) -> None:
    broker.kill()
    started = time.monotonic()
    for _ in range(100):
        bell.ring()
    assert time.monotonic() - started < 0.5


def test_the_bell_is_heard_again_when_the_broker_is_back(broker: Valkey) -> None:
    bell.ring()
    assert is_heard(broker)
    broker.kill()
    bell.ring()
    broker.start()
    before = rings(broker)

    def heard_anew() -> bool:
        bell.ring()
        return rings(broker) > before

    assert wait_for(heard_anew, SECONDS)


def test_a_forked_process_rings_too(broker: Valkey) -> None:
    bell.ring()
    assert is_heard(broker)
    before = rings(broker)
    child = os.fork()
    if child == 0:
        _ring_and_leave(broker, before)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _ring_and_leave(broker: Valkey, before: int) -> None:
    try:
        bell.ring()
        os._exit(0 if is_heard(broker, before + 1) else 1)
    finally:
        os._exit(2)


@pytest.fixture
def one(bo: Learner, fractions: Curriculum) -> AnswerIn:
    return AnswerIn(id="one", learner=str(bo.pk), item="halves-1", correct=True)


@pytest.mark.django_db(transaction=True)
def test_an_accepted_answer_rings_and_a_repeated_one_does_not(
    school: School, one: AnswerIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(True))
    for _ in range(2):
        intake.submit(client_of(school), [one], now=timezone.now())
    assert rung == [True]


@pytest.mark.django_db(transaction=True)
def test_the_bell_rings_when_the_answer_can_be_seen(
    school: School, one: AnswerIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(True))
    with transaction.atomic():
        intake.submit(client_of(school), [one], now=timezone.now())
        assert rung == []
    assert rung == [True]


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_only_tried_rings_nothing(
    school: School, one: AnswerIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(True))
    assert intake.submit(client_of(school), [one], now=timezone.now(), dry_run=True)[0].status == "accepted"
    assert rung == []
    assert intake.submit(client_of(school), [one], now=timezone.now())[0].status == "accepted"


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_taken_while_the_broker_is_away(broker: Valkey, school: School, one: AnswerIn) -> None:
    broker.kill()
    assert intake.submit(client_of(school), [one], now=timezone.now())[0].status == "accepted"
