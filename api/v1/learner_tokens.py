"""Tokens for single learners. A token is told once, when it is made; kept is only its digest."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import path, reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import auth
from api.errors import MISSING_SCOPE, TRANSLATIONS, Problem, invalid
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.views import ApiView
from tutor.accounts import learner_tokens
from tutor.accounts.access import Client, access_learner, access_learner_token
from tutor.accounts.errors import BadExpiry
from tutor.accounts.learner_tokens import DEFAULT_DAYS, MOST_DAYS, SCOPES, USED_MINUTES, NewToken
from tutor.accounts.models import LearnerToken

TRANSLATIONS[BadExpiry] = lambda error: invalid("/expires_at", error.code, str(error))


class TokenOut(serializers.Serializer[LearnerToken]):
    id = serializers.UUIDField()
    learner = serializers.UUIDField(source="learner_id")
    name = serializers.CharField(allow_blank=True)
    prefix = serializers.CharField(help_text="How the token begins, to tell tokens apart")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text=f"To {USED_MINUTES} minutes")


class NewTokenOut(TokenOut):
    token = serializers.CharField(help_text="The token itself. It cannot be shown again")
    page = serializers.URLField(help_text="Opens the learner's own page in a browser; as secret as the token")


class TokenPage(serializers.Serializer[Any]):
    data = TokenOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class TokenIn(Strict):
    learner = serializers.CharField(max_length=400, help_text="Its id, or `external:{source}:{id}`")
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="What the token is for")
    expires_at = serializers.DateTimeField(
        required=False, help_text=f"In {DEFAULT_DAYS} days if absent, in {MOST_DAYS} at most"
    )


class TokenQuery(PageQuery):
    learner = serializers.CharField(max_length=400, help_text="Whose tokens: an id, or `external:{source}:{id}`")


class LearnerTokens(ApiView):
    required_scope: ClassVar = {"GET": "tokens:write", "POST": "tokens:write"}
    queries: ClassVar = {"GET": TokenQuery}
    refusals: ClassVar = {"GET": (404,), "POST": (404,)}
    stores_no_answer = True

    @extend_schema(
        operation_id="list_learner_tokens",
        summary="List a learner's tokens",
        description="Those that have ended too.",
        tags=["Keys"],
        parameters=[TokenQuery],
        responses=TokenPage,
    )
    def get(self, request: Request) -> Response:
        rows = learner_tokens.of_learner(access_learner(self.client, self.parameters["learner"]))
        return page_of(rows, request._request, self.parameters, lambda row: TokenOut(row).data)

    @extend_schema(
        operation_id="create_learner_token",
        summary="Make a token for one learner",
        description="Whoever holds it reads that learner's mastery, forecast, agenda and answers, and nothing else; "
        "the key that asks must itself have mastery:read and recommend:read.",
        tags=["Keys"],
        request=TokenIn,
        responses={201: NewTokenOut},
    )
    def post(self, request: Request) -> Response:
        _require_no_more(self.client)
        fields = self.read_body(TokenIn)
        learner = access_learner(self.client, fields.pop("learner"))
        fresh = learner_tokens.create(self.client, learner, **fields, now=timezone.now())
        return _told_once(fresh, request._request)


class OneLearnerToken(ApiView):
    required_scope: ClassVar = {"GET": "tokens:write", "DELETE": "tokens:write"}

    @extend_schema(operation_id="get_learner_token", summary="Read a token's record", tags=["Keys"], responses=TokenOut)
    def get(self, request: Request, token: UUID) -> Response:
        return Response(TokenOut(access_learner_token(self.client, token)).data)

    @extend_schema(
        operation_id="revoke_learner_token",
        summary="Revoke a learner's token",
        description="Every web process refuses it after 30 seconds at most. Again is no error.",
        tags=["Keys"],
        responses={204: None},
    )
    def delete(self, request: Request, token: UUID) -> Response:
        learner_tokens.revoke(access_learner_token(self.client, token), now=timezone.now())
        auth.forget(token)
        return Response(status=204)


def _require_no_more(client: Client) -> None:
    """Else a key that may only make tokens could read every learner by them."""
    if beyond := sorted(SCOPES - client.scopes):
        detail = f"key {client.name!r} lacks {', '.join(beyond)}, so it cannot make tokens that read as much"
        raise Problem(MISSING_SCOPE, detail)


def _told_once(fresh: NewToken, request: HttpRequest) -> Response:
    page = request.build_absolute_uri(f"{reverse('dashboard:own_enter')}?{urlencode({'token': fresh.token})}")
    told = {**TokenOut(fresh.row).data, "token": fresh.token, "page": page}
    headers = {"Location": f"/api/v1/learner-tokens/{fresh.row.pk}", "Cache-Control": "no-store"}
    return Response(told, status=201, headers=headers)


urlpatterns = [
    path("learner-tokens", LearnerTokens.as_view()),
    path("learner-tokens/<uuid:token>", OneLearnerToken.as_view()),
]
