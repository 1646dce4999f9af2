"""Model versions and which of them serves: cards, shadow, promotion and the way back."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import ClassVar
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import etag
from api.errors import CONFLICT, NOT_FOUND, Problem
from api.openapi import ref
from api.pagination import page_of
from api.v1.model_shapes import (
    AlertOut,
    DeploymentIn,
    DeploymentOut,
    DriftOut,
    FollowIn,
    ModelOut,
    ModelPage,
    ModelsQuery,
    MovedOut,
    PromotionIn,
    RolloutOut,
)
from api.views import ApiView
from tutor.accounts.access import access_curriculum
from tutor.registry import deployments, queries
from tutor.registry.card import Card, Slice, card, reasons
from tutor.registry.deployments import NotApart, NothingBefore, NotUsable
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.moves import Order
from tutor.registry.services import ensure_served
from tutor.scheduling import rollout as doors
from tutor.scheduling.rollout import NotLevel
from tutor.tracing import beside, drift, shadow
from tutor.tracing.shadow import Comparison


class ModelView(ApiView):
    """`{model}` is a version that the key's school may know of."""

    def version(self, model: UUID) -> ModelVersion:
        return queries.access_version(self.client.school_id, model)

    def deployment(self, version: ModelVersion) -> Deployment:
        """What serves the school: its own deployment, or that of all schools."""
        curriculum_id = version.curriculum_version.curriculum_id
        found = deployments.serving_school(curriculum_id, self.client.school_id)
        if found is None:
            raise Problem(NOT_FOUND, f"nothing serves curriculum {curriculum_id} yet: publish it, and send an answer")
        return found


