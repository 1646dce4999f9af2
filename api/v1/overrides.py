"""Teachers' words about single concepts, which go before every policy."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CONFLICT, TRANSLATIONS, Problem, invalid
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.v1.states import ConceptRefOut
from api.views import ApiView
from tutor.accounts.access import NotFound, access_group, access_learner
from tutor.accounts.models import ApiClient, Group, Learner, User
from tutor.scheduling import contents, overrides
from tutor.scheduling.models import Override
from tutor.scheduling.overrides import MOST_ANSWERS, Contradicted, Refused, Wish

TRANSLATIONS[Contradicted] = lambda error: Problem(CONFLICT, str(error))
TRANSLATIONS[Refused] = lambda error: invalid(
    f"/{error.field}" if error.field else "", error.code, str(error)
)  # fmt: skip

STATES = ("holding", "ended", "all")
_KINDS = (
    "`pin`: next, before all else, until mastered or answered often enough; `exclude`: not offered; `open`: its "
    "prerequisites are not waited for; `mastered`: not offered, and may be built on"
)


class OverrideOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    learner_id = serializers.UUIDField(allow_null=True, help_text="Of whom it was said; or")
    group_id = serializers.UUIDField(allow_null=True, help_text="of which class")
    curriculum_id = serializers.UUIDField()
    concept = ConceptRefOut()
    kind = serializers.ChoiceField(Override.Kind.values, help_text=_KINDS)
    reason = serializers.CharField()
    answers = serializers.IntegerField(allow_null=True, help_text="After which a pin ends, for each learner")
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField(allow_null=True, help_text="A person's or a key's name")
    expires_at = serializers.DateTimeField(allow_null=True)
    holds = serializers.BooleanField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.CharField(allow_null=True, help_text="Null also of what ended by itself")
    end = serializers.ChoiceField(
        [*Override.End.values, "expired"], allow_null=True, help_text="Why it ended; null while it holds"
    )


class OverridePage(serializers.Serializer[Any]):
    data = OverrideOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class OverrideIn(Strict):
    learner = serializers.CharField(max_length=400, required=False, help_text="Its id, or `external:{source}:{id}`; or")
    group = serializers.CharField(max_length=400, required=False, help_text="a class: its id or roster's name")
    curriculum = serializers.CharField(
        max_length=120, required=False, help_text="Key or id; may be left out for a class, or by schools that have one"
    )
    concept = serializers.CharField(max_length=120, help_text="Key")
    kind = serializers.ChoiceField(Override.Kind.values, help_text=_KINDS)
    reason = serializers.CharField(max_length=2000, help_text="Shown to whoever wonders about the plan")
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    answers = serializers.IntegerField(
        min_value=1, max_value=MOST_ANSWERS, required=False, help_text="After which a pin ends; 5 if absent"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("learner" in attrs) == ("group" in attrs):
            said = "say of whom: send either learner or group, the one that it is said of"
            raise serializers.ValidationError({"learner": serializers.ErrorDetail(said, "one_of_two")})
        return attrs


class OverrideQuery(PageQuery):
    learner = serializers.CharField(
        required=False, max_length=400, help_text="Said of this learner, or of one of the learner's classes"
    )
    group = serializers.CharField(required=False, max_length=400, help_text="Said of this class")
    state = serializers.ChoiceField(STATES, default="holding")


class Overrides(ApiView):
    required_scope: ClassVar = {"GET": "recommend:read", "POST": "recommend:write"}
    queries: ClassVar = {"GET": OverrideQuery}
    refusals: ClassVar = {"GET": (404,), "POST": (404, 409)}

    @extend_schema(
        operation_id="list_overrides",
        summary="What teachers have said of concepts",
        tags=["Overrides"],
        parameters=[OverrideQuery],
        responses=OverridePage,
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        return page_of(self._filtered(now), request._request, self.parameters, lambda row: _out(row, now))

    @extend_schema(
        operation_id="make_override",
        summary="Say something of a concept, for a learner or a class",
        description="It holds from the next question on, whatever was planned.",
        tags=["Overrides"],
        request=OverrideIn,
        responses={201: OverrideOut},
    )
    def post(self, request: Request) -> Response:
        said, now = self.read_body(OverrideIn), timezone.now()
        of = self._of(said)
        wish = Wish(
            Override.Kind(said["kind"]), said["concept"], said["reason"], said.get("expires_at"), said.get("answers")
        )  # fmt: skip
        made = overrides.make(self.client, of, self._curriculum(said, of), wish, now=now)
        shown = overrides.access(self.client, made.pk)
        return Response(_out(shown, now), status=201, headers={"Location": f"/api/v1/overrides/{made.pk}"})

    def _of(self, said: dict[str, Any]) -> Learner | Group:
        field = "learner" if "learner" in said else "group"
        try:
            found: Learner | Group = (access_learner if field == "learner" else access_group)(self.client, said[field])
        except NotFound as error:
            raise invalid(f"/{field}", f"unknown_{field}", str(error)) from error
        return found

    def _curriculum(self, said: dict[str, Any], of: Learner | Group) -> UUID:
        own = of.curriculum_id if isinstance(of, Group) else None
        if own is not None and "curriculum" not in said:
            return own
        try:
            return contents.resolve(self.client.school_id, said.get("curriculum"))
        except (contents.UnknownCurriculum, contents.AmbiguousCurriculum) as error:
            raise invalid("/curriculum", "unknown_curriculum", str(error)) from error

    def _filtered(self, now: datetime) -> QuerySet[Override]:
        rows, asked = overrides.visible(self.client), self.parameters
        if asked["state"] != "all":
            holding = overrides.holding(now)
            rows = rows.filter(holding) if asked["state"] == "holding" else rows.exclude(holding)
        if "learner" in asked:
            rows = overrides.concerning(rows, access_learner(self.client, asked["learner"]))
        return rows.filter(group=access_group(self.client, asked["group"])) if "group" in asked else rows


class OneOverride(ApiView):
    required_scope: ClassVar = {"GET": "recommend:read", "DELETE": "recommend:write"}

    @extend_schema(operation_id="get_override", summary="Read an override", tags=["Overrides"], responses=OverrideOut)
    def get(self, request: Request, override: UUID) -> Response:
        return Response(_out(overrides.access(self.client, override), timezone.now()))

    @extend_schema(
        operation_id="end_override",
        summary="End an override",
        description="Again is no error. It stays on record.",
        tags=["Overrides"],
        responses={204: None},
    )
    def delete(self, request: Request, override: UUID) -> Response:
        overrides.end(self.client, overrides.access(self.client, override), now=timezone.now())
        return Response(status=204)


def _out(row: Override, now: datetime) -> dict[str, Any]:
    content = contents.latest(row.curriculum_id)
    if row.concept >= content.n_concepts:
        content = contents.latest(row.curriculum_id, fresh=True)
    keys, titles, ids = content.concept_keys, content.concept_titles, content.concept_ids
    expired = row.ended_at is None and row.expires_at is not None and row.expires_at <= now
    shown = {
        **{name: getattr(row, name) for name in ("id", "learner_id", "group_id", "curriculum_id", "kind", "reason")},
        "concept": {"id": ids[row.concept], "key": keys[row.concept], "title": titles[row.concept]},
        "answers": row.answers if row.kind == Override.Kind.PIN else None,
        "made_at": row.made_at,
        "made_by": _name(row.made_by, row.made_client),
        "expires_at": row.expires_at,
        "holds": row.ended_at is None and not expired,
        "ended_at": row.expires_at if expired else row.ended_at,
        "ended_by": _name(row.ended_by, row.ended_client),
        "end": "expired" if expired else (row.end or "expired") if row.ended_at else None,
    }
    return OverrideOut(shown).data


def _name(person: User | None, client: ApiClient | None) -> str | None:
    if person:
        return person.name or person.email
    return client.name if client else None


urlpatterns = [
    path("overrides", Overrides.as_view()),
    path("overrides/<uuid:override>", OneOverride.as_view()),
]
