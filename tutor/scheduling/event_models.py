"""The outbox: what others should hear of, written in the transaction that made it so."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from curricula.ids import uuid7


class Event(models.Model):
    """Something that happened to a learner, class or model, in ids, dates and counts: no name, no answer, no estimate.

    Life: written once, told to whoever listens (`relayed_at`), deleted after 30 days. Ids ascend, but not in the order
    of commits: whoever follows them would miss some, so the outbox says itself what it has not told yet.
    """

    class Kind(models.TextChoices):
        REVIEW_DUE = "review.due"
        AGENDA_DAILY = "agenda.daily"
        DRIFT_ALERT = "drift.alert"
        PING = "ping"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    kind = models.CharField(max_length=24, choices=Kind.choices)
    learner_id = models.UUIDField(null=True)
    group_id = models.UUIDField(null=True)
    curriculum_id = models.UUIDField(null=True)
    #: What is announced once has a name: written again, it is not there twice. Null for what may be repeated.
    key = models.CharField(max_length=200, null=True, unique=True)
    payload: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    created_at = models.DateTimeField()
    relayed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Read by waiting(): what nobody has been told of, oldest first.
            models.Index(fields=["id"], name="event_waiting", condition=Q(relayed_at=None)),
            # Read by prune().
            models.Index(fields=["created_at"], name="event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Digest(models.Model):
    """The last day that a class was told of, apart for learners whose days begin at different times.

    Life: made on the first day, moved on with each; deleted when it has not moved for 30 days.
    """

    id = models.BigAutoField(primary_key=True)
    group_id = models.UUIDField()
    zone = models.CharField(max_length=64)
    cutoff_hour = models.PositiveSmallIntegerField()
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group_id", "zone", "cutoff_hour"], name="digest_once")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.day}"