class Models(ApiView):
    required_scope: ClassVar = {"GET": "models:admin"}
    queries: ClassVar = {"GET": ModelsQuery}

    @extend_schema(
        operation_id="list_models",
        summary="List model versions: the school's own, and those for all schools",
        tags=["Models"],
        parameters=[ModelsQuery],
        responses=ModelPage,
    )
    def get(self, request: Request) -> Response:
        rows = self._filtered(queries.versions(self.client.school_id))
        page = page_of(rows, request._request, self.parameters, lambda version: version)
        told = {"reasons": reasons(page.data["data"], self.client)}
        page.data["data"] = ModelOut(page.data["data"], many=True, context=told).data
        return page

    def _filtered(self, rows: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
        fields = {"curriculum": "curriculum_version__curriculum", "state": "state", "kind": "kind"}
        given = {field: self.parameters[name] for name, field in fields.items() if name in self.parameters}
        return rows.filter(**given)


class OneModel(ModelView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="get_model",
        summary="Read a model's card",
        description=(
            "What it was fitted on, how well it foretells later answers, for whom, beside whom, and what its gates "
            "found. Figures of classes are those of the school's own; fewer than five learners are not told of."
        ),
        tags=["Models"],
        responses={200: ref(Card)},
    )
    def get(self, request: Request, model: UUID) -> Response:
        return Response(msgspec.to_builtins(card(self.version(model), self.client)))


class Fairness(ModelView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="get_model_fairness",
        summary="Read how well a model foretells each class, and each tenth of learners by success",
        tags=["Models"],
        responses={200: {"type": "array", "items": ref(Slice)}},
    )
    def get(self, request: Request, model: UUID) -> Response:
        found = card(self.version(model), self.client)
        return Response(msgspec.to_builtins([*found.groups, *found.deciles]))


class Rollout(ModelView):
    required_scope: ClassVar = {"GET": "models:admin"}

    @extend_schema(
        operation_id="get_model_rollout",
        summary="Read how far a model's states are for those of the school whom it serves or is to serve",
        tags=["Models"],
        responses=RolloutOut,
    )
    def get(self, request: Request, model: UUID) -> Response:
        found = doors.progress(self.version(model), school_id=self.client.school_id, now=timezone.now())
        return Response(RolloutOut(asdict(found)).data)


class Shadow(ModelView):
    required_scope: ClassVar = {"GET": "models:admin"}
    refusals: ClassVar = {"GET": (409,)}

    @extend_schema(
        operation_id="compare_shadow",
        summary="Compare the challenger with the champion, on answers that both foretold",
        tags=["Models"],
        responses={200: ref(Comparison)},
    )
    def get(self, request: Request, model: UUID) -> Response:
        version = self.version(model)
        current = self.deployment(version)
        if current.challenger_id != version.pk:
            raise Problem(
                CONFLICT, f"model version {version.pk} is not in shadow here: POST /models/{version.pk}:shadow"
            )
        return Response(shadow.compare(current, now=timezone.now()).to_json())


class Drift(ModelView):
    required_scope: ClassVar = {"GET": "models:admin"}
    refusals: ClassVar = {"GET": (409,)}

    @extend_schema(
        operation_id="get_model_drift",
        summary="Read how well the champion has foretold answers, day by day, and its alerts",
        tags=["Models"],
        responses=DriftOut,
    )
    def get(self, request: Request, model: UUID) -> Response:
        version = self.version(model)
        current = self.deployment(version)
        if current.champion_id != version.pk:
            raise Problem(CONFLICT, f"model version {version.pk} does not serve here: only what serves is watched")
        alerts = drift.alerts(current.curriculum_id, current.school_id).filter(version_id=version.pk)
        days = msgspec.to_builtins(drift.series(current))
        return Response({"alerts": AlertOut(alerts, many=True).data, "days": days})


class _Door(ModelView, ABC):
    """Something done with a version for the key's school: its own deployment is made or moved."""

    required_scope: ClassVar = {"POST": "models:admin"}
    refusals: ClassVar = {"POST": (409,)}

    def post(self, request: Request, model: UUID) -> Response:
        version = self.version(model)
        try:
            moved = self.move(version)
        except (NotUsable, NothingBefore, NotLevel) as error:
            raise Problem(CONFLICT, str(error)) from error
        return Response(MovedOut(moved).data)

    @abstractmethod
    def move(self, version: ModelVersion) -> Deployment:
        """Does it; what serves the school then."""


class Challenge(_Door):
    @extend_schema(
        operation_id="shadow_model",
        summary="Put a model in shadow",
        description=(
            "Its states are built beside the champion's and kept level; it scores what the school's learners answer "
            "from now on, before it knows it. Any other challenger is withdrawn."
        ),
        tags=["Models"],
        request=None,
        responses=MovedOut,
    )
    def post(self, request: Request, model: UUID) -> Response:
        return super().post(request, model)

    def move(self, version: ModelVersion) -> Deployment:
        return doors.challenge(version, school_id=self.client.school_id, by=self.client.name, now=timezone.now())


class Withdrawal(_Door):
    @extend_schema(
        operation_id="withdraw_model",
        summary="Take a model out of shadow",
        tags=["Models"],
        request=None,
        responses=MovedOut,
    )
    def post(self, request: Request, model: UUID) -> Response:
        return super().post(request, model)

    def move(self, version: ModelVersion) -> Deployment:
        current = self.deployment(version)
        if current.school_id != self.client.school_id or current.challenger_id != version.pk:
            raise Problem(CONFLICT, f"model version {version.pk} is not in shadow at your school: nothing to withdraw")
        withdrawn = doors.withdraw(current.curriculum_id, current.school_id, by=self.client.name, now=timezone.now())
        return withdrawn or current


class Promotion(_Door):
    @extend_schema(
        operation_id="promote_model",
        summary="Let a model serve the school",
        description="At once. Refused while its states are not level, unless forced.",
        tags=["Models"],
        request=PromotionIn,
        responses=MovedOut,
    )
    def post(self, request: Request, model: UUID) -> Response:
        return super().post(request, model)

    def move(self, version: ModelVersion) -> Deployment:
        force = self.read_body(PromotionIn)["force"]
        return doors.promote(
            version, school_id=self.client.school_id, force=force, now=timezone.now(), order=Order(self.client.name)
        )


class Rollback(_Door):
    @extend_schema(
        operation_id="roll_back_model",
        summary="Let the model before serve the school again",
        description=(
            "At once. The model named must be the one that serves the school now, promoted by it, or followed in place "
            "of what it had of its own. Refused where the states of the one before are gone, which is after a week: "
            "put that one in shadow, or promote it, forced if need be."
        ),
        tags=["Models"],
        request=None,
        responses=MovedOut,
    )
    def post(self, request: Request, model: UUID) -> Response:
        return super().post(request, model)

    def move(self, version: ModelVersion) -> Deployment:
        current = self.deployment(version)
        is_own = current.school_id == self.client.school_id
        if current.champion_id != version.pk or not (is_own or _left(current, self.client.school_id)):
            raise Problem(CONFLICT, f"model version {version.pk} is not what your school has promoted: name that one")
        return doors.roll_back(current.curriculum_id, self.client.school_id, by=self.client.name, now=timezone.now())


class CurriculumDeployment(ApiView):
    """What serves the school on a curriculum, and how its challengers and nightly fits are handled."""

    required_scope: ClassVar = {"GET": "models:admin", "PATCH": "models:admin"}
    has_etag = True

    @extend_schema(
        operation_id="get_deployment",
        summary="Read which model serves the school, and which is tried beside it",
        description="`school` is null while the school has no deployment of its own and follows that of all schools.",
        tags=["Models"],
        responses=DeploymentOut,
    )
    def get(self, request: Request, curriculum: UUID) -> HttpResponse:
        return self._answer(self._current(curriculum))

    @extend_schema(
        operation_id="change_deployment",
        summary="Change how the school's challengers and nightly fits are handled",
        description="A school that follows the deployment of all schools gets its own, with the same champion.",
        tags=["Models"],
        request=DeploymentIn,
        responses=DeploymentOut,
    )
    def patch(self, request: Request, curriculum: UUID) -> HttpResponse:
        current = self._current(curriculum)
        etag.require_match(request._request, _tag(current, _left(current, self.client.school_id)))
        changes = self.read_body(DeploymentIn, partial=True)
        changed = deployments.change(
            current, self.client.school_id, changes, expected=current.updated_at, now=timezone.now()
        )
        return self._answer(changed)

    def _current(self, curriculum: UUID) -> Deployment:
        found = access_curriculum(self.client, curriculum)
        ensure_served(found.pk)
        serving = deployments.serving_school(found.pk, self.client.school_id)
        if serving is None:
            raise Problem(NOT_FOUND, f"curriculum {found.pk} has no published version, so nothing serves: publish it")
        return serving

    def _answer(self, deployment: Deployment) -> HttpResponse:
        left = _left(deployment, self.client.school_id)
        told = DeploymentOut(deployment, context={"left": left})
        return etag.answer(self.request._request, _tag(deployment, left), lambda: told.data)


class Following(ApiView):
    """The way back of a school from a deployment of its own to that of all schools."""

    required_scope: ClassVar = {"POST": "models:admin"}
    refusals: ClassVar = {"POST": (409,)}

    @extend_schema(
        operation_id="follow_site",
        summary="Let what serves all schools serve the school again, in place of its own",
        description=(
            "At once. Refused while its states of the school's learners are not level, unless forced: put that model "
            "in shadow first. The school's own is kept level for a week, and `:rollback` of the model followed leads "
            "to it. What is in shadow for the school alone is withdrawn."
        ),
        tags=["Models"],
        request=FollowIn,
        responses=MovedOut,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        found = access_curriculum(self.client, curriculum)
        force = self.read_body(FollowIn)["force"]
        try:
            moved = doors.follow_site(
                found.pk, self.client.school_id, by=self.client.name, force=force, now=timezone.now()
            )
        except (NotApart, NotUsable, NotLevel) as error:
            raise Problem(CONFLICT, str(error)) from error
        return Response(MovedOut(moved, context={"left": _left(moved, self.client.school_id)}).data)


def _left(deployment: Deployment, school_id: UUID) -> Deployment | None:
    """What a school had of its own before it followed the deployment of all schools, if that is it."""
    return deployments.left(deployment.curriculum_id, school_id) if deployment.school_id is None else None


def _tag(deployment: Deployment, left: Deployment | None) -> str:
    shown = " ".join(f"{each.pk} {each.updated_at.isoformat()}" for each in (deployment, left) if each)
    # A champion fails, and what stands in for it, without a change to the deployment.
    shown += f" {deployment.champion.state} {beside.served_by(deployment)}"
    return etag.of_digest(hashlib.sha256(shown.encode()).hexdigest())


urlpatterns = [
    path("models", Models.as_view()),
    path("models/<uuid:model>", OneModel.as_view()),
    path("models/<uuid:model>/fairness", Fairness.as_view()),
    path("models/<uuid:model>/rollout", Rollout.as_view()),
    path("models/<uuid:model>/shadow", Shadow.as_view()),
    path("models/<uuid:model>/drift", Drift.as_view()),
    path("models/<uuid:model>:shadow", Challenge.as_view()),
    path("models/<uuid:model>:withdraw", Withdrawal.as_view()),
    path("models/<uuid:model>:promote", Promotion.as_view()),
    path("models/<uuid:model>:rollback", Rollback.as_view()),
    path("curricula/<uuid:curriculum>/deployment", CurriculumDeployment.as_view()),
    path("curricula/<uuid:curriculum>/deployment:follow-site", Following.as_view()),
]
