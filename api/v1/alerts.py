"""Who of a class needs help with what, as the dashboard tells it; and whether that was useful."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import PageQuery, slice_of
from api.serializers import Strict
from api.v1.states import ConceptRefOut
from api.views import ApiView
from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound, access_group, access_learner
from tutor.accounts.models import Group
from tutor.scheduling import alert_marks, alerting, contents
from tutor.scheduling.alert_marks import LONGEST_NOTE
from tutor.scheduling.alerting import Judged, Name, Observed, Seen
from tutor.scheduling.alerts import Absence, Evidence, Kind, Practice, Trend
from tutor.scheduling.models import AlertMark
from tutor.scheduling.plans import moment

STATES = ("open", "aside", "all")
_KINDS = (
    "`spinning`: practised over and over without getting anywhere; `struggling`: the status of that name; "
    "`falling_behind`: the share of right answers has surely fallen; `gone_quiet`: no answer for some days"
)


class AlertEvidenceOut(serializers.Serializer[Any]):
    """The figures of its kind; others are null."""

    answers = serializers.IntegerField(allow_null=True, help_text="To the concept, or in the last two weeks")
    right = serializers.IntegerField(allow_null=True, help_text="Of the last `of` answers")
    of = serializers.IntegerField(allow_null=True)
    recall = serializers.FloatField(allow_null=True)
    answers_before = serializers.IntegerField(allow_null=True, help_text="In the two weeks before")
    right_before = serializers.IntegerField(allow_null=True)
    change = serializers.FloatField(allow_null=True, help_text="Of the share of right answers")
    low = serializers.FloatField(allow_null=True, help_text="Of recall or of the change: its 90 % range")
    high = serializers.FloatField(allow_null=True)
    last_answer_at = serializers.DateTimeField(allow_null=True, help_text="To the concept, or at all")


class AlertMarkOut(serializers.Serializer[Any]):
    useful = serializers.BooleanField()
    note = serializers.CharField(allow_blank=True)
    marked_at = serializers.DateTimeField()
    marked_by = serializers.CharField(allow_null=True, help_text="A person's or a key's name")


class ClassAlertOut(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="What it is about: the same for as long as it stands, and when it comes back")
    kind = serializers.ChoiceField([kind.value for kind in Kind], help_text=_KINDS)
    learner_id = serializers.UUIDField()
    concept = ConceptRefOut(allow_null=True)
    in_need = serializers.BooleanField(help_text="Whether the learner is, by the thresholds of the class")
    aside = serializers.BooleanField(help_text="Marked as not useful, and the evidence has not changed since")
    evidence = AlertEvidenceOut()
    mark = AlertMarkOut(allow_null=True, help_text="Null also when the evidence has changed since")


class ClassAlertPage(serializers.Serializer[Any]):
    data = ClassAlertOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class AlertQuery(PageQuery):
    learner = serializers.CharField(required=False, max_length=400, help_text="Id, or `external:{source}:{id}`")
    kind = serializers.ChoiceField([kind.value for kind in Kind], required=False)
    state = serializers.ChoiceField(STATES, default="open", help_text="`aside`: those marked as not useful")


class AlertMarkIn(Strict):
    useful = serializers.BooleanField()
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_NOTE, default="", help_text="Why"
    )  # fmt: skip


class Alerts(ApiView):
    required_scope: ClassVar = {"GET": "mastery:read"}
    queries: ClassVar = {"GET": AlertQuery}
    bucket = "reports"

    @extend_schema(
        operation_id="list_alerts",
        summary="Who of a class needs help with what",
        description="Learners from most to least in need, each with the evidence; then those gone quiet. Told anew at "
        "each request, by the thresholds of the class (its settings).",
        tags=["Alerts"],
        parameters=[AlertQuery],
        responses=ClassAlertPage,
    )
    def get(self, request: Request, group: str) -> Response:
        found, asked = access_group(self.client, group), self.parameters
        learners = found.learners.all()
        if "learner" in asked:
            learners = learners.filter(pk=access_learner(self.client, asked["learner"]).pk)
        observed = alerting.observe(found, content_of(found), [learner.pk for learner in learners], now=timezone.now())
        judged = sorted(observed.judged(), key=lambda each: (not each.is_in_need, each.need, str(each.learner_id)))
        rows = [(each, seen) for each in judged for seen in each.seen if _is_asked_for(seen, asked)]
        return slice_of(rows, request._request, asked, lambda row: _out(observed, *row))


class Mark(ApiView):
    required_scope: ClassVar = {"POST": "recommend:write"}
    refusals: ClassVar = {"POST": (404,)}

    @extend_schema(
        operation_id="mark_alert",
        summary="Say whether an alert was useful",
        description="Again says something else of it. What was not useful is put aside for this learner and concept "
        "until the evidence has changed: after five more answers to the concept, for `falling_behind` after two weeks, "
        "for `gone_quiet` when the learner has answered since. Kept with the evidence as it was.",
        tags=["Alerts"],
        request=AlertMarkIn,
        responses=ClassAlertOut,
    )
    def post(self, request: Request, group: str, alert: str) -> Response:
        found, said, now = access_group(self.client, group), self.read_body(AlertMarkIn), timezone.now()
        name = Name.parse(alert)
        learners = found.learners.filter(pk=name.learner_id)
        observed = alerting.observe(found, content_of(found), [learner.pk for learner in learners], now=now)
        seen = observed.find(name)
        row = alert_marks.mark(self.client, observed, seen, useful=said["useful"], note=said["note"], now=now)
        after = observed.after(row)
        return Response(_out(after, after.judged()[0], after.find(name)))


def content_of(group: Group) -> Snapshot:
    """Raises: NotFound: if the class works on nothing, or on nobody knows which of several."""
    try:
        return contents.latest(group.curriculum_id or contents.resolve(group.school_id, None))
    except (contents.UnknownCurriculum, contents.AmbiguousCurriculum) as error:
        raise NotFound("curriculum of this class", group.pk) from error


def _is_asked_for(seen: Seen, asked: dict[str, Any]) -> bool:
    if asked["state"] != "all" and seen.is_folded != (asked["state"] == "aside"):
        return False
    return asked.get("kind") in (None, seen.alert.kind.value)


def _out(observed: Observed, judged: Judged, seen: Seen) -> dict[str, Any]:
    content, concept = observed.content, seen.alert.concept
    shown = {
        "id": str(seen.name),
        "kind": seen.alert.kind.value,
        "learner_id": judged.learner_id,
        "concept": None if concept is None else {
            "id": content.concept_ids[concept],
            "key": content.concept_keys[concept],
            "title": content.concept_titles[concept],
        },
        "in_need": judged.is_in_need,
        "aside": seen.is_folded,
        "evidence": _evidence(seen.alert.evidence),
        "mark": None if seen.mark is None else _mark(seen.mark),
    }  # fmt: skip
    return ClassAlertOut(shown).data


def _evidence(evidence: Evidence) -> dict[str, Any]:
    shown: dict[str, Any] = dict.fromkeys(AlertEvidenceOut().fields)
    if isinstance(evidence, Practice):
        shown |= {"answers": evidence.n, "right": evidence.right, "of": evidence.lately, "recall": evidence.recall}
    if isinstance(evidence, Trend):
        shown |= {
            "answers": evidence.n, "right": evidence.right, "of": evidence.n, "answers_before": evidence.n_before,
            "right_before": evidence.right_before, "change": evidence.change,
        }  # fmt: skip
    if not isinstance(evidence, Absence):
        shown |= {"low": evidence.low, "high": evidence.high}
    if not isinstance(evidence, Trend):
        shown |= {"last_answer_at": moment(evidence.last_at)}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in shown.items()}


def _mark(row: AlertMark) -> dict[str, Any]:
    by = (row.marked_by.name or row.marked_by.email) if row.marked_by else None
    return {
        "useful": row.useful,
        "note": row.note,
        "marked_at": row.marked_at,
        "marked_by": by or (row.marked_client.name if row.marked_client else None),
    }


urlpatterns = [
    path("classes/<str:group>/alerts", Alerts.as_view()),
    path("classes/<str:group>/alerts/<str:alert>/mark", Mark.as_view()),
]
