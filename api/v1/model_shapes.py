"""Bodies and queries of models and their deployments."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.pagination import PageQuery
from api.serializers import Strict
from tutor.registry import runs
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import beside, rollout


class ModelOut(serializers.Serializer[ModelVersion]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    curriculum = serializers.UUIDField(source="curriculum_version.curriculum_id")
    curriculum_version = serializers.IntegerField(source="curriculum_version.number")
    school = serializers.UUIDField(source="school_id", allow_null=True, help_text="Null: for all schools")
    state = serializers.ChoiceField(ModelVersion.State.values)
    is_baseline = serializers.BooleanField(help_text="Untrained: serves until a fitted model does, or if none can")
    parent = serializers.UUIDField(source="parent_id", allow_null=True, help_text="Whose parameters its fit began with")  # type: ignore[assignment]
    reason = serializers.SerializerMethodField(help_text="Why it was rejected, if so")
    note = serializers.CharField(allow_blank=True)
    log_loss = serializers.SerializerMethodField(help_text="On answers after those it was fitted on; null if untold")
    created_at = serializers.DateTimeField()

    def get_reason(self, version: ModelVersion) -> str:
        """Of the context's `reasons`: which classes it may name depends on who asks."""
        return str(self.context["reasons"][version.pk])

    def get_log_loss(self, version: ModelVersion) -> float | None:
        value = version.metrics.get("log_loss", {}).get("value")
        return None if value is None else float(value)


class ModelPage(serializers.Serializer[Any]):
    data = ModelOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class ModelsQuery(PageQuery):
    curriculum = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(ModelVersion.State.values, required=False)
    kind = serializers.CharField(max_length=40, required=False)


class RolloutOut(serializers.Serializer[Any]):
    learners = serializers.IntegerField(help_text="Those with answers whom it is to serve")
    level = serializers.IntegerField(help_text="Those of them whose states know all that the champion's know")
    missing = serializers.IntegerField(help_text="Those whose states are not begun")
    troubled = serializers.IntegerField(help_text="Those whom it cannot follow")


class DeploymentOut(serializers.Serializer[Deployment]):
    curriculum = serializers.UUIDField(source="curriculum_id")
    school = serializers.UUIDField(source="school_id", allow_null=True, help_text="Null: what serves all schools")
    champion = serializers.UUIDField(source="champion_id")
    champion_since = serializers.DateTimeField(allow_null=True)
    previous = serializers.SerializerMethodField(
        help_text="Where a roll-back leads to; of a school that follows all others again, what it had of its own"
    )
    serving = serializers.SerializerMethodField(
        help_text="Who serves learners: the champion, or what stands in for it; null if nothing can"
    )
    degraded = serializers.SerializerMethodField(
        help_text="The champion cannot be loaded: the one before stands in, or if that cannot either the untrained one"
    )
    degraded_reason = serializers.SerializerMethodField(help_text="Why the champion cannot be loaded; else empty")
    challenger = serializers.UUIDField(source="challenger_id", allow_null=True)
    challenger_since = serializers.DateTimeField(allow_null=True)
    promotes_itself = serializers.BooleanField()
    shadow_answers = serializers.IntegerField()
    shadow_days = serializers.FloatField()
    retrains = serializers.ListField(child=serializers.CharField())
    retrain_after = serializers.IntegerField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_previous(self, deployment: Deployment) -> UUID | None:
        """The context's `left` is what the school had of its own."""
        left = self.context.get("left")
        return left.champion_id if left else deployment.previous_id

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_serving(self, deployment: Deployment) -> UUID | None:
        return beside.served_by(deployment)

    def get_degraded(self, deployment: Deployment) -> bool:
        return deployment.champion.state == ModelVersion.State.FAILED

    def get_degraded_reason(self, deployment: Deployment) -> str:
        return deployment.champion.note if self.get_degraded(deployment) else ""


class MovedOut(DeploymentOut):
    """What a door leads to; `GET /models/{model}/rollout` tells how it goes on."""

    rollout = serializers.SerializerMethodField(help_text="How far the challenger's states are; null without one")

    @extend_schema_field(RolloutOut(allow_null=True))
    def get_rollout(self, deployment: Deployment) -> dict[str, int] | None:
        if deployment.challenger_id is None:
            return None
        return asdict(rollout.progress(deployment, deployment.challenger_id, now=timezone.now()))


class DeploymentIn(Strict):
    promotes_itself = serializers.BooleanField(
        required=False, help_text="A challenger that has proved itself is promoted without anybody's word"
    )
    shadow_answers = serializers.IntegerField(min_value=1, max_value=10**9, required=False)
    shadow_days = serializers.FloatField(min_value=0, max_value=365, required=False)
    retrains = serializers.ListField(
        child=serializers.ChoiceField(runs.kinds()), required=False, help_text="Kinds fitted anew by night"
    )
    retrain_after = serializers.IntegerField(
        min_value=1, max_value=10**9, required=False, help_text="Once so many answers have come since the last time"
    )


class PromotionIn(Strict):
    force = serializers.BooleanField(
        default=False, help_text="Though its states are not level: the champion's beliefs serve learners who lack one"
    )


class FollowIn(Strict):
    force = serializers.BooleanField(
        default=False, help_text="Though its states are not level: the school's own beliefs serve learners who lack one"
    )


class AlertOut(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="log_loss, calibration or input")
    raised_at = serializers.DateTimeField()
    cleared_at = serializers.DateTimeField(allow_null=True)
    figures = serializers.DictField()


class DayOut(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="The last of several where these had few answers")
    answers = serializers.IntegerField()
    learners = serializers.IntegerField()
    log_loss = serializers.FloatField()
    error = serializers.FloatField(help_text="Standard error of the log loss")
    observed = serializers.FloatField()
    expected = serializers.FloatField()
    residual_error = serializers.FloatField()
    loss_sum = serializers.FloatField(allow_null=True, help_text="Cumulative sum; null while there is no reference")
    above = serializers.FloatField(allow_null=True)
    below = serializers.FloatField(allow_null=True)
    psi = serializers.FloatField(allow_null=True, help_text="Population stability index of what was asked")
    psi_limit = serializers.FloatField(allow_null=True)
    alarms = serializers.ListField(child=serializers.CharField())


class DriftOut(serializers.Serializer[Any]):
    alerts = AlertOut(many=True)
    days = DayOut(many=True)
