"""Classes (groups) of the key's school, and who is in them."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import etag
from api.errors import invalid
from api.pagination import PageQuery, page_of
from api.serializers import RosteredIn, Strict
from api.views import ApiView
from tutor.accounts import queries, services
from tutor.accounts.access import (
    Client,
    NotFound,
    access_curriculum,
    access_group,
    access_learner,
    groups_visible,
    learner_ids,
)
from tutor.accounts.errors import UnknownLearners
from tutor.accounts.models import Group

#: A PUT of members holds them all; the largest classes we plan for are whole year groups.
MAX_MEMBERS = 5_000


class GroupOut(serializers.Serializer[Group]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    external_id = serializers.CharField(allow_blank=True)
    curriculum_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class GroupIn(RosteredIn):
    name = serializers.CharField(max_length=200)
    curriculum_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="What the class works on: a curriculum of the school, or a shared one",
    )


class GroupPage(serializers.Serializer[Any]):
    data = GroupOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class MembersIn(Strict):
    learners = serializers.ListField(
        child=serializers.CharField(max_length=400),
        max_length=MAX_MEMBERS,
        help_text="All learners of the class: ids, or `external:{source}:{id}`",
    )


class MembersOut(serializers.Serializer[Any]):
    learners = serializers.ListField(child=serializers.UUIDField())


class Groups(ApiView):
    required_scope: ClassVar = {"GET": "roster:read", "POST": "roster:write"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_classes",
        summary="List classes",
        tags=["Classes"],
        parameters=[PageQuery],
        responses=GroupPage,
    )
    def get(self, request: Request) -> Response:
        groups = groups_visible(self.client)
        return page_of(groups, request._request, self.parameters, lambda row: GroupOut(row).data)

    @extend_schema(
        operation_id="create_class",
        summary="Create a class",
        tags=["Classes"],
        request=GroupIn,
        responses={201: GroupOut},
    )
    def post(self, request: Request) -> Response:
        fields = self.read_body(GroupIn)
        _require_curriculum(self.client, fields)
        group = services.create_group(self.client.school_id, **fields)
        headers = {"Location": f"/api/v1/classes/{group.pk}", "ETag": etag.of_time(group.updated_at)}
        return Response(GroupOut(group).data, status=201, headers=headers)


class OneGroup(ApiView):
    required_scope: ClassVar = {"GET": "roster:read", "PATCH": "roster:write"}
    has_etag = True

    @extend_schema(operation_id="get_class", summary="Read a class", tags=["Classes"], responses=GroupOut)
    def get(self, request: Request, group: str) -> Response:
        return self._answer(access_group(self.client, group))

    @extend_schema(
        operation_id="change_class", summary="Change a class", tags=["Classes"], request=GroupIn, responses=GroupOut
    )
    def patch(self, request: Request, group: str) -> Response:
        found = access_group(self.client, group)
        etag.require_match(request._request, etag.of_time(found.updated_at))
        changes = self.read_body(GroupIn, instance=found, partial=True)
        _require_curriculum(self.client, changes)
        return self._answer(services.update_group(found, changes, now=timezone.now()))

    def _answer(self, group: Group) -> Response:
        return etag.answer(self.request._request, etag.of_time(group.updated_at), lambda: GroupOut(group).data)


class Members(ApiView):
    required_scope: ClassVar = {"GET": "roster:read", "PUT": "roster:write"}
    has_etag = True

    @extend_schema(operation_id="get_members", summary="Who is in a class", tags=["Classes"], responses=MembersOut)
    def get(self, request: Request, group: str) -> Response:
        return self._answer(access_group(self.client, group))

    @extend_schema(
        operation_id="set_members",
        summary="Say who is in a class",
        tags=["Classes"],
        request=MembersIn,
        responses=MembersOut,
    )
    @transaction.atomic
    def put(self, request: Request, group: str) -> Response:
        found = access_group(self.client, group)
        services.lock_group(found)
        etag.require_match(request._request, _tag(queries.member_ids(found.pk)))
        services.set_members(found, _ids(self.client, self.read_body(MembersIn)["learners"]))
        return self._answer(found)

    def _answer(self, group: Group) -> Response:
        members = queries.member_ids(group.pk)
        return etag.answer(self.request._request, _tag(members), lambda: MembersOut({"learners": members}).data)


class OneMember(ApiView):
    required_scope: ClassVar = {"POST": "roster:write", "DELETE": "roster:write"}

    @extend_schema(
        operation_id="add_member",
        summary="Put a learner into a class",
        description="Again is no error.",
        tags=["Classes"],
        request=None,
        responses={204: None},
    )
    def post(self, request: Request, group: str, learner: str) -> Response:
        services.add_member(access_group(self.client, group), access_learner(self.client, learner).pk)
        return Response(status=204)

    @extend_schema(
        operation_id="remove_member",
        summary="Take a learner out of a class",
        description="Again is no error. The learner's answers stay.",
        tags=["Classes"],
        responses={204: None},
    )
    def delete(self, request: Request, group: str, learner: str) -> Response:
        services.remove_member(access_group(self.client, group), access_learner(self.client, learner).pk)
        return Response(status=204)


def _require_curriculum(client: Client, fields: dict[str, Any]) -> None:
    if fields.get("curriculum_id") is not None:
        try:
            access_curriculum(client, fields["curriculum_id"])
        except NotFound as error:
            raise invalid("/curriculum_id", "unknown_curriculum", str(error)) from error


def _ids(client: Client, refs: list[str]) -> set[UUID]:
    found = learner_ids(client, set(refs))
    unknown = [ref for ref in refs if ref not in found]
    if unknown:
        raise UnknownLearners(unknown)
    return set(found.values())


def _tag(members: list[UUID]) -> str:
    return etag.of_bytes(b"".join(member.bytes for member in members))


urlpatterns = [
    path("classes", Groups.as_view()),
    path("classes/<str:group>", OneGroup.as_view()),
    path("classes/<str:group>/members", Members.as_view()),
    path("classes/<str:group>/members/<str:learner>", OneMember.as_view()),
]
