"""Trials of a new policy beside the approved one."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CONFLICT, Problem, invalid
from api.pagination import PageQuery, page_of
from api.serializers import Strict
from api.v1.policies import id_of
from api.views import ApiView
from tutor.accounts.access import access_curriculum, access_group
from tutor.scheduling import configs, guard, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import PolicyTrial
from tutor.scheduling.ope.rewards import Kind
from tutor.scheduling.trials import CannotTry, Ended, Side

_REWARDS = [kind.value for kind in trials.REWARDS]


class PolicyTrialIn(Strict):
    curriculum = serializers.UUIDField()
    group = serializers.CharField(
        max_length=400, required=False, help_text="A class, by id or external id; the whole school if left out"
    )
    approved = serializers.CharField(max_length=40, help_text="Id of the policy that is known to be good")
    new = serializers.CharField(max_length=40, help_text="Id of the policy to try")
    reward = serializers.ChoiceField(_REWARDS, default=Kind.RETENTION.value, help_text="What a choice is worth, 0 to 1")
    alpha = serializers.FloatField(
        default=guard.ALPHA, help_text="Share of the approved policy's value that may be lost: above 0, at most 0.5"
    )
    confidence = serializers.FloatField(
        default=guard.CONFIDENCE, help_text="How surely no more is lost, all nights together: from 0.5 to below 1"
    )
    warm_up = serializers.IntegerField(
        min_value=2, max_value=100_000, default=guard.WARM_UP, help_text="Learners who must have met both at first"
    )
    least_gain = serializers.FloatField(default=0.0, help_text="By which the new one must surely be better, from 0")
    unrehearsed = serializers.CharField(
        max_length=2000,
        default="",
        allow_blank=True,
        help_text="Why it is to meet real learners without a rehearsal that it has passed in the last 90 days",
    )


class DecisionOnTrialIn(Strict):
    reason = serializers.CharField(max_length=2000, default="", allow_blank=True)


class PromotionOfTrialIn(DecisionOnTrialIn):
    anyway = serializers.BooleanField(default=False, help_text="Though results do not say so yet: give a reason then")


class PolicyTrialOut(serializers.Serializer[PolicyTrial]):
    id = serializers.UUIDField()
    curriculum = serializers.UUIDField(source="curriculum_id")
    group = serializers.UUIDField(source="group_id", allow_null=True)
    approved = serializers.SerializerMethodField()
    new = serializers.SerializerMethodField()
    reward = serializers.ChoiceField(_REWARDS)
    alpha = serializers.FloatField()
    confidence = serializers.FloatField()
    warm_up = serializers.IntegerField()
    least_gain = serializers.FloatField()
    rehearsal = serializers.UUIDField(source="rehearsal_id", allow_null=True, help_text="That it had passed")
    unrehearsed = serializers.CharField(allow_blank=True, help_text="Why it was begun without")
    state = serializers.ChoiceField(PolicyTrial.State.values)
    mixing = serializers.FloatField(help_text="Share of the plans that the new policy makes")
    shares = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), help_text="[Unix seconds, share], as it was"
    )
    looks = serializers.IntegerField(help_text="Nights with new results; each look costs certainty")
    looked_at = serializers.DateTimeField(allow_null=True)
    figures = serializers.DictField(
        help_text=(
            "Of the last look: learners who met both, mean values, `low` and `high` of the difference, `verdict`; "
            "choices `counted`, and `pending`: whose worth may still show"
        )
    )
    proposed_at = serializers.DateTimeField(allow_null=True, help_text="Since when results say the new one is better")
    reason = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    decided_by = serializers.CharField(allow_blank=True, help_text="`guard`, where results ended it")
    decided_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_approved(self, trial: PolicyTrial) -> str:
        return id_of(trial.approved_policy, trial.approved_config)

    def get_new(self, trial: PolicyTrial) -> str:
        return id_of(trial.new_policy, trial.new_config)


class PolicyTrialPage(serializers.Serializer[Any]):
    data = PolicyTrialOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class PolicyTrials(ApiView):
    required_scope: ClassVar = {"GET": "models:admin", "POST": "models:admin"}
    queries: ClassVar = {"GET": PageQuery}
    refusals: ClassVar = {"POST": (404, 409)}

    @extend_schema(
        operation_id="list_policy_trials",
        summary="List trials of policies",
        tags=["Policies"],
        parameters=[PageQuery],
        responses=PolicyTrialPage,
    )
    def get(self, request: Request) -> Response:
        rows = trials.visible(self.client.school_id)
        return page_of(rows, request._request, self.parameters, lambda trial: PolicyTrialOut(trial).data)

    @extend_schema(
        operation_id="create_policy_trial",
        summary="Try a policy beside the approved one",
        description=(
            "A share `alpha` of the plans is the new policy's at first. Every night it becomes the largest at which a "
            "lower confidence bound says that no more than `alpha` of the approved policy's value is lost; a policy "
            "that is surely worse is stopped. It must have passed a rehearsal against the approved one."
        ),
        tags=["Policies"],
        request=PolicyTrialIn,
        responses={201: PolicyTrialOut},
    )
    def post(self, request: Request) -> Response:
        given = self.read_body(PolicyTrialIn)
        curriculum = access_curriculum(self.client, given["curriculum"])
        group = access_group(self.client, given["group"]) if "group" in given else None
        approved, new = (Side(*configs.named(self.client.school_id, given[name])) for name in ("approved", "new"))
        try:
            trial = trials.begin(
                self.client.school_id, curriculum, group, approved=approved, new=new, promise=_promise(given),
                reward=Kind(given["reward"]), unrehearsed=given["unrehearsed"], by=self.client.name, now=timezone.now(),
            )  # fmt: skip
        except CannotTry as error:
            raise _refused(error) from error
        headers = {"Location": f"/api/v1/policy-trials/{trial.pk}"}
        return Response(PolicyTrialOut(trial).data, status=201, headers=headers)


class OnePolicyTrial(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(operation_id="get_policy_trial", summary="Read a trial", tags=["Policies"], responses=PolicyTrialOut)
    def get(self, request: Request, trial: UUID) -> Response:
        return Response(PolicyTrialOut(trials.access(self.client.school_id, trial)).data)


class TrialStop(ApiView):
    required_scope: ClassVar = {"POST": "models:admin"}
    refusals: ClassVar = {"POST": (409,)}

    @extend_schema(
        operation_id="stop_policy_trial",
        summary="Stop a trial, or take a promotion back",
        description="What is agreed with each class holds again, within seconds.",
        tags=["Policies"],
        request=DecisionOnTrialIn,
        responses=PolicyTrialOut,
    )
    def post(self, request: Request, trial: UUID) -> Response:
        found, given = trials.access(self.client.school_id, trial), self.read_body(DecisionOnTrialIn)
        try:
            ended = trials.stop(found, by=self.client.name, now=timezone.now(), **given)
        except CannotTry as error:
            raise _refused(error) from error
        return Response(PolicyTrialOut(ended).data)


class TrialPromotion(ApiView):
    required_scope: ClassVar = {"POST": "models:admin"}
    refusals: ClassVar = {"POST": (409,)}

    @extend_schema(
        operation_id="promote_policy_trial",
        summary="Let the new policy make every plan",
        tags=["Policies"],
        request=PromotionOfTrialIn,
        responses=PolicyTrialOut,
    )
    def post(self, request: Request, trial: UUID) -> Response:
        found, given = trials.access(self.client.school_id, trial), self.read_body(PromotionOfTrialIn)
        try:
            promoted = trials.promote(found, by=self.client.name, now=timezone.now(), **given)
        except CannotTry as error:
            raise _refused(error) from error
        return Response(PolicyTrialOut(promoted).data)


def _promise(given: dict[str, Any]) -> Promise:
    names = ("alpha", "confidence", "warm_up", "least_gain")
    try:
        return Promise(**{name: given[name] for name in names})
    except ValueError as error:
        name = str(error).partition(" ")[0]
        raise invalid(f"/{name}", "invalid_value", str(error)) from error


def _refused(error: CannotTry) -> Problem:
    if isinstance(error, Ended):
        return Problem(CONFLICT, str(error))
    return invalid(error.pointer, "invalid_value", str(error))


urlpatterns = [
    path("policy-trials", PolicyTrials.as_view()),
    path("policy-trials/<uuid:trial>", OnePolicyTrial.as_view()),
    path("policy-trials/<uuid:trial>:stop", TrialStop.as_view()),
    path("policy-trials/<uuid:trial>:promote", TrialPromotion.as_view()),
]
