"""How inference workers are, and what waits for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import ApiView
from tutor.registry import queries
from tutor.tracing import workers
from tutor.tracing.models import WorkerStatus
from tutor.tracing.workers import Worker


class WorkerOut(serializers.Serializer[WorkerStatus]):
    name = serializers.CharField(help_text="host:process")
    state = serializers.ChoiceField(
        workers.STATES,
        help_text="ok: drains; idle: nothing to do; silent: lives, and drains nothing though learners wait; "
        "gone: has not told of itself lately",
    )
    queues = serializers.ListField(child=serializers.CharField())
    device = serializers.CharField()
    started_at = serializers.DateTimeField()
    beat_at = serializers.DateTimeField()
    drained_at = serializers.DateTimeField(allow_null=True, help_text="When it last finished a batch")
    batches = serializers.IntegerField()
    learners = serializers.IntegerField(help_text="Advanced since it started")
    answers = serializers.IntegerField(help_text="Folded since it started")
    batch_sizes = serializers.ListField(child=serializers.IntegerField(), help_text="Learners, newest last")
    halvings = serializers.IntegerField(help_text="Batches that did not fit into memory")
    memory_bytes = serializers.IntegerField()
    device_memory_bytes = serializers.IntegerField()
    versions = serializers.ListField(
        child=serializers.UUIDField(), help_text="Models in memory, of those that the school may know"
    )
    other_versions = serializers.IntegerField(help_text="Other models in memory")


class QueueOut(serializers.Serializer[workers.Queue]):
    behind = serializers.IntegerField(help_text="Learners with answers that are in no state yet")
    put_off = serializers.IntegerField(help_text="Learners who could not be updated, and wait for another try")
    oldest_seconds = serializers.FloatField(help_text="How long the one who waits longest has waited; 0 if nobody")


class WorkersOut(serializers.Serializer[Any]):
    data = WorkerOut(many=True)  # type: ignore[assignment]
    queue = QueueOut()


class Workers(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="list_workers",
        summary="List inference workers",
        description=(
            "Workers of the site, of the last day, and the queue of this school's learners. Workers serve all schools "
            "and hold no personal data."
        ),
        tags=["Models"],
        responses=WorkersOut,
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        site, own = workers.queue(now), workers.queue(now, self.client.school_id)
        listed = workers.workers(now, site.oldest_seconds)
        loaded = {version for each in listed for version in each.status.versions}
        known = frozenset(queries.versions(self.client.school_id).filter(pk__in=loaded).values_list("pk", flat=True))
        return Response({"data": [_told(each, known) for each in listed], "queue": QueueOut(asdict(own)).data})  # type: ignore[arg-type]


def _told(worker: Worker, known: frozenset[UUID]) -> dict[str, Any]:
    loaded = worker.status.versions
    shown = [version for version in loaded if version in known]
    told = {**vars(worker.status), "state": worker.state, "versions": shown, "other_versions": len(loaded) - len(shown)}
    return dict(WorkerOut(told).data)  # type: ignore[arg-type]


urlpatterns = [path("workers", Workers.as_view())]
