"""Rehearsals: a policy tried on simulated learners of the school's own curriculum, before a trial."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CONFLICT, Problem, invalid
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.v1.policies import id_of
from api.views import ApiView
from tutor.accounts.access import access_curriculum
from tutor.scheduling import configs, jobs, rehearsals
from tutor.scheduling.models import Rehearsal


class RehearsalIn(Strict):
    curriculum = serializers.UUIDField()
    against = serializers.CharField(max_length=40, help_text="Id of the policy that it would stand beside")
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class RehearsalOut(serializers.Serializer[Rehearsal]):
    id = serializers.UUIDField()
    policy = serializers.SerializerMethodField(help_text="Its id")
    against = serializers.SerializerMethodField(help_text="Id of the other one")
    curriculum = serializers.UUIDField(source="curriculum_id")
    seed = serializers.IntegerField()
    status = serializers.ChoiceField(Rehearsal.Status.values)
    done = serializers.IntegerField(help_text="Worlds begun")
    total = serializers.IntegerField(allow_null=True, help_text="Of how many")
    report = serializers.DictField(
        allow_null=True,
        help_text=(
            "`passed`: not shown to teach less, with the `reason`; `worlds`: by name, knowledge averaged over all days "
            "(`mean`) and at the end (`exam`) as a share by which it is more than with the other policy, and that of "
            "`new` and `approved`, each with a 95 % interval; `model`: whose beliefs; how many `answers`, `concepts`, "
            "`learners` and `days`"
        ),
    )
    message = serializers.CharField(allow_blank=True, help_text="Why it failed, if so")
    requested_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_policy(self, job: Rehearsal) -> str:
        return id_of(job.policy, job.config)

    def get_against(self, job: Rehearsal) -> str:
        return id_of(job.against, job.against_config)


class RehearsalPage(serializers.Serializer[Any]):
    data = RehearsalOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class PolicyRehearsal(ApiView):
    required_scope: ClassVar = {"POST": "models:admin"}
    refusals: ClassVar = {"POST": (409,)}

    @extend_schema(
        operation_id="rehearse_policy",
        summary="Try a policy on simulated learners",
        description=(
            "A worker plays it and another one on the curriculum's concepts, as hard as the school's answers tell, "
            "with the beliefs of the model that serves. A trial on real learners asks for one that has passed."
        ),
        tags=["Policies"],
        request=RehearsalIn,
        responses={202: RehearsalOut},
    )
    def post(self, request: Request, policy: str) -> Response:
        school = self.client.school_id
        side, given = configs.named(school, policy), self.read_body(RehearsalIn)
        curriculum = access_curriculum(self.client, given["curriculum"])
        try:
            job = rehearsals.question(
                school, curriculum.pk, side, configs.named(school, given["against"]), seed=given["seed"],
                requested_by=self.client.name, now=timezone.now(),
            )  # fmt: skip
            jobs.request(job)
        except jobs.TooMany as error:
            raise Problem(CONFLICT, str(error)) from error
        except rehearsals.CannotRehearse as error:
            raise invalid("/against", "invalid_value", str(error)) from error
        headers = {"Location": f"/api/v1/rehearsals/{job.pk}"}
        return Response(RehearsalOut(job).data, status=202, headers=headers)


class Rehearsals(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_rehearsals",
        summary="List rehearsals of policies",
        tags=["Policies"],
        parameters=[PageQuery],
        responses=RehearsalPage,
    )
    def get(self, request: Request) -> Response:
        rows = rehearsals.visible(self.client.school_id)
        return page_of(rows, request._request, self.parameters, lambda job: RehearsalOut(job).data)


class OneRehearsal(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="get_rehearsal",
        summary="Read a rehearsal: how far it is, and what became of both policies",
        tags=["Policies"],
        responses=RehearsalOut,
    )
    def get(self, request: Request, rehearsal: UUID) -> Response:
        return Response(RehearsalOut(rehearsals.access(self.client.school_id, rehearsal)).data)


urlpatterns = [
    path("policies/<str:policy>:rehearse", PolicyRehearsal.as_view()),
    path("rehearsals", Rehearsals.as_view()),
    path("rehearsals/<uuid:rehearsal>", OneRehearsal.as_view()),
]
