"""Policies: what there is, what a school sets of its own, and what the log says of each."""

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
from api.views import ApiView
from tutor.accounts.access import access_curriculum
from tutor.scheduling import configs, evaluations, jobs
from tutor.scheduling.models import Evaluation, PolicyConfig
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.policies import POLICIES, Policy

_DEFAULT = Reward()


class PolicyIn(Strict):
    name = serializers.CharField(max_length=40, help_text="a-z, 0-9 and -, a letter first; taken before: a new version")
    policy = serializers.CharField(max_length=40, help_text="One of `built_in` by name")
    parameters = serializers.DictField(
        default=dict, help_text="Settings by name that go before those of a class: numbers, `spinning`, `exam_at`"
    )
    about = serializers.CharField(max_length=2000, default="", allow_blank=True)


class PolicyOut(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Its name, where it is built in")
    name = serializers.CharField(help_text="In the decision log")
    version = serializers.IntegerField()
    policy = serializers.CharField(help_text="What it is a setting of; its own name, where it is built in")
    parameters = serializers.DictField()
    about = serializers.CharField(allow_blank=True)
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="`exam`: a date; `history`, `cohort`: whole logs are read for it"
    )
    created_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)


class PolicyPage(serializers.Serializer[Any]):
    data = PolicyOut(many=True, help_text="The school's own")  # type: ignore[assignment]
    built_in = PolicyOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class EvaluationIn(Strict):
    since = serializers.DateTimeField(help_text="Of choices offered from then on")
    until = serializers.DateTimeField(required=False, help_text="And before then; now, if left out")
    curriculum = serializers.UUIDField(required=False)
    logged_policy = serializers.CharField(
        max_length=40, default="", allow_blank=True, help_text="Whose choices are looked at, by name; all if left out"
    )
    reward = serializers.ChoiceField([kind.value for kind in Kind], default=_DEFAULT.kind.value)
    delay_days = serializers.FloatField(
        min_value=0, max_value=365, default=_DEFAULT.delay_days, help_text="Of the later answer"
    )
    window_days = serializers.FloatField(min_value=0, max_value=730, default=_DEFAULT.window_days)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class EvaluationOut(serializers.Serializer[Evaluation]):
    id = serializers.UUIDField()
    policy = serializers.SerializerMethodField(help_text="Its id")
    curriculum = serializers.UUIDField(source="curriculum_id", allow_null=True)
    logged_policy = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    reward = serializers.ChoiceField([kind.value for kind in Kind])
    delay_days = serializers.FloatField()
    window_days = serializers.FloatField()
    seed = serializers.IntegerField()
    status = serializers.ChoiceField(Evaluation.Status.values)
    done = serializers.IntegerField(help_text="Choices looked at")
    total = serializers.IntegerField(allow_null=True, help_text="Of how many")
    report = serializers.DictField(
        allow_null=True,
        help_text=(
            "`refusal`: why nothing is told, else empty; `values` by estimator (`ips`, `snips`, `dr`), each with its "
            "value, its gain over what was done, and 95 % intervals; `overlap`: effective sample; "
            "`agreement`: confounders taken out; `replayed`: choices that could be told again; `warnings`"
        ),
    )
    message = serializers.CharField(allow_blank=True, help_text="Why it failed, if so")
    requested_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_policy(self, job: Evaluation) -> str:
        return id_of(job.policy, job.config)


class EvaluationPage(serializers.Serializer[Any]):
    data = EvaluationOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class Policies(ApiView):
    required_scope: ClassVar = {"GET": "models:admin", "POST": "models:admin"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_policies",
        summary="List policies: those that are built in, and what the school has set of its own",
        tags=["Policies"],
        parameters=[PageQuery],
        responses=PolicyPage,
    )
    def get(self, request: Request) -> Response:
        rows = configs.visible(self.client.school_id)
        page = page_of(rows, request._request, self.parameters, lambda config: PolicyOut(_own(config)).data)
        page.data["built_in"] = [PolicyOut(_built_in(policy)).data for policy in POLICIES.values()]
        return page

    @extend_schema(
        operation_id="create_policy",
        summary="Set a policy of the school's own",
        description="It is never changed, for the log names it: the same name again makes the next version.",
        tags=["Policies"],
        request=PolicyIn,
        responses={201: PolicyOut},
    )
    def post(self, request: Request) -> Response:
        given = self.read_body(PolicyIn)
        try:
            config = configs.create(self.client.school_id, by=self.client.name, now=timezone.now(), **given)
        except configs.BadConfig as error:
            raise invalid(error.pointer, "invalid_value", str(error)) from error
        headers = {"Location": f"/api/v1/policies/{config.pk}"}
        return Response(PolicyOut(_own(config)).data, status=201, headers=headers)


