"""Recommendations that were made, and what became of them."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CONFLICT, Problem
from api.serializers import Strict
from api.views import ApiView
from tutor.scheduling import decisions
from tutor.scheduling.models import Decision


class DecisionOut(serializers.Serializer[Decision]):
    id = serializers.UUIDField()
    learner_id = serializers.UUIDField()
    curriculum_id = serializers.UUIDField()
    curriculum_version_id = serializers.UUIDField()
    model_version_id = serializers.UUIDField()
    policy = serializers.CharField()
    policy_version = serializers.IntegerField()
    seed = serializers.IntegerField()
    as_of = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField()
    served_at = serializers.DateTimeField()
    slot = serializers.IntegerField(help_text="Place in the plan, from 0")
    concept = serializers.IntegerField(help_text="Position in the curriculum, as in `candidates`")
    item = serializers.IntegerField(help_text="Position in the curriculum, as in `candidates`")
    kind = serializers.CharField()
    due_at = serializers.DateTimeField()
    score = serializers.FloatField()
    propensity = serializers.FloatField()
    reasons = serializers.ListField(help_text="[code, figure] pairs")
    candidates = serializers.ListField(help_text="[concept, item, score, probability] of all that could be chosen")
    narrowing = serializers.DictField(
        help_text="What was asked for, what was agreed, and how many concepts were barred by what"
    )
    outcome = serializers.ChoiceField(Decision.Outcome.values)
    outcome_at = serializers.DateTimeField(allow_null=True)
    correct = serializers.FloatField(allow_null=True)


class OutcomeIn(Strict):
    outcome = serializers.ChoiceField(["shown", "started", "skipped"])


class OneRecommendation(ApiView):
    required_scope: ClassVar = {"GET": "recommend:read"}

    @extend_schema(
        operation_id="get_recommendation",
        summary="Read a recommendation as it was logged",
        tags=["Recommendations"],
        responses=DecisionOut,
    )
    def get(self, request: Request, recommendation: UUID) -> Response:
        return Response(DecisionOut(decisions.access(self.client, recommendation)).data)


class Outcome(ApiView):
    required_scope: ClassVar = {"POST": "recommend:read"}

    @extend_schema(
        operation_id="report_outcome",
        summary="Say what became of a recommendation",
        tags=["Recommendations"],
        request=OutcomeIn,
        responses=DecisionOut,
    )
    def post(self, request: Request, recommendation: UUID) -> Response:
        """An answer needs no report: it says itself which recommendation it follows. Saying the same again is fine."""
        found = decisions.access(self.client, recommendation)
        outcome = Decision.Outcome(self.read_body(OutcomeIn)["outcome"])
        try:
            return Response(DecisionOut(decisions.report(found, outcome, now=timezone.now())).data)
        except decisions.Settled as error:
            raise Problem(CONFLICT, str(error)) from error


urlpatterns: list[Any] = [
    path("recommendations/<uuid:recommendation>", OneRecommendation.as_view()),
    path("recommendations/<uuid:recommendation>:outcome", Outcome.as_view()),
]
