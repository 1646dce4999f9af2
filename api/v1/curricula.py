"""Curricula: the school's own, which it may change, and the shared ones, which it may read."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import etag
from api.openapi import ref
from api.pagination import PageQuery, page_of
from api.v1.curriculum_shapes import (
    CurriculumOut,
    CurriculumPage,
    VersionOut,
    VersionPage,
    curriculum_out,
    version_out,
)
from api.views import ApiView
from curricula import queries, services, validation
from curricula.document import Document
from curricula.models import CurriculumVersion
from tutor.accounts.access import access_curriculum

DOCUMENT = {"application/json": ref(Document)}


class FaultOut(serializers.Serializer[Any]):
    pointer = serializers.CharField(allow_blank=True, help_text="JSON pointer into the document")
    code = serializers.CharField()
    message = serializers.CharField()


class ReportOut(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    n_concepts = serializers.IntegerField(min_value=0)
    n_items = serializers.IntegerField(min_value=0)
    problems = FaultOut(many=True)


class Curricula(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read", "POST": "curriculum:write"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_curricula",
        summary="List curricula: the school's own and the shared ones",
        tags=["Curricula"],
        parameters=[PageQuery],
        responses=CurriculumPage,
    )
    def get(self, request: Request) -> Response:
        rows = queries.visible(self.client.school_id)
        return page_of(rows, request._request, self.parameters, curriculum_out)

    @extend_schema(
        operation_id="create_curriculum",
        summary="Create a curriculum, as a draft",
        tags=["Curricula"],
        request=DOCUMENT,
        responses={201: CurriculumOut},
    )
    def post(self, request: Request) -> Response:
        draft = services.create(self.read_json(), owner=self.client.school_id, now=timezone.now())
        headers = {"Location": f"/api/v1/curricula/{draft.curriculum_id}"}
        return Response(curriculum_out(draft.curriculum), status=201, headers=headers)


class OneCurriculum(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read"}

    @extend_schema(
        operation_id="get_curriculum", summary="Read a curriculum's record", tags=["Curricula"], responses=CurriculumOut
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        return Response(curriculum_out(access_curriculum(self.client, curriculum)))


class Versions(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read"}
    queries: ClassVar = {"GET": PageQuery}

    @extend_schema(
        operation_id="list_versions",
        summary="List published versions",
        tags=["Curricula"],
        parameters=[PageQuery],
        responses=VersionPage,
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        rows = queries.versions(access_curriculum(self.client, curriculum))
        return page_of(rows, request._request, self.parameters, version_out)


class Draft(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read", "PUT": "curriculum:write", "DELETE": "curriculum:write"}
    has_etag = True

    @extend_schema(
        operation_id="get_draft",
        summary="Read the draft",
        description="Where nothing was changed since the last publication: the document published last.",
        tags=["Curricula"],
        responses={200: ref(Document)},
    )
    def get(self, request: Request, curriculum: UUID) -> HttpResponse:
        found = queries.editable_version(access_curriculum(self.client, curriculum, edit=True))
        return self._answer(_existing(found))

    @extend_schema(
        operation_id="save_draft",
        summary="Replace the draft",
        tags=["Curricula"],
        request=DOCUMENT,
        responses={200: ref(Document)},
    )
    def put(self, request: Request, curriculum: UUID) -> HttpResponse:
        found = access_curriculum(self.client, curriculum, edit=True)
        current = _existing(queries.editable_version(found))
        etag.require_match(request._request, etag.of_digest(current.digest))
        document = self.read_json()
        saved = services.save_draft(found, document, expected_digest=current.digest, now=timezone.now())
        return self._answer(saved)

    @extend_schema(
        operation_id="discard_draft",
        summary="Discard the draft",
        description="A curriculum that was never published goes with it.",
        tags=["Curricula"],
        responses={204: None},
    )
    def delete(self, request: Request, curriculum: UUID) -> Response:
        services.discard_draft(access_curriculum(self.client, curriculum, edit=True))
        return Response(status=204)

    def _answer(self, version: CurriculumVersion) -> HttpResponse:
        def document() -> dict[str, Any]:
            return queries.document(version).to_builtins()

        return etag.answer(self.request._request, etag.of_digest(version.digest), document)


class Validation(ApiView):
    required_scope: ClassVar = {"POST": "curriculum:read"}

    @extend_schema(
        operation_id="validate_document",
        summary="Try a document: all problems at once, nothing is saved",
        tags=["Curricula"],
        request={"application/json": {"description": "A curriculum document, perhaps faulty"}},
        responses=ReportOut,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        found = access_curriculum(self.client, curriculum)
        document = self.read_json()
        report = validation.validate(document)
        problems = [{"pointer": p.pointer, "code": p.code, "message": p.message} for p in report.problems]
        if report.ok and document["key"] != found.key:
            said = f"this is curriculum {found.key!r}: keys never change"
            problems.append({"pointer": "/key", "code": "key_mismatch", "message": said})
        return Response(
            {
                "ok": not problems,
                "n_concepts": report.n_concepts,
                "n_items": report.n_items,
                "problems": problems,
            }
        )


class Publication(ApiView):
    required_scope: ClassVar = {"POST": "curriculum:write"}

    @extend_schema(
        operation_id="publish",
        summary="Publish the draft as the next version, for good",
        description="A draft equal to the latest version is dropped, and that version returned.",
        tags=["Curricula"],
        request=None,
        responses=VersionOut,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        found = access_curriculum(self.client, curriculum, edit=True)
        return Response(version_out(services.publish(found, now=timezone.now())))


def _existing(version: CurriculumVersion | None) -> CurriculumVersion:
    # A curriculum has a draft or a version for as long as it exists; it may have gone between two statements.
    if version is None:
        raise Http404
    return version


urlpatterns = [
    path("curricula", Curricula.as_view()),
    path("curricula/<uuid:curriculum>", OneCurriculum.as_view()),
    path("curricula/<uuid:curriculum>:validate", Validation.as_view()),
    path("curricula/<uuid:curriculum>:publish", Publication.as_view()),
    path("curricula/<uuid:curriculum>/versions", Versions.as_view()),
    path("curricula/<uuid:curriculum>/draft", Draft.as_view()),
]
