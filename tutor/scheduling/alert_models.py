"""What teachers think of alerts."""

from __future__ import annotations

from typing import Any

from django.db import models

from curricula.ids import uuid7
from curricula.models import Curriculum
from tutor.accounts.models import ApiClient, Group, Learner, User
from tutor.scheduling.alerts import Kind


class AlertMark(models.Model):
    """Whether an alert was useful to a teacher, with the evidence that stood behind it when they said so.

    Life: made by the first word on an alert; a later word on the same one goes in its place. When the evidence has
    changed materially (`alerts.has_changed`) the alert is another one, and the row stays as it is: no new model
    changes what was shown. Removed with the learner or the class. Personal data: `note` may hold some.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+", db_index=False)
    #: Its index is read by erasure.
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, related_name="+")
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in Kind])
    #: Position in the curriculum; null for kinds that are not about one.
    concept = models.PositiveIntegerField(null=True)
    useful = models.BooleanField()
    note = models.TextField(blank=True)
    #: JSON of the kind's form in `alerts`, and what it was told by: `alerting.Observed.told_by`.
    evidence: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    marked_at = models.DateTimeField()
    marked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    marked_client = models.ForeignKey(ApiClient, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [
            # Read by alerting.latest_marks(): the last word on each alert of a class, whenever its page is opened.
            models.Index(fields=["group", "curriculum", "learner", "kind", "concept", "-id"], name="alertmark_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
