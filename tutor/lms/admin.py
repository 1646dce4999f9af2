"""What operators see of webhooks: never their secrets."""

from __future__ import annotations

from django.contrib import admin

from curricula.admin import ReadOnly
from tutor.lms.models import Delivery, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(ReadOnly):
    list_display = ["url", "school", "enabled", "failing_since", "disabled_reason"]
    list_filter = ["enabled"]
    exclude = ["secret", "old_secret"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["id", "endpoint", "status", "attempts", "response_status", "error", "next_attempt_at"]
    list_filter = ["status"]
    show_full_result_count = False
