"""Who wants to hear of events, and what became of telling them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from curricula.ids import uuid7
from tutor.accounts.models import School
from tutor.scheduling.event_models import Event


class Endpoint(models.Model):
    """An address of a school's system that is told of events.

    Life: made, changed and deleted by the school; switched off by it, or by us when the receiver says that it is gone
    or has taken nothing for days. The secrets are kept as they are: each message is signed with them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="+", db_index=False)
    url = models.CharField(max_length=1000)
    description = models.CharField(max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=24, choices=Event.Kind.choices))
    #: `whsec_` and base64; the old one signs too until its time is over, so that receivers can change in between.
    secret = models.CharField(max_length=100)
    old_secret = models.CharField(max_length=100, blank=True)
    old_secret_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    #: Why it was switched off, if not by the school.
    disabled_reason = models.CharField(max_length=200, blank=True)
    #: Since when every attempt has failed; null while the last one went well.
    failing_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            # Read by the list of the API, and when events are relayed: a school's endpoints.
            models.Index(fields=["school", "id"], name="webhook_page"),
        ]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event on its way to one endpoint, at least once.

    Life: pending -> delivered | dead; a replay makes it pending again. Whoever sends it holds `lease_until`: when that
    passes, another worker sends it again. Deleted with its event.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: When it was first, or last, asked for: it is given up a day after.
    queued_at = models.DateTimeField()
    #: Null when there is none.
    next_attempt_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    #: Of the last attempt: HTTP status (null if none came), why it failed, how long it took.
    response_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    duration_seconds = models.FloatField(null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once")]
        indexes = [
            # Read by sender.claim(): what each endpoint is to be told next, and how much of that is under way.
            models.Index(fields=["endpoint", "next_attempt_at"], name="delivery_due", condition=Q(status="pending")),
            models.Index(fields=["endpoint"], name="delivery_leased", condition=Q(lease_until__isnull=False)),
            # Read by the list of the API.
            models.Index(fields=["endpoint", "id"], name="delivery_page"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}: {self.status}"
