"""Events reach those who listen: at least once, verifiable, and nobody waits for whoever is slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from curricula.models import Curriculum
from tests.flow.steps import plan_of, record, right_and_wrong, work
from tests.lms.receiver import Receiver
from tests.lms.test_post import babbling
from tutor import db
from tutor.accounts.models import Group, Learner, School
from tutor.children import wait_for
from tutor.lms import tasks
from tutor.lms.webhooks import sender, services
from tutor.lms.webhooks.models import Delivery, Endpoint
from tutor.scheduling import events
from tutor.scheduling import services as scheduling
from tutor.scheduling.event_models import Event

Receivers = Callable[..., Receiver]
Status = Delivery.Status

pytestmark = pytest.mark.django_db
#: What reads and writes in other processes or threads needs what is really committed.
committed = pytest.mark.django_db(transaction=True)


def endpoint(school: School, receiver: Receiver, **fields: Any) -> Endpoint:
    options = {"url": receiver.url, "kinds": [Event.Kind.REVIEW_DUE], "now": timezone.now(), **fields}
    return services.create(school.pk, **options)


def happen(school: School, n: int = 1, kind: str = Event.Kind.REVIEW_DUE) -> list[Event]:
    return [
        Event.objects.create(school_id=school.pk, kind=kind, payload={"due": each}, created_at=timezone.now())
        for each in range(n)
    ]


def later(**pause: float) -> sender.Clock:
    """A clock that is ahead of the real one."""
    return lambda: timezone.now() + timedelta(**pause)


def the_delivery() -> Delivery:
    return Delivery.objects.get()


def test_an_event_is_delivered_once_and_verifiable(school: School, receiver: Receiver) -> None:
    listening = endpoint(school, receiver)
    (event,) = happen(school)
    assert [sender.send_due(), sender.send_due()] == [1, 0]
    (message,) = receiver.messages
    assert message.verified(listening.secret) == {
        "type": "review.due",
        "timestamp": event.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"due": 0},
    }
    assert message.id == str(event.pk)
    assert message.headers["content-type"] == "application/json"
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.response_status) == (Status.DELIVERED, 1, 200)
    assert delivery.lease_until is delivery.next_attempt_at is None


def test_a_review_that_falls_due_is_told_to_the_lms(
    school: School, bo: Learner, class_7b: Group, fractions: Curriculum, receiver: Receiver
) -> None:
    listening = endpoint(school, receiver, kinds=[Event.Kind.REVIEW_DUE, Event.Kind.AGENDA_DAILY])
    record(school, right_and_wrong(bo, fractions, "111111"))
    work()
    due = plan_of(bo).next_due_at
    assert due is not None
    scheduling.release_due(now=due + timedelta(seconds=1))
    events.announce_days(now=due + timedelta(seconds=1))
    sender.send_due()
    told = {message.json["type"]: message.verified(listening.secret)["data"] for message in receiver.messages}
    assert (told["review.due"]["learner_id"], told["review.due"]["due"]) == (str(bo.pk), 1)
    (listed,) = told["agenda.daily"]["learners"]
    assert (listed["learner_id"], listed["due"], listed["waits"], listed["minutes"]) == (str(bo.pk), 1, 0, 2.0)


def test_only_who_listens_to_a_kind_is_told(school: School, other_school: School, receivers: Receivers) -> None:
    ours, agenda, off, theirs = (receivers() for _ in range(4))
    endpoint(school, ours)
    endpoint(school, agenda, kinds=[Event.Kind.AGENDA_DAILY])
    endpoint(school, off, enabled=False)
    endpoint(other_school, theirs)
    happen(school)
    sender.send_due()
    assert [len(each.messages) for each in (ours, agenda, off, theirs)] == [1, 0, 0, 0]


def test_a_receiver_that_fails_is_told_again_until_it_takes_it(school: School, receivers: Receivers) -> None:
    failing = receivers(says=lambda n: (500, 503, 429)[n] if n < 3 else 204)
    endpoint(school, failing)
    happen(school)
    assert sender.send_due() == 1
    assert sender.send_due() == 0, "not before its time"
    for hours in (1, 2, 3):
        sender.send_due(clock=later(hours=hours))
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts, delivery.response_status) == (Status.DELIVERED, 4, 204)
    assert len(set(failing.ids)) == 1, "all attempts have one id"
    assert len({message.body for message in failing.messages}) == 1
    assert Endpoint.objects.get().failing_since is None


def test_pauses_grow_over_a_day_and_differ() -> None:
    pauses = [sender.pause(attempt).total_seconds() for attempt in range(1, len(sender.PAUSES) + 1)]
    assert 8 <= pauses[0] <= 12
    assert pauses[:7] == sorted(pauses[:7])
    assert timedelta(hours=17) < timedelta(seconds=sum(pauses)) < timedelta(hours=27)
    assert len({sender.pause(1) for _ in range(20)}) > 1


def test_what_nobody_takes_in_a_day_is_given_up_and_may_be_replayed(school: School, receivers: Receivers) -> None:
    stubborn = receivers(says=lambda n: 500 if n < 10 else 200)
    endpoint(school, stubborn)
    happen(school)
    for hour in range(30):
        sender.send_due(clock=later(hours=hour, minutes=59 * (hour > 0)))
    delivery = the_delivery()
    assert delivery.status == Status.DEAD
    assert (delivery.error, delivery.next_attempt_at) == ("answered 500", None)
    sent = len(stubborn.messages)
    assert 6 <= sent <= 10
    stubborn.says = lambda n: 200
    services.replay(delivery, now=timezone.now())
    assert sender.send_due() == 1
    assert the_delivery().status == Status.DELIVERED
    assert set(stubborn.ids) == {str(delivery.event_id)}


def test_a_receiver_that_is_gone_is_told_no_more(school: School, receivers: Receivers) -> None:
    gone = receivers(says=lambda n: 410)
    endpoint(school, gone)
    happen(school)
    sender.send_due()
    found = Endpoint.objects.get()
    assert (found.enabled, "410" in found.disabled_reason) == (False, True)
    happen(school)
    sender.send_due(clock=later(days=1))
    assert len(gone.messages) == 1
    with pytest.raises(services.SwitchedOff):
        services.replay(the_delivery(), now=timezone.now())


def test_a_receiver_that_took_nothing_for_days_is_switched_off(school: School, receivers: Receivers) -> None:
    endpoint(school, receivers(says=lambda n: 500))
    happen(school)
    sender.send_due()
    sender.send_due(clock=later(days=4))
    assert Endpoint.objects.get().enabled
    happen(school)
    sender.send_due(clock=later(days=6))
    found = Endpoint.objects.get()
    assert not found.enabled
    assert "has taken nothing since" in found.disabled_reason
    services.update(found, {"enabled": True}, now=timezone.now())
    assert (found.disabled_reason, found.failing_since) == ("", None)


def test_a_receiver_that_babbles_holds_up_nobody_else(school: School, receiver: Receiver) -> None:
    endpoint(school, receiver)
    with babbling() as port:
        odd = endpoint(school, receiver, url=f"http://127.0.0.1:{port}/")
        happen(school)
        assert sender.send_due() == 2
    assert len(receiver.messages) == 1
    delivery = Delivery.objects.get(endpoint=odd)
    assert (delivery.status, delivery.lease_until) == (Status.PENDING, None)
    assert delivery.error.startswith("BadStatusLine")


@committed
def test_a_receiver_that_hangs_holds_up_nobody_else(school: School, receivers: Receivers) -> None:
    hanging, quick = receivers(hangs=True), receivers()
    endpoint(school, hanging)
    endpoint(school, quick)
    happen(school, 40)
    worker = Thread(target=send_in_a_thread)
    worker.start()
    try:
        assert wait_for(lambda: len(quick.messages) == 40, 30)
        assert worker.is_alive(), "the other one still hangs"
        assert hanging.busiest == sender.AT_ONCE
    finally:
        hanging.let_go.set()
        worker.join()
    assert len(set(hanging.ids)) == 40
    assert not Delivery.objects.exclude(status=Status.DELIVERED).exists()


@committed
def test_workers_side_by_side_send_everything_once_and_few_at_once(school: School, receiver: Receiver) -> None:
    endpoint(school, receiver)
    happen(school, 200)
    workers = [Thread(target=send_in_a_thread) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # Some may have found the endpoint's row held just then, and gone.
    sender.send_due()
    assert len(receiver.ids) == len(set(receiver.ids)) == 200
    assert receiver.busiest <= sender.AT_ONCE


def test_one_that_fails_has_one_attempt_at_once(school: School, receiver: Receiver) -> None:
    failing = endpoint(school, receiver)
    Endpoint.objects.filter(pk=failing.pk).update(failing_since=timezone.now())
    happen(school, 3)
    sender.relay(now=timezone.now())
    assert len(sender.claim(10, now=timezone.now())) == sender.AT_ONCE_FAILING
    assert sender.claim(10, now=timezone.now()) == []


@committed
def test_what_a_killed_worker_had_claimed_is_sent_again(school: School, receivers: Receivers) -> None:
    receiver = receivers(hangs=True)
    endpoint(school, receiver)
    happen(school)
    script = "import django; django.setup(); from tutor.lms.webhooks import sender; sender.run()"
    env = {**os.environ, "DATABASE_URL": db.url(), "TRELLIS_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1"}
    worker = subprocess.Popen([sys.executable, "-c", script], env=env | {"DJANGO_SETTINGS_MODULE": "tutor.settings"})
    try:
        assert receiver.came.wait(60)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    receiver.hangs = False
    receiver.let_go.set()
    assert the_delivery().status == Status.PENDING
    assert sender.send_due() == 0, "the lease is still the dead one's"
    assert sender.send_due(clock=later(seconds=sender.LEASE.total_seconds() + 1)) == 1
    assert (the_delivery().status, the_delivery().attempts) == (Status.DELIVERED, 2)
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1, "the receiver can tell that it is the same"


def test_who_lost_the_lease_changes_nothing(school: School, receiver: Receiver) -> None:
    endpoint(school, receiver)
    happen(school)
    sender.relay(now=timezone.now())
    (stale,) = sender.claim(1, now=timezone.now())
    sender.send_due(clock=later(minutes=2))
    sender.note(stale, sender.Answer(500, "answered 500", 1.0), now=timezone.now())
    assert the_delivery().status == Status.DELIVERED
    assert Endpoint.objects.get().failing_since is None


def test_while_a_secret_is_rotated_both_sign(school: School, receiver: Receiver) -> None:
    listening = endpoint(school, receiver)
    old = listening.secret
    new = services.rotate_secret(listening, overlap=timedelta(hours=24), now=timezone.now()).secret
    happen(school)
    sender.send_due()
    during = receiver.messages[-1]
    assert during.verified(old) == during.verified(new)
    services.rotate_secret(listening, overlap=timedelta(0), now=timezone.now())
    happen(school)
    sender.send_due()
    after = receiver.messages[-1]
    assert after.verified(listening.secret)
    for ended in (old, new):
        with pytest.raises(WebhookVerificationError):
            after.verified(ended)


def test_an_old_secret_ends_with_its_time(school: School, receiver: Receiver) -> None:
    listening, now = endpoint(school, receiver), datetime(2026, 3, 2, tzinfo=UTC)
    old = listening.secret
    services.rotate_secret(listening, overlap=timedelta(hours=1), now=now)
    assert services.secrets_of(listening, now + timedelta(minutes=59)) == [listening.secret, old]
    assert services.secrets_of(listening, now + timedelta(hours=1)) == [listening.secret]


def test_a_registered_name_that_turns_private_gets_nothing(school: School, receiver: Receiver, settings: Any) -> None:
    endpoint(school, receiver)
    settings.WEBHOOK_ALLOWED_HOSTS = []
    happen(school)
    sender.send_due()
    assert receiver.messages == []
    assert "not public" in the_delivery().error


def test_events_from_before_are_not_told(school: School, receiver: Receiver) -> None:
    happen(school)
    sender.send_due()
    endpoint(school, receiver)
    sender.send_due()
    assert receiver.messages == []


def test_the_task_sends_what_waits(school: School, receiver: Receiver) -> None:
    endpoint(school, receiver)
    happen(school, 3)
    tasks.send_webhooks()
    tasks.send_webhooks()
    assert len(receiver.ids) == 3


def send_in_a_thread() -> None:
    try:
        sender.send_due()
    finally:
        connections.close_all()
