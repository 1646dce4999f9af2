"""Training runs: asked for, watched, cancelled."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CONFLICT, INVALID, Problem
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.views import ApiView
from tutor.accounts.access import access_curriculum
from tutor.registry import runs
from tutor.registry.models import TrainingRun

#: Records of a fit that one answer holds, at most.
LOG_SHOWN: Final = 200


class TrainingRunIn(Strict):
    curriculum = serializers.UUIDField()
    kind = serializers.CharField(max_length=40, help_text="half-life, logistic, psikt or cakt")
    settings = serializers.DictField(
        default=dict, help_text="Of the kind's configuration: numbers, strings, true or false; the rest by default"
    )
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    full = serializers.BooleanField(default=False, help_text="From scratch, not from the newest model of the kind")


class TrainingRunOut(serializers.Serializer[TrainingRun]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    curriculum = serializers.UUIDField(source="curriculum_id")
    settings = serializers.DictField()
    seed = serializers.IntegerField()
    warm_start = serializers.UUIDField(source="warm_start_id", allow_null=True)
    status = serializers.ChoiceField(TrainingRun.Status.values)
    step = serializers.CharField(allow_blank=True, help_text="export, fit or judge")
    progress = serializers.DictField(help_text="The last record of the step: how far it is, its losses")
    attempts = serializers.IntegerField(help_text="Times that it was taken up since a step was last done")
    message = serializers.CharField(allow_blank=True, help_text="Why it failed, if so")
    requested_by = serializers.CharField(allow_blank=True)
    version = serializers.UUIDField(source="version_id", allow_null=True, help_text="What came of it")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class TrainingRunWithLog(TrainingRunOut):
    log = serializers.SerializerMethodField(help_text=f"Records of the fit: the last {LOG_SHOWN}, thinned")

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_log(self, run: TrainingRun) -> list[dict[str, Any]]:
        return list(run.log[-LOG_SHOWN:])


class TrainingRunPage(serializers.Serializer[Any]):
    data = TrainingRunOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class TrainingRuns(ApiView):
    required_scope: ClassVar = {"GET": "models:admin", "POST": "models:admin"}
    queries: ClassVar = {"GET": PageQuery}
    refusals: ClassVar = {"POST": (404, 409)}

    @extend_schema(
        operation_id="list_training_runs",
        summary="List training runs of the school",
        tags=["Models"],
        parameters=[PageQuery],
        responses=TrainingRunPage,
    )
    def get(self, request: Request) -> Response:
        rows = runs.visible(self.client.school_id)
        return page_of(rows, request._request, self.parameters, lambda run: TrainingRunOut(run).data)

    @extend_schema(
        operation_id="create_training_run",
        summary="Fit a model anew on the school's answers",
        description=(
            "The training worker exports the school's log, fits, and judges what it fitted on later answers beside "
            "the model that serves. What comes of it is a candidate, put in shadow, or rejected with the reason."
        ),
        tags=["Models"],
        request=TrainingRunIn,
        responses={202: TrainingRunOut},
    )
    def post(self, request: Request) -> Response:
        given = self.read_body(TrainingRunIn)
        curriculum = access_curriculum(self.client, given.pop("curriculum"))
        try:
            run = runs.request(
                curriculum_id=curriculum.pk, school_id=self.client.school_id, requested_by=self.client.name,
                now=timezone.now(), **given,
            )  # fmt: skip
        except runs.AlreadyOpen as error:
            raise Problem(CONFLICT, str(error)) from error
        except runs.CannotRun as error:
            raise Problem(INVALID, str(error)) from error
        headers = {"Location": f"/api/v1/training-runs/{run.pk}"}
        return Response(TrainingRunOut(run).data, status=202, headers=headers)


class OneTrainingRun(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="get_training_run", summary="Read a training run", tags=["Models"], responses=TrainingRunWithLog
    )
    def get(self, request: Request, run: UUID) -> Response:
        return Response(TrainingRunWithLog(runs.access(self.client.school_id, run)).data)


class TrainingRunCancellation(ApiView):
    required_scope: ClassVar = {"POST": "models:admin"}

    @extend_schema(
        operation_id="cancel_training_run",
        summary="Cancel a training run",
        description="At once if nobody works on it, else within seconds. One that has ended stays as it is.",
        tags=["Models"],
        request=None,
        responses={202: TrainingRunOut},
    )
    def post(self, request: Request, run: UUID) -> Response:
        cancelled = runs.cancel(runs.access(self.client.school_id, run), now=timezone.now())
        return Response(TrainingRunOut(cancelled).data, status=202)


urlpatterns = [
    path("training-runs", TrainingRuns.as_view()),
    path("training-runs/<uuid:run>", OneTrainingRun.as_view()),
    path("training-runs/<uuid:run>:cancel", TrainingRunCancellation.as_view()),
]
