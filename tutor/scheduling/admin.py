"""What operators see of choices, of what is agreed, and of imports."""

from __future__ import annotations

from django.contrib import admin

from curricula.admin import ReadOnly
from tutor.scheduling.models import Decision, GroupSettings, ImportJob, LearnerSettings, Override


@admin.register(Decision)
class DecisionAdmin(ReadOnly):
    list_display = ["id", "learner_id", "served_at", "kind", "outcome", "propensity", "policy"]
    list_filter = ["kind", "outcome", "policy"]
    show_full_result_count = False


@admin.register(GroupSettings)
class GroupSettingsAdmin(ReadOnly):
    list_display = ["group_id", "policy", "updated_at"]
    list_filter = ["policy"]


@admin.register(LearnerSettings)
class LearnerSettingsAdmin(ReadOnly):
    list_display = ["learner_id", "explores", "minutes_a_day", "spread_reviews", "quiet_weekdays", "updated_at"]
    list_filter = ["explores"]


@admin.register(Override)
class OverrideAdmin(ReadOnly):
    list_display = ["id", "school_id", "kind", "concept", "made_at", "expires_at", "ended_at", "end"]
    list_filter = ["kind", "end"]
    show_full_result_count = False


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnly):
    list_display = ["id", "school_id", "status", "accepted", "duplicate", "rejected", "created_at", "finished_at"]
    list_filter = ["status"]
