"""Learners of the key's school."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import etag
from api.errors import bad_parameter
from api.pagination import PageQuery, page_of
from api.serializers import RosteredIn, Timezone
from api.views import ApiView
from tutor.accounts import services
from tutor.accounts.access import External, access_group, access_learner, learners_visible, parse_ref
from tutor.accounts.models import Learner
from tutor.accounts.queries import by_external_id

LAST_HOUR = 23


class LearnerOut(serializers.Serializer[Learner]):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    external_id = serializers.CharField(allow_blank=True)
    timezone = serializers.CharField(allow_blank=True, help_text="Empty: the school's")
    day_cutoff_hour = serializers.IntegerField(min_value=0, max_value=LAST_HOUR)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class LearnerIn(RosteredIn):
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    timezone = Timezone(required=False, allow_blank=True)
    day_cutoff_hour = serializers.IntegerField(
        min_value=0, max_value=LAST_HOUR, required=False, help_text="The local hour at which the learner's day begins"
    )


class LearnerPage(serializers.Serializer[Any]):
    data = LearnerOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class LearnerQuery(PageQuery):
    group = serializers.CharField(
        required=False, max_length=400, help_text="Only learners of this class: its id, or `external:{source}:{id}`"
    )
    external = serializers.CharField(
        required=False, max_length=400, help_text="Only the learner of this external id: `{source}:{id}`"
    )


class Learners(ApiView):
    required_scope: ClassVar = {"GET": "roster:read", "POST": "roster:write"}
    queries: ClassVar = {"GET": LearnerQuery}
    refusals: ClassVar = {"GET": (404,)}

    @extend_schema(
        operation_id="list_learners",
        summary="List learners",
        tags=["Learners"],
        parameters=[LearnerQuery],
        responses=LearnerPage,
    )
    def get(self, request: Request) -> Response:
        return page_of(self._filtered(), request._request, self.parameters, lambda row: LearnerOut(row).data)

    @extend_schema(
        operation_id="create_learner",
        summary="Create a learner",
        tags=["Learners"],
        request=LearnerIn,
        responses={201: LearnerOut},
    )
    def post(self, request: Request) -> Response:
        learner = services.create_learner(self.client.school_id, **self.read_body(LearnerIn))
        headers = {"Location": f"/api/v1/learners/{learner.pk}", "ETag": etag.of_time(learner.updated_at)}
        return Response(LearnerOut(learner).data, status=201, headers=headers)

    def _filtered(self) -> QuerySet[Learner]:
        learners = learners_visible(self.client)
        if "group" in self.parameters:
            learners = learners.filter(memberships__group=access_group(self.client, self.parameters["group"]))
        if "external" in self.parameters:
            learners = by_external_id(learners, _external(self.parameters["external"]))
        return learners


class OneLearner(ApiView):
    required_scope: ClassVar = {"GET": "roster:read", "PATCH": "roster:write"}
    has_etag = True

    @extend_schema(operation_id="get_learner", summary="Read a learner", tags=["Learners"], responses=LearnerOut)
    def get(self, request: Request, learner: str) -> Response:
        return self._answer(access_learner(self.client, learner))

    @extend_schema(
        operation_id="change_learner",
        summary="Change a learner",
        tags=["Learners"],
        request=LearnerIn,
        responses=LearnerOut,
    )
    def patch(self, request: Request, learner: str) -> Response:
        found = access_learner(self.client, learner)
        etag.require_match(request._request, etag.of_time(found.updated_at))
        changes = self.read_body(LearnerIn, instance=found, partial=True)
        return self._answer(services.update_learner(found, changes, now=timezone.now()))

    def _answer(self, learner: Learner) -> Response:
        return etag.answer(self.request._request, etag.of_time(learner.updated_at), lambda: LearnerOut(learner).data)


def _external(text: str) -> External:
    name = parse_ref(f"external:{text}")
    if name is None or isinstance(name, UUID):
        raise bad_parameter("external", "bad_reference", f"{text!r} does not read '{{source}}:{{id}}'")
    return name


urlpatterns = [path("learners", Learners.as_view()), path("learners/<str:learner>", OneLearner.as_view())]
