"""Every address that `api.middleware` answers."""

from django.urls import URLPattern, URLResolver, include, path

from api import health, metrics, openapi
from api.v1 import (
    agenda,
    alerts,
    class_ahead,
    contents,
    curricula,
    curriculum_files,
    graph,
    group_settings,
    groups,
    imports,
    interactions,
    keys,
    learner_tokens,
    learners,
    me,
    models,
    moves,
    overrides,
    policies,
    policy_trials,
    recommendations,
    rehearsals,
    states,
    training_runs,
    webhooks,
    workers,
)
from api.v1 import next as next_material

V1: list[URLPattern | URLResolver] = [
    *me.urlpatterns,
    *keys.urlpatterns,
    *learner_tokens.urlpatterns,
    *learners.urlpatterns,
    *groups.urlpatterns,
    *group_settings.urlpatterns,
    *curriculum_files.urlpatterns,
    *curricula.urlpatterns,
    *contents.urlpatterns,
    *graph.urlpatterns,
    *interactions.urlpatterns,
    *imports.urlpatterns,
    *next_material.urlpatterns,
    *recommendations.urlpatterns,
    *overrides.urlpatterns,
    *states.urlpatterns,
    *agenda.urlpatterns,
    *class_ahead.urlpatterns,
    *alerts.urlpatterns,
    *models.urlpatterns,
    *moves.urlpatterns,
    *training_runs.urlpatterns,
    *webhooks.urlpatterns,
    *rehearsals.urlpatterns,
    *policies.urlpatterns,
    *policy_trials.urlpatterns,
    *workers.urlpatterns,
    path("schema", openapi.schema),
    path("docs", openapi.Docs.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(V1)),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
