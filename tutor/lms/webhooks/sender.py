"""Carries events out: claims deliveries that are due, posts them side by side, notes what came back.

At least once: a worker that dies while it sends leaves a lease, and when that is over another sends again. No endpoint
has more than a few at once, and one that fails has one: whoever is slow holds up nobody else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

from tutor import db
from tutor.lms.webhooks import services, signing
from tutor.lms.webhooks.models import Delivery, Endpoint
from tutor.lms.webhooks.post import Answer, post
from tutor.scheduling import events
from tutor.scheduling.event_models import Event

log = structlog.get_logger()

#: Attempts under way in one worker; they wait for others' servers, and cost a thread each.
THREADS: Final = 32
#: Of one endpoint, in all workers together: while it takes what it is sent, and while it does not.
AT_ONCE: Final = 4
AT_ONCE_FAILING: Final = 1
#: Longer than any attempt takes, with the time to resolve a name.
LEASE: Final = timedelta(seconds=60)
#: Seconds between an attempt and the next: ten attempts within a day, more or less by a fifth, so that what failed
#: together does not come back together.
PAUSES: Final = (10, 40, 160, 640, 2_560, 10_240, 21_600, 21_600, 21_600)
JITTER: Final = 0.2
#: What could not be delivered for so long is given up at the next failure, however few the attempts were.
GIVEN_UP_AFTER: Final = timedelta(hours=24)
#: An endpoint that has taken nothing for so long is switched off.
SWITCHED_OFF_AFTER: Final = timedelta(days=5)
#: Events relayed in one transaction.
RELAYED_AT_ONCE: Final = 500
#: A call claims nothing more after this, so that it ends within its task's limit.
CALL_SECONDS: Final = 40.0
GONE: Final = 410

Clock = Callable[[], datetime]

_chance: Final = secrets.SystemRandom()
_sending: Final = Lock()

# All who claim hold the endpoint's row meanwhile, so what they count next is true.
_ENDPOINTS: Final = """
SELECT e.id, CASE WHEN e.failing_since IS NULL THEN %s ELSE %s END FROM lms_endpoint e
WHERE e.enabled AND EXISTS (
    SELECT 1 FROM lms_delivery d WHERE d.endpoint_id = e.id AND d.status = 'pending' AND d.next_attempt_at <= %s)
ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED
"""

_CLAIM: Final = """
UPDATE lms_delivery SET lease_until = %s, attempts = attempts + 1
WHERE id IN (
    SELECT d.id FROM unnest(%s::uuid[], %s::int[]) AS e(id, most)
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM lms_delivery WHERE endpoint_id = e.id AND lease_until > %s
    ) flying
    CROSS JOIN LATERAL (
        SELECT id, next_attempt_at FROM lms_delivery
        WHERE endpoint_id = e.id AND status = 'pending' AND next_attempt_at <= %s
            AND (lease_until IS NULL OR lease_until <= %s)
        ORDER BY next_attempt_at, id LIMIT greatest(e.most - flying.n, 0)
    ) d
    ORDER BY d.next_attempt_at LIMIT %s
)
RETURNING id
"""


class Message(msgspec.Struct, frozen=True, rename={"kind": "type"}):
    """The body, the same at every attempt."""

    kind: str
    timestamp: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Parcel:
    """A delivery that is ours until `lease_until`."""

    delivery: Delivery
    lease_until: datetime
    body: bytes
    headers: dict[str, str]

    def post(self) -> Answer:
        return post(self.delivery.endpoint.url, self.body, self.headers)


def run() -> int:
    """Sends what is due until nothing is; how many attempts. At once if this process does so already."""
    if not _sending.acquire(blocking=False):
        return 0
    try:
        return send_due()
    finally:
        _sending.release()


def send_due(*, clock: Clock = timezone.now) -> int:
    """Sends all that is due, and what falls due meanwhile; how many attempts. Other workers may do so beside it."""
    sent, stop = 0, time.monotonic() + CALL_SECONDS
    flying: dict[Future[Answer], Parcel] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="webhook") as pool:
        while True:
            if time.monotonic() < stop:
                relay(now=clock())
                flying |= {pool.submit(parcel.post): parcel for parcel in claim(THREADS - len(flying), now=clock())}
            if not flying:
                return sent
            # A second at most, so that what others ring for is not kept waiting by whoever is slow.
            for future in wait(flying, timeout=1.0, return_when=FIRST_COMPLETED).done:
                note(flying.pop(future), future.result(), now=clock())
                sent += 1


def relay(*, now: datetime) -> None:
    """Makes deliveries of all events that wait."""
    while True:
        with transaction.atomic():
            found = events.waiting(RELAYED_AT_ONCE)
            services.relay(found, now=now)
            events.mark_relayed(found, now=now)
        if len(found) < RELAYED_AT_ONCE:
            return


def claim(limit: int, *, now: datetime) -> list[Parcel]:
    """Deliveries that are due, ours from now on; at most so many."""
    if limit <= 0:
        return []
    until = now + LEASE
    with transaction.atomic():
        rows = db.rows(_ENDPOINTS, [AT_ONCE, AT_ONCE_FAILING, now])
        if not rows:
            return []
        ids, most = map(list, zip(*rows, strict=True))
        claimed = [pk for (pk,) in db.rows(_CLAIM, [until, ids, most, now, now, now, limit])]
    found = Delivery.objects.select_related("event", "endpoint").filter(pk__in=claimed).order_by("id")
    return [_parcel(delivery, until, now) for delivery in found]


def note(parcel: Parcel, answer: Answer, *, now: datetime) -> None:
    """What came back, unless the lease ran out and another has sent it since, or it was asked for anew."""
    fields = _outcome(parcel.delivery, answer, now)
    fields |= {"response_status": answer.status, "error": answer.error, "duration_seconds": round(answer.seconds, 3)}
    ours = Delivery.objects.filter(pk=parcel.delivery.pk, lease_until=parcel.lease_until)
    if not ours.update(lease_until=None, **fields):
        log.warning("webhook_lease_lost", delivery=str(parcel.delivery.pk))
        return
    if fields.get("status") == Delivery.Status.DEAD:
        log.warning("webhook_given_up", delivery=str(parcel.delivery.pk), error=answer.error)
    # Not in one transaction: claims take the two rows in the other order.
    _note_endpoint(parcel.delivery.endpoint, answer, now)


def _parcel(delivery: Delivery, until: datetime, now: datetime) -> Parcel:
    body = body_of(delivery.event)
    keys = services.secrets_of(delivery.endpoint, now)
    signed = signing.headers(keys, str(delivery.event_id), body.decode(), now)
    common = {"Content-Type": "application/json", "User-Agent": "Trellis-Webhooks/1", "Accept": "*/*"}
    return Parcel(delivery, until, body, common | signed)


def body_of(event: Event) -> bytes:
    told = event.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(Message(event.kind, told, event.payload))


def _outcome(delivery: Delivery, answer: Answer, now: datetime) -> dict[str, Any]:
    if answer.is_taken:
        return {"status": Delivery.Status.DELIVERED, "next_attempt_at": None, "finished_at": now}
    is_last = delivery.attempts > len(PAUSES) or now - delivery.queued_at >= GIVEN_UP_AFTER
    if is_last or answer.status == GONE:
        return {"status": Delivery.Status.DEAD, "next_attempt_at": None, "finished_at": now}
    return {"next_attempt_at": now + pause(delivery.attempts)}


def pause(attempts: int) -> timedelta:
    """After so many attempts, 1 to 9."""
    return timedelta(seconds=PAUSES[attempts - 1] * _chance.uniform(1 - JITTER, 1 + JITTER))


def _note_endpoint(endpoint: Endpoint, answer: Answer, now: datetime) -> None:
    """Only what changes is written: the row is what claims wait for."""
    row = Endpoint.objects.filter(pk=endpoint.pk)
    if answer.is_taken:
        row.exclude(failing_since=None).update(failing_since=None, updated_at=now)
        return
    row.filter(failing_since=None).update(failing_since=now, updated_at=now)
    reason = _reason_to_stop(endpoint, answer, now)
    if reason:
        row.filter(enabled=True, url=endpoint.url).update(enabled=False, disabled_reason=reason, updated_at=now)
        log.warning("webhook_switched_off", endpoint=str(endpoint.pk), reason=reason)


def _reason_to_stop(endpoint: Endpoint, answer: Answer, now: datetime) -> str:
    if answer.status == GONE:
        return "the receiver answered 410: it is gone for good"
    since = endpoint.failing_since
    if since is not None and now - since >= SWITCHED_OFF_AFTER:
        return f"the receiver has taken nothing since {since:%Y-%m-%d %H:%M} UTC; the last: {answer.error}"[:200]
    return ""
