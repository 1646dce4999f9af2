"""A school's endpoints: what may be registered, changed, tried and sent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tutor.accounts.access import Client, NotFound
from tutor.lms.webhooks import addresses, signing
from tutor.lms.webhooks.models import Delivery, Endpoint
from tutor.scheduling.bell import Bell
from tutor.scheduling.event_models import Event

#: Of one school: each event goes to all of them.
MAX_ENDPOINTS: Final = 20

_bell: Final = Bell("send_webhooks", expires=10, module="tutor.lms.tasks")


class WebhookError(Exception):
    """What contradicts the state of an endpoint; the message says the way out."""


class TooManyEndpoints(WebhookError):
    def __init__(self) -> None:
        super().__init__(f"a school has at most {MAX_ENDPOINTS} webhooks: delete one that nobody listens to")


class SwitchedOff(WebhookError):
    def __init__(self) -> None:
        super().__init__("this webhook is switched off, so nothing is sent: set `enabled` to true first")


def visible(client: Client) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(school_id=client.school_id)


def access(client: Client, pk: UUID) -> Endpoint:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    found = visible(client).filter(pk=pk).first()
    if found is None:
        raise NotFound("webhook", pk)
    return found


def deliveries(endpoint: Endpoint, status: str | None = None) -> QuerySet[Delivery]:
    found = endpoint.deliveries.select_related("event")
    return found.filter(status=status) if status else found


def access_delivery(endpoint: Endpoint, pk: UUID) -> Delivery:
    found = deliveries(endpoint).filter(pk=pk).first()
    if found is None:
        raise NotFound("delivery", pk)
    return found


def create(school_id: UUID, *, url: str, kinds: Sequence[str], now: datetime, **fields: Any) -> Endpoint:
    """Raises:
    Refused: if webhooks may not go there.
    TooManyEndpoints: of this school.
    """
    addresses.resolve(addresses.parse(url))
    if Endpoint.objects.filter(school_id=school_id).count() >= MAX_ENDPOINTS:
        raise TooManyEndpoints
    return Endpoint.objects.create(
        school_id=school_id, url=url, kinds=_once(kinds), secret=signing.new_secret(), created_at=now, updated_at=now,
        **fields,
    )  # fmt: skip


def update(endpoint: Endpoint, changes: Mapping[str, Any], *, now: datetime) -> Endpoint:
    """Raises:
    Refused: if webhooks may not go there.
    """
    if "url" in changes:
        addresses.resolve(addresses.parse(changes["url"]))
    for name, value in changes.items():
        setattr(endpoint, name, _once(value) if name == "kinds" else value)
    if changes.get("enabled") or "url" in changes:
        endpoint.disabled_reason, endpoint.failing_since = "", None
    endpoint.updated_at = now
    changed = {*changes, "disabled_reason", "failing_since", "updated_at"}
    with transaction.atomic():
        endpoint.save(update_fields=changed)
        transaction.on_commit(_bell.ring)
    return endpoint


def rotate_secret(endpoint: Endpoint, *, overlap: timedelta, now: datetime) -> Endpoint:
    """A new secret; the old one signs beside it for a while. One that was being rotated already ends now."""
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, now + overlap
    endpoint.secret, endpoint.updated_at = signing.new_secret(), now
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until", "updated_at"])
    return endpoint


def delete(endpoint: Endpoint) -> None:
    """With the record of its deliveries."""
    endpoint.delete()


def ping(endpoint: Endpoint, *, now: datetime) -> Delivery:
    """Sends an event that says nothing, whatever the endpoint listens to.

    Raises:
        SwitchedOff: if nothing is sent there.
    """
    _require_enabled(endpoint)
    with transaction.atomic():
        event = Event.objects.create(
            school_id=endpoint.school_id, kind=Event.Kind.PING, payload={"webhook_id": str(endpoint.pk)},
            created_at=now, relayed_at=now,
        )  # fmt: skip
        delivery = Delivery.objects.create(endpoint=endpoint, event=event, **_queued(now), created_at=now)
        transaction.on_commit(_bell.ring)
    return delivery


def replay(delivery: Delivery, *, now: datetime) -> Delivery:
    """Sends it again, under the id that it had: a receiver that took it knows.

    Raises:
        SwitchedOff: if nothing is sent there.
    """
    _require_enabled(delivery.endpoint)
    fields = {
        **_queued(now), "status": Delivery.Status.PENDING, "attempts": 0, "lease_until": None, "finished_at": None,
    }  # fmt: skip
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(**fields)
        transaction.on_commit(_bell.ring)
    delivery.refresh_from_db()
    return delivery


def relay(events: Sequence[Event], *, now: datetime) -> int:
    """A delivery for every endpoint of its school that listens to each event; how many. In your transaction."""
    schools = {event.school_id for event in events}
    endpoints = list(Endpoint.objects.filter(school_id__in=schools, enabled=True).only("school_id", "kinds"))
    rows = [
        Delivery(endpoint=endpoint, event=event, **_queued(now), created_at=now)
        for event in events
        for endpoint in endpoints
        if endpoint.school_id == event.school_id and event.kind in endpoint.kinds
    ]
    return len(Delivery.objects.bulk_create(rows, ignore_conflicts=True))


def secrets_of(endpoint: Endpoint, now: datetime) -> list[str]:
    """Those that sign now, the newest first."""
    is_old_valid = endpoint.old_secret_until is not None and now < endpoint.old_secret_until
    return [endpoint.secret, endpoint.old_secret] if endpoint.old_secret and is_old_valid else [endpoint.secret]


def _queued(now: datetime) -> dict[str, Any]:
    return {"queued_at": now, "next_attempt_at": now}


def _once(kinds: Sequence[str]) -> list[str]:
    return sorted(set(kinds))


def _require_enabled(endpoint: Endpoint) -> None:
    if not endpoint.enabled:
        raise SwitchedOff
