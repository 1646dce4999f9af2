"""What operators see of choices and imports."""

from __future__ import annotations

from django.contrib import admin

from curricula.admin import ReadOnly
from tutor.scheduling.models import Decision, ImportJob


@admin.register(Decision)
class DecisionAdmin(ReadOnly):
    list_display = ["id", "learner_id", "served_at", "kind", "outcome", "propensity", "policy"]
    list_filter = ["kind", "outcome", "policy"]
    show_full_result_count = False


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnly):
    list_display = ["id", "school_id", "status", "accepted", "duplicate", "rejected", "created_at", "finished_at"]
    list_filter = ["status"]
