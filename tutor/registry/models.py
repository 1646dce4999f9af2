"""Fitted models and which of them serves."""

from __future__ import annotations

from typing import Any

from django.db import models

from curricula.ids import uuid7
from curricula.models import Curriculum, CurriculumVersion
from tutor.accounts.models import School


class ModelVersion(models.Model):
    """One fitted model. Immutable but for `state`; its artifact lies in the storage "models" under its id.

    Life: candidate (registered) -> champion (a deployment points at it) -> retired; failed if it cannot be loaded.
    It pins the curriculum version that it was fitted on: positions are append-only, so it serves later ones as well.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate"
        SHADOW = "shadow"
        CHAMPION = "champion"
        RETIRED = "retired"
        FAILED = "failed"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40)
    curriculum_version = models.ForeignKey(CurriculumVersion, on_delete=models.CASCADE, related_name="+")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    state = models.CharField(max_length=16, choices=State.choices, default=State.CANDIDATE)
    #: Untrained: literature constants, made with the curriculum so that it can be served from the first answer on.
    is_baseline = models.BooleanField(default=False)
    checksum = models.CharField(max_length=64)
    metrics: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True)
    #: Recall table of a learner of whom nothing is known: what the web reads before the first answer.
    prior_recall = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["curriculum_version"],
                condition=models.Q(is_baseline=True),
                name="modelversion_one_baseline",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {str(self.id)[-6:]}"

    @property
    def name(self) -> str:
        """What an estimate shows as its model."""
        return self.kind


class Deployment(models.Model):
    """Which model serves a curriculum: for one school, or for all that have no own (school null).

    Life: made with the curriculum's baseline; promotion and roll-back move `champion`, one UPDATE each.
    """

    id = models.BigAutoField(primary_key=True)
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+")
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    previous = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["school", "curriculum"], nulls_distinct=False, name="deployment_once"),
        ]
