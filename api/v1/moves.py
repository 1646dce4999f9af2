"""Who moved what serves a school, when and why."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import PageQuery, page_of
from api.views import ApiView
from tutor.accounts.access import access_curriculum
from tutor.registry import moves
from tutor.registry.models import Move


class MoveOut(serializers.Serializer[Move]):
    id = serializers.UUIDField()
    how = serializers.ChoiceField(
        Move.How.values,
        help_text="stood_in: the champion could not be loaded, and another has served in its place since",
    )
    school = serializers.UUIDField(
        source="deployment.school_id", allow_null=True, help_text="Null: the deployment of all schools was moved"
    )
    from_version = serializers.UUIDField(allow_null=True, help_text="Whose place was taken; null for nobody's")
    from_kind = serializers.CharField(allow_blank=True)
    to_version = serializers.UUIDField(allow_null=True, help_text="Who took it; null for nobody")
    to_kind = serializers.CharField(allow_blank=True)
    by = serializers.SerializerMethodField(help_text="A person, an API key or a command; empty: by itself")
    forced = serializers.BooleanField(help_text="Without asking whether its states were level")
    reason = serializers.CharField(allow_blank=True, help_text="Why, if it came about by itself")
    at = serializers.DateTimeField()

    def get_by(self, move: Move) -> str:
        return moves.by_whom(move, self.context["school"])


class MovePage(serializers.Serializer[Any]):
    data = MoveOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class Moves(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_deployment_moves",
        summary="List who promoted, rolled back, tried or withdrew which model, and when",
        description="Oldest first: of the school's own deployment, and of that of all schools.",
        tags=["Models"],
        parameters=[PageQuery],
        responses=MovePage,
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        found = access_curriculum(self.client, curriculum)
        told = {"school": self.client.school_id}
        rows = moves.visible(found.pk, self.client.school_id)
        return page_of(rows, request._request, self.parameters, lambda move: MoveOut(move, context=told).data)


urlpatterns = [path("curricula/<uuid:curriculum>/deployment/moves", Moves.as_view())]