class OnePolicy(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(operation_id="get_policy", summary="Read a policy", tags=["Policies"], responses=PolicyOut)
    def get(self, request: Request, policy: str) -> Response:
        name, config = configs.named(self.client.school_id, policy)
        return Response(PolicyOut(_built_in(POLICIES[name]) if config is None else _own(config)).data)


class PolicyRetirement(ApiView):
    required_scope: ClassVar = {"POST": "models:admin"}

    @extend_schema(
        operation_id="retire_policy",
        summary="Offer a policy of the school's own no longer",
        description="What runs by it goes on.",
        tags=["Policies"],
        request=None,
        responses=PolicyOut,
    )
    def post(self, request: Request, policy: str) -> Response:
        config = configs.access(self.client.school_id, policy)
        return Response(PolicyOut(_own(configs.retire(config, now=timezone.now()))).data)


class OfflineEvaluation(ApiView):
    required_scope: ClassVar = {"POST": "models:admin"}
    refusals: ClassVar = {"POST": (409,)}

    @extend_schema(
        operation_id="evaluate_policy_offline",
        summary="Judge a policy by what others chose",
        description=(
            "A worker has the beliefs of the time again, lets the policy draw among the candidates of each choice, and "
            "weighs what came of it. Nothing is told of fewer than 100 choices' worth."
        ),
        tags=["Policies"],
        request=EvaluationIn,
        responses={202: EvaluationOut},
    )
    def post(self, request: Request, policy: str) -> Response:
        name, config = configs.named(self.client.school_id, policy)
        given, now = self.read_body(EvaluationIn), timezone.now()
        if "curriculum" in given:
            given["curriculum_id"] = access_curriculum(self.client, given.pop("curriculum")).pk
        reward = _reward(given.pop("reward"), given.pop("delay_days"), given.pop("window_days"))
        try:
            job = evaluations.question(
                self.client.school_id, name, config, reward=reward, requested_by=self.client.name, now=now,
                **{"until": now, **given},
            )  # fmt: skip
            jobs.request(job)
        except jobs.TooMany as error:
            raise Problem(CONFLICT, str(error)) from error
        except evaluations.CannotEvaluate as error:
            raise invalid(error.pointer, "invalid_value", str(error)) from error
        headers = {"Location": f"/api/v1/evaluations/{job.pk}"}
        return Response(EvaluationOut(job).data, status=202, headers=headers)


class Evaluations(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_evaluations",
        summary="List evaluations of policies",
        tags=["Policies"],
        parameters=[PageQuery],
        responses=EvaluationPage,
    )
    def get(self, request: Request) -> Response:
        rows = evaluations.visible(self.client.school_id)
        return page_of(rows, request._request, self.parameters, lambda job: EvaluationOut(job).data)


class OneEvaluation(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="get_evaluation",
        summary="Read an evaluation: how far it is, and its report",
        tags=["Policies"],
        responses=EvaluationOut,
    )
    def get(self, request: Request, evaluation: UUID) -> Response:
        return Response(EvaluationOut(evaluations.access(self.client.school_id, evaluation)).data)


def id_of(policy: str, config: PolicyConfig | None) -> str:
    return policy if config is None else str(config.pk)


def _built_in(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.name, "name": policy.name, "version": policy.version, "policy": policy.name, "parameters": {},
        "about": policy.about, "needs": _needs(policy), "created_by": "", "created_at": None, "retired_at": None,
    }  # fmt: skip


def _own(config: PolicyConfig) -> dict[str, Any]:
    fields = ("name", "version", "policy", "parameters", "about", "created_by", "created_at", "retired_at")
    known = POLICIES.get(config.policy)
    told = {name: getattr(config, name) for name in fields}
    return {"id": str(config.pk), **told, "needs": _needs(known) if known else []}


def _needs(policy: Policy) -> list[str]:
    needs = {"exam": policy.needs_exam, "history": policy.reads_history, "cohort": policy.reads_cohort}
    return [name for name, is_needed in needs.items() if is_needed]


def _reward(kind: str, delay_days: float, window_days: float) -> Reward:
    try:
        return Reward(Kind(kind), delay_days, window_days)
    except ValueError as error:
        raise invalid("/window_days", "invalid_value", str(error)) from error


urlpatterns = [
    path("policies", Policies.as_view()),
    path("policies/<str:policy>:evaluate-offline", OfflineEvaluation.as_view()),
    path("policies/<str:policy>:retire", PolicyRetirement.as_view()),
    path("policies/<str:policy>", OnePolicy.as_view()),
    path("evaluations", Evaluations.as_view()),
    path("evaluations/<uuid:evaluation>", OneEvaluation.as_view()),
]
