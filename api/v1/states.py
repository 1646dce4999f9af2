"""What is believed of a learner: now, at a later time, and what falls due when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import bad_parameter
from api.serializers import Query
from api.views import ApiView
from curricula.snapshot import Snapshot
from tutor.accounts.access import access_learner
from tutor.accounts.models import Learner
from tutor.scheduling import contents, rules
from tutor.scheduling.plans import moment
from tutor.tracing.beliefs import Belief, belief
from tutor.tracing.estimates import Estimate, Outlook, estimates, weak_prerequisites
from tutor.tracing.status import Criteria, Status


class ModelRef(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.UUIDField()


class ConceptRefOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField()


class EstimateOut(serializers.Serializer[Any]):
    value = serializers.FloatField(help_text="Chance of a right answer to an item of average difficulty")
    low = serializers.FloatField(help_text="Lower end of the 90 % interval")
    high = serializers.FloatField(help_text="Upper end of the 90 % interval")
    n = serializers.IntegerField(help_text="Answers that the learner gave on the concept")
    status = serializers.ChoiceField([status.value for status in Status])
    model = ModelRef()
    as_of = serializers.DateTimeField(allow_null=True, help_text="Time of the last answer known to the model")


class ExplanationOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    recent = serializers.ListField(child=serializers.BooleanField(), help_text="The last eight outcomes, newest last")
    weak_prerequisites = ConceptRefOut(many=True, help_text="What keeps the concept locked")
    criteria = serializers.DictField(child=serializers.FloatField(), help_text="The thresholds behind the status")


class MasteryOut(serializers.Serializer[Any]):
    concept = ConceptRefOut()
    estimate = EstimateOut()
    last_answer_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="When the mastered concept falls due for review")
    explanation = ExplanationOut(required=False, help_text="With explain=true")


class MasteryList(serializers.Serializer[Any]):
    data = MasteryOut(many=True)  # type: ignore[assignment]
    at = serializers.DateTimeField()
    degraded = serializers.BooleanField(help_text="The best model cannot be loaded, and another stands in")


class _OnCurriculum(Query):
    curriculum = serializers.CharField(
        required=False, max_length=120, help_text="Key or id; may be left out by schools that have one"
    )


class _OnConcepts(_OnCurriculum):
    concepts = serializers.CharField(
        required=False, max_length=20_000, help_text="Keys of the concepts to tell, separated by commas; all if absent"
    )


class MasteryQuery(_OnConcepts):
    at = serializers.DateTimeField(required=False, help_text="A time from the last answer on; now if absent")
    explain = serializers.BooleanField(required=False, default=False)
    status = serializers.ChoiceField([status.value for status in Status], required=False)


class _View(ApiView):
    """Reads one learner's belief; no worker is needed."""

    required_scope: ClassVar = {"GET": "mastery:read"}
    bucket = "reports"
    for_learners = True

    def read(self, ref: str, now: datetime) -> tuple[Learner, Belief, Snapshot]:
        learner = access_learner(self.client, ref)
        curriculum_id = contents.resolve(self.client.school_id, self.parameters.get("curriculum"))
        found = belief(self.client.school_id, learner.pk, curriculum_id, now.timestamp())
        return learner, found, contents.gated(self.client.school_id, curriculum_id, found.version_id)

    def wanted(self, content: Snapshot) -> frozenset[int] | None:
        """Positions of the concepts asked for, None for all."""
        text = self.parameters.get("concepts")
        if text is None:
            return None
        for key in text.split(","):
            if key not in content.concept_position:
                raise bad_parameter("concepts", "unknown_concept", f"{key!r} is no concept of {content.title!r}")
        return frozenset(content.concept_position[key] for key in text.split(","))


class Mastery(_View):
    queries: ClassVar = {"GET": MasteryQuery}

    @extend_schema(
        operation_id="get_mastery",
        summary="What a learner knows, by concept",
        tags=["Learner states"],
        parameters=[MasteryQuery],
        responses=MasteryList,
    )
    def get(self, request: Request, learner: str) -> Response:
        now = timezone.now()
        _, found, content = self.read(learner, now)
        at = _at(self.parameters.get("at", now), found)
        wanted, status = self.wanted(content), self.parameters.get("status")
        person = found.learner_id
        criteria = rules.criteria(found.school_id, content.curriculum_id, [person], now)[person]
        rows = [
            self._row(found, content, e, at, criteria)
            for e in estimates(found, content, at.timestamp(), criteria)
            if (wanted is None or e.concept in wanted) and (status is None or e.status == status)
        ]
        return Response({"data": rows, "at": at, "degraded": found.degraded})

    def _row(self, found: Belief, content: Snapshot, e: Estimate, at: datetime, criteria: Criteria) -> dict[str, Any]:
        row = {
            "concept": _concept(content, e.concept),
            "estimate": _estimate(found, e),
            "last_answer_at": moment(e.last_at),
            "due_at": moment(e.due_at),
        }
        if self.parameters["explain"]:
            row["explanation"] = _explanation(found, content, e, at, criteria)
        return row


def _at(asked: datetime, found: Belief) -> datetime:
    known_from = moment(found.as_of)
    if known_from and asked < known_from:
        raise bad_parameter(
            "at", "before_last_answer", f"{asked.isoformat()} is before the last answer: ask from {known_from} on"
        )
    return asked.astimezone(UTC)


def _concept(content: Snapshot, position: int) -> dict[str, UUID | str]:
    keys, titles = content.concept_keys, content.concept_titles
    return {"id": content.concept_ids[position], "key": keys[position], "title": titles[position]}


def _estimate(found: Belief, e: Estimate, recall: Estimate | Outlook | None = None) -> dict[str, Any]:
    shown = recall or e
    return {
        "value": round(shown.value, 4),
        "low": round(shown.low, 4),
        "high": round(shown.high, 4),
        "n": e.n,
        "status": e.status.value,
        "model": {"name": found.model, "version": found.version_id},
        "as_of": moment(found.as_of),
    }


def _explanation(found: Belief, content: Snapshot, e: Estimate, at: datetime, criteria: Criteria) -> dict[str, Any]:
    locked = e.status is Status.LOCKED
    weak = weak_prerequisites(found, content, e.concept, at.timestamp(), criteria) if locked else []
    text = _SAID if e.concept in criteria.known else _TEXTS[e.status]
    return {
        "text": text.format(n=e.n, value=e.value, review_at=e.review_at, c=criteria),
        "recent": list(e.recent),
        "weak_prerequisites": [_concept(content, c) for c in weak],
        "criteria": criteria.thresholds,
    }


_SAID = "Mastered, a teacher says: by answers alone, a right answer is {value:.0%} likely."
_TEXTS = {
    Status.NOT_ENOUGH_DATA: "{n} answers, fewer than {c.enough}: too few to say.",
    Status.LEARNING: "Begun, and not mastered: a right answer is {value:.0%} likely, mastery is gained at "
    "{c.mastered_at:.0%} after {c.mastered_after} answers.",
    Status.STRUGGLING: "At most a third of the recent answers were right: a right answer is {value:.0%} likely.",
    Status.MASTERED: "Mastered: recall reached {c.mastered_at:.0%} and is {value:.0%} now.",
    Status.DUE_FOR_REVIEW: "Mastered, and faded to {value:.0%}, below {review_at:.0%}: time to review.",
    Status.LOCKED: "Not begun, and a prerequisite is not likely mastered yet.",
}


urlpatterns = [path("learners/<str:learner>/mastery", Mastery.as_view())]
