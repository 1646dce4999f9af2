"""How long answers really take, by school and curriculum."""

from __future__ import annotations

from django.db import models

from curricula.ids import uuid7


class MeasuredPace(models.Model):
    """Factors on authors' minutes, `policies.Pace`. Life: measured anew by workers while answers come in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    measured_at = models.DateTimeField()
    first = models.FloatField()
    wrong = models.FloatField()
    #: Of right answers to what was met before.
    usual = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["school_id", "curriculum_id"], name="pace_once")]
