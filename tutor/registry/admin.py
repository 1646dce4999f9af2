"""What operators see of the registry. Promotion and roll-back are services, not edits."""

from __future__ import annotations

from django.contrib import admin

from curricula.admin import ReadOnly
from tutor.registry.models import Deployment, ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["id", "kind", "state", "is_baseline", "curriculum_version", "created_at"]
    list_filter = ["kind", "state", "is_baseline"]
    exclude = ["prior_recall"]


@admin.register(Deployment)
class DeploymentAdmin(ReadOnly):
    list_display = ["curriculum", "school", "champion", "previous", "updated_at"]
