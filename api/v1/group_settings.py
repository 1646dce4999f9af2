"""What is agreed with a class and with a learner: by what their next material is chosen, and how much a day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import etag
from api.errors import TRANSLATIONS, invalid
from api.serializers import Strict
from api.views import ApiView
from tutor.accounts.access import access_group, access_learner
from tutor.scheduling import agreements, knobs
from tutor.scheduling.knobs import NAMES, POLICY, RANGES, WEEKDAYS, BadKnob
from tutor.scheduling.models import GroupSettings, LearnerSettings, Said
from tutor.scheduling.policies import Spinning

TRANSLATIONS[BadKnob] = lambda error: invalid(f"/{error.name}", "cannot_be", str(error))

#: Concepts of the largest curricula, and the days of a year.
MAX_GOALS, MAX_DATES = 1_000, 366
_OPTIONAL: Mapping[str, Any] = {"required": False, "allow_null": True}

_HELP: Mapping[str, str] = {
    "retention": "Reviews come when recall has faded to this share of what it was after the last answer",
    "ready_at": "A prerequisite may be built on from this recall",
    "success": "Items of this expected success are preferred",
    "explores": "Whether some choices are drawn by chance, so that policies can be compared",
    "exploration": "Share of the chance that is spread evenly over the best candidates",
    "horizon_days": "What practice is worth is looked at this far ahead",
    "exam_on": "The day of an exam, for the policy `exam`",
    "goals": "Keys of the concepts to be learnt; none: all",
    "answers_a_day": "No more are asked for on a learner's own day",
    "new_a_day": "Concepts begun on a learner's own day",
    "minutes_a_day": "Of practice on a learner's own day, by response times where they are sent",
    "quiet_weekdays": "Nothing is planned on them",
    "quiet_dates": "Nothing is planned on them, such as holidays",
    "in_a_row": "Questions to one concept in a row, as long as there are others",
    "retry_after": "What was missed is asked again after so many other questions",
    "item_gap": "Items answered this recently are not offered again, as long as there are others",
    "spinning_after": "Answers without mastery from which a learner is said to spin the wheels",
    "spinning": "What becomes of such a concept, beside an alert",
    "spread_reviews": "Reviews are moved by a few days so that no day is crowded",
    "after_placement": "The policy that goes on for each learner whose placement is complete, with the policy "
    "`placement`; see /policies",
    "look_ahead": "Steps that the value of a prerequisite looks ahead",
    "struggling_after": "Answers to a concept from which on a learner may be said to struggle with it",
    "in_need_from": "Concepts with such an alert from which on a learner counts as in need",
    "inactive_days": "Days without an answer after which a learner counts as inactive",
    "trend_drop": "Fall of the share of right answers, from two weeks to the next, that is told as falling behind",
}

_OWN: Mapping[str, str] = {
    "spread_reviews": "Whether reviews are moved by a few days so that no day is crowded; null: as the class has it",
    "quiet_weekdays": "Nothing is planned on them, in place of the class's quiet weekdays; null: as the class has it",
}


def _bounded(name: str) -> dict[str, Any]:
    """Bounds for the document, and one wording for both."""
    low, high, _ = RANGES[name]
    said = f"{name} %(show_value)s cannot be: {knobs.outside(name)}"
    return {
        "min_value": low, "max_value": high, "help_text": _HELP[name],
        "error_messages": {"min_value": said, "max_value": said},
    }  # fmt: skip


def _number(name: str, **options: Any) -> serializers.FloatField:
    return serializers.FloatField(**_bounded(name), **options)


def _count(name: str, **options: Any) -> serializers.IntegerField:
    bounds = _bounded(name)
    return serializers.IntegerField(
        **{**bounds, "min_value": int(bounds["min_value"]), "max_value": int(bounds["max_value"])}, **options
    )


def _flag(name: str, **options: Any) -> serializers.BooleanField:
    return serializers.BooleanField(help_text=_HELP[name], **options)


def _knob_fields(**options: Any) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """One for each of `knobs.Knobs`, all with these options; allowances may always be null."""
    may_be_null = {**options, "allow_null": True}
    weekday = serializers.ChoiceField(WEEKDAYS)
    return {
        **{name: _number(name, **options) for name in ("retention", "ready_at", "success", "exploration")},
        **{name: _number(name, **options) for name in ("horizon_days", "trend_drop")},
        "explores": _flag("explores", **options),
        "spread_reviews": _flag("spread_reviews", **options),
        "exam_on": serializers.DateField(help_text=_HELP["exam_on"], **may_be_null),
        "goals": serializers.ListField(
            child=serializers.CharField(max_length=120), max_length=MAX_GOALS, help_text=_HELP["goals"], **options
        ),
        **{name: _count(name, **may_be_null) for name in ("answers_a_day", "new_a_day")},
        "minutes_a_day": _number("minutes_a_day", **may_be_null),
        "quiet_weekdays": serializers.ListField(
            child=weekday, max_length=6, help_text=_HELP["quiet_weekdays"], **options
        ),
        "quiet_dates": serializers.ListField(
            child=serializers.DateField(), max_length=MAX_DATES, help_text=_HELP["quiet_dates"], **options
        ),
        **{
            name: _count(name, **options)
            for name in (
                "in_a_row", "retry_after", "item_gap", "spinning_after", "look_ahead", "struggling_after",
                "in_need_from", "inactive_days",
            )
        },
        "after_placement": serializers.CharField(max_length=40, help_text=_HELP["after_placement"], **options),
        "spinning": serializers.ChoiceField([each.value for each in Spinning], help_text=_HELP["spinning"], **options),
    }  # fmt: skip


class GroupSettingsIn(Strict):
    """`null` sets a knob back to its default; what is not sent stays."""

    policy = serializers.CharField(max_length=40, help_text="See /policies", **_OPTIONAL)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), **_knob_fields(**_OPTIONAL)}


class GroupSettingsOut(serializers.Serializer[Any]):
    policy = serializers.CharField()
    differs = serializers.ListField(child=serializers.CharField(), help_text="Knobs that are not at their defaults")
    updated_at = serializers.DateTimeField()
    updated_by = serializers.CharField(allow_null=True, help_text="A person's or a key's name")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), **_knob_fields()}


class LearnerSettingsIn(Strict):
    explores = serializers.BooleanField(help_text="False: nothing is drawn by chance for this learner", **_OPTIONAL)
    minutes_a_day = _number("minutes_a_day", **_OPTIONAL)
    spread_reviews = serializers.BooleanField(help_text=_OWN["spread_reviews"], **_OPTIONAL)
    quiet_weekdays = serializers.ListField(
        child=serializers.ChoiceField(WEEKDAYS), max_length=6, help_text=_OWN["quiet_weekdays"], **_OPTIONAL
    )


class LearnerSettingsOut(serializers.Serializer[Any]):
    explores = serializers.BooleanField(help_text="False: nothing is drawn by chance for this learner")
    minutes_a_day = _number("minutes_a_day", allow_null=True)
    spread_reviews = serializers.BooleanField(allow_null=True, help_text=_OWN["spread_reviews"])
    quiet_weekdays = serializers.ListField(
        child=serializers.ChoiceField(WEEKDAYS), allow_null=True, help_text=_OWN["quiet_weekdays"]
    )
    updated_at = serializers.DateTimeField()
    updated_by = serializers.CharField(allow_null=True, help_text="A person's or a key's name")


class OneGroupSettings(ApiView):
    required_scope: ClassVar = {"GET": "recommend:read", "PATCH": "recommend:write"}
    has_etag = True

    @extend_schema(
        operation_id="get_class_settings",
        summary="What is agreed with a class",
        tags=["Classes"],
        responses=GroupSettingsOut,
    )
    def get(self, request: Request, group: str) -> Response:
        return self._answer(agreements.of_group(access_group(self.client, group)))

    @extend_schema(
        operation_id="change_class_settings",
        summary="Agree something else with a class",
        description="It holds from the next question on. Of a learner's several classes on one curriculum, the one "
        "joined last decides.",
        tags=["Classes"],
        request=GroupSettingsIn,
        responses=GroupSettingsOut,
    )
    @transaction.atomic
    def patch(self, request: Request, group: str) -> Response:
        found = access_group(self.client, group)
        agreements.lock_group(found)
        etag.require_match(request._request, etag.of_time(agreements.of_group(found).updated_at))
        changes = _plain(self.read_body(GroupSettingsIn))
        return self._answer(agreements.change_group(found, changes, by_whom=self.client, now=timezone.now()))

    def _answer(self, settings: GroupSettings) -> Response:
        return etag.answer(
            self.request._request, etag.of_time(settings.updated_at), lambda: GroupSettingsOut(_group(settings)).data
        )


class OneLearnerSettings(ApiView):
    required_scope: ClassVar = {"GET": "recommend:read", "PATCH": "recommend:write"}
    has_etag = True

    @extend_schema(
        operation_id="get_learner_settings",
        summary="What is agreed with a learner",
        tags=["Learners"],
        responses=LearnerSettingsOut,
    )
    def get(self, request: Request, learner: str) -> Response:
        return self._answer(agreements.of_learner(access_learner(self.client, learner)))

    @extend_schema(
        operation_id="change_learner_settings",
        summary="Agree something else with a learner",
        description="It holds on every curriculum, beside what is agreed with the class.",
        tags=["Learners"],
        request=LearnerSettingsIn,
        responses=LearnerSettingsOut,
    )
    @transaction.atomic
    def patch(self, request: Request, learner: str) -> Response:
        found = access_learner(self.client, learner)
        agreements.lock_learner(found)
        etag.require_match(request._request, etag.of_time(agreements.of_learner(found).updated_at))
        changes = _plain(self.read_body(LearnerSettingsIn))
        return self._answer(agreements.change_learner(found, changes, by_whom=self.client, now=timezone.now()))

    def _answer(self, settings: LearnerSettings) -> Response:
        shown = {name: getattr(settings, name) for name in ("explores", *agreements.OWN, "updated_at")}
        return etag.answer(
            self.request._request,
            etag.of_time(settings.updated_at),
            lambda: LearnerSettingsOut({**shown, "updated_by": _who(settings)}).data,
        )


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as knobs keep them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}


def _group(settings: GroupSettings) -> dict[str, Any]:
    chosen = agreements.knobs_of(settings)
    return {
        "policy": settings.policy or POLICY,
        **{name: getattr(chosen, name) for name in NAMES},
        "spinning": chosen.spinning.value,
        "differs": [*(["policy"] if settings.policy else []), *knobs.encoded(chosen)],
        "updated_at": settings.updated_at,
        "updated_by": _who(settings),
    }


def _who(said: Said) -> str | None:
    if said.updated_by:
        return said.updated_by.name or said.updated_by.email
    return said.updated_client.name if said.updated_client else None


urlpatterns = [
    path("classes/<str:group>/settings", OneGroupSettings.as_view()),
    path("learners/<str:learner>/settings", OneLearnerSettings.as_view()),
]
