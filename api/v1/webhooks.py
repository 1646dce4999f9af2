"""Webhooks of the key's school: who is told of events, and what became of telling them (Standard Webhooks)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import etag
from api.errors import CONFLICT, TRANSLATIONS, Problem, invalid
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.views import ApiView
from tutor.lms.webhooks import addresses, services
from tutor.lms.webhooks.models import Delivery, Endpoint
from tutor.scheduling.event_models import Event

MAX_OVERLAP_HOURS: Final = 24 * 7
#: A ping is sent to whoever asks for one.
LISTENED_TO: Final = [choice for choice in Event.Kind.choices if choice[0] != Event.Kind.PING]

TRANSLATIONS[services.WebhookError] = lambda error: Problem(CONFLICT, str(error))
TRANSLATIONS[addresses.Refused] = lambda error: invalid("/url", "refused_address", str(error))


class WebhookOut(serializers.Serializer[Endpoint]):
    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    events = serializers.ListField(child=serializers.CharField(), source="kinds")
    enabled = serializers.BooleanField()
    disabled_reason = serializers.CharField(allow_blank=True, help_text="Why it was switched off, if not by you")
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when every attempt has failed; null while the last one went well"
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NewWebhookOut(WebhookOut):
    secret = serializers.CharField(help_text="What messages are signed with. It cannot be shown again")


class WebhookPage(serializers.Serializer[Any]):
    data = WebhookOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class WebhookIn(Strict):
    url = serializers.CharField(max_length=addresses.MAX_LENGTH, help_text="A public https address")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=LISTENED_TO), min_length=1, max_length=len(LISTENED_TO), source="kinds"
    )
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False)


class RotateSecretIn(Strict):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP_HOURS,
        default=24,
        help_text="How long messages carry a signature by the old secret too",
    )


class DeliveryOut(serializers.Serializer[Delivery]):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField(help_text="`webhook-id` of the message")
    event = serializers.CharField(source="event.kind")
    data = serializers.JSONField(source="event.payload")  # type: ignore[assignment]
    status = serializers.ChoiceField(Delivery.Status.values)
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    response_status = serializers.IntegerField(allow_null=True, help_text="HTTP status of the last attempt")
    error = serializers.CharField(allow_blank=True, help_text="Why the last attempt failed")
    duration_seconds = serializers.FloatField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class DeliveryPage(serializers.Serializer[Any]):
    data = DeliveryOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class DeliveriesQuery(PageQuery):
    status = serializers.ChoiceField(Delivery.Status.values, required=False, help_text="`dead`: given up")


class Webhooks(ApiView):
    required_scope: ClassVar = {"GET": "webhooks:admin", "POST": "webhooks:admin"}
    queries: ClassVar = {"GET": PageQuery}
    stores_no_answer = True

    @extend_schema(
        operation_id="list_webhooks",
        summary="List webhooks",
        tags=["Webhooks"],
        parameters=[PageQuery],
        responses=WebhookPage,
    )
    def get(self, request: Request) -> Response:
        rows = services.visible(self.client)
        return page_of(rows, request._request, self.parameters, lambda row: WebhookOut(row).data)

    @extend_schema(
        operation_id="create_webhook",
        summary="Register a webhook",
        description="Messages, signatures and retries: docs/webhooks.md.",
        tags=["Webhooks"],
        request=WebhookIn,
        responses={201: NewWebhookOut},
    )
    def post(self, request: Request) -> Response:
        fields = self.read_body(WebhookIn)
        made = services.create(self.client.school_id, **fields, now=timezone.now())
        headers = {"Location": f"/api/v1/webhooks/{made.pk}", "ETag": etag.of_time(made.updated_at)}
        return _told_once(made, 201, headers)


class OneWebhook(ApiView):
    required_scope: ClassVar = {"GET": "webhooks:admin", "PATCH": "webhooks:admin", "DELETE": "webhooks:admin"}
    has_etag = True

    @extend_schema(operation_id="get_webhook", summary="Read a webhook", tags=["Webhooks"], responses=WebhookOut)
    def get(self, request: Request, webhook: UUID) -> Response:
        return self._answer(services.access(self.client, webhook))

    @extend_schema(
        operation_id="change_webhook",
        summary="Change a webhook",
        description="One that was switched off begins anew when `enabled` is set.",
        tags=["Webhooks"],
        request=WebhookIn,
        responses=WebhookOut,
    )
    def patch(self, request: Request, webhook: UUID) -> Response:
        found = services.access(self.client, webhook)
        etag.require_match(request._request, etag.of_time(found.updated_at))
        changes = self.read_body(WebhookIn, instance=found, partial=True)
        return self._answer(services.update(found, changes, now=timezone.now()))

    @extend_schema(
        operation_id="delete_webhook",
        summary="Delete a webhook",
        description="With the record of what was sent there.",
        tags=["Webhooks"],
        responses={204: None},
    )
    def delete(self, request: Request, webhook: UUID) -> Response:
        services.delete(services.access(self.client, webhook))
        return Response(status=204)

    def _answer(self, endpoint: Endpoint) -> Response:
        return etag.answer(self.request._request, etag.of_time(endpoint.updated_at), lambda: WebhookOut(endpoint).data)


class SecretRotation(ApiView):
    required_scope: ClassVar = {"POST": "webhooks:admin"}
    stores_no_answer = True

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Replace the secret by a new one",
        description="Both sign until the overlap ends; a secret that was being replaced before ends now.",
        tags=["Webhooks"],
        request=RotateSecretIn,
        responses={200: NewWebhookOut},
    )
    def post(self, request: Request, webhook: UUID) -> Response:
        found = services.access(self.client, webhook)
        overlap = timedelta(hours=self.read_body(RotateSecretIn)["overlap_hours"])
        return _told_once(services.rotate_secret(found, overlap=overlap, now=timezone.now()), 200, {})


class WebhookTest(ApiView):
    required_scope: ClassVar = {"POST": "webhooks:admin"}

    @extend_schema(
        operation_id="test_webhook",
        summary="Send a ping",
        description="An event `ping`, whatever the webhook listens to; `GET .../deliveries` tells what became of it.",
        tags=["Webhooks"],
        request=None,
        responses={202: DeliveryOut},
    )
    def post(self, request: Request, webhook: UUID) -> Response:
        sent = services.ping(services.access(self.client, webhook), now=timezone.now())
        return Response(DeliveryOut(sent).data, status=202)


class Deliveries(ApiView):
    required_scope: ClassVar = {"GET": "webhooks:admin"}
    queries: ClassVar = {"GET": DeliveriesQuery}

    @extend_schema(
        operation_id="list_deliveries",
        summary="What was sent to a webhook, and what will be",
        description="Of the last 30 days, oldest first.",
        tags=["Webhooks"],
        parameters=[DeliveriesQuery],
        responses=DeliveryPage,
    )
    def get(self, request: Request, webhook: UUID) -> Response:
        rows = services.deliveries(services.access(self.client, webhook), self.parameters.get("status"))
        return page_of(rows, request._request, self.parameters, lambda row: DeliveryOut(row).data)


class Replay(ApiView):
    required_scope: ClassVar = {"POST": "webhooks:admin"}

    @extend_schema(
        operation_id="replay_delivery",
        summary="Send a message again",
        description="Delivered or given up, under the `webhook-id` that it had.",
        tags=["Webhooks"],
        request=None,
        responses={202: DeliveryOut},
    )
    def post(self, request: Request, webhook: UUID, delivery: UUID) -> Response:
        found = services.access_delivery(services.access(self.client, webhook), delivery)
        return Response(DeliveryOut(services.replay(found, now=timezone.now())).data, status=202)


def _told_once(endpoint: Endpoint, status: int, headers: dict[str, str]) -> Response:
    told = {**WebhookOut(endpoint).data, "secret": endpoint.secret}
    return Response(told, status=status, headers={**headers, "Cache-Control": "no-store"})


urlpatterns = [
    path("webhooks", Webhooks.as_view()),
    path("webhooks/<uuid:webhook>", OneWebhook.as_view()),
    path("webhooks/<uuid:webhook>:rotate-secret", SecretRotation.as_view()),
    path("webhooks/<uuid:webhook>:test", WebhookTest.as_view()),
    path("webhooks/<uuid:webhook>/deliveries", Deliveries.as_view()),
    path("webhooks/<uuid:webhook>/deliveries/<uuid:delivery>:replay", Replay.as_view()),
]
