"""Curricula as files: JSON, a zip of CSV tables, CASE packages."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.body import require_media_type
from api.serializers import Query
from api.v1.contents import published
from api.v1.curricula import FaultOut
from api.v1.curriculum_shapes import CurriculumOut, curriculum_out
from api.views import ApiView
from curricula import formats, queries, services
from tutor.accounts.access import access_curriculum

#: The API's name of a format -> that of `curricula.formats`.
FORMATS: Final = {"json": "trellis", "csv": "csv", "case": "case"}
JSON: Final = "application/json"
ZIP: Final = "application/zip"
SCHEMAS: Final = {
    JSON: {"type": "object", "description": "A curriculum document, or a CASE 1.0 package"},
    ZIP: {"type": "string", "contentMediaType": ZIP, "description": "CSV tables: see docs/api.md"},
}


class ImportQuery(Query):
    format = serializers.ChoiceField(list(FORMATS), required=False, help_text="Detected from the body if absent")


class ExportQuery(Query):
    format = serializers.ChoiceField(list(FORMATS), default="json")
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="The latest if absent"
    )


class ImportOut(serializers.Serializer[Any]):
    curriculum = CurriculumOut()
    notes = FaultOut(many=True, help_text="What the file holds but a curriculum does not, so it was left out")


class Import(ApiView):
    required_scope: ClassVar = {"POST": "curriculum:write"}
    queries: ClassVar = {"POST": ImportQuery}

    @extend_schema(
        operation_id="import_curriculum",
        summary="Import a file as the draft of its curriculum",
        description="Creates the curriculum, or replaces the draft of the school's curriculum with the same key.",
        tags=["Curricula"],
        parameters=[ImportQuery],
        request=SCHEMAS,
        responses=ImportOut,
    )
    def post(self, request: Request) -> Response:
        require_media_type(request._request, JSON, ZIP, "application/octet-stream")
        name = FORMATS[self.parameters["format"]] if "format" in self.parameters else None
        parsed = formats.read(request._request.body, name)
        draft = services.import_document(parsed.document, owner=self.client.school_id, now=timezone.now())
        notes = [{"pointer": note.pointer, "code": note.code, "message": note.message} for note in parsed.notes]
        headers = {"Location": f"/api/v1/curricula/{draft.curriculum_id}"}
        return Response({"curriculum": curriculum_out(draft.curriculum), "notes": notes}, headers=headers)


class Export(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read"}
    queries: ClassVar = {"GET": ExportQuery}
    produces: ClassVar = (JSON, ZIP)

    @extend_schema(
        operation_id="export_curriculum",
        summary="A published version as a file",
        tags=["Curricula"],
        parameters=[ExportQuery],
        responses={(200, media_type): schema for media_type, schema in SCHEMAS.items()},
    )
    def get(self, request: Request, curriculum: UUID) -> HttpResponse:
        found = access_curriculum(self.client, curriculum)
        version = published(found, self.parameters.get("version"))
        written = formats.get(FORMATS[self.parameters["format"]])
        body = formats.write(queries.document(version), written.name, changed=version.created_at)
        name = f"{found.key}-{version.number}{written.file_suffix}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(body, content_type=written.media_type, headers=headers)


urlpatterns = [
    path("curricula:import", Import.as_view()),
    path("curricula/<uuid:curriculum>:export", Export.as_view()),
]
