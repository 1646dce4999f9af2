"""API keys of the key's school. A key is told once, when it is made; kept is only its digest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import auth
from api.errors import MISSING_SCOPE, Problem
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.views import ApiView
from tutor.accounts import services
from tutor.accounts.access import Client, access_api_client
from tutor.accounts.models import ApiClient
from tutor.accounts.queries import api_clients

MAX_OVERLAP_HOURS = 24 * 30


class KeyOut(serializers.Serializer[ApiClient]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How the key begins, to tell keys apart")
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewKeyOut(KeyOut):
    key = serializers.CharField(help_text="The key itself. It cannot be shown again")


class KeyPage(serializers.Serializer[Any]):
    data = KeyOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class KeyIn(Strict):
    name = serializers.CharField(max_length=200, help_text="What uses the key")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=ApiClient.Scope.choices),
        min_length=1,
        max_length=len(ApiClient.Scope),
        help_text="No more than the key has that asks",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("is in the past: the key would never work")
        return value


class RotateIn(Strict):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP_HOURS,
        default=24,
        help_text="How long the old key works beside the new one",
    )


class Keys(ApiView):
    required_scope: ClassVar = {"GET": "keys:admin", "POST": "keys:admin"}
    queries: ClassVar = {"GET": PageQuery}
    stores_no_answer = True

    @extend_schema(
        operation_id="list_keys", summary="List keys", tags=["Keys"], parameters=[PageQuery], responses=KeyPage
    )
    def get(self, request: Request) -> Response:
        rows = api_clients(self.client.school_id)
        return page_of(rows, request._request, self.parameters, lambda row: KeyOut(row).data)

    @extend_schema(
        operation_id="create_key", summary="Create a key", tags=["Keys"], request=KeyIn, responses={201: NewKeyOut}
    )
    def post(self, request: Request) -> Response:
        fields = self.read_body(KeyIn)
        _require_no_more(self.client, fields["scopes"])
        return _told_once(services.create_key(self.client.school_id, **fields))


class OneKey(ApiView):
    required_scope: ClassVar = {"GET": "keys:admin", "DELETE": "keys:admin"}

    @extend_schema(operation_id="get_key", summary="Read a key's record", tags=["Keys"], responses=KeyOut)
    def get(self, request: Request, key: UUID) -> Response:
        return Response(KeyOut(access_api_client(self.client, key)).data)

    @extend_schema(
        operation_id="revoke_key",
        summary="Revoke a key",
        description="Every web process refuses it after 30 seconds at most. Again is no error.",
        tags=["Keys"],
        responses={204: None},
    )
    def delete(self, request: Request, key: UUID) -> Response:
        services.revoke_key(access_api_client(self.client, key), now=timezone.now())
        auth.forget(key)
        return Response(status=204)


class KeyRotation(ApiView):
    required_scope: ClassVar = {"POST": "keys:admin"}
    stores_no_answer = True

    @extend_schema(
        operation_id="rotate_key",
        summary="Replace a key by a new one",
        description="The new key has the same name and scopes.",
        tags=["Keys"],
        request=RotateIn,
        responses={201: NewKeyOut},
    )
    def post(self, request: Request, key: UUID) -> Response:
        old = access_api_client(self.client, key)
        _require_no_more(self.client, old.scopes)
        overlap = timedelta(hours=self.read_body(RotateIn)["overlap_hours"])
        fresh = services.rotate_key(old, overlap=overlap, now=timezone.now())
        auth.forget(key)
        return _told_once(fresh)


def _require_no_more(client: Client, scopes: list[str]) -> None:
    """Else a key with keys:admin alone could give itself everything."""
    beyond = sorted(set(scopes) - client.scopes)
    if beyond:
        detail = f"key {client.name!r} lacks {', '.join(beyond)}, so it cannot give them to another key"
        raise Problem(MISSING_SCOPE, detail)


def _told_once(fresh: services.NewKey) -> Response:
    told = {**KeyOut(fresh.client).data, "key": fresh.key}
    headers = {"Location": f"/api/v1/api-keys/{fresh.client.pk}", "Cache-Control": "no-store"}
    return Response(told, status=201, headers=headers)


urlpatterns = [
    path("api-keys", Keys.as_view()),
    path("api-keys/<uuid:key>", OneKey.as_view()),
    path("api-keys/<uuid:key>:rotate", KeyRotation.as_view()),
]
